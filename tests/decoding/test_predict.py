import json
import math
import signal
import time
from functools import partial
from types import SimpleNamespace

import pytest
from conftest import here, load_speaking
from running import Forked, ranks, together

from toi.data.examples import Row
from toi.data.predictions import read_predictions, write_predictions
from toi.data.tasks import Task
from toi.decoding import predict as prediction
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Output, Text
from toi.decoding.options import DecodingOptions
from toi.decoding.predict import predict, predict_to_file
from toi.models.checkpoint import load
from toi.system.errors import InputError
from toi.text.normalization import Normalization


def test_predictions_are_in_order_and_read_as_written(tiny, tmp_path):
    rows = [Row(str(i), "県庁" * (i % 5 + 1), "目標") for i in range(12)]
    options = DecodingOptions(num_beams=2, max_target_length=5)
    predictions = predict(Decoder(load(str(tiny))), rows, options, 5)
    assert [(p.id, p.source, p.target) for p in predictions] == [tuple(row) for row in rows]
    write_predictions(tmp_path / "o.tsv", predictions)
    assert (tmp_path / "o.tsv").read_text(encoding="utf-8").startswith("qa_id\tinput\ttarget\toutput\tscore\n")
    again = read_predictions(tmp_path / "o.tsv")
    assert [p[:4] for p in again] == [p[:4] for p in predictions]
    assert [p.score for p in again] == pytest.approx([p.score for p in predictions], abs=1e-6)


ROWS = [Row(str(i), "県庁所在地" * (i * 7 % 9 + 1), f"目標{i}") for i in range(40)]
SHORT = DecodingOptions(num_beams=2, max_target_length=5, backend="torch")


def assert_equal(found, expected):
    """All but the last digits of the scores, which may depend on the batch."""
    assert [p[:4] for p in found] == [p[:4] for p in expected]
    assert [p.score for p in found] == pytest.approx([p.score for p in expected], abs=1e-3)


