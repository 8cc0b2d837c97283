"""The embedded sample is what its README says."""

import json
import random
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "samples"))

import facts
import frames
import invented
import make

from toi.data.examples import SPLITS, read_examples
from toi.data.squad import SquadOptions, prepare_squad, read_squad

SAMPLES = ROOT / "samples"


def stated(context, entity, value):
    return entity in context and value in context


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    options = SquadOptions(train_file=str(SAMPLES / "train.json"), test_file=str(SAMPLES / "test.json"))
    prepare_squad(options, options.task("aqg"), str(folder / "d"))
    return {split: read_examples(folder / "d" / f"{split}.jsonl") for split in SPLITS}


def test_the_files_are_what_the_script_makes():
    articles = make.make()
    for split in ("train", "test"):
        assert json.loads((SAMPLES / f"{split}.json").read_text(encoding="utf-8"))["data"] == articles[split]


def test_no_fact_is_on_two_sides(splits):
    """A fact is an entity and its value; it is stated where a context has both."""
    where = {split: {e.context for e in found} for split, found in splits.items()}
    held_out = 0
    for domain in facts.DOMAINS:
        for entity, values in domain.rows.items():
            for value in values:
                if entity == value:
                    continue
                sides = [split for split in SPLITS if any(stated(context, entity, value) for context in where[split])]
                assert len(sides) <= 1, (entity, value, sides)
                held_out += sides in (["dev"], ["test"])
    assert held_out > 80
    assert any(stated(context, "山梨県", "甲府市") for context in where["test"])


def test_no_fact_is_in_the_pretraining_text():
    pytest.importorskip("torch")
    import pretrain

    rng = random.Random(7)
    names = [entity for domain in facts.DOMAINS for entity in domain.rows if len(entity) > 2]
    for _ in range(3_000):
        text = "".join(sentence.text for sentence in pretrain.context(rng))
        for entity in names:
            if entity in text:
                values = next(domain.rows[entity] for domain in facts.DOMAINS if entity in domain.rows)
                assert not any(value in text for value in values if len(value) > 1)
        assert "?" not in text


def test_questions_are_answerable_and_end_as_questions():
    for split in ("train", "test"):
        examples = read_squad(SAMPLES / f"{split}.json")
        assert len({e.id for e in examples}) == len(examples)
        assert all(e.question.endswith("か?") for e in examples)
        # A few are unavoidable: 通貨がウルグアイ・ペソなのはどこですか?
        leaked = [e for e in examples if e.answers[0].text in e.question and len(e.answers[0].text) > 2]
        assert len(leaked) < 0.02 * len(examples), leaked[:5]


ASKED = [
    ("{x}の{n}は{v}です。", "x", "どこの首都は甲市ですか?"),
    ("{x}の{n}は{v}です。", "v", "乙国の首都はどこですか?"),
    ("{v}は{x}の{n}です。", "v", "どこが乙国の首都ですか?"),
    ("{x}の{n}は{v}だ。", "v", "乙国の首都はどこか?"),
    ("{x}の{n}として知られるのは{v}です。", "x", None),
    ("{n}は{v}である。", "v", "首都はどこであるか?"),
]


@pytest.mark.parametrize(("pattern", "slot", "expected"), ASKED)
def test_the_question_of_a_slot(pattern, slot, expected):
    sentence = frames.fact_sentence("乙国", "どこ", "首都", "甲市", "どこ", pattern, "また、")
    text = {"x": "乙国", "v": "甲市"}[slot]
    found = next(s for s in sentence.slots if s.text == text)
    assert found.question == expected
    assert sentence.text[found.start :].startswith(text)


def test_every_pattern_has_a_question_ending():
    for kind in frames.KINDS.values():
        for pattern in (*kind.patterns, *kind.without_topic):
            sentence = frames.invented_sentence(random.Random(0), kind, "名", pattern)
            assert all(slot.question for slot in sentence.slots)


def test_kanji_are_the_2965_of_jis_level_1():
    assert len(invented.KANJI) == 2_965
    assert invented.KANJI.startswith("亜唖娃")
    assert invented.KANJI.endswith("湾碗腕")


def test_the_base_model_is_small_and_says_how_it_was_made():
    weights = SAMPLES / "base" / "model.safetensors"
    assert weights.stat().st_size <= 8_000_000
    stages = json.loads((SAMPLES / "base" / "pretraining.json").read_text(encoding="utf-8"))["stages"]
    assert [stage["options"]["steps"] for stage in stages] == [12_000, 5_000]
    for stage in stages:
        assert stage["log"][-1]["eval_loss"] < stage["log"][0]["eval_loss"]
        assert stage["log"][-1]["minutes"] > 0
