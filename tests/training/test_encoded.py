import json

import datasets
import pytest

from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.models.family import Limits
from toi.system.errors import InputError
from toi.training.encoded import TokenRows, token_rows

TEXT = "1\t山梨県の県庁所在地は甲府市です。\t甲府市\n2\t山\t県庁所在地はどこですか?\n3\t鬱金香☃\t山\n"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache" / "toi"


@pytest.fixture
def tsv(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_ids_are_those_of_the_tokenizer(tiny, tsv, cache):
    family = load(str(tiny)).family
    rows, audit = token_rows(tsv, family, Limits(512, 64))
    encode = family.tokenizer.encode
    lines = [line.split("\t") for line in TEXT.splitlines()]
    expected = [Encoded([*encode(source), 1], [*encode(target), 1]) for _, source, target in lines]
    assert list(rows) == expected
    assert rows.source_lengths.tolist() == [len(e.source) for e in expected]
    assert rows.target_lengths.tolist() == [len(e.target) for e in expected]
    assert (audit.rows, audit.sources_cut, audit.targets_cut) == (3, 0, 0)
    assert audit.tokens == sum(len(e.source) + len(e.target) for e in expected)
    assert audit.unknown == sum((e.source + e.target).count(family.tokenizer.unk_id) for e in expected)
    assert audit.first == "山梨県の県庁所在地は甲府市です。</s>⟦甲府市</s>⟧"
    assert list(rows.select([2, 0])) == [expected[2], expected[0]]


def test_cut_to_the_limits(tiny, tsv, cache):
    rows, audit = token_rows(tsv, load(str(tiny)).family, Limits(4, 5))
    assert audit.sources_cut >= 1
    assert audit.targets_cut == 1
    assert all(len(e.source) <= 4 and len(e.target) <= 5 and e.source[-1] == e.target[-1] == 1 for e in rows)


def test_line_breaks_are_read_where_the_task_has_them(tiny, tsv, cache):
    family = load(str(tiny)).family
    tsv.write_text("1\t山\\n県\t甲\\\\府\n", encoding="utf-8")
    for _ in range(2):  # made, and found in the cache
        for line_breaks, source, target in ((False, r"山\n県", r"甲\\府"), (True, "山\n県", "甲\\府")):
            rows, _ = token_rows(tsv, family, Limits(512, 64), line_breaks)
            assert list(rows) == [Encoded(*([*family.tokenizer.encode(text), 1] for text in (source, target)))]
    assert len(list(cache.iterdir())) == 2


def test_made_once_for_a_content(tiny, tsv, cache, tmp_path):
    family = load(str(tiny)).family
    token_rows(tsv, family, Limits(512, 64))
    (first,) = cache.iterdir()
    before = (first / "rows.arrow").stat()
    moved = tsv.rename(tmp_path / "moved.tsv")
    token_rows(moved, family, Limits(512, 64))
    assert (first / "rows.arrow").stat().st_mtime_ns == before.st_mtime_ns
    token_rows(moved, family, Limits(512, 9))  # other limits
    moved.write_text(TEXT + "4\t山\t山\n", encoding="utf-8")
    rows, audit = token_rows(moved, family, Limits(512, 64))  # another text
    assert len(rows) == audit.rows == 4
    family.tokenizer.add("<new>")
    token_rows(moved, family, Limits(512, 64))  # another tokenizer
    assert len(list(cache.iterdir())) == 4


def test_a_half_made_file_is_not_taken(tiny, tsv, cache):
    """What a killed run left is made anew; what is wrong with a file leaves nothing."""
    family = load(str(tiny)).family
    token_rows(tsv, family, Limits(512, 64))
    (folder,) = cache.iterdir()
    (folder / "audit.json").unlink()
    (folder / "rows.arrow").write_bytes(b"half")
    assert len(token_rows(tsv, family, Limits(512, 64))[0]) == 3
    assert json.loads((folder / "audit.json").read_text())["rows"] == 3
    tsv.write_text("1\ta\tb\n2\ta\n")
    with pytest.raises(InputError, match=r"train\.tsv:2: expected 3"):
        token_rows(tsv, family, Limits(512, 64))
    assert [path.name for path in cache.iterdir()] == [folder.name]


def zeros_at_the_end(content):
    return content[:-300] + b"\0" * 300


DAMAGES = [
    ("rows.arrow", lambda content: b""),
    ("rows.arrow", lambda content: content[:5]),
    ("rows.arrow", lambda content: content[: len(content) // 2]),
    ("rows.arrow", lambda content: content[:-1]),
    ("rows.arrow", lambda content: content[:-9]),
    ("rows.arrow", zeros_at_the_end),  # the machine died
    ("rows.arrow", lambda content: b"\0" * len(content)),
    ("audit.json", lambda content: b""),
    ("audit.json", lambda content: content[:20]),
    ("audit.json", lambda content: b"\0" * len(content)),
    ("audit.json", lambda content: b"{}"),
    ("audit.json", lambda content: b"[1]"),
    ("audit.json", lambda content: b"null"),
    ("audit.json", lambda content: content.replace(b'"rows": 3', b'"rows": 4')),
    ("audit.json", lambda content: content.replace(b'"rows": 3', b'"rows": "3"')),
    ("audit.json", lambda content: content.replace(b'"tokens"', b'"token"')),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_file_is_made_anew(name, damage, tiny, tsv, cache):
    family = load(str(tiny)).family
    rows, audit = token_rows(tsv, family, Limits(512, 64))
    expected = list(rows)
    (folder,) = cache.iterdir()
    content = (folder / name).read_bytes()
    (folder / name).unlink()  # the file above is mapped
    (folder / name).write_bytes(damage(content))
    again, audit_again = token_rows(tsv, family, Limits(512, 64))
    assert (list(again), audit_again) == (expected, audit)
    assert (folder / name).read_bytes() == content


def test_the_highlight_is_shown(tiny, tmp_path, cache):
    family = load(str(tiny)).family
    family.tokenizer.add("<hl>")
    (tmp_path / "t.tsv").write_text("1\t山梨県の<hl>甲府市<hl>です。\t山\n", encoding="utf-8")
    _, audit = token_rows(tmp_path / "t.tsv", family, Limits(512, 64))
    assert audit.first.replace(" ", "").startswith("山梨県の<hl>甲府市<hl>です。</s>⟦")


def test_rows_are_read_from_the_file(tiny, tsv, cache):
    rows, _ = token_rows(tsv, load(str(tiny)).family, Limits(512, 64))
    assert rows._dataset.cache_files  # memory-mapped
    assert not TokenRows.of([Encoded([1], [1])])._dataset.cache_files
