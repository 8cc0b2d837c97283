import csv
import io
import json
import re

import pytest
from conftest import here, load_speaking, refused

from toi.data.instructions import InstructionOptions, prepare_instructions
from toi.data.squad import SquadOptions, prepare_squad, read_squad
from toi.documents.made import make_pairs, write_folder
from toi.documents.options import DocumentOptions
from toi.documents.reading import read_documents

TEXT = """# 町の暮らし

霧沢一は白浜市に住む医師です。<b>趣味</b>は釣りです。白浜市の人口は5321人である。

| 場所 | 時間 |
| --- | --- |
| 病院 | 八時 |

# 特産品

白浜市の特産品は桃です。桃太郎は桃から生まれた。=SUM(A1)は3です。
"""
# Without samples it would ask everything alike.
ANY = "--max_made_up_words 99 --keep_vague --min_round_trip_f1 0 --max_target_length 12 --do_sample".split()


@pytest.fixture(scope="module")
def models(tiny, tmp_path_factory):
    """A model that asks and one that answers, both tiny and talking nonsense."""
    from toi.data.tasks import Task
    from toi.models.checkpoint import save

    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("aqg-hl", 0), ("qa", 1)):
        checkpoint = load_speaking(tiny, seed)
        save(folder / name, checkpoint.model, checkpoint.tokenizer, Task.named(name), {}, {})
    return folder


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    path = tmp_path_factory.mktemp("documents") / "町.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def ask(models, document, *arguments):
    return here("generate.py", "--model_name_or_path", models / "aqg-hl", "--document", document, *ANY, *arguments)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def output(models, document, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "pairs"
    result = ask(models, document, "--output_dir", folder, "--qa_model", models / "qa")
    assert result.returncode == 0, result.stderr
    return folder, result


def test_what_is_printed(output):
    folder, result = output
    said = dict(re.findall(r"^(.*?) {2,}([\d,]+)$", result.stdout, re.MULTILINE))
    assert said["documents"] == "1"
    assert said["passages"] == "2"
    assert int(said["kept"]) > 5
    assert said["left out: blocks not asked about"] == "1"
    assert result.stdout.endswith(f"wrote {folder}/\n")
    assert "; reader: " in result.stderr
    assert not list(folder.parent.glob("*.partial*"))  # nothing is left of the run


def test_each_pair_is_linked_to_its_place(output):
    folder, _ = output
    report = json.loads((folder / "report.json").read_text())
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    dropped = [json.loads(line) for line in (folder / "dropped.jsonl").read_text().splitlines()]
    assert (len(pairs), len(pairs) + len(dropped)) == (report["kept"], report["questions"])
    assert sorted(pair["rank"] for pair in pairs) == list(range(1, len(pairs) + 1))
    assert all(pair["dropped"] for pair in dropped)
    for pair in pairs:
        text = (folder / report["text_files"][pair["document"]]).read_text()
        assert text[pair["start"] : pair["end"]] == pair["answer"]
        assert pair["context"][pair["answer_start"] :].startswith(pair["answer"])
        assert pair["title"] in ("町の暮らし", "特産品")
        assert pair["read"] is not None
        assert 0 <= pair["round_trip_f1"] <= 1


def test_the_files_are_read_by_what_comes_next(output, tmp_path):
    folder, _ = output
    count = json.loads((folder / "report.json").read_text())["kept"]
    examples = read_squad(folder / "squad.json")  # which checks that every answer is where it says
    assert len(examples) == count
    assert len({example.title for example in examples}) == 2
    options = InstructionOptions(train_file=str(folder / "instructions.csv"), output_dir=str(tmp_path / "d"))
    prepare_instructions(options, options.task())
    rows = list(csv.reader(io.StringIO((folder / "pairs.csv").read_text("utf-8-sig"), newline="")))
    assert rows[0][1:3] == ["question", "answer"]
    assert len(rows) == count + 1
    assert (folder / "pairs.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    cards = list(csv.reader(io.StringIO((folder / "anki.csv").read_text("utf-8-sig"), newline="")))
    assert [len(card) for card in cards] == [3] * count


def test_a_sheet_shows_markup_as_text(output):
    folder, _ = output
    for name, has_answers in (("sheet.html", False), ("sheet_answers.html", True)):
        page = (folder / name).read_text()
        assert "<b>" not in page
        assert "<script" not in page
        assert ("<mark>" in page) == has_answers
        assert 'href="text/001.txt"' in page


def test_the_same_document_gives_the_same_bytes(models, document, output, tmp_path):
    folder, _ = output
    result = ask(models, document, "--output_dir", tmp_path / "p", "--qa_model", models / "qa")
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "p") == contents(folder)


def test_questions_do_not_depend_on_the_batch(models, document, tmp_path):
    asked = []
    for size in ("2", "32"):
        command = ["--model_name_or_path", models / "aqg-hl", "--document", document, "--per_device_eval_batch_size", size]
        command += ["--max_made_up_words", "99", "--keep_vague"]
        result = here("generate.py", *command, "--output_file", tmp_path / f"{size}.jsonl")
        assert result.returncode == 0, result.stderr
        asked.append([json.loads(line)["question"] for line in (tmp_path / f"{size}.jsonl").read_text().splitlines()])
    assert asked[0] == asked[1]
    assert asked[0]


class Stop(Exception):
    """A kill."""


def test_a_run_that_was_stopped_goes_on(models, document, output, tmp_path):
    """In the middle of the questions, and in the middle of the answers: nothing is done twice, and the bytes are the same."""
    from toi.data.tasks import Task
    from toi.decoding.decoder import Decoder
    from toi.decoding.options import NBestOptions
    from toi.documents.asking import forget
    from toi.models.checkpoint import load

    documents = read_documents([str(document)], 1)
    options = DocumentOptions(max_made_up_words=99, keep_vague=True, min_round_trip_f1=0.0)
    asker, reader = (Decoder(load(str(models / name))) for name in ("aqg-hl", "qa"))
    seen = []

    def made(stop_at):
        def progress(label, done, of):
            seen.append((label, done))
            if (label, done) == stop_at:
                raise Stop

        decoding = NBestOptions(max_target_length=12, do_sample=True)
        return make_pairs(documents, asker, Task.named("aqg-hl"), options, decoding, 32, reader, tmp_path / "p", progress=progress)

    for stop_at in (("questions", 3), ("answers", 2)):
        with pytest.raises(Stop):
            made(stop_at)
    write_folder(tmp_path / "p", made(None), options, "町.md")
    forget(tmp_path / "p", ("questions", "answers"))
    assert seen.count(("questions", 1)) == 2  # the chunk that was cut off is searched again, and what was whole is not
    assert seen.count(("answers", 1)) == 2
    assert contents(tmp_path / "p") == contents(output[0])
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize(
    ("ending", "begins"), [(".json", '{"version"'), (".jsonl", '{"id"'), (".csv", "\ufeffrank,"), (".html", "<!DOCTYPE")]
)
def test_one_file(models, document, tmp_path, ending, begins):
    result = ask(models, document, "--output_file", tmp_path / f"a{ending}", "--max_candidates", "2", "--num_beams", "1")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / f"a{ending}").read_text().startswith(begins)


