"""Losses of pairs: by hand, by trl's trainer, and of models of every kind."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from conftest import make_model
from paired import TASK, pair_folder
from tiny_causal import make_gpt2, make_llama

from toi.data.pairs import iterate_answers
from toi.models.batches import IGNORED
from toi.models.checkpoint import load
from toi.models.drawn import without_dropout
from toi.models.family import Limits
from toi.training.encoded import token_rows
from toi.training.losses import make_loss
from toi.training.options import LearningOptions
from toi.training.paired import PairRows
from toi.training.preference import PairLoss, dpo, ipo, log_probabilities

BETA = 0.3
MAKERS = {"gpt2": make_gpt2, "llama": make_llama, "t5": make_model}


def batch_of(labels, reference):
    return SimpleNamespace(labels=torch.tensor(labels), reference=torch.tensor(reference))


def test_log_probabilities_of_rows():
    """Of all places, and of those with a target alone."""
    labels = torch.tensor([[1, 0, 2], [2, IGNORED, IGNORED], [0, 1, IGNORED]])
    logits = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(0))
    by_hand = [
        sum(logits[row].log_softmax(-1)[place, label].item() for place, label in enumerate(of_row) if label != IGNORED)
        for row, of_row in enumerate(labels.tolist())
    ]
    batch, kept = SimpleNamespace(labels=labels), labels != IGNORED
    assert log_probabilities(logits, labels, batch).tolist() == pytest.approx(by_hand, rel=1e-6)
    assert log_probabilities(logits[kept][None], labels[kept][None], batch).tolist() == pytest.approx(by_hand, rel=1e-6)


# Answers of 2 and 1 tokens; gains in log-probability of the chosen and the rejected answer of each pair.
GAINS = [(1.0, -1.0), (-2.0, 0.5), (0.5, 0.5)]
LOGISTIC = [math.log1p(math.exp(-BETA * (chosen - rejected))) for chosen, rejected in GAINS]
OTHER_WAY = [math.log1p(math.exp(BETA * (chosen - rejected))) for chosen, rejected in GAINS]
VALUES = [
    (dpo(BETA, None), sum(LOGISTIC)),
    (dpo(BETA, 0.0), sum(LOGISTIC)),
    (dpo(BETA, 0.2), 0.8 * sum(LOGISTIC) + 0.2 * sum(OTHER_WAY)),
    (ipo(BETA), sum((chosen / 2 - rejected - 1 / (2 * BETA)) ** 2 for chosen, rejected in GAINS)),
]


@pytest.mark.parametrize(("loss", "value"), VALUES)
def test_values_by_hand(loss, value):
    logits, labels = torch.zeros(6, 2, 4), [[1, 2], [3, IGNORED]] * 3
    certain = [(-2 * math.log(4), -math.log(4))] * 3  # of equal logits
    reference = [[p - gain for p, gain in zip(of_pair, gains, strict=True)] for of_pair, gains in zip(certain, GAINS, strict=True)]
    batch = batch_of(labels, reference)
    assert loss(logits, batch.labels, batch).item() == pytest.approx(value, rel=1e-5)
    # Of the third pair neither answer gained more.
    sums = {name: round(one.item(), 4) for name, one in loss.sums(logits, batch.labels, batch).items()}
    assert sums == {
        "eval_loss": round(value, 4), "accuracy": 1.5, "margin": round(BETA * -0.5, 4),
        "reward_chosen": round(BETA * -0.5, 4), "reward_rejected": 0.0,
    }  # fmt: skip


def test_options_make_losses():
    logits, batch = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(0)), batch_of([[1, 2], [3, 0]], [[-3.0, -2.0]])

    def value(**options):
        return make_loss(LearningOptions(**options))(logits, batch.labels, batch).item()

    other = {"focal_gamma": 0.5, "unlikelihood_alpha": 0.5}
    assert value(loss="dpo", **other) == dpo(0.1, 0.0)(logits, batch.labels, batch).item()
    assert value(loss="dpo", beta=0.5, label_smoothing_factor=0.3) == dpo(0.5, 0.3)(logits, batch.labels, batch).item()
    assert value(loss="ipo", **other) == ipo(0.1)(logits, batch.labels, batch).item()
    assert value(loss="ipo", beta=0.5, label_smoothing_factor=0.3) == ipo(0.5)(logits, batch.labels, batch).item()
    assert isinstance(make_loss(LearningOptions(loss="dpo")), PairLoss)
    assert LearningOptions(loss="dpo").label_smoothing_factor == 0.0  # what run.json says
    assert LearningOptions(loss="label_smoothing").label_smoothing_factor == 0.1


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preference")
    made = {name: make(folder / name) for name, make in MAKERS.items()}
    return made | {"data": pair_folder(folder / "data", train=5)}


def moved(folders, name):
    """A model a little way from where it was, the rows with what it said there, and the model as it was."""
    checkpoint = load(str(folders[name]))
    checkpoint.family.follow(TASK)
    rows, _ = token_rows(folders["data"] / "train.tsv", checkpoint.family, Limits(64, 16), True, iterate_answers)
    pairs, before = PairRows(rows), copy.deepcopy(checkpoint.model)
    whole = checkpoint.family.collate(list(rows))
    with torch.no_grad():
        logits, labels = checkpoint.family.logits(before.eval(), whole, packed=False)
        pairs.reference = log_probabilities(logits, labels, whole).view(-1, 2).numpy()
        generator = torch.Generator().manual_seed(1)
        for parameter in checkpoint.model.parameters():
            parameter += 0.3 * parameter.std().nan_to_num() * torch.randn(parameter.shape, generator=generator)
    return checkpoint, pairs, before


def learnt(loss, checkpoint, pairs, batches):
    """The loss of a step, and its gradients."""
    checkpoint.model.zero_grad()
    total = 0.0
    for indices in batches:
        batch = pairs.collate(checkpoint.family, pairs.encoded(indices), indices)
        value = loss(*checkpoint.family.logits(checkpoint.model, batch, loss.by_token), batch) / len(pairs)
        value.backward()
        total += value.item()
    return total, {name: p.grad.clone() for name, p in checkpoint.model.named_parameters()}


def assert_same(one, other, tolerance=1e-5):
    assert one[0] == pytest.approx(other[0], rel=tolerance)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        assert (gradient - other[1][name]).abs().max() <= tolerance * max(1.0, gradient.abs().max()), name


@pytest.fixture(scope="module")
def trainer_of(folders, tmp_path_factory):
    """trl's trainer of a model and one to compare with, given ids rather than texts."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    class OfIds(DPOTrainer):
        def _prepare_dataset(self, dataset, *_):
            return dataset

    def make(checkpoint, pairs, before, loss_type):
        columns = {
            "prompt_ids": [pairs.rows[2 * i].source for i in range(len(pairs))],
            "chosen_ids": [pairs.rows[2 * i].target for i in range(len(pairs))],
            "rejected_ids": [pairs.rows[2 * i + 1].target for i in range(len(pairs))],
        }
        args = DPOConfig(
            str(tmp_path_factory.mktemp("trl")), loss_type=loss_type, beta=BETA, use_cpu=True, report_to="none", max_length=None,
            gradient_checkpointing=False, bf16=False,
        )  # fmt: skip
        tokenizer = AutoTokenizer.from_pretrained(folders["gpt2"])
        return OfIds(
            model=copy.deepcopy(checkpoint.model), ref_model=before, args=args, train_dataset=Dataset.from_dict(columns),
            processing_class=tokenizer,
        )  # fmt: skip

    return make


