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
