import json
import re
import sys
from types import SimpleNamespace

import pytest
from conftest import contents

from toi.data.audit_table import table
from toi.data.comparisons import REPAIRED
from toi.data.dialogues import choice_template
from toi.data.examples import read_examples, read_rows
from toi.data.pairs import Pair, read_pairs
from toi.data.preference_rows import (
    BOTH_EMPTY,
    CONTRADICTS,
    IS_TIE,
    ONE_EMPTY,
    OTHER_PROMPT,
    PARTED,
    SAME,
    SHORTENED,
    STILL_LONG,
    TURNS_LEFT_OUT,
)
from toi.data.preferences import PreferenceOptions
from toi.data.preferences import prepare_preferences as prepare
from toi.data.task_files import read_task
from toi.system.errors import InputError

HEADER = "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie"
WINNERS = {"a": "1,0,0", "b": "0,1,0", "tie": "0,0,1"}
SHORT = "P {prompt} A {response_a} B {response_b}"


def cell(*turns):
    return '"' + json.dumps(turns).replace('"', '""') + '"'


def vote(number, asked, a, b, winner):
    texts = ",".join(cell(*([turns] if not isinstance(turns, tuple) else turns)) for turns in (asked, a, b))
    return f"{number},m,n,{texts},{WINNERS[winner]}"


def arena(path, votes):
    path.write_text("\n".join([HEADER, *(vote(i, *one) for i, one in enumerate(votes, 1))]) + "\n", encoding="utf-8")
    return str(path)