def of_trainer(trainer, pairs, *, swapped=False):
    """The loss and the gradients of all pairs as one batch, with the answers the other way round or not."""
    names = {"prompt_ids": "prompt_ids", "chosen_ids": "rejected_ids", "rejected_ids": "chosen_ids"}
    rows = [{(names[name] if swapped else name): ids for name, ids in row.items()} for row in trainer.train_dataset]
    trainer.model.zero_grad()
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, trainer.data_collator(rows))
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in trainer.model.named_parameters()}


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_losses_and_gradients_are_those_of_trl(name, folders, trainer_of):
    """Of the logistic loss, of a share of it the other way round, and of IPO; rows apart or with what they share read once."""
    checkpoint, pairs, before = moved(folders, name)
    expected, trainer = {}, trainer_of(checkpoint, pairs, before, "sigmoid")
    expected["dpo"] = of_trainer(trainer, pairs)
    other, (loss, gradients) = of_trainer(trainer, pairs, swapped=True), expected["dpo"]
    expected["cdpo"] = (
        0.8 * loss + 0.2 * other[0],
        {name: 0.8 * gradient + 0.2 * other[1][name] for name, gradient in gradients.items()},
    )
    trainer.loss_types = ["ipo"]
    expected["ipo"] = of_trainer(trainer, pairs)
    losses = {"dpo": dpo(BETA, 0.0), "cdpo": dpo(BETA, 0.2), "ipo": ipo(BETA)}
    without_dropout(checkpoint.model)
    checkpoint.model.train()
    for ways in ("apart", "fast", "shared"):
        if ways == "fast":
            checkpoint.family.make_trainable(checkpoint.model, torch.device("cpu"), fp16=False, compiled=False)
        if ways == "shared":
            assert pairs.share_contexts(checkpoint.family)
        for name, loss in losses.items():
            assert_same(learnt(loss, checkpoint, pairs, [range(len(pairs))]), expected[name])
    assert len({loss for loss, _ in expected.values()}) == 3
    assert max(gradient.abs().max() for gradient in expected["dpo"][1].values()) > 0.1


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_depends_on_how_a_step_is_cut(name, folders):
    checkpoint, pairs, _ = moved(folders, name)
    without_dropout(checkpoint.model)
    checkpoint.model.train()
    whole = learnt(dpo(BETA, 0.1), checkpoint, pairs, [range(5)])
    checkpoint.family.make_trainable(checkpoint.model, torch.device("cpu"), fp16=False, compiled=False)
    assert_same(learnt(dpo(BETA, 0.1), checkpoint, pairs, [[3], [1, 0], [4, 2]]), whole)
    pairs.share_contexts(checkpoint.family)
    assert_same(learnt(dpo(BETA, 0.1), checkpoint, pairs, [[4, 3], [2, 1, 0]]), whole)


