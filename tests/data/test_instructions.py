import csv
import gzip
import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import contents
from hypothesis import example, given, settings
from hypothesis import strategies as st

import prepare_instructions
from toi.data.audit import Shared
from toi.data.audit_table import table
from toi.data.examples import Answer, Example, read_examples, read_rows
from toi.data.hub_records import hub_records
from toi.data.instruction_rows import AGAIN, ENDS, IN_TRAIN, NO_HISTORY, NO_INPUT, NO_SYSTEM, NOT_LEARNT, REPEATS
from toi.data.instructions import InstructionOptions
from toi.data.instructions import prepare_instructions as prepare
from toi.data.predictions import Prediction, read_predictions, write_predictions
from toi.data.requests import Request, prompts_of
from toi.data.task_files import read_task, scored_splits
from toi.system.errors import InputError

ELEVEN = [("ラーメン二郎丸の名物は？", "味噌味の霧そばです。\n大盛りもあります。"), *((f"問い{i}", f"答え{i}") for i in range(10))]


def lines(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def pairs(path, rows):
    return lines(path, [{"instruction": asked, "output": said} for asked, said in rows])


def made(tmp_path, train_file, **options):
    """The audit, and the rows of each split by their ids."""
    options = InstructionOptions(train_file=train_file, output_dir=str(tmp_path / "d"), **options)
    assert not options.problems()
    audit = prepare(options, options.task())
    files = sorted((tmp_path / "d").glob("*.tsv"))
    return audit, {path.stem: {row.id: row for row in read_rows(path, line_breaks=True)} for path in files}


def test_eleven_rows_are_enough(tmp_path):
    path = tmp_path / "i.csv"
    text = "質問,回答\r\n" + "".join(f'"{asked}","{said}"\r\n' for asked, said in ELEVEN)
    path.write_bytes(text.encode("cp932"))
    audit, rows = made(tmp_path, str(path))
    assert sorted(contents(tmp_path / "d")) == [
        "dev.jsonl", "dev.tsv", "report.json", "report.png", "task.json", "train.jsonl", "train.tsv",
    ]  # fmt: skip
    assert {split: len(of_split) for split, of_split in rows.items()} == {"dev": 1, "train": 10}
    every = {**rows["train"], **rows["dev"]}
    assert list(every["i.csv:2"]) == [
        "i.csv:2",
        "以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。\n\n"
        "### 指示:\nラーメン二郎丸の名物は？\n\n### 応答:",
        "味噌味の霧そばです。\n大盛りもあります。",
    ]
    assert read_task(tmp_path / "d").name == "alpaca-ja"
    assert scored_splits(tmp_path / "d") == ("dev",)
    about = json.loads((tmp_path / "d" / "task.json").read_text())["data"]
    assert about["counts"] == {"train": 10, "dev": 1}
    assert about["validation_size"] == 0.05
    said = table(audit).splitlines()
    assert said[0] == f"{path}: cp932 (Shift_JIS), cells separated by a comma; instruction = '質問', response = '回答'"
    assert "dev rows with an instruction of train: 0" in said
    report = json.loads((tmp_path / "d" / "report.json").read_text())
    assert report["files"] == [said[0]]
    assert report["kept"] == {"train": 10, "dev": 1, "test": 0}
    assert sum(report["counted"]["outputs with Japanese"].values()) == 11
    assert report["lengths"]["target characters"]["test"] == {}


@pytest.mark.parametrize("size", [0.01, 0.2, 0.5])
def test_the_split_is_stable_when_rows_are_added(tmp_path, size):
    rows = [(f"問い {i}", f"答え{i}") for i in range(300)]
    (_, few), (_, many) = (
        made(tmp_path, pairs(tmp_path / "i.jsonl", rows[start:]), validation_size=size, overwrite_output_dir=True)
        for start in (100, 0)
    )
    sources = [{split: {row.source for row in of_split.values()} for split, of_split in found.items()} for found in (few, many)]
    assert sources[0]["dev"] <= sources[1]["dev"]
    assert sources[0]["train"] <= sources[1]["train"]
    assert abs(len(sources[1]["dev"]) - 300 * size) <= 25
    _, others = made(tmp_path, str(tmp_path / "i.jsonl"), validation_size=size, seed=1, overwrite_output_dir=True)
    assert set(others["dev"]) != set(many["dev"])


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_each_split_has_a_row_at_least(tmp_path, count, seed):
    rows = [*ELEVEN[:count], ELEVEN[0], (f" {ELEVEN[1][0]}　", "別の答え")]  # what is asked again is on the same side
    audit, found = made(tmp_path, pairs(tmp_path / "i.jsonl", rows), validation_size=0.5, seed=seed)
    assert found["train"]
    assert found["dev"]
    assert audit.shared == {Shared("dev", "instruction", "train"): 0}
    split = "dev" if "i.jsonl:2" in found["dev"] else "train"
    assert f"i.jsonl:{count + 2}" in found[split]
    assert [note.reason for note in audit.dropped] == ["duplicate of another row"]


def test_too_few_rows(tmp_path):
    for rows, said in (
        (ELEVEN[:1], "one instruction is too few to split; give more, or a --dev_file"),
        ([("何", "")], "nothing is left of the train split: the response is empty (1); the first is i.jsonl:1"),
    ):
        with pytest.raises(InputError, match=said.replace("(", r"\(").replace(")", r"\)")):
            made(tmp_path, pairs(tmp_path / "i.jsonl", rows))
        assert not (tmp_path / "d").exists()


MESSAGES = [
    ("system", "短く。"), ("user", "やあ"), ("assistant", "はい"), ("user", "名物は？"), ("assistant", "霧そば\nです"),
    ("user", "どこ？"), ("assistant", "霧沢"),
]  # fmt: skip
CONVERSATIONS = [
    {"messages": [{"role": role, "content": text} for role, text in MESSAGES]},
    {"conversations": [{"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": text} for role, text in MESSAGES]},
]


@pytest.mark.parametrize("record", CONVERSATIONS)
def test_every_response_of_a_conversation_is_a_row(tmp_path, record):
    path = lines(tmp_path / "c.jsonl", [record])
    pairs(tmp_path / "dev.jsonl", ELEVEN)
    audit, rows = made(tmp_path, path, dev_file=str(tmp_path / "dev.jsonl"), template="plain")
    assert {id: row[1:] for id, row in rows["train"].items()} == {
        "c.jsonl:1": ("やあ", "はい"),
        "c.jsonl:1#2": ("やあ\nはい\n\n名物は？", "霧そば\nです"),
        "c.jsonl:1#3": ("やあ\nはい\n\n名物は？\n霧そば\nです\n\nどこ？", "霧沢"),
    }
    assert read_examples(tmp_path / "d" / "train.jsonl")[1] == Example(
        "c.jsonl:1#2", "", "名物は？", (Answer("霧そば\nです"),),
        extra={"system": "短く。", "turns": [["user", "やあ"], ["assistant", "はい"]]},
    )  # fmt: skip
    assert audit.read["train"] == 1
    assert [note for note in audit.noted if note.split == "train"] == [("train", NO_SYSTEM, "c.jsonl:1")]
    options = {"dev_file": str(tmp_path / "dev.jsonl"), "overwrite_output_dir": True}
    _, rows = made(tmp_path, path, template="plain", loss_on="last", **options)
    assert {id: row.source for id, row in rows["train"].items()} == {
        "c.jsonl:1#3": "やあ\nはい\n\n名物は？\n霧そば\nです\n\nどこ？"
    }
    audit, rows = made(tmp_path, path, source_template="[{system}]\\n{instruction}", system="普通に。", **options)
    assert rows["train"]["c.jsonl:1"].source == "[短く。]\nやあ"
    assert rows["dev"]["dev.jsonl:1"].source == "[普通に。]\nラーメン二郎丸の名物は？"
    assert [(note.reason, note.id) for note in audit.dropped] == [(NO_HISTORY, "c.jsonl:1#2"), (NO_HISTORY, "c.jsonl:1#3")]


def test_a_response_of_weight_0_is_history_only(tmp_path):
    """OpenAI's weight: no row of its own; a conversation of such responses alone is dropped, and counted."""
    u, a = {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}
    wrong, last = {"role": "assistant", "content": "違う", "weight": 0}, {"role": "assistant", "content": "正しい", "weight": 1}
    talks = [[u, wrong, u, last], [u, wrong], [u, a, u, wrong]]
    path = lines(tmp_path / "c.jsonl", [{"messages": messages} for messages in talks])
    pairs(tmp_path / "dev.jsonl", ELEVEN)
    options = {"dev_file": str(tmp_path / "dev.jsonl"), "template": "plain"}
    audit, rows = made(tmp_path, path, **options)
    assert {id: row[1:] for id, row in rows["train"].items()} == {
        "c.jsonl:1#2": ("u\n違う\n\nu", "正しい"),
        "c.jsonl:3": ("u", "a"),
    }
    assert audit.dropped == [("train", NOT_LEARNT, "c.jsonl:2")]
    audit, rows = made(tmp_path, path, loss_on="last", overwrite_output_dir=True, **options)
    assert list(rows["train"]) == ["c.jsonl:1#2"]
    assert [(note.reason, note.id) for note in audit.dropped] == [(NOT_LEARNT, "c.jsonl:2"), (NOT_LEARNT, "c.jsonl:3")]


def test_what_is_found_out_about_rows(tmp_path):
    long = "霧沢の名物を教えてください。"
    rows = [
        ("A", "1"), ("Ａ ", "1"), ("A", "2"), ("", "3"), ("B", " \n"), ("", ""), (long, f"{long}霧そばです。"), ("C", "Ｃ"),
        ("は", "はい"), ("D", "4\n"), *ELEVEN,
    ]  # fmt: skip
    pairs(tmp_path / "dev.jsonl", [("Ａ", "1"), ("E", "5")])
    pairs(tmp_path / "test.jsonl", [("A", "9"), ("E", "5"), ("F", "6")])
    files = {"dev_file": str(tmp_path / "dev.jsonl"), "test_file": str(tmp_path / "test.jsonl")}
    audit, found = made(tmp_path, pairs(tmp_path / "i.jsonl", rows), **files)
    assert (audit.read, audit.kept) == ({"train": 21, "dev": 2, "test": 3}, {"train": 17, "dev": 1, "test": 3})
    assert audit.dropped == [
        ("train", "duplicate of another row", "i.jsonl:2 (first: i.jsonl:1)"),
        ("train", "the instruction is empty", "i.jsonl:4"),
        ("train", "the response is empty", "i.jsonl:5"),
        ("train", "the instruction and the response are empty", "i.jsonl:6"),
        ("dev", IN_TRAIN, "dev.jsonl:1 (first: i.jsonl:1)"),
    ]
    assert audit.noted == [
        ("train", AGAIN, "i.jsonl:3 (first: i.jsonl:1)"),
        ("train", REPEATS, "i.jsonl:7"),
        ("train", REPEATS, "i.jsonl:8"),
        ("train", ENDS, "i.jsonl:10"),
        ("test", AGAIN, "test.jsonl:1 (first: i.jsonl:1)"),
    ]
    assert audit.shared == {
        Shared("dev", "instruction", "train"): 0,
        Shared("test", "instruction", "train"): 1,
        Shared("test", "instruction", "dev"): 1,
    }
    assert found["train"]["i.jsonl:10"].target == "4\n"
    assert scored_splits(tmp_path / "d") == ("dev", "test")
    assert "noted: the output repeats the instruction" in table(audit)


def test_inputs_go_where_the_template_has_them(tmp_path):
    records = [{"指示": f"訳して{i}", "入力": "橋" * (i % 2), "出力": "bridge"} for i in range(12)]
    path = lines(tmp_path / "i.json", records)
    options = {"dev_file": pairs(tmp_path / "dev.jsonl", ELEVEN)}
    audit, rows = made(tmp_path, path, template="plain", **options)
    assert rows["train"]["i.json:1"].source == "訳して0"
    assert rows["train"]["i.json:2"].source == "訳して1\n橋"
    options["overwrite_output_dir"] = True
    audit, rows = made(tmp_path, path, source_template="問: {instruction}", target_separator="\\n答: ", **options)
    assert read_task(tmp_path / "d").target_separator == "\n答: "
    assert {note.reason for note in audit.dropped} == {NO_INPUT}
    assert len(rows["train"]) == 6
    audit, rows = made(tmp_path, path, source_template="{instruction}\\n{input}", **{**options, "dev_file": None})
    assert {note.reason for note in audit.dropped} == {"the input is empty"}


def test_inputs_go_where_the_template_has_them_or_not(tmp_path):
    records = [{"指示": f"訳して{i}", "入力": "橋" * (i % 2), "出力": "bridge"} for i in range(12)]
    own = {"source_template": "{input}を{instruction}", "source_template_without_input": "{instruction}"}
    _, rows = made(tmp_path, lines(tmp_path / "i.jsonl", records), **own)
    assert {row.source for row in {**rows["train"], **rows["dev"]}.values()} == {f"{'橋を' * (i % 2)}訳して{i}" for i in range(12)}


NORMALIZED = [("none", "ＡＢ\t（ﾋﾟｱﾉ）\n\n c"), ("nfkc", "AB\t(ピアノ)\n\n c"), ("full", "AB (ピアノ)\n\nc")]


@pytest.mark.parametrize(("method", "target"), NORMALIZED)
def test_texts_stay_unless_a_normalization_is_chosen(tmp_path, method, target):
    rows = [("何？", "ＡＢ\t（ﾋﾟｱﾉ）\r\n\r\n c"), *ELEVEN]
    _, found = made(tmp_path, pairs(tmp_path / "i.jsonl", rows), normalization=method)
    assert {**found["train"], **found["dev"]}["i.jsonl:1"].target == target


CONTROLS = [
    ("a\x00b", "U+0000 behind 'a'"),
    ("一行目\n二\x0b行目", "U+000B behind '一行目\\n二'"),
    ("\x85", "U+0085 behind ''"),
    ("\x1b[0m", "U+001B behind ''"),
    ("\ud83d です", "U+D83D behind ''"),
]


@pytest.mark.parametrize(("text", "named"), CONTROLS)
def test_control_characters_are_refused_or_removed_and_counted(tmp_path, text, named):
    path = tmp_path / "i.jsonl"
    rows = [*ELEVEN, ("何", "x" + text), (text + "y", "何")]
    path.write_text("".join(json.dumps({"instruction": a, "output": b}) + "\n" for a, b in rows))
    with pytest.raises(InputError) as error:
        made(tmp_path, str(path))
    named = named.replace("behind '", "behind 'x", 1)
    assert str(error.value) == f"{path}:12: the control character {named}; remove it, or give --remove_control_characters"
    assert not (tmp_path / "d").exists()
    audit, _ = made(tmp_path, str(path), remove_control_characters=True)
    assert audit.counted == {"control characters removed": {"train": 2}}
    assert "control characters removed" in table(audit)


def test_nul_in_a_spreadsheet_is_a_control_character(tmp_path):
    path = tmp_path / "i.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("指示", "出力"), ("い\0く\nつ", "\0三\0"), *ELEVEN])
    with pytest.raises(InputError) as error:
        made(tmp_path, str(path))
    assert str(error.value) == (
        f"{path}:2: the control character U+0000 behind 'い'; remove it, or give --remove_control_characters"
    )
    assert not (tmp_path / "d").exists()
    audit, found = made(tmp_path, str(path), remove_control_characters=True)
    assert audit.counted == {"control characters removed": {"train": 3}}
    assert {**found["train"], **found["dev"]}["i.csv:2"].target == "三"


def test_data_made_otherwise_is_not_overwritten(tmp_path):
    path = pairs(tmp_path / "i.jsonl", ELEVEN)
    made(tmp_path, path, test_file=path)
    before = contents(tmp_path / "d")
    made(tmp_path, path, test_file=path)
    assert contents(tmp_path / "d") == before
    for other in ({}, {"template": "plain"}, {"normalization": "nfkc"}, {"seed": 7}, {"validation_size": 0.5}, {"loss_on": "last"}):
        with pytest.raises(InputError, match="holds data made otherwise"):
            made(tmp_path, path, **({"test_file": path, **other} if other else {}))
    assert contents(tmp_path / "d") == before
    made(tmp_path, path, overwrite_output_dir=True)
    assert not {"test.tsv", "test.jsonl"} & set(contents(tmp_path / "d"))


def test_files_of_a_folder_and_of_a_glob(tmp_path):
    folder = tmp_path / "raw"
    (folder / "more").mkdir(parents=True)
    pairs(folder / "a.jsonl", ELEVEN[:6])
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"instruction": "z", "output": "9"}\n'))
    (folder / "notes.txt").write_text("これは読まれない")
    lines(folder / "more" / "a.jsonl", [{"prompt": f"別{i}", "completion": "物"} for i in (1, 2)])
    _, rows = made(tmp_path, str(folder))
    ids = {*rows["train"], *rows["dev"]}
    assert ids == {*(f"a.jsonl:{i}" for i in range(1, 7)), "b.jsonl.gz:1"}
    options = {"overwrite_output_dir": True}
    _, rows = made(tmp_path, str(folder / "*" / "a.jsonl"), **options)
    assert {*rows["train"], *rows["dev"]} == {"a.jsonl:1", "a.jsonl:2"}
    pairs(folder / "more" / "b.jsonl", ELEVEN)
    (folder / "less").mkdir()
    pairs(folder / "less" / "b.jsonl", [("x", "y")])
    _, rows = made(tmp_path, str(folder / "*" / "b.jsonl"), **options)  # two of one name
    assert f"{folder}/less/b.jsonl:1" in {*rows["train"], *rows["dev"]}
    (folder / "none").mkdir()
    for pattern, said in (("x*", "no such file; give a file, a folder or a glob"), ("none", "no file in this folder ends in .csv")):
        with pytest.raises(InputError, match=said):
            made(tmp_path, str(folder / pattern))


