import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, here, make_model, refused, script, squad
from evaluate import EvaluateOptions, main
from scored_rows import ROWS, examples_of

from toi.data.predictions import write_predictions
from toi.system.cli import checked, parse
from toi.system.errors import InputError


@pytest.fixture(scope="module")
def asked(tmp_path_factory, data_dir):
    """A model that asks, its data folder, a model that answers."""
    folder, data = tmp_path_factory.mktemp("asked"), data_dir
    model = make_model(folder / "model")
    shutil.copy(data / "task.json", model / "task.json")
    return folder, data, model, make_model(folder / "reader")


def run_here(*arguments):
    """evaluate.py in this process."""
    main(checked(parse(EvaluateOptions, [str(argument) for argument in arguments])))


def test_the_script(asked, tmp_path, capsys):
    """One run with everything on a model, then its predictions against themselves, then what the round trip wrote."""
    _, data, model, reader = asked
    result = script(
        "evaluate.py", "--output_dir", tmp_path / "o", "--model_name_or_path", model, "--data_dir", data, "--split", "dev", "test",
        "--qa_model", reader, "--tokenizers", "mecab", "char", "--max_target_length", "6", "--num_beams", "1",
        "--n_resamples", "50",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for word in (
        "answer_leak", "round_trip_f1", "hallucination", "rougeLsum", "dev, by tokenizer", "tok:ja-mecab-0.996-IPA",
        "token_perplexity", "char_perplexity",
    ):  # fmt: skip
        assert word in result.stdout
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        "dev_output.tsv", "test_output.tsv", "dev_round_trip", "test_round_trip", "results.json", "report.html",
    }  # fmt: skip
    page = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert '"key":"char_perplexity"' in page
    assert page.count('<th scope="row">char_perplexity') == 2
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert set(results["splits"]) == {"dev", "test"}
    whole = results["splits"]["test"]
    output = tmp_path / "o" / "test_output.tsv"
    run_here("--predictions", output, "--output_dir", tmp_path / "p", "--compare", output, "--n_resamples", "50")
    assert "all outputs are the same" in capsys.readouterr().out
    first = json.loads((tmp_path / "p" / "results.json").read_text())["splits"]["test_output"]
    assert whole["metrics"].keys() - first["metrics"].keys() >= {"token_perplexity", "char_perplexity"}  # a file has no model
    for name, value in first["metrics"].items():
        assert whole["metrics"][name] == value
    # What the round trip asked is a test set like any other.
    trip = tmp_path / "o" / "test_round_trip"
    run_here(
        "--predictions", trip / "test_output.tsv", "--data_dir", trip, "--output_dir", tmp_path / "q", "--profile", "jglue",
        "--n_resamples", "0",
    )  # fmt: skip
    found = json.loads((tmp_path / "q" / "results.json").read_text())["splits"]["test_output"]
    assert found["rows"] == whole["rows"] - whole["rows_without_question"]
    assert found["metrics"]["f1"] == pytest.approx(whole["metrics"]["round_trip_f1"] * whole["rows"] / found["rows"])