def test_an_encoder_decoder_model_by_a_plain_forward_pass(folders):
    checkpoint, pairs, before = moved(folders, "t5")
    model, total = checkpoint.model.eval(), 0.0
    for i in range(len(pairs)):
        gains = []
        for row in (pairs.rows[2 * i], pairs.rows[2 * i + 1]):
            ids = {"input_ids": torch.tensor([row.source]), "labels": torch.tensor([row.target])}
            gains.append(len(row.target) * (before(**ids).loss - model(**ids).loss).item())
        total += math.log1p(math.exp(-BETA * (gains[0] - gains[1]))) / len(pairs)
    assert learnt(dpo(BETA, 0.0), checkpoint, pairs, [range(5)])[0] == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("fast", [False, True])
def test_nothing_is_left_out_in_training(name, fast, folders):
    """Dropout would tell a model from its reference where there is nothing to tell."""
    checkpoint = load(str(folders[name]))
    checkpoint.family.follow(TASK)
    rows, _ = token_rows(folders["data"] / "train.tsv", checkpoint.family, Limits(64, 16), True, iterate_answers)
    batch = checkpoint.family.collate(list(rows))
    expected = checkpoint.family.logits(checkpoint.model.eval(), batch, packed=False)[0]
    if fast:
        checkpoint.family.make_trainable(checkpoint.model, torch.device("cpu"), fp16=False, compiled=False)
    checkpoint.model.train()
    drops = name != "llama"  # which has none
    assert (checkpoint.family.logits(checkpoint.model, batch, packed=False)[0] - expected).abs().max() > 1e-3 or not drops
    without_dropout(checkpoint.model)
    found = checkpoint.family.logits(checkpoint.model, batch, packed=False)[0]
    kept = batch.labels != IGNORED
    assert torch.allclose(found[kept], expected[kept], atol=1e-5)
