import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from toi.models import products
from toi.models.drawn import Drawn, kept
from toi.models.t5 import fast, places
from toi.models.t5.fast import can_speed_up, speed_up

KINDS = {
    "T5 1.0": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "T5 1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "one layer, other act": {"feed_forward_proj": "gelu", "num_layers": 1, "num_decoder_layers": 1},
    "wide heads": {"d_kv": 24, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 9},
}


def make(dropout=0.0, **changes):
    config = {
        "vocab_size": 40, "d_model": 16, "d_kv": 8, "num_heads": 3, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 3,
        "dropout_rate": dropout, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
    }  # fmt: skip
    torch.manual_seed(3)
    model = T5ForConditionalGeneration(T5Config(**{**config, **changes}))
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)  # also what starts as ones
    return model.train()


def batch(padding=True):
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(2, 40, (3, 150), generator=generator)
    mask = torch.ones_like(ids)
    if padding:
        mask[0, 100:], mask[2, 7:] = 0, 0
        ids = ids * mask
    target = torch.randint(2, 40, (3, 9), generator=generator)
    labels = torch.randint(2, 40, (3, 9), generator=generator)
    labels[1, 5:] = -100
    return {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": target}, labels


def loss_and_gradients(model, inputs, labels, packed=False):
    model.zero_grad()
    if packed:
        kept = labels != -100
        logits, labels = model(**inputs, kept=kept).logits, labels[kept][None]
    else:
        logits = model(**inputs, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
    loss.backward()
    return float(loss.detach()), {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_loss_and_every_gradient_are_those_of_transformers(kind, padding, packed):
    model = make(**KINDS[kind])
    inputs, labels = batch(padding)
    expected, gradients = loss_and_gradients(model, inputs, labels)
    assert can_speed_up(model, torch.device("cpu"))
    speed_up(model)
    loss, found = loss_and_gradients(model, inputs, labels, packed)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert found.keys() == gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", ["T5 1.0", "T5 1.1"])
def test_rows_by_themselves_and_products_of_onednn_change_nothing(kind, monkeypatch):
    """The way of large batches, for small ones: attention row by row, and no product too small for oneDNN."""
    model = make(**KINDS[kind])
    inputs, labels = batch()
    expected, gradients = loss_and_gradients(model, inputs, labels)
    monkeypatch.setattr(places, "_AT_ONCE", 1)
    monkeypatch.setattr(products, "_SMALLEST", 1)
    speed_up(model)
    loss, found = loss_and_gradients(model, inputs, labels, packed=True)
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", ["T5 1.0", "T5 1.1"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_source_of_a_pair_is_read_once(kind, packed):
    model = make(**KINDS[kind])
    inputs, labels = batch()
    for name in ("input_ids", "attention_mask"):
        inputs[name] = inputs[name][[0, 0, 2, 2]]
    for name in ("decoder_input_ids", "labels"):
        four = {**inputs, "labels": labels}[name][[0, 1, 2, 0]]
        inputs, labels = ({**inputs, name: four}, labels) if name in inputs else (inputs, four)
    expected, gradients = loss_and_gradients(model, inputs, labels)
    speed_up(model)
    read = []
    model.encoder.register_forward_pre_hook(lambda _, __, given: read.append(len(given["embedded"])), with_kwargs=True)
    loss, found = loss_and_gradients(model, inputs, labels, packed)
    assert read == [107]
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-4, atol=4e-5, msg=lambda text, name=name: f"{name}: {text}")
    inputs["attention_mask"][1, 90:] = 0  # no pair any more
    loss_and_gradients(model, inputs, labels, packed)
    assert read == [107, 204]


def test_dropout_is_the_same_with_and_without_padding(monkeypatch):
    inputs, labels = batch()
    found = []
    for packed in (True, False):
        monkeypatch.setattr(fast, "Places", lambda lengths, width, packed=packed, **_: places.Places(lengths, width, packed=packed))
        model = make(dropout=0.3)
        speed_up(model)
        torch.manual_seed(1)
        found.append(loss_and_gradients(model, inputs, labels, packed=True))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("packed", [False, True])
def test_padding_on_the_left_is_left_to_transformers(packed):
    inputs, labels = batch()
    inputs = {**inputs, "attention_mask": inputs["attention_mask"].flip(1)}
    model = make()
    expected, _ = loss_and_gradients(model, inputs, labels)
    speed_up(model)
    assert loss_and_gradients(model, inputs, labels, packed)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_gradient_checkpointing_computes_again_and_keeps_less(dropout):
    """The same loss and gradients to the last bit, dropout included, from fewer tensors that wait for the backward pass."""
    inputs, labels = batch()
    found, kept = [], []
    for checkpointing in (False, True):
        model = make(dropout)
        speed_up(model)
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        blocks = [*model.encoder.block, *model.decoder.block]
        calls = [0] * len(blocks)
        for i, block in enumerate(blocks):

            def counting(*arguments, i=i, calls=calls, real=block.forward):
                calls[i] += 1
                return real(*arguments)

            block.forward = counting
        sizes, waiting = {}, []  # of what several blocks share, once

        def note(tensor, sizes=sizes, waiting=waiting):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            waiting.append(tensor)
            return tensor

        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            logits = model(**inputs).logits
        kept.append(sum(sizes.values()))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        loss.backward()
        found.append([loss, *(p.grad for p in model.parameters())])
        assert calls == [1 + checkpointing] * len(blocks)
        model.eval()
        model(**inputs)
        assert calls == [2 + checkpointing] * len(blocks)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert kept[1] < kept[0] / 2


def test_gradients_add_up_over_batches():
    inputs, labels = batch()
    sums = []
    for fast_one in (False, True):
        model = make()
        if fast_one:
            speed_up(model)
        for _ in range(2):
            torch.nn.functional.cross_entropy(model(**inputs).logits.flatten(0, 1), labels.flatten(), reduction="sum").backward()
        sums.append(model.shared.weight.grad)
    torch.testing.assert_close(*sums, rtol=2e-4, atol=2e-4)


def test_in_bf16_it_is_as_near_to_fp32_as_transformers():
    inputs, labels = batch()
    exact, _ = loss_and_gradients(make(), inputs, labels)
    model = make()
    with torch.autocast("cpu", torch.bfloat16):
        theirs, _ = loss_and_gradients(model, inputs, labels)
        speed_up(model)
        ours, _ = loss_and_gradients(model, inputs, labels, packed=True)
    assert abs(ours - exact) < max(2 * abs(theirs - exact), 2e-3 * exact)


def test_gradient_checkpointing_changes_nothing():
    inputs, labels = batch()
    results = []
    for checkpointing in (False, True):
        model = make(dropout=0.2)
        speed_up(model)
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        torch.manual_seed(1)
        results.append(loss_and_gradients(model, inputs, labels))
    assert results[0][0] == results[1][0]
    for name, gradient in results[0][1].items():
        assert torch.equal(gradient, results[1][1][name]), name


def test_generation_is_as_before():
    inputs, _ = batch()
    model = make(num_decoder_layers=2).eval()  # transformers (5.23) has no cache for more decoder than encoder layers
    before = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], num_beams=3, max_new_tokens=12)
    speed_up(model)
    after = model.generate(inputs["input_ids"], attention_mask=inputs["attention_mask"], num_beams=3, max_new_tokens=12)
    assert torch.equal(before, after)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.3, 0.5])
