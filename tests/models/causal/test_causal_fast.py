import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from toi.models import products
from toi.models.batches import Encoded
from toi.models.causal.batch import flat_batch
from toi.models.causal.fast import speed_up
from toi.models.causal.functions import Attention, Dropped, Gated, LowRank, Part, Products, Rotated
from toi.models.causal.logits import logits_of, teach_layouts
from toi.models.packed import PackedLinears

SMALL = {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
KINDS = {
    "gpt2": ("gpt2", {**SMALL, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}),
    "llama with biases": (
        "llama",
        {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "attention_bias": True, "max_position_embeddings": 64},
    ),
    "mistral with a window": (
        "mistral",
        {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "sliding_window": 5, "max_position_embeddings": 64},
    ),
    "qwen2": (
        "qwen2",
        {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": True},
    ),
}  # fmt: skip
ROWS = [Encoded([*range(20), 21], [3, 4]), Encoded([*range(20), 30, 31], [5, 4]), Encoded([7, 8], [9])]


def made(kind, **changes):
    name, settings = KINDS[kind]
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(name, **settings | changes)).train()


def loss_and_gradients(model):
    model.zero_grad()
    logits, labels = logits_of(model, flat_batch(ROWS, 0, shared=True), packed=True)
    loss = functional.cross_entropy(logits[0], labels[0], reduction="sum")
    loss.backward()
    return loss.item(), {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_those_of_transformers(kind, monkeypatch):
    monkeypatch.setattr(products, "_SMALLEST", 1)  # all of them by oneDNN
    model = made(kind)
    assert teach_layouts(model)
    loss, gradients = loss_and_gradients(model)
    before = [name for name, _ in model.named_parameters()]
    speed_up(model)
    found, ours = loss_and_gradients(model)
    assert found == pytest.approx(loss, rel=1e-6)
    assert list(ours) == before
    for name, gradient in gradients.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert loss_and_gradients(model)[0] == pytest.approx(loss, rel=0.05)


def test_dropout_is_on_in_training_only_and_repeats_with_the_seed():
    model = made("gpt2", resid_pdrop=0.3, embd_pdrop=0.3, attn_pdrop=0.3)
    assert teach_layouts(model)
    speed_up(model)

    def loss(seed):
        torch.manual_seed(seed)
        return loss_and_gradients(model)[0]

    assert loss(1) == loss(1) != loss(2)
    model.eval()
    assert loss(1) == loss(2)


def test_a_search_in_between_leaves_the_training_as_it_was():
    model = made("llama with biases")
    speed_up(model)
    (linear, *_) = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    forward = linear.forward
    with torch.no_grad(), PackedLinears(model).in_use():
        assert linear.forward is not forward
    assert linear.forward is forward


def test_dropout_and_its_gradient():
    torch.manual_seed(0)
    x = torch.ones(300, 400, requires_grad=True)
    y = Dropped.apply(x, 0.25)
    assert y.detach().unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def parts_of(dtype):
    """Three tokens, and behind them one and two which see those and themselves."""
    causal = torch.ones(3, 3, dtype=torch.bool).tril()
    last = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]) == 1
    seen = [((0, 3), [(0, 3)], causal), ((3, 4), [(0, 4)], torch.ones(1, 4, dtype=torch.bool)), ((4, 6), [(0, 3), (4, 6)], last)]
    return [
        Part(queries, keys, torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, -torch.inf)) for queries, keys, mask in seen
    ]


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_attention_with_dropout_and_its_gradient(p):
    """In double precision, against differences; each time with the same draws."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 6, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    parts = parts_of(torch.float64)

    def attend(q, k, v):
        torch.manual_seed(1)
        return Attention.apply(q, k, v, parts, 0.7, p)

    assert torch.autograd.gradcheck(attend, (q, k, v))
    if not p:
        seen = torch.ones(6, 6, dtype=torch.bool).tril()
        seen[4:, 3] = False
        plain = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=0.7)
        torch.testing.assert_close(attend(q, k, v), plain.transpose(0, 1))


def test_the_mean_of_attention_under_dropout_is_that_without():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 5, 4) for _ in range(3))
    parts = [Part((0, 5), [(0, 5)], torch.full((5, 5), -torch.inf).triu(1))]
    mean = torch.stack([Attention.apply(q, k, v, parts, 0.5, 0.2) for _ in range(4000)]).mean(0)
    expected = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert (mean.transpose(0, 1) - expected).abs().max() < 0.06


def test_functions_and_their_gradients():
    """In double precision, against differences."""
    torch.manual_seed(0)
    x, gate, a, b = (torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in ((3, 4), (3, 4), (2, 4), (5, 2)))
    weight = torch.randn(5, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(Gated.apply, (gate, x))
    assert torch.autograd.gradcheck(lambda x, a, b: LowRank.apply(x, weight, a, b, 0.5), (x, a, b))
    torch.testing.assert_close(LowRank.apply(x, weight, a, b, 0.5), x @ (weight + 0.5 * b @ a).T)


def test_rotary_positions_are_those_of_transformers():
    torch.manual_seed(0)
    x, angles = torch.randn(2, 3, 4, 6, requires_grad=True), torch.randn(2, 3, 3).repeat(1, 1, 2)
    theirs = apply_rotary_pos_emb(x, x, angles.cos(), angles.sin(), unsqueeze_dim=2)[0]
    (by_x,) = torch.autograd.grad(theirs.square().sum() + theirs[..., 0].sum(), x)
    ours = Rotated.apply(x, angles.cos()[:, :, None], angles.sin()[:, :, None])
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours.square().sum() + ours[..., 0].sum(), x)[0], by_x)


def test_products_in_low_precision_and_their_gradients():
    torch.manual_seed(0)
    x = torch.randn(6, 4).bfloat16().requires_grad_()
    weights = [torch.randn(size, 4, requires_grad=True) for size in (3, 5)]
    for y, weight in zip(Products.apply(x, *weights), weights, strict=True):
        torch.testing.assert_close(y, x @ weight.bfloat16().T)
    loss = sum((y.float() * torch.arange(y.shape[1])).sum() for y in Products.apply(x, *weights))
    by_x, *by_weights = torch.autograd.grad(loss, (x, *weights))
    expected = sum(torch.arange(len(weight)).float() @ weight for weight in weights)
    torch.testing.assert_close(by_x.float(), expected.expand(6, -1), atol=0.1, rtol=0.02)
    for by_weight in by_weights:
        assert by_weight.dtype == torch.float32
        torch.testing.assert_close(by_weight, torch.arange(len(by_weight))[:, None] * x.float().sum(0), atol=0.1, rtol=0.02)
