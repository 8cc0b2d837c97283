"""The embedded document is what its script makes, says nothing that the data set says, and its grammar knows right questions."""

import json
import re

import document
import pytest
from conftest import ROOT, here

from toi.documents.reading import read_documents

SAMPLES = ROOT / "samples"


def test_the_file_is_what_the_script_makes():
    assert (SAMPLES / "document.md").read_text(encoding="utf-8") == document.make()


def test_no_name_of_it_is_in_the_data_set():
    known = "".join((SAMPLES / f"{split}.json").read_text(encoding="utf-8") for split in ("train", "test"))
    names = {
        name for name, kind in re.findall(r"(\S+?)@(\w+)", document.SECTIONS) if kind in ("person", "town", "work", "landmark")
    }
    names |= {name for name, kind in re.findall(r"(\S+?)@(\w+)", document.SECTIONS) if kind in ("festival", "shop", "organization")}
    assert len(names) > 20
    assert not {name for name in names if name in known}


def test_the_document_is_read_as_it_was_written():
    (read,) = read_documents([str(SAMPLES / "document.md")], 1)
    texts = [block.text for block in read.blocks if block.kind == "text"]
    assert texts == [text for text, _ in document.paragraphs()]
    assert [block.kind for block in read.blocks].count("table") == 1
    assert 1200 < len(read.text) < 2400  # two pages


def test_right_questions():
    right = document.right_questions()
    assert sum(map(len, right.values())) > 120
    for paragraph, parts in right.items():
        assert all(paragraph[start:].startswith(text) for start, text in parts)
        assert all(questions for questions in parts.values())
    by_answer = {text: questions for parts in right.values() for (_, text), questions in parts.items()}
    assert "雨宮町の人口は何人ですか?" in by_answer["8,420人"]
    assert "雨宮町の面積は何人ですか?" not in by_answer["8,420人"]


def written_pairs(folder, right, wrong, dropped=0):
    """A folder as generate.py makes it, with so many right and wrong pairs that are kept, and wrong ones that are dropped."""
    (folder / "text").mkdir()
    text = "\n\n".join(["題", *(text for text, _ in document.paragraphs())])
    (folder / "text" / "001.txt").write_text(text, encoding="utf-8")
    pairs = [
        {"question": min(questions), "answer": answer, "start": text.index(paragraph) + start, "dropped": []}
        for paragraph, parts in document.right_questions().items()
        for (start, answer), questions in parts.items()
    ]
    kept = pairs[:right] + [{**pair, "question": "何?"} for pair in pairs[:wrong]]
    away = [{**pair, "question": "何?", "dropped": ["vague"]} for pair in pairs[:dropped]]
    for name, some in (("pairs.jsonl", kept), ("dropped.jsonl", away)):
        (folder / name).write_text("".join(json.dumps(pair) + "\n" for pair in some), encoding="utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [(50, 0, 0), (49, 0, 1), (51, 9, 0), (50, 9, 1), (43, 7, 0), (0, 0, 1)],
)
def test_the_demo_fails_below_fifty_pairs_or_seventeen_in_twenty_right(tmp_path, right, wrong, code):
    written_pairs(tmp_path, right, wrong, dropped=60)
    result = here("samples/document.py", "--check", tmp_path)
    assert result.returncode == code, result.stderr
    assert f"{right} of {right + wrong} pairs that were kept are right" in result.stdout
    assert ("wanted are at least 50 pairs, and 85% of them right" in result.stderr) == bool(code)


def test_pairs_are_checked_by_the_place_of_their_answer(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "001.txt").write_text("\n\n".join(["題", *(text for text, _ in document.paragraphs())]))
    text = (tmp_path / "text" / "001.txt").read_text()
    start = text.index("8,420人")
    good = {"question": "雨宮町の人口は何人ですか?", "answer": "8,420人", "start": start, "context": "文"}
    pairs = [good, {**good, "start": start + 1}, {**good, "question": "雨宮町の面積は何人ですか?"}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs[:2]))
    (tmp_path / "dropped.jsonl").write_text(json.dumps(pairs[2]) + "\n")
    assert document.check(tmp_path) == (pairs, [True, False, False])