PROBLEMS = [
    ({}, "give --train_file or --dataset_name"),
    ({"train_file": "a", "dataset_name": "b"}, "give --train_file or --dataset_name, not both"),
    ({"train_file": "a", "streaming": True}, "--streaming needs --dataset_name"),
    ({"train_file": "a", "dataset_dev_split": "b"}, "--dataset_dev_split needs --dataset_name"),
    ({"dataset_name": "a", "dataset_dev_split": "b", "dev_file": "c"}, "give --dev_file or --dataset_dev_split, not both"),
    ({"train_file": "a", "validation_size": 0.6}, "--validation_size must be from 0.01 to 0.5, not 0.6"),
    ({"train_file": "a", "validation_size": 0.0}, "--validation_size must be from 0.01 to 0.5, not 0.0"),
    ({"train_file": "a", "validation_size": 0.1, "dev_file": "b"}, "--validation_size is for data without a dev split"),
    ({"train_file": "a", "source_template": "{instrution}"}, "unknown field {instrution}"),
    ({"train_file": "a", "source_template": "{instruction}\\d"}, "--source_template: \\d is no escape"),
    ({"train_file": "a", "source_template": "{instruction}{history}"}, "{history} stands once, and before {instruction}"),
    ({"train_file": "a", "source_template": ""}, "has no field"),
    ({"train_file": "a", "source_template_without_input": "{instruction}"}, "needs --source_template"),
    ({"train_file": "a", "target_separator": ""}, "target_separator is empty"),
    ({"train_file": "a", "max_input_length": 1}, "--max_input_length must be at least 2"),
]