def test_dropout_keeps_the_share_it_should(p):
    torch.manual_seed(0)
    draws = [Drawn((100_000,), p) for _ in range(60)]
    shares = torch.tensor([float(kept(drawn.bytes, drawn.threshold, torch.float32).mean()) for drawn in draws])
    assert float(shares.mean()) == pytest.approx(1 - p, abs=4 * float(shares.std()) / 60**0.5)


def test_dropout_is_on_in_training_only_and_repeats_with_the_seed():
    model = make(dropout=0.3)
    inputs, _ = batch()
    speed_up(model)

    def logits(seed):
        torch.manual_seed(seed)
        return model(**inputs).logits

    assert torch.equal(logits(1), logits(1))
    assert not torch.equal(logits(1), logits(2))
    model.eval()
    assert torch.equal(logits(1), logits(2))


def test_the_mean_under_dropout_is_that_without():
    torch.manual_seed(0)
    model = make(dropout=0.1, num_layers=1, num_decoder_layers=1)
    inputs, _ = batch()
    theirs = torch.stack([model(**inputs).logits.detach() for _ in range(300)])
    speed_up(model)
    ours = torch.stack([model(**inputs).logits.detach() for _ in range(300)])
    error = (theirs.std(0) / 300**0.5).mean()
    assert float((theirs.mean(0) - ours.mean(0)).abs().mean()) < 2 * float(error)
    assert float(ours.std(0).mean()) == pytest.approx(float(theirs.std(0).mean()), rel=0.05)
