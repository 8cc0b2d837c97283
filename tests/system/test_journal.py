import pytest

from toi.system.errors import InputError
from toi.system.journal import Journal


def write(path, key, results, rank=0):
    with Journal(path, key, rank) as journal:
        for number, result in results.items():
            journal.add(number, result)


def test_what_was_written_is_there_again(tmp_path):
    path = tmp_path / "deep" / "out.tsv"
    write(path, "key", {3: ["山\n\t\u2028", -0.5], 1: ["", float("-inf")]})
    journal = Journal(path, "key")
    assert journal.done == {3: ["山\n\t\u2028", -0.5], 1: ["", float("-inf")]}
    assert not journal.stale
    write(path, "key", {2: ["b"]}, rank=1)
    journal.read_again()
    assert sorted(journal.done) == [1, 2, 3]
    assert sorted(p.name for p in path.parent.iterdir()) == ["out.tsv.partial", "out.tsv.partial.1"]
    journal.remove()
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_was_cut_off_is_dropped(tmp_path, cut):
    path = tmp_path / "out.tsv"
    write(path, "key", {0: ["a"], 1: ["山梨"]})
    partial = tmp_path / "out.tsv.partial"
    partial.write_bytes(partial.read_bytes()[:-cut])
    assert Journal(path, "key").done == {0: ["a"]}
    write(path, "key", {2: ["c"]})
    assert Journal(path, "key").done == {0: ["a"], 2: ["c"]}


@pytest.mark.parametrize("content", [b"", b"ke", b'other\n[0, "a"]\n', b"\xff\n"])
def test_a_file_of_another_run_is_left_out(tmp_path, content):
    path = tmp_path / "out.tsv"
    (tmp_path / "out.tsv.partial").write_bytes(content)
    journal = Journal(path, "key")
    assert journal.done == {}
    assert journal.stale == (b"\n" in content)
    write(path, "key", {0: ["a"]})
    assert Journal(path, "key").done == {0: ["a"]}


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), Journal(tmp_path / "file" / "out.tsv", "key"):
        pass


DAMAGED = [
    b"garbage",
    b"\0" * 50,
    b"\xff\xfe",
    b"[0]",  # without a result
    b"[]",
    b"{}",
    b'"a"',
    b"7",
    b"null",
    b'["0", "b"]',
    b'[true, "b"]',
    b'[0.5, "b"]',
    b'[9, "b"]',
    b"[0, 3]",
    b"[" * 100_000,
    b"[" + b"1" * 5000 + b', "b"]',
]


def is_text(number, result):
    return 0 <= number < 5 and len(result) == 1 and isinstance(result[0], str)


@pytest.mark.parametrize("line", DAMAGED)
def test_damaged_lines_are_as_good_as_not_written(tmp_path, line):
    path = tmp_path / "out.tsv"
    write(path, "key", {1: ["a"], 2: ["b"]})
    partial = tmp_path / "out.tsv.partial"
    key, first, second = partial.read_bytes().splitlines()
    partial.write_bytes(b"\n".join([key, first, line, second, b""]))
    journal = Journal(path, "key", usable=is_text)
    assert (journal.done, journal.damaged, journal.stale) == ({1: ["a"], 2: ["b"]}, 1, False)
    write(path, "key", {0: ["c"]})
    assert Journal(path, "key", usable=is_text).done == {0: ["c"], 1: ["a"], 2: ["b"]}


def test_other_files_of_a_like_name_are_left_alone(tmp_path):
    path = tmp_path / "out.tsv"
    write(path, "key", {1: ["a"]}, rank=3)
    others = [tmp_path / name for name in ("out.tsv.partial.bak", "out.tsv.partial.3.old", "out.tsv.partial~")]
    for other in others:
        other.write_text('key\n[2, "b"]\n')
    journal = Journal(path, "key")
    assert journal.done == {1: ["a"]}
    journal.remove()
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("name", ["out.tsv.partial", "out.tsv.partial.2"])
def test_a_folder_in_the_way(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=rf"{name}: a folder, where"):
        Journal(tmp_path / "out.tsv", "key")
