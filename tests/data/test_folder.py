import json
from dataclasses import replace

import pytest
from conftest import contents, prepare_folder, squad, town_articles

import prepare_jsquad
import prepare_jsquad_aqg
import prepare_quiz_aqg
from toi.data.audit import Shared
from toi.data.audit_table import table
from toi.data.examples import SPLITS, Example, read_examples, read_rows
from toi.data.folder import split_groups
from toi.data.squad import SquadOptions, prepare_squad, read_squad
from toi.data.task_files import read_task
from toi.models.counting import counting_tokenizer
from toi.system.errors import InputError

COUNTS = {"train": 76, "dev": 4, "test": 10}


def test_what_a_data_folder_holds(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg-hl")
    pairs = [f"{split}.{ending}" for split in SPLITS for ending in ("tsv", "jsonl")]
    assert sorted(contents(folder)) == sorted([*pairs, "report.json", "report.png", "task.json"])
    rows = {split: read_rows(folder / f"{split}.tsv") for split in SPLITS}
    assert {split: len(found) for split, found in rows.items()} == COUNTS
    assert rows["test"][1].source.count("<hl>") == 2
    for split in SPLITS:
        assert [row.id for row in rows[split]] == [example.id for example in read_examples(folder / f"{split}.jsonl")]
    about = json.loads((folder / "task.json").read_text())
    assert about["task"] == "aqg-hl"
    assert about["data"]["counts"] == COUNTS
    assert about["data"]["seed"] == 42


def test_no_article_is_on_both_sides(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "d", squad_files, "qa")
    titles = [{e.title for e in read_examples(folder / f"{split}.jsonl")} for split in SPLITS]
    assert not titles[0] & titles[1]
    assert len(titles[0]) + len(titles[1]) == 40


def test_the_same_bytes_for_articles_in_another_order(tmp_path, squad_files):
    first = contents(prepare_folder(tmp_path / "a", squad_files, "aqg"))
    value = json.loads(squad_files[0].read_text())
    value["data"].reverse()
    squad_files[0].write_text(json.dumps(value))
    second = contents(prepare_folder(tmp_path / "b", squad_files, "aqg"))
    assert {name: text for name, text in first.items() if name != "task.json"} == {
        name: text for name, text in second.items() if name != "task.json"
    }


def test_the_seed_changes_the_split_and_nothing_else(tmp_path, squad_files):
    examples = {"train": read_squad(squad_files[0]), "test": read_squad(squad_files[1])}
    one, two = (split_groups(examples, 0.1, seed) for seed in (1, 2))
    assert {e.title for e in one["dev"]} != {e.title for e in two["dev"]}
    assert one["test"] == two["test"] == examples["test"]
    assert {e.id for e in one["train"] + one["dev"]} == {e.id for e in examples["train"]}


def test_test_articles_are_taken_from_training_when_there_is_no_test_file(squad_files):
    splits = split_groups({"train": read_squad(squad_files[0])}, 0.1, 42)
    assert {split: len({e.title for e in found}) for split, found in splits.items()} == {"train": 32, "dev": 4, "test": 4}


def test_articles_without_titles_are_told_apart_by_their_contexts():
    examples = [Example(f"{i}-{j}", f"文脈{i}", "問") for i in range(20) for j in range(2)]
    splits = split_groups({"train": examples, "test": []}, 0.1, 42)
    assert {e.context for e in splits["dev"]}.isdisjoint(e.context for e in splits["train"])
    assert len(splits["dev"]) == 4


def test_too_few_articles(squad_files):
    with pytest.raises(InputError, match="1 articles are too few to split"):
        split_groups({"train": read_squad(squad_files[0])[:1], "test": []}, 0.05, 42)


def test_what_is_dropped_is_counted(tmp_path, squad_files):
    value = json.loads(squad_files[0].read_text())
    article = value["data"][0]["paragraphs"][0]
    article["qas"][0]["question"] = "　"
    article["qas"][1]["answers"] = []
    squad_files[0].write_text(json.dumps(value))
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]))
    audit = prepare_squad(options, options.task("aqg"), str(tmp_path / "d"))
    assert audit.read["train"] + audit.read["dev"] == 80
    assert audit.kept["train"] + audit.kept["dev"] == 78
    report = json.loads((tmp_path / "d" / "report.json").read_text())
    assert sorted((note["reason"], note["id"]) for note in report["dropped"]) == [
        ("no answer", "町-000-1"),
        ("the question is empty after normalization", "町-000-0"),
    ]
    assert "dropped: no answer" in table(audit)


