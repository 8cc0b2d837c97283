import json

import numpy
import pytest
from conftest import load_speaking
from running import here, refused
from tiny_causal import make_gpt2

from toi.data.asking import content_free, swapped_sources
from toi.data.examples import read_rows
from toi.data.predictions import choices_of, read_predictions
from toi.data.preferences import PreferenceOptions, prepare_preferences
from toi.data.task_files import read_task
from toi.decoding import predict as prediction
from toi.decoding.choose import choose_to_file, open_choosing
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load, save
from toi.system.errors import InputError

CHOICES = ["A", "B", "AB"]  # the last begins with the first


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choose")
    records = [
        {"prompt": f"県庁{i}", "response_a": f"甲府{i % 7}", "response_b": f"山梨{i % 5}", "winner": ("a", "b", "tie")[i % 3]}
        for i in range(40)
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    options = PreferenceOptions(
        train_file=str(folder / "r.jsonl"), output_dir=str(folder / "data"), choices=CHOICES, validation_size=0.3, test_size=0.4,
        source_template="{prompt} {response_a} {response_b}",
    )  # fmt: skip
    prepare_preferences(options, options.task())
    return folder / "data"


@pytest.fixture(scope="module")
def model(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("choose-model")
    speaking = load_speaking(make_gpt2(folder / "base"))
    save(folder / "model", speaking.model, speaking.tokenizer, read_task(data), {}, {})
    return folder / "model"


def run(model, data, *arguments):
    return here("predict.py", "--model_name_or_path", model, "--data_dir", data, *arguments)


def test_choices_have_columns(model, data, tmp_path):
    result = run(model, data, "--output_file", tmp_path / "o.tsv")
    assert result.returncode == 0, result.stderr
    header, first, *_ = (tmp_path / "o.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "qa_id\tinput\ttarget\toutput\tscore\tA\tB\tAB\tline_breaks"
    shares = list(map(float, first.split("\t")[5:8]))
    assert sum(shares) == pytest.approx(1, abs=1e-7)
    assert first.split("\t")[3] == CHOICES[int(numpy.argmax(shares))]
    assert float(first.split("\t")[4]) == pytest.approx(numpy.log(max(shares)), abs=1e-5)
    found = read_predictions(tmp_path / "o.tsv")
    assert [p[:3] for p in found] == [tuple(row) for row in read_rows(data / "test.tsv", line_breaks=True)]
    assert choices_of(tmp_path / "o.tsv") == tuple(CHOICES)
    assert list(found[0].probabilities.values()) == shares
    broken = (tmp_path / "o.tsv").read_text(encoding="utf-8").splitlines()
    broken[2] = broken[2].replace(broken[2].split("\t")[5], "2")
    (tmp_path / "b.tsv").write_text("\n".join(broken) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"b\.tsv:3: the columns of the choices are no probabilities that sum to one: 2"):
        read_predictions(tmp_path / "b.tsv")


def decisions(path):
    return {p.id: (p.output, tuple(p.probabilities.values())) for p in read_predictions(path)}


def test_asked_both_ways_round_a_swap_changes_no_decision(model, data, tmp_path):
    rows = read_rows(data / "test.tsv", line_breaks=True)
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for name in ("task.json", "dev.tsv", "dev.jsonl"):
        (mirror / name).write_bytes((data / name).read_bytes())
    others = swapped_sources(data, "test", rows, read_task(data))
    lines = [f"{row.id}\t{source}\t{row.target}\n" for row, source in zip(rows, others, strict=True)]
    (mirror / "test.tsv").write_text("".join(lines), encoding="utf-8")
    examples = [json.loads(line) for line in (data / "test.jsonl").read_text().splitlines()]
    swapped = [{**e, "a": e["b"], "b": e["a"]} for e in examples]
    (mirror / "test.jsonl").write_text("".join(json.dumps(e) + "\n" for e in swapped))
    found = []
    for folder, name in ((data, "one.tsv"), (mirror, "two.tsv")):
        result = run(model, folder, "--swap_average", "--calibrate", "dev", "--output_file", tmp_path / name)
        assert result.returncode == 0, result.stderr
        found.append(decisions(tmp_path / name))
    turned = {"A": "B", "B": "A", "AB": "AB"}
    plain = run(model, data, "--calibrate", "none", "--output_file", tmp_path / "plain.tsv")
    assert plain.returncode == 0
    assert decisions(tmp_path / "plain.tsv") != found[0]
    for id, (output, (a, b, tie)) in found[0].items():
        assert found[1][id] == (turned[output], (b, a, tie))
    (model / "calibration.json").unlink()


def test_a_calibration_is_kept_and_used(model, data, tmp_path):
    result = run(model, data, "--calibrate", "dev", "--output_file", tmp_path / "fitted.tsv")
    assert "calibrated (dev): temperature " in result.stdout
    before, after = map(float, result.stdout.split("rows of dev: ")[1].split("\n")[0].split(" -> "))
    assert after < before
    run(model, data, "--output_file", tmp_path / "kept.tsv")
    assert (tmp_path / "kept.tsv").read_bytes() == (tmp_path / "fitted.tsv").read_bytes()
    run(model, data, "--calibrate", "none", "--output_file", tmp_path / "none.tsv")
    assert (tmp_path / "none.tsv").read_bytes() != (tmp_path / "fitted.tsv").read_bytes()
    result = run(model, data, "--calibrate", "contextual", "--output_file", tmp_path / "free.tsv")
    assert "calibrated (contextual): temperature 1.000" in result.stdout
    assert json.loads((model / "calibration.json").read_text())["sources"] == ["N/A N/A N/A", "[MASK] [MASK] [MASK]", "  "]
    assert content_free(None, "N/A") == "N/A"
    speaking = load(str(model))
    save(model, speaking.model, speaking.tokenizer, speaking.task, {}, {})  # another run: nothing of it stays
    assert not (model / "calibration.json").exists()


REFUSED = [
    (["--swap_average", "--input_file", "x"], "--swap_average needs both answers of each row"),
    (["--calibrate", "dev", "--input_file", "x"], "--calibrate dev needs a --data_dir"),
    (["--choices", "A"], "--choices: give two at least, not 1"),
    (["--choices", "x", "y"], "was trained for the choices A, B, AB; leave --choices out"),
    (["--do_sample"], "the output is one of the choices; leave out --do_sample"),
    (["--bad_words", "x"], "the output is one of the choices; leave out --do_sample"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_what_cannot_be(model, data, tmp_path, arguments, said):
    folder = [] if "--input_file" in arguments else ["--data_dir", data]
    assert said in refused(
        here("predict.py", "--model_name_or_path", model, *folder, *arguments, "--output_file", tmp_path / "o.tsv")
    )


def test_a_model_without_choices_is_given_some(tiny, tmp_path):
    (tmp_path / "in.tsv").write_text("1\t県庁\n2\t甲府市\n", encoding="utf-8")
    arguments = ["--input_file", tmp_path / "in.tsv", "--output_file", tmp_path / "o.tsv"]
    result = here("predict.py", "--model_name_or_path", tiny, *arguments, "--choices", "賛成", "反対")
    assert result.returncode == 0, result.stderr
    header, *lines = (tmp_path / "o.tsv").read_text(encoding="utf-8").splitlines()
    assert header.endswith("score\t賛成\t反対")
    assert all(sum(map(float, line.split("\t")[5:])) == pytest.approx(1) for line in lines)
    assert "--swap_average and --calibrate are for a model that chooses" in refused(
        here("predict.py", "--model_name_or_path", tiny, *arguments, "--calibrate", "contextual")
    )


def test_a_run_goes_on_where_it_was_stopped(model, data, tmp_path, monkeypatch):
    rows = read_rows(data / "test.tsv", line_breaks=True)
    asks = [(row.source,) for row in rows]
    choosing = open_choosing(load(str(model)), CHOICES, DecodingOptions(model_name_or_path=str(model)))
    choose_to_file(choosing, rows, asks, 3, tmp_path / "whole.tsv")

    def stopping(self, number, result, real=prediction.Journal.add):
        real(self, number, result)
        if len(self.done) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prediction.Journal, "add", stopping)
        with pytest.raises(KeyboardInterrupt):
            choose_to_file(choosing, rows, asks, 3, tmp_path / "o.tsv")
    done = choose_to_file(choosing, rows, asks, 3, tmp_path / "o.tsv")
    assert done.resumed == 4
    found, expected = decisions(tmp_path / "o.tsv"), decisions(tmp_path / "whole.tsv")
    assert {id: output for id, (output, _) in found.items()} == {id: output for id, (output, _) in expected.items()}
    for id, (_, shares) in found.items():
        assert shares == pytest.approx(expected[id][1], abs=1e-5)
