"""Pretraining the bases of the sample."""

from types import SimpleNamespace

import llama_base
import pytest
import t5_base
import torch
from conftest import ROOT
from pretrain import Run
from reading import Encoder, Reader, batches
from torch.nn import functional

from toi.models.causal.rows import CausalRows
from toi.models.family import Limits
from toi.models.tokenizer_files import load_tokenizer

BASE, CAUSAL = ROOT / "samples" / "base", ROOT / "samples" / "base-causal"
KINDS = {"t5": t5_base, "llama": llama_base}


def small(kind, d_ff, layers):
    torch.manual_seed(0)
    return kind.make_model(50, SimpleNamespace(d_model=96, d_ff=d_ff, layers=layers)).eval()


def logits(model, ids):
    with torch.no_grad():
        return model(ids, decoder_input_ids=ids).logits if model.config.is_encoder_decoder else model(ids).logits


SIZES = [
    (t5_base, 32, (2, 2), 32, (2, 2)),
    (t5_base, 32, (2, 1), 32, (4, 3)),
    (t5_base, 32, (2, 2), 48, (3, 4)),
    (t5_base, 16, (1, 1), 40, (3, 2)),
    (llama_base, 32, (2,), 32, (2,)),
    (llama_base, 16, (2,), 40, (5,)),
]


@pytest.mark.parametrize(("kind", "d_ff", "layers", "wider", "deeper"), SIZES)
def test_a_model_that_grows_says_the_same(kind, d_ff, layers, wider, deeper):
    old, new = small(kind, d_ff, layers), small(kind, wider, deeper)
    for parameter in old.parameters():
        parameter.data.normal_(std=0.2)
    kind.grow(new, old)
    ids = torch.tensor([[5, 6, 7, 8, 1]])
    torch.testing.assert_close(logits(new, ids), logits(old, ids))


def test_what_is_new_can_learn():
    ids = torch.tensor([[5, 6, 7, 8, 1]])
    new = small(t5_base, 48, (3, 2))
    t5_base.grow(new, small(t5_base, 32, (2, 1)))
    new(input_ids=ids, labels=ids).loss.backward()
    for block in (*new.encoder.block, *new.decoder.block):
        assert block.layer[-1].DenseReluDense.wo.weight.grad.abs().sum() > 0
    new = small(llama_base, 48, (3,))
    llama_base.grow(new, small(llama_base, 32, (2,)))
    new(input_ids=ids, labels=ids).loss.backward()
    for layer in new.model.layers:
        assert layer.mlp.down_proj.weight.grad.abs().sum() > 0
        assert layer.self_attn.o_proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("length", [10, 40, 100])
def test_a_llama_starts_near_copying(length):
    """What stands behind a token is what stood behind it before: of names that nobody has, and that were never trained."""
    torch.manual_seed(0)
    model = llama_base.make_model(8092, SimpleNamespace(d_model=192, d_ff=384, layers=(6,))).eval()
    names = torch.stack([torch.randperm(8000)[:length] + 50 for _ in range(20)])
    ids = torch.cat([names, torch.ones(20, 1, dtype=torch.long), names], dim=1)
    said = logits(model, ids)[:, length + 2 : -1].argmax(-1)  # the first token of all has nothing before it
    assert (said == names[:, 2:]).float().mean() > 0.8


PAIRS = [([9, 10, 11, 1], [12, 1]), ([20, 1], [21, 22, 23, 24, 25, 1]), ([30, 60, 1], [60, 31, 1])]  # of 50: no 60


def test_the_loss_is_that_of_targets_in_any_batch():
    model = small(llama_base, 32, (2,))
    loss, right = llama_base.loss_of(model, PAIRS)
    alone = [llama_base.loss_of(model, [pair]) for pair in PAIRS[:2]]
    torch.testing.assert_close(loss, (alone[0][0] * 2 + alone[1][0] * 6) / 8)
    assert right.tolist() == [*alone[0][1].tolist(), *alone[1][1].tolist()]
    row = torch.tensor([9, 10, 11, 1, 12, 1])
    torch.testing.assert_close(alone[0][0], functional.cross_entropy(logits(model, row[None])[0, 3:5], row[4:]))
    llama_base.speed_up(model)
    torch.testing.assert_close(llama_base.loss_of(model, PAIRS)[0], loss)


def test_in_training_sources_have_a_share():
    model = small(llama_base, 32, (2,))
    source, target = list(range(5, 29)), [30, 1]
    of_target, _ = llama_base.loss_of(model, [(source, target)])
    model.train()
    loss, _ = llama_base.loss_of(model, [(source, target)])
    row = torch.tensor([*source, *target])
    all_losses = functional.cross_entropy(logits(model, row[None])[0, :-1], row[1:], reduction="none")
    of_sources = (all_losses[first:23:4].mean() for first in range(4))  # every fourth place, from one of these on
    assert any(torch.isclose(loss, of_target + 0.1 * share) for share in of_sources)


def test_rows_are_those_of_fine_tuning(tmp_path):
    """What the family of decoder-only models puts into a row, with `<hl>` as it was pretrained."""
    encode = Encoder(BASE)
    (tmp_path / "spiece.model").symlink_to(BASE / "spiece.model")
    tokenizer = load_tokenizer(tmp_path, 0)
    rows = CausalRows(tokenizer, [1], 1024)
    assert not tokenizer.add("<hl>")
    assert len(tokenizer) == llama_base.vocabulary_size(encode)
    pairs = [pair for seed in range(40) for pair in Reader(seed).examples() if "<extra_id" not in pair[0]]
    found = rows.encode(*zip(*pairs, strict=True), Limits(512, 64))
    assert [(row.source, row.target) for row in found] == [(encode(source), encode(target)) for source, target in pairs]


LAYERS = {"t5": (1, 1), "llama": (2,)}


@pytest.mark.parametrize("architecture", LAYERS)
def test_a_run_goes_on_as_if_it_had_not_stopped(architecture, tmp_path):
    options = {
        "architecture": architecture, "steps": 40, "decay_steps": 10, "seed": 0, "d_model": 96, "d_ff": 32, "threads": 1,
        "layers": LAYERS[architecture], "batch_size": 8, "learning_rate": 1e-3, "muon_learning_rate": 0.006, "go_on": False,
    }  # fmt: skip

    def begin(name):
        return Run(SimpleNamespace(**options, output_dir=tmp_path / name, work_dir=tmp_path / name))

    whole = begin("whole")
    stream = batches(whole.encode, 0, 8, {})
    given = [next(stream) for _ in range(5)]
    losses = [whole.learn(pairs) for pairs in given]
    parted = begin("parted")
    assert [parted.learn(pairs) for pairs in given[:3]] == losses[:3]
    parted.save()
    parted = begin("parted")
    assert parted.step == 3
    assert [parted.learn(pairs) for pairs in given[3:]] == losses[3:]


@pytest.mark.skipif(not (CAUSAL / "config.json").is_file(), reason="samples/base-causal is not made yet")
def test_the_causal_base_is_small():
    files = [file for file in CAUSAL.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 8_000_000
    assert (CAUSAL / "spiece.model").read_bytes() == (BASE / "spiece.model").read_bytes()
