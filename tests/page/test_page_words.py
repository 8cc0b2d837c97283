import re

import pytest
from conftest import ROOT

from toi.page.words import WORDS, language_of


def test_both_languages_have_the_same_words():
    assert WORDS["ja"].keys() == WORDS["en"].keys()
    for key, text in WORDS["ja"].items():
        assert key.startswith("toi.")  # or the name of a model might be one
        assert re.findall(r"\{(\w*)", text) == re.findall(r"\{(\w*)", WORDS["en"][key]) or sorted(
            re.findall(r"\{(\w*)", text)
        ) == sorted(re.findall(r"\{(\w*)", WORDS["en"][key])), key


def test_every_word_is_used_and_every_one_that_is_used_is_there():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "toi" / "page").glob("*.py") if path.name != "words.py")
    made = {f"toi.{name}" for name in ("keep", "question", "answer", "check", "place", "questions", "answers")}
    made |= {f"toi.{name}" for name in ("round_trip", "asks_otherwise", "broken_brackets", "made_up_words", "answer_leaked")}
    made |= {"toi.vague", "toi.same_question"}
    used = set(re.findall(r"[\"'](toi\.[a-z_]+)[\"']", code)) | made
    assert used == WORDS["en"].keys()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8", "ja"),
        ("en-GB,ja;q=0.5", "en"),
        ("fr-FR,fr;q=0.9,ja;q=0.3", "ja"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
        ("*", "en"),
    ],
)
def test_the_language_is_the_browsers(accepted, language):
    assert language_of(accepted) == language