def test_sharing_is_compared_after_normalization(tmp_path, squad_files):
    value = json.loads(squad_files[0].read_text())
    for i, article in enumerate(value["data"]):
        article["paragraphs"][0]["qas"][1]["question"] = ("特産品は何？", "特産品は 何?")[i % 2]
    squad_files[0].write_text(json.dumps(value))
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]))
    audit = prepare_squad(options, options.task("qa"), str(tmp_path / "d"))
    assert audit.kept["dev"] == 2


@pytest.mark.parametrize("ratio", [0.05, 0.1, 0.3])
def test_the_ratio_changes_the_size_of_dev_and_nothing_else(ratio, squad_files):
    examples = {"train": read_squad(squad_files[0]), "test": []}
    small, large = (split_groups(examples, r, 42) for r in (ratio, ratio + 0.1))
    assert {e.id for e in small["dev"]} < {e.id for e in large["dev"]}
    assert len({e.title for e in small["dev"]}) == round(40 * ratio)


def test_duplicates_and_questions_of_train_are_dropped(tmp_path, squad_files):
    value = json.loads(squad_files[0].read_text())
    for article in value["data"]:  # every article asks the same question, and one asks it twice
        article["paragraphs"][0]["qas"][1]["question"] = "特産品は何？"
    qas = value["data"][0]["paragraphs"][0]["qas"]
    qas.append({**qas[1], "id": "again"})
    squad_files[0].write_text(json.dumps(value))
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]))
    audit = prepare_squad(options, options.task("qa"), str(tmp_path / "d"))
    assert sorted((split, reason) for split, reason, _ in audit.dropped) == [
        ("dev", "the same question is in train"),
        ("dev", "the same question is in train"),
        ("train", "duplicate of another row"),
    ]
    assert audit.shared[Shared("dev", "question", "train")] == 0
    assert audit.shared[Shared("dev", "context", "train")] == 0


def test_articles_with_a_context_in_common_stay_together():
    examples = [Example(f"{i}", f"文脈{i // 2}", "問", title=f"題{i}") for i in range(40)]
    for seed in range(5):
        splits = split_groups({"train": examples, "test": []}, 0.2, seed)
        assert {e.context for e in splits["dev"]}.isdisjoint(e.context for e in splits["train"])
        assert len(splits["dev"]) == 8


def test_own_templates_travel_with_the_data(tmp_path, squad_files):
    options = SquadOptions(
        train_file=str(squad_files[0]), test_file=str(squad_files[1]), source_template="文脈: {context} 答え: {answer}"
    )
    prepare_squad(options, options.task("aqg"), str(tmp_path / "d"))
    assert read_rows(tmp_path / "d" / "test.tsv")[1].source.startswith("文脈: 村0の人口は3人である。村0の特産品は桃です。 答え: 桃")
    assert read_task(tmp_path / "d").source_template == "文脈: {context} 答え: {answer}"
    assert read_task(tmp_path / "d").name == "aqg-own"
    assert "unknown field {contxt}" in "".join(SquadOptions(source_template="{contxt}").problems())


def test_the_context_first(tmp_path, squad_files, capsys):
    files = {"train_file": str(squad_files[0]), "test_file": str(squad_files[1]), "output_dir": str(tmp_path / "d")}
    options = prepare_jsquad_aqg.Options(**files, context_first=True, target_separator=r"\n質問: ")
    prepare_jsquad_aqg.main(options)
    assert read_rows(tmp_path / "d" / "test.tsv")[1][1:] == (
        "context: 村0の人口は3人である。村0の特産品は桃です。 answer: 桃", "村0の特産品は何ですか?",
    )  # fmt: skip
    assert (read_task(tmp_path / "d").name, read_task(tmp_path / "d").target_separator) == ("aqg-cf", "\n質問: ")
    prepare_jsquad_aqg.main(options)  # the same again
    for other in ({}, {"target_separator": "質問: "}):
        with pytest.raises(InputError, match="holds data made otherwise"):
            prepare_jsquad_aqg.main(prepare_jsquad_aqg.Options(**files, context_first=True, **other))
    both = prepare_quiz_aqg.Options(context_first=True, highlight=True)
    assert both.problems() == ["give --highlight or --context_first, not both"]
    assert "target_separator is empty" in "".join(SquadOptions(target_separator="").problems())
    assert r"--target_separator: \d is no escape" in "".join(SquadOptions(target_separator=r"\d").problems())


def test_a_folder_without_a_separator_is_of_the_usual_one(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg")
    assert "target_separator" not in json.loads((folder / "task.json").read_text())
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]), target_separator=r"\n")
    prepare_squad(options, options.task("aqg"), str(folder))
    other = replace(options, target_separator="[SEP]")
    with pytest.raises(InputError, match="holds data made otherwise"):
        prepare_squad(other, other.task("aqg"), str(folder))