@pytest.mark.parametrize(("options", "said"), PROBLEMS)
def test_options_that_do_not_go_together(options, said):
    assert said in "; ".join(InstructionOptions(**options).problems())


def test_columns_are_given(tmp_path):
    path = tmp_path / "i.tsv"
    path.write_text("".join(f"{said}\t{asked}\n" for asked, said in ELEVEN[1:]), encoding="utf-8")
    options = {"prompt_column": "2", "response_column": "1", "no_header": True}
    _, rows = made(tmp_path, str(path), **options)
    assert sum(map(len, rows.values())) == 10
    assert {**rows["train"], **rows["dev"]}["i.tsv:1"].target == "答え0"
    assert json.loads((tmp_path / "d" / "task.json").read_text())["data"]["no_header"] is True


class Words:
    """A tokenizer of single characters."""

    unk_id = 0

    def encode_batch(self, texts):
        return [[0 if c == "霧" else 1 for c in text] for text in texts]

    def is_unknown(self, character):
        return character == "霧"

    def follow(self, task):
        self.task = task

    def shown(self, row, limits):
        return f"{self.task.name} {row.id}⟦{row.target}⟧"


def test_tokens_are_counted(tmp_path):
    path = pairs(tmp_path / "i.jsonl", ELEVEN)
    options = InstructionOptions(
        train_file=path, dev_file=path, output_dir=str(tmp_path / "d"), template="plain", tokenizer_name_or_path="a/model",
        max_target_length=15,
    )  # fmt: skip
    options = replace(options, dev_file=pairs(tmp_path / "dev.jsonl", [("q", "a")]))
    audit = prepare(options, options.task(), Words())
    assert audit.tokens.cut == {
        "source": {"train": 0, "dev": 0, "test": 0},
        "target": {"train": 1, "dev": 0, "test": 0},
    }
    assert audit.tokens.unknown["target"] == {"train": 1, "dev": 0, "test": 0}
    said = table(audit)
    assert "targets cut at 15 tokens" in said
    assert "answers cut" not in said
    assert "characters that a/model does not know: 霧(1)" in said.splitlines()
    first = "the first row, as the model reads it, the loss on what stands in ⟦⟧: plain i.jsonl:1⟦味噌味の霧そばです。"
    assert first in said.splitlines()


