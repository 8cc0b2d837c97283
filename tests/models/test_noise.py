"""NEFTune: within its bounds, the same however rows are batched, and there in training alone."""

import math

import pytest
import torch
from tiny_causal import MAKERS

from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.models.noise import Noise

ROWS = [Encoded([5, 6, 7, 8, 9, 10], [11, 12]), Encoded([5, 6, 3], [4]), Encoded([7, 7, 7, 8], [9, 9, 9, 9, 1])]


def test_each_number_is_within_its_bound():
    noise, like = Noise(5.0, 42), torch.zeros(1, 400)
    with noise.on(ROWS[:2], 0):
        found = noise.flat([7, 3], like)
    assert found.shape == (10, 400)
    for part, length in ((found[:7], 7), (found[7:], 3)):
        bound = 5.0 / math.sqrt(length * 400)
        assert bound * 0.99 < float(part.abs().max()) <= bound
        assert float(part.mean()) == pytest.approx(0, abs=bound / 20)
        assert float(part.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_it_depends_on_seed_step_part_and_row_and_on_nothing_beside():
    like = torch.zeros(1, 8)

    def drawn(rows, lengths, seed=0, step=3, part=0):
        noise = Noise(1.0, seed)
        with noise.on(rows, step):
            return noise.flat(lengths, like, part)

    whole = drawn(ROWS, [7, 3, 8])
    assert torch.equal(torch.cat([drawn([row], [n]) for row, n in zip(ROWS, [7, 3, 8], strict=True)]), whole)
    assert torch.equal(drawn(ROWS[::-1], [8, 3, 7])[:8], whole[-8:])
    for change in ({"seed": 1}, {"step": 4}, {"part": 1}):
        assert not torch.isclose(drawn(ROWS, [7, 3, 8], **change), whole).any(dim=1).all()


def test_padded_rows_have_no_noise_behind_their_ends():
    noise, like = Noise(1.0, 0), torch.zeros(1, 8)
    with noise.on(ROWS, 0):
        flat, padded = noise.flat([7, 3, 8], like), noise.padded([7, 3, 8], like)
    assert padded.shape == (3, 8, 8)
    assert torch.equal(torch.cat([padded[0, :7], padded[1, :3], padded[2]]), flat)
    assert not padded[0, 7:].any()
    assert not padded[1, 3:].any()


def logits(checkpoint, rows, noise=None, step=0):
    """The logits of the rows' targets, one behind the other."""
    family, model = checkpoint.family, checkpoint.model
    batch = family.collate(rows)
    if noise is None:
        return family.logits(model, batch, packed=True)[0].flatten(0, -2)
    with noise.on(rows, step):
        return family.logits(model, batch, packed=True)[0].flatten(0, -2)


@torch.no_grad()
@pytest.mark.parametrize("name", [*MAKERS, "tiny"])
@pytest.mark.parametrize("ready", [False, True])
def test_a_row_reads_the_same_in_every_batch(name, ready, tiny, tmp_path):
    """Padded as for a model of transformers, and as it is made ready to train: one sequence, or without padding."""
    base = tiny if name == "tiny" else MAKERS[name](tmp_path / name)
    checkpoint = load(str(base))
    plain, noise = load(str(base)), Noise(20.0, 42)
    if ready:
        checkpoint.family.make_trainable(checkpoint.model, torch.device("cpu"), fp16=False, compiled=False)
    checkpoint.family.make_noisy(checkpoint.model, noise)
    without = [logits(plain, [row]) for row in ROWS]
    alone = [logits(checkpoint, [row], noise) for row in ROWS]
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(alone, without, strict=True))
    together = logits(checkpoint, ROWS, noise)
    if len(together) > sum(map(len, alone)):  # with its padding
        widest = max(map(len, alone))
        together = torch.cat([row[: len(one)] for row, one in zip(together.split(widest), alone, strict=True)])
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
    if ready:  # the two ways of computing have the same noise
        other, again = load(str(base)), Noise(20.0, 42)
        other.family.make_noisy(other.model, again)
        torch.testing.assert_close(torch.cat([logits(other, [row], again) for row in ROWS]), together, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits(checkpoint, ROWS[:1]), without[0], rtol=1e-4, atol=1e-5)  # outside of training there is none


@torch.no_grad()
def test_the_noise_is_that_of_the_embeddings(tmp_path):
    """What a causal model computes is what it computes of embeddings to which the noise was added by hand."""
    checkpoint, noise, row = load(str(MAKERS["llama"](tmp_path / "m"))), Noise(20.0, 42), ROWS[0]
    checkpoint.family.make_noisy(checkpoint.model, noise)
    ids = torch.tensor([[*row.source, *row.target[:-1]]])
    embedded = checkpoint.model.get_input_embeddings()(ids)
    with noise.on([row], 7):
        by_hand = embedded + noise.flat([7], embedded)
    expected = checkpoint.model(inputs_embeds=by_hand).logits[0, len(row.source) - 1 :]
    torch.testing.assert_close(logits(checkpoint, [row], noise, step=7), expected)
    assert set(checkpoint.model.state_dict()) == set(load(str(tmp_path / "m")).model.state_dict())  # nothing that would be saved
