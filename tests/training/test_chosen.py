import numpy
import pytest
import torch
from conftest import make_model
from tiny_causal import make_gpt2, make_llama

from toi.decoding.choice_steps import log_probs_of_choices
from toi.models.batches import Encoded
from toi.models.checkpoint import load
from toi.models.choices import ChoiceTokens
from toi.models.family import Limits
from toi.system.errors import InputError
from toi.training.chosen import ChoiceLoss, ChoiceRows
from toi.training.encoded import TokenRows

SOURCES = ["山梨県の県庁所在地は", "山梨県の特産品は桃です。", "甲府市", "山梨県の県庁所在地は甲府市です。"]
CHOICES = {"single": ((5,), (6,), (9,)), "several": ((5, 7), (6,), (5, 9, 3)), "begins another": ((5, 1), (5, 7), (6,))}


@pytest.fixture(scope="module", params=["gpt2", "llama", "t5"])
def checkpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chosen") / request.param
    return load(str({"gpt2": make_gpt2, "llama": make_llama, "t5": make_model}[request.param](folder)))


def loss_of(checkpoint, kind, shared, rights=(0, 2, 1, 0)):
    family, model = checkpoint.family, checkpoint.model.eval()
    whole = tuple((*ids, 1) for ids in CHOICES[kind])
    tokens = ChoiceTokens(("x", "y", "z"), CHOICES[kind], whole)
    sources = family.encode(SOURCES, None, Limits(512, 64))
    rows = ChoiceRows(
        TokenRows.of([Encoded(s.source, list(whole[r])) for s, r in zip(sources, rights, strict=True)]), tokens, "d.tsv"
    )
    family.make_trainable(model, torch.device("cpu"), fp16=False, compiled=False)
    if shared:
        rows.share_contexts(family)
    loss = ChoiceLoss()
    loss.choices = tokens
    indices = [0, 1, 2, 3]
    batch = rows.collate(family, rows.encoded(indices), indices)
    value = loss(*family.logits(model, batch, packed=True), batch)
    return [s.source for s in sources], tokens, rows, value


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("kind", CHOICES)
def test_the_loss_is_the_log_loss_of_predictions(checkpoint, kind, shared):
    sources, tokens, rows, value = loss_of(checkpoint, kind, shared)
    log_probs = torch.from_numpy(log_probs_of_choices(checkpoint.family, checkpoint.model, sources, tokens))
    expected = -log_probs.log_softmax(-1)[range(4), [0, 2, 1, 0]].sum()
    assert float(value.detach()) == pytest.approx(float(expected), abs=1e-4)
    assert rows.counted([0, 2]) == 2
    value.backward()
    assert all(torch.isfinite(p.grad).all() for p in checkpoint.model.parameters() if p.grad is not None)
    assert sum(float(p.grad.abs().sum()) for p in checkpoint.model.parameters() if p.grad is not None) > 0
    checkpoint.model.zero_grad()


def test_rows_that_are_selected(checkpoint):
    _, _, rows, _ = loss_of(checkpoint, "several", shared=False)
    some = rows.select([2, 0])
    assert len(some) == 2
    assert some.encoded([0, 1]) == rows.encoded([2, 0])
    assert (some.source_lengths == rows.source_lengths[[2, 0]]).all()
    assert len(some.widths(checkpoint.family)) == 2
    assert numpy.array_equal(some.target_lengths, [6, 6])


def test_a_target_that_is_no_choice():
    tokens = ChoiceTokens(("x", "y"), ((5,), (6,)), ((5, 1), (6, 1)))
    with pytest.raises(InputError, match=r"^train\.tsv:2: the target is none of the choices x, y of task\.json$"):
        ChoiceRows(TokenRows.of([Encoded([1], [5, 1]), Encoded([1], [7, 1])]), tokens, "train.tsv")