def test_three_commands_train_on_ones_own_document(output, tiny, tmp_path):
    folder, _ = output
    prepared = prepare_squad_of(folder, tmp_path)
    command = ["--do_train", "--model_name_or_path", tiny, "--data_dir", prepared, "--output_dir", tmp_path / "m"]
    result = here("train.py", *command, "--max_steps", "1", "--precision", "fp32")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "m" / "task.json").is_file()


def prepare_squad_of(folder, tmp_path):
    """The second of the three commands, with the pairs of both passages as training and test data: two are too few to split."""
    options = SquadOptions(train_file=str(folder / "squad.json"), test_file=str(folder / "squad.json"), dev_ratio=0.4)
    prepare_squad(options, options.task("qa"), str(tmp_path / "d"))
    return tmp_path / "d"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--document needs --output_dir or --output_file"),
        (["--output_file", "a.txt"], "--output_file must end in .json, .jsonl, .csv, .html, not 'a.txt'"),
        (["--output_dir", "d", "--answer", "桃"], "--answer cannot go with --document"),
        (["--output_dir", "d", "--interactive"], "give --interactive or --document, not both"),
        (["--output_dir", "d", "--min_round_trip_f1", "2"], "--min_round_trip_f1 must be between 0 and 1, not 2.0"),
        (["--output_dir", "."], "cannot be replaced as a whole"),
        (["--output_dir", "toi"], "toi: is not empty; give another --output_dir or --overwrite_output_dir"),
        (["--output_dir", "d", "--entities", "ginza"], "--entities ginza needs GiNZA: pip install ginza ja-ginza"),
        (["--output_dir", "d", "--model_name_or_path", "nobody"], "nobody: no such folder here"),
    ],
)
def test_what_is_wrong_is_said_at_once(document, arguments, message):
    assert message in refused(here("generate.py", "--document", document, *arguments))