def test_line_breaks_are_kept_where_it_is_said(tmp_path, squad_files):
    value = json.loads(squad_files[1].read_text())
    for article in value["data"]:
        paragraph = article["paragraphs"][0]
        paragraph["context"] = paragraph["context"].replace("。", "\r\n\\\r\n")
        paragraph["qas"] = paragraph["qas"][:1]
    squad_files[1].write_text(json.dumps(value))
    files = {"train_file": str(squad_files[0]), "test_file": str(squad_files[1])}
    options = SquadOptions(**files, line_breaks=True, source_template=r"{answer}:\n\t{context}\\n")
    assert not options.problems()
    prepare_squad(options, options.task("aqg"), str(tmp_path / "d"))
    line = (tmp_path / "d" / "test.tsv").read_text(encoding="utf-8").split("\n")[0]
    assert line.split("\t")[1] == r"3人:\n\t村0の人口は3人である\n\\\n村0の特産品は桃です\n\\\\n"
    rows = read_rows(tmp_path / "d" / "test.tsv", line_breaks=True)
    assert rows[0].source == "3人:\n\t村0の人口は3人である\n\\\n村0の特産品は桃です\n\\\\n"
    assert read_task(tmp_path / "d").source_template == "{answer}:\n\t{context}\\n"
    for other in (SquadOptions(**files), SquadOptions(**files, line_breaks=True)):
        with pytest.raises(InputError, match="holds data made otherwise"):
            prepare_squad(other, other.task("aqg"), str(tmp_path / "d"))


def test_an_answer_of_two_lines_is_counted_where_it_is_cut(tmp_path, squad_files, tiny):
    value = json.loads(squad_files[1].read_text())
    for article in value["data"]:
        paragraph = article["paragraphs"][0]
        paragraph["context"] = paragraph["context"].replace("である。", "である\r\n")
        end = paragraph["context"].index("\r\n") + 3
        paragraph["qas"][0]["answers"] = [{"text": paragraph["context"][4:end], "answer_start": 4}]
        paragraph["qas"] = paragraph["qas"][:1]
    squad_files[1].write_text(json.dumps(value))
    options = SquadOptions(
        train_file=str(squad_files[0]), test_file=str(squad_files[1]), line_breaks=True, tokenizer_name_or_path=str(tiny),
        max_input_length=20,
    )  # fmt: skip
    audit = prepare_squad(options, options.task("qa"), str(tmp_path / "d"), counting_tokenizer(str(tiny)))
    assert audit.tokens.cut["answer"]["test"] == 5


LINE_BREAKS = [
    ({"source_template": "a\n{context}"}, "template 'a\\n{context}': must not hold a tab or a line break"),
    ({"separator": "\n"}, "--separator must not hold a tab or a line break"),
    ({"source_template": r"\d{context}", "line_breaks": True}, r"--source_template: \d is no escape"),
    ({"separator": "\\", "line_breaks": True}, "--separator: \\ is no escape"),
    ({"source_template": "a\n\t{context}", "line_breaks": True}, ""),
    ({"separator": r"\n", "line_breaks": True}, ""),
    ({"source_template": r"\d{context}"}, ""),
]


@pytest.mark.parametrize(("changes", "problem"), LINE_BREAKS)
def test_line_breaks_of_options(changes, problem):
    problems = SquadOptions(**changes).problems()
    assert problem in "".join(problems)
    assert bool(problem) == bool(problems)


def test_long_contexts_are_windows_around_the_answer(tmp_path, squad_files):
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]), max_context_length=14)
    prepare_squad(options, options.task("qa"), str(tmp_path / "d"))
    rows = read_rows(tmp_path / "d" / "test.tsv")
    assert rows[0].source == "question: 村0の人口は何人であるか? context: 村0の人口は3人である。"
    assert rows[1].source == "question: 村0の特産品は何ですか? context: 村0の特産品は桃です。"
    assert read_examples(tmp_path / "d" / "test.jsonl")[0].context == "村0の人口は3人である。村0の特産品は桃です。"


def test_tokens_are_counted_with_a_tokenizer(tmp_path, squad_files, tiny_without_bytes):
    options = SquadOptions(
        train_file=str(squad_files[0]), test_file=str(squad_files[1]), tokenizer_name_or_path=str(tiny_without_bytes),
        max_input_length=20,
    )  # fmt: skip
    tokenizer = counting_tokenizer(options.tokenizer_name_or_path)
    audit = prepare_squad(options, options.task("aqg-hl"), str(tmp_path / "d"), tokenizer)
    assert audit.tokens.cut["source"]["train"] == 76
    assert 0 < audit.tokens.cut["answer"]["train"] < 76  # the first sentence's answers are within 20 tokens
    assert audit.tokens.unknown["source"]["test"] > 0
    assert audit.tokens.characters["村"] == 30
    report = json.loads((tmp_path / "d" / "report.json").read_text())
    assert report["tokenizer"] == str(tiny_without_bytes)
    assert report["truncated"]["sources cut"]["train"] == 76
    assert report["unknown_characters"]["村"] == 30
    audit = prepare_squad(options, options.task("aqg-cf"), str(tmp_path / "cf"), tokenizer)
    assert audit.tokens.cut["source"]["train"] == 76
    assert audit.tokens.cut["answer"] == {"train": 0, "dev": 0, "test": 0}  # it stands behind the context, which is cut