def test_a_run_goes_on_where_it_was_stopped(tiny_without_bytes, tmp_path, monkeypatch, capsys):
    decoder = Decoder(load(str(tiny_without_bytes)))
    expected = predict(decoder, ROWS, SHORT, 8)
    path = tmp_path / "out.tsv"

    class Stopped(Exception):
        pass

    def stopping(self, number, result, real=prediction.Journal.add):
        real(self, number, result)
        if len(self.done) == 11:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(prediction.Journal, "add", stopping)
        with pytest.raises(Stopped):
            predict_to_file(decoder, ROWS, SHORT, 3, path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.tsv.partial"]
    run = predict_to_file(decoder, ROWS, SHORT, 8, path)
    assert (run.resumed, run.engine, run.without_output) == (11, "torch float32", [])
    assert_equal(read_predictions(path), expected)
    assert [p.name for p in tmp_path.iterdir()] == ["out.tsv"]
    assert "another run" not in capsys.readouterr().err


def test_a_partial_file_of_another_run_is_not_used(tiny, tmp_path, capsys):
    decoder = Decoder(load(str(tiny)))
    path = tmp_path / "out.tsv"
    with prediction.Journal(path, "another key") as journal:
        journal.add(0, ["wrong", 0.0, False])
    assert predict_to_file(decoder, ROWS[:5], SHORT, 8, path).resumed == 0
    assert "is of another run (other options, input or model): starting anew" in capsys.readouterr().err
    assert_equal(read_predictions(path), predict(decoder, ROWS[:5], SHORT, 8))
    keys = {prediction._run_key(decoder, ROWS[:n], DecodingOptions(num_beams=beams)) for n in (4, 5) for beams in (1, 2)}
    assert len(keys) == 4


@pytest.mark.parametrize(("line_breaks", "expected"), [(False, "県庁はどこ?"), (True, "県庁は\n\nどこ?")])
def test_outputs_are_written_as_the_task_has_texts(tiny, tmp_path, monkeypatch, line_breaks, expected):
    text = "\n県庁は\r\n\n　どこ？\n"
    outputs = [(0, Output(text, -0.5, (Text(text, -0.5, -0.5),)))]
    monkeypatch.setattr(Decoder, "decode", lambda *_: outputs)
    decoder, row = Decoder(load(str(tiny))), Row("1", "a", "b")
    assert predict(decoder, [row], SHORT, 8, line_breaks=line_breaks)[0].output == expected
    predict_to_file(decoder, [row], SHORT, 8, tmp_path / "out.tsv", line_breaks=line_breaks)
    assert read_predictions(tmp_path / "out.tsv")[0].output == expected
    keys = {prediction._run_key(decoder, [row], SHORT, value) for value in (False, True)}
    assert len(keys) == 2


@pytest.mark.parametrize(("method", "expected"), [("none", " Ａ\t\n二 "), ("nfkc", " A\t\n二 "), ("full", "A\n二")])
def test_outputs_of_instructions_are_written_as_their_texts_are(method, expected):
    task = Task.named("plain", Normalization(line_breaks=True, method=method))
    written = prediction._writing(SimpleNamespace(checkpoint=SimpleNamespace(task=task)), True)
    assert written(" Ａ\t\r\n二 ") == expected
    assert prediction._is_usable(1, written, 0, [expected, -0.5, False])
    assert not prediction._is_usable(1, written, 0, ["\ud800", -0.5, False])


RECORDS = [
    '["0", "甲", -0.5, false]',  # no number of a row
    '[40, "甲", -0.5, false]',
    '[-1, "甲", -0.5, false]',
    '[0, "甲", -0.5]',
    '[0, "甲", -0.5, false, 1]',
    "[0, null, -0.5, true]",
    '[0, "甲", "-0.5", false]',
    '[0, "甲", -0.5, 0]',
    '[0, "甲\\t\\n", -0.5, false]',  # what a TSV cannot hold
    '[0, "\\ud800", -0.5, false]',
    "[0]",
    "\0\0\0",
]


def test_a_damaged_partial_file_is_used_as_far_as_it_can_be(tiny, tmp_path, capsys):
    decoder = Decoder(load(str(tiny)))
    path = tmp_path / "out.tsv"
    with prediction.Journal(path, prediction._run_key(decoder, ROWS, SHORT)) as journal:
        journal.add(3, ["甲府市", -0.5, False])
        for record in RECORDS:
            journal._write(record)
        journal.add(5, ["", -math.inf, True])
    run = predict_to_file(decoder, ROWS, SHORT, 8, path)
    assert (run.resumed, run.without_output) == (2, ["5"])
    assert f"{path}.partial: 12 lines are damaged; what they held is predicted anew\n" in capsys.readouterr().err
    found, expected = read_predictions(path), predict(decoder, ROWS, SHORT, 8)
    assert (found[3].output, found[5].output) == ("甲府市", "")
    assert_equal([p for p in found if p.id not in "35"], [p for p in expected if p.id not in "35"])


def test_a_folder_in_the_way_of_the_partial_file(tmp_path):
    import predict

    (tmp_path / "out.tsv.partial").mkdir()
    options = predict.PredictOptions(input_file="x", output_file=str(tmp_path / "out.tsv"))
    with pytest.raises(InputError, match=r"out\.tsv\.partial: a folder"):
        predict.main(options)


def test_rows_without_an_output_are_named(tiny_without_bytes, tmp_path):
    decoder = Decoder(load_speaking(tiny_without_bytes))
    every = sorted({c for text in decoder.checkpoint.tokenizer.pieces for c in text if c != " "})
    run = predict_to_file(decoder, ROWS[:2], DecodingOptions(bad_words=every, max_target_length=4), 8, tmp_path / "out.tsv")
    assert run.without_output == ["0", "1"]
    assert run.engine == "ctranslate2 float32; 2 searched again by torch float32, for banned words"
    assert [(p.output, p.score) for p in read_predictions(tmp_path / "out.tsv")] == [("", -math.inf)] * 2


def test_sources_without_targets(tiny, tmp_path, capsys):
    import predict

    (tmp_path / "in.tsv").write_text("a\t甲府市\nb\t桃\t\n", encoding="utf-8")
    out = tmp_path / "out.tsv"
    options = {"model_name_or_path": str(tiny), "input_file": str(tmp_path / "in.tsv"), "output_file": str(out)}
    predict.main(predict.PredictOptions(**options, max_target_length=4, max_input_length=2))
    said = capsys.readouterr()
    assert "wrote 2 rows" in said.out
    assert "2 sources are longer than 2 tokens and cut at the end" in said.err
    options["output_file"] = options["input_file"]
    with pytest.raises(InputError, match="--output_file is the --input_file, which would be lost"):
        predict.main(predict.PredictOptions(**options))
    options["output_file"] = str(tmp_path)
    with pytest.raises(InputError, match="a folder; --output_file is the name of a file"):
        predict.main(predict.PredictOptions(**options))
    assert [line.split("\t")[:3] for line in out.read_text().splitlines()[1:]] == [["a", "甲府市", ""], ["b", "桃", ""]]


def test_a_killed_script_resumes(tiny, tmp_path):
    """SIGKILL in the middle of the work, then the same command again."""
    tsv = tmp_path / "in.tsv"
    tsv.write_text("".join(f"{i}\t{'県庁所在地' * 20}{i}\tx\n" for i in range(60)), encoding="utf-8")
    command = ["predict.py", "--model_name_or_path", tiny, "--input_file", tsv, "--backend", "torch", "--max_target_length", "25"]
    command += ["--per_device_eval_batch_size", "1"]
    written = tmp_path / "killed.tsv.partial"
    process = Forked(*command, "--output_file", tmp_path / "killed.tsv")
    until = time.monotonic() + 60
    while time.monotonic() < until and not (written.exists() and written.read_bytes().count(b"\n") > 5):
        time.sleep(0.01)
    process.kill()
    assert process.wait().returncode == -signal.SIGKILL
    done = [json.loads(line)[0] for line in written.read_text(encoding="utf-8").splitlines()[1:] if line.endswith("]")]
    assert 4 < len(done) < 60
    assert not (tmp_path / "killed.tsv").exists()
    result = here(*command, "--output_file", tmp_path / "killed.tsv")
    assert result.returncode == 0, result.stderr
    assert "of them were there from a run that had been stopped" in result.stdout
    found = read_predictions(tmp_path / "killed.tsv")
    assert [p.id for p in found] == [str(i) for i in range(60)]
    options = DecodingOptions(max_target_length=25, backend="torch")
    assert_equal(found, predict(Decoder(load(str(tiny))), [Row(*p[:3]) for p in found], options, 32))


def test_several_processes_write_the_file_of_one(tiny, tmp_path):
    """Two are killed in the middle of their shares, two go on, as torchrun's processes do; one alone gives the same bytes."""
    tsv = tmp_path / "in.tsv"
    tsv.write_text("".join(f"{i}\t{'県庁所在地' * (i * 7 % 9 + 9)}{i}\tx\n" for i in range(60)), encoding="utf-8")
    arguments = ["predict.py", "--model_name_or_path", tiny, "--input_file", tsv, "--backend", "torch", "--max_target_length", "25"]
    arguments += ["--per_device_eval_batch_size", "1", "--output_file"]
    partials = [tmp_path / "two.tsv.partial", tmp_path / "two.tsv.partial.1"]

    def late(seconds):
        time.sleep(seconds)
        print(partials[0].exists())

    killed = [
        Forked(*arguments, tmp_path / "two.tsv", environment=environment, first=partial(late, seconds))
        for environment, seconds in zip(ranks(2), (0, 0.5), strict=True)
    ]
    until = time.monotonic() + 120
    while time.monotonic() < until and not all(path.exists() and path.read_bytes().count(b"\n") > 4 for path in partials):
        time.sleep(0.01)
    for process in killed:
        process.kill()
        assert process.wait().stdout == "False\n"  # who came first had not begun: both share what both have seen
    done = [{json.loads(line)[0] for line in path.read_bytes().split(b"\n")[1:-1]} for path in partials]
    assert all(4 <= len(numbers) < 30 for numbers in done)
    assert not done[0] & done[1]
    assert not (tmp_path / "two.tsv").exists()
    results = together(2, *arguments, tmp_path / "two.tsv")
    assert [result.returncode for result in results] == [0, 0], results
    assert results[0].stdout.splitlines()[:2] == [  # one process says it
        f"wrote 60 rows to {tmp_path / 'two.tsv'}",
        f"{len(done[0] | done[1])} of them were there from a run that had been stopped",
    ]
    assert results[1].stdout == ""
    assert here(*arguments, tmp_path / "one.tsv").returncode == 0
    assert (tmp_path / "two.tsv").read_bytes() == (tmp_path / "one.tsv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tsv", "one.tsv", "two.tsv"]


BAD = [
    ("", "o.tsv:1: expected a header"),
    ("a\tb\tc\n", "o.tsv:1: expected a header with qa_id input target output score"),
    ("qa_id\tinput\ttarget\toutput\tscore\n", "no predictions"),
    ("qa_id\tinput\ttarget\toutput\tscore\n1\t2\t3\n", "o.tsv:2: expected 5 tab-separated fields, found 3"),
    ("qa_id\tinput\ttarget\toutput\tscore\n1\t2\t\t4\t0\n", "o.tsv:2: no target to score against; give predict.py"),
    ("qa_id\tinput\ttarget\toutput\tscore\n1\t2\t3\t4\tx\n", "o.tsv:2: the score 'x' is not a number"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_bad_files_are_named(tmp_path, content, message):
    (tmp_path / "o.tsv").write_text(content)
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "o.tsv")
    assert message in str(error.value)


def test_scores_may_be_missing_and_columns_elsewhere(tmp_path):
    (tmp_path / "o.tsv").write_text("output\tqa_id\tinput\ttarget\nb\t1\tx\tb\n")
    (found,) = read_predictions(tmp_path / "o.tsv")
    assert found[:4] == ("1", "x", "b", "b")
    assert math.isnan(found.score)
