"""Pairs through all scripts."""

import json
from dataclasses import replace

import pytest
from conftest import here, refused
from paired import TASK, pair_folder

from toi.data.examples import write_rows
from toi.data.pairs import iterate_split
from toi.data.task_files import write_task
from train import TrainOptions, train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pair_folder(tmp_path_factory.mktemp("pairs"))


def options(model, data, output_dir, **changes):
    fast = {"num_train_epochs": 1, "per_device_train_batch_size": 8, "learning_rate": 1e-2, "precision": "fp32"}
    return TrainOptions(
        model_name_or_path=str(model), data_dir=str(data), output_dir=str(output_dir), do_train=True, **{**fast, **changes}
    )


def test_without_both_answers_the_chosen_ones_are_the_targets(data, tiny, tmp_path):
    """In training, outputs and scores, as of a data folder that has no others."""
    plain = tmp_path / "plain"
    for split in ("train", "dev", "test"):
        write_rows(plain / f"{split}.tsv", iterate_split(data, split), line_breaks=True)
    write_task(plain, replace(TASK, pairs=False), {"name": "pairs"})
    for name, folder in (("of-pairs", data), ("of-rows", plain)):
        train(options(tiny, folder, tmp_path / name))
        assert here("predict.py", "--model_name_or_path", tmp_path / name, "--data_dir", folder, "--split", "dev").returncode == 0
        arguments = ("--output_dir", tmp_path / name, "--data_dir", folder, "--split", "test", "--n_resamples", 10)
        assert here("evaluate.py", *arguments).returncode == 0
    for file in ("log.csv", "dev_output.tsv", "test_output.tsv"):
        assert (tmp_path / "of-pairs" / file).read_bytes() == (tmp_path / "of-rows" / file).read_bytes()
    scores = [json.loads((tmp_path / name / "results.json").read_text())["splits"] for name in ("of-pairs", "of-rows")]
    assert scores[0] == scores[1]


def test_a_bad_pair_is_said_in_a_line(data, tiny, tmp_path):
    bad = pair_folder(tmp_path / "bad")
    with open(bad / "dev.tsv", "a", encoding="utf-8") as file:
        file.write("x\ty\tz\n")
    arguments = {
        "train.py": ("--do_train", "--model_name_or_path", tiny, "--output_dir", tmp_path / "m", "--data_dir", bad),
        "predict.py": ("--model_name_or_path", tiny, "--data_dir", bad, "--split", "dev"),
        "evaluate.py": ("--model_name_or_path", tiny, "--output_dir", tmp_path / "m", "--data_dir", bad, "--split", "dev"),
    }
    for script, given in arguments.items():
        said = refused(here(script, *given))
        assert said == f"{script}: {bad}/dev.tsv:7: expected 4 tab-separated fields (id, source, chosen, rejected), found 3"
