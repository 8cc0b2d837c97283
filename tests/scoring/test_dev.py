from dataclasses import replace

import pytest
import torch
from conftest import load_speaking

from toi.data.examples import Answer, Example, Row, write_examples, write_rows
from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import load
from toi.scoring.dev import DevJudge, DevSampler
from toi.scoring.scored import score_predictions
from toi.system.errors import InputError
from toi.training.options import METRICS
from toi.training.samples import Sample
from train import TrainOptions, sampler_of

ROWS = [Row(str(i), f"answer: 桃 context: {'町の特産品は桃です。' * (i % 3 + 1)}{i}", f"特産品は何ですか? {i}") for i in range(7)]


@pytest.fixture
def data(tmp_path):
    write_rows(tmp_path / "dev.tsv", ROWS)
    return str(tmp_path)


@pytest.fixture
def checkpoint(tiny):
    """A tiny model that writes something else for other sources."""
    return speaking(tiny, 0)


def speaking(tiny, seed):
    checkpoint = load_speaking(tiny, seed)
    with torch.no_grad():
        for name, weight in checkpoint.model.named_parameters():
            if name.endswith(("EncDecAttention.o.weight", "EncDecAttention.v.weight", "wo.weight")):
                weight *= 8
    return checkpoint


def judge(data, metric="bleu", **options):
    return DevJudge(metric, data, DecodingOptions(max_target_length=8, **options), 3)


def test_shares_of_processes_are_the_outputs_of_one(data, checkpoint):
    cpu = torch.device("cpu")
    for options in ({}, {"num_beams": 1}, {"do_sample": True}, {"bad_words": ["桃"]}):
        one = judge(data, **options)
        alone = dict(one.outputs(checkpoint, 0, 1, cpu))
        assert sorted(alone) == list(range(7))
        assert len(set(alone.values())) > 1
        for processes in (2, 9):  # more than there are rows
            shares = [one.outputs(checkpoint, i, processes, cpu) for i in range(processes)]
            assert max(map(len, shares)) - min(map(len, shares)) <= 1
            assert dict(output for share in shares for output in share) == alone


def test_a_model_that_changed_writes_something_else(data, checkpoint, tiny):
    """Nothing that was made of the weights is kept from one validation to the next."""
    one = judge(data)
    before = one.outputs(checkpoint, 0, 1, torch.device("cpu"))
    changed = speaking(tiny, 1)
    checkpoint.model.load_state_dict(changed.model.state_dict())
    after = one.outputs(checkpoint, 0, 1, torch.device("cpu"))
    assert after != before
    assert after == judge(data).outputs(changed, 0, 1, torch.device("cpu"))


def test_the_model_stays_where_it_is(data, tiny, monkeypatch):
    """On a machine with an accelerator a run may be on the CPU (accelerate launch --cpu)."""
    monkeypatch.setattr("toi.decoding.torch_engine._accelerator", lambda: torch.device("meta"))
    checkpoint = load(str(tiny))
    assert judge(data).outputs(checkpoint, 0, 1, torch.device("cpu"))
    assert checkpoint.model.device.type == "cpu"


@pytest.mark.parametrize("metric", METRICS)
def test_figures_are_those_of_the_evaluation(metric, data):
    from toi.data.predictions import Prediction

    outputs = {i: row.target if i % 3 else row.target.replace("何", "桃") for i, row in enumerate(ROWS)}
    predictions = [Prediction(*row, outputs[i], 0.0) for i, row in enumerate(ROWS)]
    figure = judge(data, metric).figure(dict(reversed(outputs.items())))
    assert figure == score_predictions(predictions)[metric].value
    assert 0 < figure < 100


def test_all_right_answers_count(tmp_path):
    write_task(tmp_path, Task.named("qa"), {})
    write_rows(tmp_path / "dev.tsv", [Row("a", "question: 何? context: 桃と梨", "桃")])
    write_examples(tmp_path / "dev.jsonl", [Example("a", "桃と梨", "何?", (Answer("桃", 0), Answer("梨", 2)))])
    assert [judge(str(tmp_path), "exact_match").figure({0: output}) for output in ("桃", "梨", "柿")] == [1, 1, 0]


def test_a_dev_split_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match=r"dev\.tsv"):
        judge(str(tmp_path))


def test_what_a_figure_depends_on():
    held = set(DevJudge.depends_on)
    assert held >= {"num_beams", "do_sample", "bad_words", "bad_words_file", "length_penalty"}
    assert not held & {"backend", "compute_type", "max_batch_tokens", "model_name_or_path"}


def test_samples_are_the_same_rows_whatever_stands_around_them(data, tmp_path):
    chosen = [sample.id for sample in DevSampler(3, data, DecodingOptions()).samples]
    write_rows(tmp_path / "dev.tsv", [row for row in ROWS[::-1] if row.id in chosen or row.id == "6"])
    assert [sample.id for sample in DevSampler(3, data, DecodingOptions()).samples] == chosen
    assert len(DevSampler(99, data, DecodingOptions()).samples) == len({*chosen, "6"})


def test_a_sample_shows_what_is_asked_without_its_template(data, tmp_path):
    rows = [Row("a", "### 指示: 県庁は?", "甲府"), Row("b", "### 指示: 訳して。 ### 入力: 橋", "bridge")]
    write_rows(tmp_path / "dev.tsv", rows)
    of = lambda: {sample.id: sample for sample in DevSampler(2, data, DecodingOptions()).samples}  # noqa: E731
    assert of() == {row.id: Sample(*row) for row in rows}
    write_examples(tmp_path / "dev.jsonl", [Example("b", "橋", "訳して。", (Answer("bridge"),)), Example("c", "", "他", ())])
    assert of() == {"a": Sample(*rows[0]), "b": Sample("b", "訳して。\n橋", "bridge")}


def test_samples_are_written_greedily_whatever_the_options_and_in_shares(data, checkpoint):
    options = DecodingOptions(max_target_length=8, num_beams=4, do_sample=False)
    drawn = replace(options, do_sample=True, temperature=2.0, top_k=3)
    whole = DevSampler(5, data, options).outputs(checkpoint, 0, 1, torch.device("cpu"))
    assert [i for i, _ in whole] == [0, 1, 2, 3, 4]
    assert len({output for _, output in whole}) > 1
    assert DevSampler(5, data, drawn).outputs(checkpoint, 0, 1, torch.device("cpu")) == whole
    shares = [DevSampler(5, data, options).outputs(checkpoint, rank, 7, torch.device("cpu")) for rank in range(7)]
    assert sorted(pair for share in shares for pair in share) == whole
    assert shares[5:] == [[], []]


@pytest.mark.parametrize(
    ("task", "given", "count"), [("alpaca-ja", None, 5), ("aqg", None, 0), ("aqg", 2, 2), ("alpaca-ja", 0, 0), (None, None, 0)]
)
def test_samples_are_shown_for_instructions(task, given, count, data, tmp_path):
    if task is not None:
        write_task(tmp_path, Task.named(task), {})
    sampler = sampler_of(TrainOptions(do_train=True, data_dir=data, eval_samples=given))
    assert (0 if sampler is None else len(sampler.samples)) == count