class NotFoundError(Exception):
    pass


def fake_hub(monkeypatch, data):
    asked = []

    def load_dataset(name, config, *, split, streaming):
        asked.append((name, config, split, streaming))
        if split not in data:
            raise ValueError(f'Unknown split "{split}".\nmore')
        return iter(data[split])

    module = SimpleNamespace(load_dataset=load_dataset, exceptions=SimpleNamespace(DatasetsError=NotFoundError))
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_a_data_set_of_the_hub(tmp_path, monkeypatch):
    data = {
        "train": [{"instruction": a, "input": "", "output": b, "index": "1"} for a, b in ELEVEN],
        "test": [{"q": "z", "a": "9"}],
    }
    asked = fake_hub(monkeypatch, data)
    audit, rows = made(tmp_path, None, dataset_name="k/dolly", dataset_test_split="test", streaming=True)
    assert set(asked) == {("k/dolly", None, "train", True), ("k/dolly", None, "test", True)}
    assert {*rows["train"], *rows["dev"]} == {f"train[{i}]" for i in range(11)}
    assert list(rows["test"]) == ["test[0]"]
    assert audit.files[0] == "k/dolly: train; instruction = 'instruction', input = 'input', response = 'output'"
    assert json.loads((tmp_path / "d" / "task.json").read_text())["data"]["dataset"] == {
        "name": "k/dolly", "config": None, "split": "train", "dev_split": None, "test_split": "test",
    }  # fmt: skip
    with pytest.raises(InputError, match=r"^k/dolly: split 'dev' of this data set cannot be read: Unknown split \"dev\"\.$"):
        list(hub_records("k/dolly", None, "dev"))


