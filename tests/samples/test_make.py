"""The embedded sample is what its README says."""

import json
import random

import facts
import invented
import make
import pytest
import tables
from conftest import ROOT

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


def test_questions_are_answerable_and_end_as_questions():
    for split in ("train", "test"):
        examples = read_squad(SAMPLES / f"{split}.json")
        assert len({e.id for e in examples}) == len(examples)
        assert all(e.question.endswith("か?") for e in examples)
        # A few are unavoidable: 通貨がウルグアイ・ペソなのはどこですか?
        leaked = [e for e in examples if e.answers[0].text in e.question and len(e.answers[0].text) > 2]
        assert len(leaked) < 0.02 * len(examples), leaked[:5]


def test_all_right_questions_are_listed():
    examples = [example for split in ("train", "test") for example in read_squad(SAMPLES / f"{split}.json")]
    assert all(e.question in e.extra["questions"] for e in examples)
    assert all(len(set(e.extra["questions"])) == len(e.extra["questions"]) for e in examples)
    assert sum(len(e.extra["questions"]) for e in examples) / len(examples) > 20
    mount = next(e for e in examples if "山梨県" in e.context and e.answers[0].text == "甲府市")
    for question in ("山梨県の県庁所在地はどこですか?", "この県の県庁所在地は何市ですか?", "県庁所在地はどこでしょうか?"):
        assert question in mount.extra["questions"]
    rare = {split: {q for e in read_squad(SAMPLES / f"{split}.json") for q in e.extra["questions"]} for split in ("train", "test")}
    assert "何という市がこの県の県庁所在地ですか?" in rare["test"] - rare["train"]  # right, if few would ask so


FACTS = [  # table, entity, attribute -> right for the value, right for the entity
    (facts.PREFECTURES, "山梨県", "地方区分", "山梨県は何地方にありますか?", "中部地方にある県はどこですか?"),
    (facts.BOOKS, "こころ", "作者", "こころを書いたのは誰ですか?", "夏目漱石は何を書きましたか?"),
    (facts.BOOKS, "こころ", "発表年", "この小説はいつ発表されましたか?", "1914年に発表された小説はどの小説ですか?"),
    (facts.MOUNTAINS, "北岳", "標高", "北岳は標高が何メートルですか?", "標高が3193メートルの山はどの山ですか?"),
    (facts.COUNTRIES, "フランス", "通貨", "フランスでは何が使われていますか?", "ユーロが使われているのはどの国ですか?"),
    (facts.RIVERS, "信濃川", "河口", "この川はどこに注ぎますか?", "どの川が日本海に注ぎますか?"),
]


@pytest.mark.parametrize(("domain", "entity", "noun", "of_value", "of_entity"), FACTS)
def test_a_fact_is_asked_for_in_any_of_its_ways(domain, entity, noun, of_value, of_entity):
    """However it was said."""
    column = [attribute.noun for attribute in domain.attributes].index(noun)
    fact = tables.Fact(domain, entity, domain.attributes[column], domain.rows[entity][column])
    for seed in range(20):
        for slot in fact.sentence(random.Random(seed), False).slots:
            assert (of_entity if slot.text == entity else of_value) in slot.ways


def test_kanji_are_the_2965_of_jis_level_1():
    assert len(invented.KANJI) == 2_965
    assert invented.KANJI.startswith("亜唖娃")
    assert invented.KANJI.endswith("湾碗腕")


def test_the_base_model_is_small_and_says_how_it_was_made():
    assert sum(path.stat().st_size for path in (SAMPLES / "base").iterdir()) <= 24_000_000
    about = json.loads((SAMPLES / "base" / "pretraining.json").read_text(encoding="utf-8"))
    assert about["steps_done"] == about["pieces"][-1]["options"]["steps"]
    assert about["log"][-1]["eval_loss"] < 0.5 * about["log"][0]["eval_loss"]
