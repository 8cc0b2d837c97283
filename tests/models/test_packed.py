import pytest
import torch
from conftest import load_speaking
from tiny_causal import make_gpt2, make_llama
from torch import nn
from transformers.pytorch_utils import Conv1D

from toi.decoding.plan import SearchPlan as Plan
from toi.decoding.search import search
from toi.models.checkpoint import load
from toi.models.packed import PackedLinears, can_pack, packs_bfloat16

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(8,), (1, 8), (3, 8), (2, 5, 8), (0, 8), (2, 1, 1, 8)])
def test_products_are_those_of_torch(shape, bias):
    torch.manual_seed(0)
    linear = nn.Linear(8, 5, bias=bias)
    x = torch.randn(shape)
    with torch.inference_mode():
        expected = linear(x)
        with PackedLinears(linear).in_use():
            found = linear(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 8), (2, 5, 8), (0, 8)])
def test_the_layers_of_gpt2(shape):
    torch.manual_seed(0)
    layer, x = Conv1D(5, 8), torch.randn(shape)
    nn.init.normal_(layer.bias)
    with torch.inference_mode():
        expected = layer(x)
        with PackedLinears(layer).in_use():
            assert "forward" in vars(layer)
            found = layer(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)


def test_rows_that_are_not_contiguous():
    linear, x = nn.Linear(8, 5), torch.randn(4, 6, 16)[:, ::2, ::2].transpose(0, 1)
    with torch.inference_mode(), PackedLinears(linear).in_use():
        found = linear(x)
    assert torch.allclose(found, linear(x), atol=1e-6)


def test_behind_the_block_the_model_is_as_it_was():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    x = torch.randn(3, 4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    packed = PackedLinears(model)
    with pytest.raises(KeyError), torch.no_grad(), packed.in_use():
        old = model(x)
        raise KeyError
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with torch.no_grad():
        model[2].weight.add_(1)
    assert not torch.allclose(model(x), old)  # and not what was packed
    assert model(x).requires_grad


def test_what_can_be_packed():
    assert can_pack(nn.Linear(2, 2))
    assert not can_pack(nn.Linear(2, 2).bfloat16())
    assert not can_pack(nn.Linear(2, 2, device="meta"))


@pytest.mark.parametrize("plan", [Plan(max_length=12), Plan(do_sample=True, samples=2, max_length=12)])
def test_searches_find_the_same(tiny, plan):
    checkpoint = load_speaking(tiny)
    sources = checkpoint.tokenizer.encode_batch(["answer: 桃 context: 特産品は桃。", "answer: 甲府市 context: 県庁は甲府市。"])
    family, model = checkpoint.family, checkpoint.model.eval()
    expected = search(family, model, sources, plan)
    with PackedLinears(checkpoint.model).in_use():
        found = search(family, model, sources, plan)
    for ours, theirs in zip(found, expected, strict=True):
        assert [candidate.ids for candidate in ours] == [candidate.ids for candidate in theirs]
        assert [c.log_prob for c in ours] == pytest.approx([c.log_prob for c in theirs], abs=1e-4)


@pytest.mark.skipif(not packs_bfloat16(), reason="this machine does not multiply in bfloat16")
@pytest.mark.parametrize("make", [make_llama, make_gpt2])
def test_bfloat16_rounds_products_but_not_logits(make, tmp_path):
    model = load(str(make(tmp_path / "m"))).model.eval()
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.inference_mode():
        exact = model(ids).logits
        with PackedLinears(model, torch.bfloat16).in_use():
            rounded = model(ids).logits
            hidden = model.get_output_embeddings()
            x = torch.randn(3, hidden.in_features)
            of_last, set_back = hidden(x), torch.backends.mkldnn.matmul.fp32_precision
        plain = hidden(x)
    assert set_back == torch.backends.mkldnn.matmul.fp32_precision != "bf16"
    assert rounded.dtype == torch.float32
    assert 0 < float((rounded - exact).abs().max()) < 0.05 * float(exact.abs().max())
    assert torch.allclose(of_last, plain, atol=0.01 * float(plain.abs().max()))
    assert not torch.equal(of_last, of_last.bfloat16().float())