def test_a_tokenizer_that_is_not_there_is_refused_before_anything_is_read(tmp_path):
    assert counting_tokenizer(None) is None
    names = {"train_file": str(tmp_path / "none.json"), "tokenizer_name_or_path": str(tmp_path / "none")}
    for main, options in (
        (prepare_jsquad.main, SquadOptions(**names)),
        (prepare_jsquad_aqg.main, prepare_jsquad_aqg.Options(**names)),
        (prepare_quiz_aqg.main, prepare_quiz_aqg.Options(**names)),
    ):
        with pytest.raises(InputError, match="/none: no such model folder"):
            main(options)


def test_bad_input_leaves_the_folder_untouched(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg")
    before = contents(folder)
    value = town_articles(3)
    value["data"][2]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 1
    squad_files[0].write_text(json.dumps(value))
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]), overwrite_output_dir=True)
    with pytest.raises(InputError, match="answer_start 1 does not match"):
        prepare_squad(options, options.task("aqg"), str(folder))
    assert contents(folder) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "test.json", "train.json"]


def test_a_folder_that_holds_other_data_is_refused(tmp_path, squad_files):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg")
    before = contents(folder)
    assert contents(prepare_folder(folder, squad_files, "aqg")) == before  # the same again is no harm
    for change in ({"seed": 7}, {"dev_ratio": 0.2}, {"max_context_length": 9}):
        options = SquadOptions(**{"train_file": str(squad_files[0]), "test_file": str(squad_files[1]), **change})
        with pytest.raises(InputError, match="holds data made otherwise"):
            prepare_squad(options, options.task("aqg"), str(folder))
    with pytest.raises(InputError, match="holds data made otherwise"):
        prepare_folder(folder, squad_files, "qa")
    assert contents(folder) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.tsv").write_text("a\tb\tc\n")
    with pytest.raises(InputError, match="holds data of unknown origin"):
        prepare_folder(tmp_path / "mine", squad_files, "qa")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written .* is a file"):
        prepare_folder(tmp_path / "file", squad_files, "qa")


@pytest.mark.parametrize("name", ["train.tsv", "dev.tsv", "test.tsv", "train.jsonl", "test.jsonl"])
def test_a_folder_that_was_edited_is_refused(tmp_path, squad_files, name):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg")
    made = contents(folder)
    file = folder / name
    file.write_text(file.read_text(encoding="utf-8").replace("桃", "梨"), encoding="utf-8")
    edited = contents(folder)
    assert edited != made
    with pytest.raises(InputError) as error:
        prepare_folder(folder, squad_files, "aqg")
    assert str(error.value) == f"{file}: was edited since it was made; give another --output_dir or --overwrite_output_dir"
    assert contents(folder) == edited
    options = SquadOptions(train_file=str(squad_files[0]), test_file=str(squad_files[1]), overwrite_output_dir=True)
    prepare_squad(options, options.task("aqg"), str(folder))
    assert contents(folder) == made


@pytest.mark.parametrize("report", [None, "[]", '{"read": {}}', '{"sha256": null}', '{"sha256": {}}'])
def test_a_folder_that_says_nothing_of_edits_is_replaced(tmp_path, squad_files, report):
    folder = prepare_folder(tmp_path / "d", squad_files, "aqg")
    made = contents(folder)
    (folder / "test.tsv").write_text("a\tb\tc\n")
    (folder / "train.tsv").unlink()  # nothing of it can be lost
    (folder / "report.json").unlink()
    if report is not None:
        (folder / "report.json").write_text(report)
    assert contents(prepare_folder(folder, squad_files, "aqg")) == made


def test_ids_must_be_unique(tmp_path, squad_files):
    twice = [("q", "特産品は何?", "桃", 0), ("q", "何が特産品?", "桃", 0)]
    squad_files[1].write_text(json.dumps(squad({"村": [("桃が特産品", twice)]})))
    with pytest.raises(InputError, match="two questions of the test split have the id 'q'"):
        prepare_folder(tmp_path / "d", squad_files, "qa")