def test_options_without_a_document():
    assert "--output_dir goes with --document" in refused(
        here("generate.py", "--answer", "桃", "--context", "桃。", "--output_dir", "d")
    )


def test_models_that_do_something_else(models, document, tmp_path):
    place = ["--output_dir", tmp_path / "p"]
    result = here("generate.py", "--model_name_or_path", models / "qa", "--document", document, *place)
    assert "does not ask (task qa); --document wants a model that asks questions" in refused(result)
    result = here(
        "generate.py", "--model_name_or_path", models / "aqg-hl", "--document", document, *place, "--qa_model", models / "aqg-hl"
    )
    assert "asks questions (task aqg-hl); --qa_model wants one that answers them" in refused(result)


@pytest.fixture
def writes(models, monkeypatch):
    """Lets the models of a task write a text, whatever they read: what is tested is what is made of it."""

    def let(task, text):
        from toi.data.tasks import Task
        from toi.decoding.decoder import Decoder
        from toi.decoding.jobs import Output, Text
        from toi.models.checkpoint import load, save

        checkpoint = load(str(models / "qa"))
        save(models / task, checkpoint.model, checkpoint.tokenizer, Task.named(task), {}, {})
        decode = Decoder.decode

        def told(self, sources, *arguments):
            if self.checkpoint.task.name != task:
                yield from decode(self, sources, *arguments)
                return
            for i in range(len(sources)):
                yield i, Output(text, -1.0, (Text(text, -1.0, -1.0),))

        monkeypatch.setattr(Decoder, "decode", told)
        return models / task

    return let


def test_answers_that_a_model_finds_come_first(models, document, tmp_path, writes):
    model = writes("ae", "住む | 桃から生まれた | 雪")
    result = ask(models, document, "--output_file", tmp_path / "a.jsonl", "--ae_model", model, "--max_candidates", "2")
    assert result.returncode == 0, result.stderr
    pairs = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {"住む", "桃から生まれた"} <= {pair["answer"] for pair in pairs if pair["why"] == "found by a model"}
    assert "雪" not in {pair["answer"] for pair in pairs}  # which is not in the document


def test_a_model_that_writes_pairs_by_itself(models, document, tmp_path, writes):
    model = writes("qag", "question: 白浜市の特産品は何ですか? answer: 桃 | question: 誰? answer: 雪")
    command = ["--model_name_or_path", model, "--document", document, "--output_file", tmp_path / "a.jsonl"]
    result = here("generate.py", *command)
    assert result.returncode == 0, result.stderr
    (pair,) = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert (pair["question"], pair["answer"], pair["kind"], pair["passage"]) == ("白浜市の特産品は何ですか?", "桃", "term", 2)


def test_a_model_for_answers_of_another_task(models, document, tmp_path):
    message = refused(ask(models, document, "--output_file", tmp_path / "a.jsonl", "--ae_model", models / "qa"))
    assert "--ae_model wants a model that finds answers" in message


def test_a_document_in_which_nothing_can_be_asked_for(models, tmp_path):
    (tmp_path / "a.txt").write_text("それはそうです。これもそうです。")
    message = refused(
        here(
            "generate.py",
            "--model_name_or_path",
            models / "aqg-hl",
            "--document",
            tmp_path / "a.txt",
            "--output_dir",
            tmp_path / "p",
        )
    )
    assert "nothing to ask about was found in 1 passages" in message