REFUSED = [
    (["--n_resamples", "-1"], "--n_resamples must be at least 0"),
    (["--n_resamples", "100001"], "--n_resamples must be at most 100,000, not 100001"),
    (["--split", "dev", "dev"], "--split has one twice"),
    (["--tokenizers"], "--tokenizers needs one tokenizer at least"),
    (["--tokenizers", "char", "char"], "--tokenizers has one twice"),
    (["--profile", "jglue", "--tokenizers", "char"], "--tokenizers are for --profile toi; jglue has its own"),
    (["--profile", "squad"], "--profile"),
    (["--compare", "x", "--n_resamples", "0"], "--compare needs --n_resamples"),
    (["--compare", "x", "--split", "dev", "test"], "--compare is for one --split"),
    (["--predictions", "x", "--split", "dev", "test"], "--predictions are of one --split"),
    (["--predictions", "x", "--qa_model", "y"], "--qa_model needs the contexts"),
    (["--predictions", "x", "--profile", "sonoisa"], "--profile sonoisa needs --tokenizer_name"),
    (["--hallucination_tokenizer", "juman"], "--hallucination_tokenizer"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_bad_options(arguments, message):
    with pytest.raises(InputError) as error:
        checked(parse(EvaluateOptions, arguments))
    assert message in str(error.value)


def test_bad_files_are_said_in_one_line(asked, tmp_path):
    _, data, _, _ = asked
    good, other = tmp_path / "good.tsv", tmp_path / "other.tsv"
    write_predictions(good, ROWS)
    write_predictions(other, ROWS[:2])
    surrogate = tmp_path / "surrogate.tsv"
    surrogate.write_bytes(b"qa_id\tinput\ttarget\toutput\na\tx\ty\t\xed\xa0\x80\n")
    line = refused(script("evaluate.py", "--output_dir", tmp_path / "o", "--predictions", surrogate))
    assert "surrogate.tsv:2: not UTF-8 (byte 0xed)" in line
    for arguments, message in (
        ([good, "--tokenizers", "juman"], "unknown tokenizer 'juman'"),
        ([good, "--data_dir", data], "4 of 4 rows are not in it, the first 'a'"),
        ([good, "--compare", other], "not predictions on the same rows"),
        ([good, "--compare", tmp_path / "none.tsv"], "none.tsv: no such file"),
        ([good, "--data_dir", tmp_path, "--qa_model", "x"], "test.jsonl: no such file; --qa_model needs the contexts"),
        (
            [good, "--profile", "sonoisa", "--tokenizer_name", tmp_path],
            "no tokenizer (neither spiece.model nor tokenizer.json, nor",
        ),
    ):
        with pytest.raises(InputError) as error:
            run_here("--output_dir", tmp_path / "o", "--predictions", *arguments)
        assert message in str(error.value)
    assert not (tmp_path / "o").exists()


def test_a_file_of_predictions_is_scored_without_torch(tmp_path, squad_files):
    """In a process of its own: with Examples, types, a comparison and the report, and nothing that a model needs is imported."""
    folder, _, predictions = examples_of(tmp_path, squad_files)
    write_predictions(tmp_path / "p.tsv", predictions)
    arguments = [
        "--predictions", tmp_path / "p.tsv", "--output_dir", tmp_path / "o", "--data_dir", folder, "--compare", tmp_path / "p.tsv",
        "--tokenizers", "mecab", "char", "--n_resamples", "20",
    ]  # fmt: skip
    code = (
        "import runpy, sys\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "print(*sorted({'torch', 'transformers', 'sentencepiece', 'huggingface_hub'} & set(sys.modules)), file=sys.stderr)\n"
    )
    code = f"import sys; sys.argv.pop(0)\n{code}"
    command = [sys.executable, "-c", code, "evaluate.py", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "answer_leak" in result.stdout
    assert "all outputs are the same" in result.stdout
    assert (tmp_path / "o" / "report.html").is_file()
    assert result.stderr.split() == []


@pytest.fixture
def pair_files(tmp_path):
    """Gold pairs of two paragraphs, and one of them with a pair about another text: pairs.jsonl, gold.json."""
    job, fruit = "霧沢一は医師です。", "白浜市の特産品は桃です。"
    town = {"人": [(job, [("1", "霧沢一の職業は何ですか?", "医師", 4)])], "市": [(fruit, [("2", "特産品は何ですか?", "桃", 8)])]}
    (tmp_path / "gold.json").write_text(json.dumps(squad(town)), encoding="utf-8")
    pairs = [
        {"context": job, "question": "霧沢一の職業は何ですか?", "answer": "医師", "rank": 1},
        {"context": "他の文です。", "question": "何ですか?", "answer": "文", "rank": 2},
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return tmp_path


def test_pairs_against_gold_pairs(pair_files):
    folder = pair_files / "o"
    command = ["--pairs", pair_files / "pairs.jsonl", "--gold", pair_files / "gold.json", "--output_dir", folder]
    result = here("evaluate.py", *command, "--n_resamples", "20")
    assert result.returncode == 0, result.stderr
    assert "1 pairs are about texts that the gold pairs are not about; they are left out" in result.stderr
    results = json.loads((folder / "pairs_results.json").read_text(encoding="utf-8"))
    parts = [f"qa_aligned_{part}_{name}" for name in ("chrf", "f1") for part in ("f1", "precision", "recall")]
    assert results["metrics"] == {**dict.fromkeys(parts, 0.5), "answer_coverage": 0.5}  # one of two paragraphs, and that as it is
    assert all(name in result.stdout for name in results["metrics"])
    assert results["lost"] == 1


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ('{"data": []}', "gold.json: no question with an answer in it"),
        ("[", "gold.json:"),
        (None, "gold.json: no such file"),
    ],
)
def test_gold_pairs_that_are_none(pair_files, gold, message):
    path = pair_files / "gold.json"
    path.unlink() if gold is None else path.write_text(gold)
    command = ["--pairs", pair_files / "pairs.jsonl", "--gold", path, "--output_dir", pair_files / "o"]
    assert message in refused(here("evaluate.py", *command))
    assert not (pair_files / "o").exists()