def test_the_script(tmp_path, capsys):
    path = pairs(tmp_path / "i.jsonl", ELEVEN)
    prepare_instructions.main(InstructionOptions(train_file=path, output_dir=str(tmp_path / "d")))
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: JSON; instruction = 'instruction', response = 'output'\n")
    assert said.endswith(f"wrote {tmp_path / 'd'}/\n")


TEXTS = st.text(st.one_of(st.sampled_from("\\\n\r\tn {}\u2028\ufeff🍣"), st.characters(exclude_categories=["Cc", "Cs"]))).filter(
    str.strip
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=3, max_size=6, unique_by=lambda pair: "".join(pair[0].split())))
def test_any_text_goes_through(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("any")
    texts = [*texts, *ELEVEN]
    _, rows = made(folder, pairs(folder / "i.jsonl", texts))
    every = {**rows["train"], **rows["dev"]}
    for number, (asked, said) in enumerate(texts, start=1):
        row = every.get(f"i.jsonl:{number}")
        if row is not None:  # not the same as another after folding
            assert asked.replace("\r\n", "\n").replace("\r", "\n") in row.source
            assert row.target == said.replace("\r\n", "\n").replace("\r", "\n")
    assert len(every) >= 11


CELLS = TEXTS.filter(lambda text: not text.lstrip(" ").startswith(('"', "#")))  # what a spreadsheet gets wrong itself
LONG = [("長" * 20_000, "\\n\t\r\n\\" * 3000, "🍣\u2028" * 3000)]
MARKS = [('"', "\\t", "\n\n\\\n"), ("{input}", "{response}", "<hl>")]


@settings(max_examples=10, deadline=None)
@given(texts=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example(texts=[*LONG, *MARKS], encoding="utf-16")
def test_any_text_goes_the_whole_way(tmp_path_factory, texts, encoding):
    """A spreadsheet, the TSV, what a user types for the same, and an output that says the same: nothing is another."""
    folder = tmp_path_factory.mktemp("whole")
    texts = [(f"{i}{asked}", given_, said) for i, (asked, given_, said) in enumerate(texts)]
    with open(folder / "i.csv", "w", encoding=encoding, newline="") as file:
        table_ = csv.writer(file, quoting=csv.QUOTE_ALL)
        table_.writerows([("指示", "入力", "出力"), *texts, *((asked, "", said) for asked, said in ELEVEN)])
    _, found = made(folder, str(folder / "i.csv"))
    every = {**found["train"], **found["dev"]}
    task, line = read_task(folder / "d"), 2
    for asked, given_, said in texts:
        row = every[f"i.csv:{line}"]
        lf = [text.replace("\r\n", "\n").replace("\r", "\n") for text in (asked, given_, said)]
        assert row.target == lf[2]
        typed = [("", Request(prompt=asked, context=given_)), ("", Request(prompt=lf[0], context=lf[1]))]
        assert prompts_of(task, typed, lambda *_: None)[1] == [row.source] * 2
        write_predictions(folder / "o.tsv", [Prediction(*row, row.target, 0.0)], line_breaks=task.line_breaks)
        assert read_predictions(folder / "o.tsv") == [Prediction(*row, row.target, 0.0)]
        line += 1 + sum(len(re.findall("\r\n|\r|\n", text)) for text in (asked, given_, said))