def lines(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


FILL = [(f"問い{i}", f"よい{i}", f"わるい{i}", "a") for i in range(8)]


def made(tmp_path, train_file, **options):
    """The audit, and the rows of each split by their ids."""
    options = {"source_template": SHORT, **options} if options.get("kind") != "pairs" else {"template": "plain", **options}
    options = PreferenceOptions(train_file=train_file, output_dir=str(tmp_path / "d"), overwrite_output_dir=True, **options)
    assert not options.problems()
    audit = prepare(options, options.task(), Words() if options.tokenizer_name_or_path else None)
    read = read_pairs if options.kind == "pairs" else read_rows
    files = sorted((tmp_path / "d").glob("*.tsv"))
    return audit, {path.stem: {row.id: row for row in read(path, line_breaks=True)} for path in files}


def of_train(tmp_path, train_file, **options):
    """The rows of the training file alone, in order."""
    dev = arena(tmp_path / "dev.csv", FILL)
    audit, rows = made(tmp_path, train_file, dev_file=dev, **options)
    return audit, list(rows["train"].values())


class Words:
    """A tokenizer of single characters."""

    unk_id = 0

    def encode_batch(self, texts):
        return [[1] * len(text) for text in texts]

    def is_unknown(self, character):
        return False

    def follow(self, task):
        self.task = task

    def shown(self, row, limits):
        return f"{self.task.name} {row.id}⟦{row.target}⟧"


def test_an_arena(tmp_path):
    path = arena(tmp_path / "a.csv", [("首都は?", "東京です。", "京都です。", "a"), *FILL])
    options = PreferenceOptions(train_file=path, output_dir=str(tmp_path / "d"))
    audit = prepare(options, options.task())
    assert sorted(contents(tmp_path / "d")) == [
        "dev.jsonl", "dev.tsv", "report.json", "report.png", "task.json", "train.jsonl", "train.tsv",
    ]  # fmt: skip
    rows = {row.id: row for split in ("train", "dev") for row in read_rows(tmp_path / "d" / f"{split}.tsv", line_breaks=True)}
    assert rows["a.csv:2"][1:] == (
        "以下は、指示と、それに対する二つの応答です。よりよい応答を、A、B、引き分けのどれかで答えなさい。\n\n"
        "### 指示:\n首都は?\n\n### 応答 A:\n東京です。\n\n### 応答 B:\n京都です。\n\n### 判定:",
        "A",
    )
    task = read_task(tmp_path / "d")
    assert (task.choices, task.name, task.pairs) == (("A", "B", "引き分け"), "choice", False)
    assert json.loads((tmp_path / "d" / "task.json").read_text())["choices"] == ["A", "B", "引き分け"]
    assert "rows with A" in table(audit)
    before = contents(tmp_path / "d")
    prepare(options, options.task())
    assert contents(tmp_path / "d") == before
    for changed in (
        {"choices": ["1", "2", "3"]},
        {"ties": "drop"},
        {"swap": True},
        {"max_conversation_length": 9},
        {"kind": "pairs"},
    ):
        other = PreferenceOptions(train_file=path, output_dir=str(tmp_path / "d"), **changed)
        with pytest.raises(InputError, match="holds data made otherwise"):
            prepare(other, other.task())


MESSAGES = [{"role": "user", "content": "やあ"}, {"role": "assistant", "content": "はい"}, {"role": "user", "content": "名物は?"}]
HUMAN = "\n\nHuman: やあ\n\nAssistant: はい\n\nHuman: 名物は?\n\nAssistant:"


def said(text):
    return {"role": "assistant", "content": text}


TWO_TURNS = "P ユーザー: やあ\n\nアシスタント: はい\n\nユーザー: 名物は? A 桃 B 梨"
FORMS = [
    ({"prompt": "名物は?", "chosen": "桃", "rejected": "梨"}, "P 名物は? A 桃 B 梨"),
    ({"prompt": "名物は?", "chosen": [MESSAGES[2], said("桃")], "rejected": [MESSAGES[2], said("梨")]}, "P 名物は? A 桃 B 梨"),
    ({"prompt": MESSAGES, "chosen": [said("桃")], "rejected": [said("梨")]}, TWO_TURNS),
    ({"prompt": MESSAGES, "chosen": "桃", "rejected": "梨"}, TWO_TURNS),
    ({"chosen": [*MESSAGES, said("桃")], "rejected": [*MESSAGES, said("梨")]}, TWO_TURNS),
    ({"chosen": f"{HUMAN} 桃", "rejected": f"{HUMAN} 梨"}, TWO_TURNS),
    ({"prompt": HUMAN, "chosen": "桃", "rejected": "梨"}, TWO_TURNS),
    ({"prompt": "名物は?", "answers": [{"answer": "梨", "rank": 2}, {"answer": "桃", "rank": 1}]}, "P 名物は? A 桃 B 梨"),
    ({"prompt": "名物は?", "responses": ["桃", "梨"], "scores": [9, 2.5]}, "P 名物は? A 桃 B 梨"),
    ({"指示": "名物は?", "応答": ["梨", "桃"], "順位": [2, 1]}, "P 名物は? A 桃 B 梨"),
    ({"prompt": "名物は?", "response_a": "桃", "response_b": "梨", "winner": "model_a"}, "P 名物は? A 桃 B 梨"),
    ({"prompt": ["名物は?"], "response_a": ["桃"], "response_b": ["梨"], "winner": "A"}, "P 名物は? A 桃 B 梨"),
    ({"conversation_a": [*MESSAGES, said("桃")], "conversation_b": [*MESSAGES, said("梨")], "winner": "model_a"}, TWO_TURNS),
]


@pytest.mark.parametrize(("record", "source"), FORMS)
def test_all_forms_say_the_same(tmp_path, record, source):
    mirrored = source.replace("桃", "・").replace("梨", "桃").replace("・", "梨")
    _, rows = of_train(tmp_path, lines(tmp_path / "r.jsonl", [record]))
    assert [row[1:] for row in rows] in ([(source, "A")], [(mirrored, "B")])
    _, rows = of_train(tmp_path, lines(tmp_path / "r.jsonl", [record]), kind="pairs")
    before = "やあ\nはい\n\n" if "やあ" in source else ""
    assert [row[1:] for row in rows] == [(f"{before}名物は?", "桃", "梨")]


def test_a_ranking_is_all_of_its_pairs(tmp_path):
    record = {
        "prompt": "q",
        "answers": [{"answer": a, "rank": rank, "model": a * 2} for a, rank in zip("xyz", (3, 1, 1), strict=True)],
    }
    audit, rows = of_train(tmp_path, lines(tmp_path / "r.jsonl", [record]))
    better = {row.id: {"A": row.source[6], "B": row.source[10]}.get(row.target, "=") for row in rows}
    assert better == {"r.jsonl:1#2-1": "y", "r.jsonl:1#3-1": "z", "r.jsonl:1#2-3": "="}
    assert {(e.extra["model_a"], e.extra["model_b"]) for e in read_examples(tmp_path / "d" / "train.jsonl")} <= {
        (a, b) for a in ("xx", "yy", "zz") for b in ("xx", "yy", "zz")
    }
    audit, rows = of_train(tmp_path, lines(tmp_path / "r.jsonl", [record]), kind="pairs")
    assert rows == [Pair("r.jsonl:1#2-1", "q", "y", "x"), Pair("r.jsonl:1#3-1", "q", "z", "x")]
    assert [note.reason for note in audit.dropped if note.split == "train"] == [IS_TIE]


def test_what_is_found_out_about_votes(tmp_path):
    votes = [
        ("q", "1", "2", "a"), ("Ｑ ".lower(), "2", "1", "a"), ("q", "1", "2", "a"), ("r", (None,), (None,), "tie"),
        ("s", (None,), "x", "b"),
        ("t", "x", "x", "tie"), ("u", "\ud83d!", "x", "tie"), (" ", "x", "y", "a"), ("q", "2", "1", "b"),
    ]  # fmt: skip
    audit, rows = of_train(tmp_path, arena(tmp_path / "a.csv", votes))
    assert [row.target for row in rows] == ["A", "A", "B", "引き分け", "引き分け"]
    assert rows[-1].source == "P u A \ufffd! B x"
    assert [(note.reason, note.id) for note in audit.dropped] == [
        ("duplicate of another row", "a.csv:4"),
        (BOTH_EMPTY, "a.csv:5"),
        ("the prompt is empty", "a.csv:9"),
        ("duplicate of another row", "a.csv:10"),
    ]
    assert [(note.reason, note.id) for note in audit.noted] == [(ONE_EMPTY, "a.csv:6"), (SAME, "a.csv:7")]
    assert audit.counted == {REPAIRED: {"train": 1}}
    audit, rows = of_train(tmp_path, arena(tmp_path / "a.csv", votes), ties="drop")
    assert [row.target for row in rows] == ["A", "A", "B"]
    assert read_task(tmp_path / "d").choices == ("A", "B")


def test_contradictory_votes_are_noted(tmp_path):
    votes = [("q", "1", "2", "a"), ("q", "2", "1", "a"), ("q", "1", "2", "tie")]
    audit, rows = of_train(tmp_path, arena(tmp_path / "a.csv", votes))
    assert len(rows) == 3
    assert [(note.reason, note.id) for note in audit.noted] == [
        (CONTRADICTS, "a.csv:3 (first: a.csv:2)"), (CONTRADICTS, "a.csv:4 (first: a.csv:2)"),
    ]  # fmt: skip


def test_pairs_that_are_none(tmp_path):
    votes = [
        ("q", "1", "2", "b"), ("r", "1", "2", "tie"), ("s", ("1", "2"), ("3", "4"), "a"), ("t", "1", (None,), "a"),
        ("u", "1", "1", "a"),
        (("v", "w"), ("1", "2"), ("1", "3"), "a"),
    ]  # fmt: skip
    votes[2] = (("s", "s2"), *votes[2][1:])
    audit, rows = of_train(tmp_path, arena(tmp_path / "a.csv", votes), kind="pairs")
    assert rows == [Pair("a.csv:2", "q", "2", "1"), Pair("a.csv:7", "v\n1\n\nw", "2", "3")]
    assert [note.reason for note in audit.dropped if note.split == "train"] == [IS_TIE, PARTED, ONE_EMPTY, SAME]
    assert read_examples(tmp_path / "d" / "train.jsonl")[0].extra == {"model_a": "n", "model_b": "m", "rejected": "1"}


def test_conversations_that_do_not_begin_alike_are_dropped(tmp_path):
    path = lines(tmp_path / "r.jsonl", [{"chosen": f"{HUMAN} 桃", "rejected": "\n\nHuman: 何\n\nAssistant: 梨"}, FORMS[0][0]])
    audit, rows = of_train(tmp_path, path)
    assert (len(rows), audit.dropped[0].reason) == (1, OTHER_PROMPT)


def test_swapping_adds_rows_of_train_only(tmp_path):
    _, rows = made(tmp_path, arena(tmp_path / "a.csv", [("q", "1", "2", "b"), ("r", "1", "2", "tie"), *FILL]), swap=True)
    every = {**rows["train"], **rows["dev"]}
    assert not [id for id in rows["dev"] if id.endswith("#swapped")]
    swapped = {id: row for id, row in rows["train"].items() if id.endswith("#swapped")}
    assert len(swapped) == len(rows["train"]) // 2 > 3
    other = {"A": "B", "B": "A", "引き分け": "引き分け"}
    for id, row in swapped.items():
        plain = every[id.removesuffix("#swapped")]
        (_, one), (_, two) = (source.split(" A ") for source in (plain.source, row.source))
        assert one.split(" B ")[::-1] == two.split(" B ")
        assert row.target == other[plain.target]


def test_no_prompt_is_on_two_sides(tmp_path):
    votes = [(f"問い{i // 3}", f"よい{i}", "わるい", "ab"[i % 2]) for i in range(120)]
    path = arena(tmp_path / "a.csv", votes)
    audit, rows = made(tmp_path, path, validation_size=0.2, test_size=0.2)
    prompts = {split: {row.source.split()[1] for row in of_split.values()} for split, of_split in rows.items()}
    assert sum(map(len, prompts.values())) == len(set.union(*prompts.values())) == 40
    assert all(len(of_split) >= 3 for of_split in rows.values())
    assert set(audit.shared.values()) == {0}
    test = arena(tmp_path / "test.csv", [(" 問い0", "x", "y", "a"), ("別", "x", "y", "b")])
    audit, rows = made(tmp_path, path, validation_size=0.2, test_file=test)
    assert len(rows["test"]) == 2
    assert {(note.split, note.reason) for note in audit.dropped} <= {(s, "the same prompt is in test") for s in ("train", "dev")}
    assert sum(note.reason == "the same prompt is in test" for note in audit.dropped) == 3


LONG = (("一", "二", "三"), ("あ" * 5, "い" * 5, "う" * 5), ("か" * 5, "き" * 5, "く" * 5), "a")


@pytest.mark.parametrize("unit", ["length", "tokens"])
@pytest.mark.parametrize(("limit", "kept", "note"), [(999, 3, []), (90, 2, []), (30, 1, []), (19, 1, [STILL_LONG])])
def test_conversations_lose_their_earliest_turns(tmp_path, unit, limit, kept, note):
    options = {f"max_conversation_{unit}": limit, "tokenizer_name_or_path": "m" if unit == "tokens" else None}
    audit, rows = of_train(tmp_path, arena(tmp_path / "a.csv", [LONG]), **options)
    last = [("三", "う" * 5, "く" * 5), ("二", "い" * 5, "き" * 5), ("一", "あ" * 5, "か" * 5)][:kept][::-1]
    assert rows[0].source.count("アシスタント") == (0 if kept == 1 else 2 * kept)
    assert all(text in rows[0].source for turn in last for text in turn)
    assert ("一" in rows[0].source) == (kept == 3)
    assert [found.reason for found in audit.noted if found.split == "train"] == note
    lost = 4 * (3 - kept)
    assert audit.counted == ({TURNS_LEFT_OUT: {"train": lost}, SHORTENED: {"train": 1}} if lost else {})


def test_prompts_of_pairs_lose_their_earliest_turns(tmp_path):
    record = {"chosen": f"{HUMAN} 桃", "rejected": f"{HUMAN} 梨"}
    path = lines(tmp_path / "r.jsonl", [record])
    _, rows = of_train(tmp_path, path, max_conversation_length=8, kind="pairs")
    assert rows[0][1:] == ("名物は?", "桃", "梨")


def test_choices_are_named(tmp_path):
    names = [" 先", " 後", " 同じ"]
    path = arena(tmp_path / "a.csv", [("q", "1", "2", "tie"), *FILL])
    options = PreferenceOptions(train_file=path, output_dir=str(tmp_path / "d"), choices=names)
    prepare(options, options.task())
    rows = {row.id: row for split in ("train", "dev") for row in read_rows(tmp_path / "d" / f"{split}.tsv", line_breaks=True)}
    assert rows["a.csv:2"].target == " 同じ"
    assert "、先、後、同じのどれかで" in rows["a.csv:2"].source
    assert choice_template(["{x}", "y"]).count("{{x}}") == 2


PICKED = [
    ({"Q": "名物は?", "good": "桃", "bad": "梨"}, {"prompt": "q", "chosen": "good", "rejected": "3"}),
    ({"問": "名物は?", "好": "桃", "嫌": "梨", "answers": "?"}, {"prompt": "問", "chosen": "好", "rejected": "嫌"}),
    (
        {"prompt": "名物は?", "left": "梨", "right": "桃", "vote": "?", "human": "model_b"},
        {"response_a": "left", "response_b": "right", "winner": "human"},
    ),
    ({"prompt": "名物は?", "responses": "?", "list": ["桃", "梨"], "scores": [2, 1]}, {"answers": "list"}),
    ({"prompt": "?", "query": "名物は?", "chosen": "桃", "rejected": "梨"}, {"prompt": "query"}),
]


@pytest.mark.parametrize(("record", "columns"), PICKED)
def test_columns_are_named(tmp_path, record, columns):
    path = lines(tmp_path / "r.jsonl", [record])
    options = {f"{role}_column": name for role, name in columns.items()}
    dev = lines(tmp_path / "dev.jsonl", [{**record, next(iter(k for k, v in record.items() if v == "名物は?")): "別?"}])
    _, rows = made(tmp_path, path, dev_file=dev, kind="pairs", **options)
    assert [row[1:] for row in rows["train"].values()] == [("名物は?", "桃", "梨")]
    assert json.loads((tmp_path / "d" / "task.json").read_text())["data"]["columns"] == columns


NOT_PICKED = [
    ({"prompt": "q", "chosen": "x", "bad": "y"}, {"rejected": "worst"}, "no column 'worst' (--rejected_column): the columns are"),
    ({"prompt": "q", "chosen": "x", "bad": "y"}, {}, "no column rejected: the columns are 'prompt', 'chosen', 'bad'; name it with"),
    ({"prompt": "q", "chosen": "x"}, {"rejected": "chosen", "chosen": "chosen"}, "the column 'chosen' is given for two things"),
    ({"prompt": "q", "query": "q", "chosen": "x", "rejected": "y"}, {}, "may each be the prompt; choose with --prompt_column"),
]


@pytest.mark.parametrize(("record", "columns", "message"), NOT_PICKED)
def test_columns_that_are_not_there(tmp_path, record, columns, message):
    path = lines(tmp_path / "r.jsonl", [record])
    with pytest.raises(InputError, match=re.escape(message)):
        made(tmp_path, path, kind="pairs", **{f"{role}_column": name for role, name in columns.items()})
    assert not (tmp_path / "d").exists()


def test_a_system_text_and_a_data_set_of_the_hub(tmp_path, monkeypatch):
    pair = {"chosen": "x", "rejected": "y", "system": "短く。"}
    data = {"train": [{**pair, "prompt": f"q{i}"} for i in range(9)] + [{**pair, "prompt": "r", "system": None}]}

    def load_dataset(name, config, *, split, streaming):
        return iter(data[split])

    errors = SimpleNamespace(DatasetsError=KeyError)
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, exceptions=errors))
    audit, rows = made(tmp_path, None, dataset_name="a/b", source_template="{system}{prompt} {response_a} {response_b}")
    every = {**rows["train"], **rows["dev"]}
    assert every["train[0]"].source.startswith("短く。q0 ")
    assert len(every) == 9
    assert [note[1:] for note in audit.dropped] == [("the system is empty", "train[9]")]
