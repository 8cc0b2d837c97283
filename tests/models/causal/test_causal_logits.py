"""Logits, losses and gradients, padded or in one sequence, shared or not, against transformers on every row by itself."""

import pytest
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from toi.models.batches import IGNORED, Encoded
from toi.models.causal.batch import flat_batch, padded_batch
from toi.models.causal.layout import Group, How, Layout
from toi.models.causal.logits import logits_and_source_loss, logits_of, teach_layouts

CONTEXT = [(37 * i) % 97 + 3 for i in range(40)]
ROWS = [
    Encoded([*CONTEXT, 5, 6, 7], [8, 9, 10]),
    Encoded([3, 4, 5, 6, 7, 8], [1, 2]),
    Encoded([*CONTEXT, 9], [11, 1]),
    Encoded([*CONTEXT[:30], 4, 4], [3, 3, 3, 1]),
    Encoded([*CONTEXT, 9], [1]),  # the same source
    Encoded([50], [1]),
]
SIZES = {
    "vocab_size": 110, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "head_dim": 8,
}  # fmt: skip
SMALL = {"vocab_size": 110, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
PLAIN_HEADS = {name: value for name, value in SIZES.items() if name not in ("num_key_value_heads", "head_dim")}
STILL = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
MODELS = {
    # name: (kind, configuration, whether it knows layouts)
    "gpt2": ("gpt2", {**SMALL, **STILL}, True),
    "gpt2 by layer": ("gpt2", {**SMALL, **STILL, "scale_attn_by_inverse_layer_idx": True}, True),
    "llama": ("llama", SIZES, True),
    "llama tied": ("llama", {**SIZES, "tie_word_embeddings": True, "attention_bias": True}, True),
    "mistral": ("mistral", {**SIZES, "sliding_window": 8}, True),
    "gpt_neox": ("gpt_neox", PLAIN_HEADS, True),
    "qwen2": ("qwen2", SIZES, True),
    "gemma": ("gemma", SIZES, True),
    "gemma2": ("gemma2", {**SIZES, "query_pre_attn_scalar": 8, "sliding_window": 8, "final_logit_softcapping": 3.0}, True),
    "cohere": ("cohere", {**SIZES, "logit_scale": 0.3}, True),  # scales its logits
    "phi": ("phi", {**SIZES, "pad_token_id": 0}, None),  # an output matrix with a bias
    "opt": (
        "opt",
        {"vocab_size": 110, "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "max_position_embeddings": 128, "word_embed_proj_dim": 32, "dropout": 0.0},
        True,
    ),
    "bloom": ("bloom", {"vocab_size": 110, "hidden_size": 32, "n_layer": 2, "n_head": 4}, False),
    "gptj": ("gptj", {**SMALL, **STILL, "rotary_dim": 4}, False),  # an attention of its own
    "mamba": ("mamba", {"vocab_size": 110, "hidden_size": 32, "num_hidden_layers": 2}, False),  # recurrent
}  # fmt: skip


def made(name):
    kind, settings, knows = MODELS[name]
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).train()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
    return model, knows


def alone(model, row):
    """The logits of transformers for one row without padding: (source + target - 1, vocabulary)."""
    return model(input_ids=torch.tensor([[*row.source, *row.target[:-1]]])).logits[0]


def gradients(model):
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return found


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-5, rtol=1e-4, msg=lambda said, name=name: f"{name}: {said}")


@pytest.mark.parametrize("name", MODELS)
def test_losses_and_gradients_are_those_of_rows_by_themselves(name):
    model, knows = made(name)
    logits = [alone(model, row) for row in ROWS]
    targets = [part[len(row.source) - 1 :] for part, row in zip(logits, ROWS, strict=True)]
    expected = torch.cat(targets)
    loss = functional.cross_entropy(expected, torch.tensor([i for row in ROWS for i in row.target]), reduction="sum")
    loss.backward()
    by_weight = gradients(model)
    learnt = teach_layouts(model)
    assert model.training
    if knows is not None:
        assert learnt == knows
    batches = [padded_batch(ROWS, 0), *(flat_batch(ROWS, 0, shared=shared) for shared in (False, True) if learnt)]
    for batch in batches:
        found, labels = logits_of(model, batch, packed=True)
        assert found.shape == (1, 13, 110)
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)
        assert labels.tolist() == [[i for row in ROWS for i in row.target]]
        functional.cross_entropy(found[0], labels[0], reduction="sum").backward()
        assert_same(gradients(model), by_weight)
        found, labels = logits_of(model, batch, packed=False)
        assert found.shape == (6, 4, 110)
        assert labels.tolist() == [[*row.target, *[IGNORED] * (4 - len(row.target))] for row in ROWS]
        torch.testing.assert_close(found[labels != IGNORED], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_the_loss_of_sources(name):
    model, _ = made(name)
    expected = sum(
        functional.cross_entropy(alone(model, row)[: len(row.source) - 1], torch.tensor(row.source[1:]), reduction="sum")
        for row in ROWS
        if len(row.source) > 1
    )
    expected.backward()
    by_weight = gradients(model)
    learnt = teach_layouts(model)
    for batch in (padded_batch(ROWS, 0), *(flat_batch(ROWS, 0, shared=shared) for shared in (False, True) if learnt)):
        for packed in (False, True):
            logits, labels, of_sources = logits_and_source_loss(model, batch, packed)
            torch.testing.assert_close((logits, labels), logits_of(model, batch, packed), atol=1e-5, rtol=1e-5)
            assert of_sources.item() == pytest.approx(expected.item(), rel=1e-6)
        of_sources.backward()
        assert_same(gradients(model), by_weight)


def test_what_begins_alike_stands_there_once():
    batch = flat_batch(ROWS, 0, shared=True)
    assert batch.layout.groups == [Group(30, (15, 12, 5, 11)), Group(7, ()), Group(1, ())]
    assert batch.inputs["input_ids"].shape == (1, batch.layout.tokens)
    assert batch.layout.tokens < flat_batch(ROWS, 0, shared=False).layout.tokens == 171
    positions = batch.inputs["position_ids"][0]
    for row, places in zip(ROWS, batch.places, strict=True):
        places = places[: len(row.target)]
        assert positions[places].tolist() == list(range(len(row.source) - 1, len(row.source) - 1 + len(row.target)))
        assert batch.inputs["input_ids"][0, places].tolist() == [row.source[-1], *row.target[:-1]]


def test_gradient_checkpointing_and_low_precision():
    """What is computed again has the same layout; in low precision the sequence is rounded up, and nothing else changes."""
    model, _ = made("llama")
    assert teach_layouts(model)
    batch = flat_batch(ROWS, 0, shared=True)
    logits, _ = logits_of(model, batch, packed=True)
    logits.square().sum().backward()
    expected = gradients(model)
    model.activation_checkpointing_enable({"use_reentrant": False})
    logits_of(model, batch, packed=True)[0].square().sum().backward()
    assert_same(gradients(model), expected)
    lengths = []
    model.get_input_embeddings().register_forward_hook(lambda *seen: lengths.append(seen[2].shape[1]))
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        low, _ = logits_of(model.eval(), batch, packed=True)
    assert lengths == [128]
    assert (low.float() - logits).abs().max() < 0.1 * logits.abs().max()


def test_generation_is_as_before():
    model, _ = made("gemma2")
    model.eval()
    ids = torch.tensor([CONTEXT, CONTEXT])
    mask = torch.tensor([[1] * 40, [0] * 5 + [1] * 35])
    how = {"input_ids": ids, "attention_mask": mask, "max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    before = model.generate(**how)
    assert teach_layouts(model)
    assert model.generate(**how).tolist() == before.tolist()
    assert "toi" not in str(model.config.to_dict())


@pytest.mark.parametrize(
    ("group", "parts"),
    [(Group(10, ()), []), (Group(10, (3, 4)), [(3, 4)]), (Group(10, (6, 4, 1)), [(6, 4), (1,)]), (Group(4, (9, 2)), [(9,), (2,)])],
)
def test_rests_are_not_computed_together_where_they_are_long(group, parts):
    assert group.parts == parts


@pytest.mark.parametrize("how", [How(None, 0.0, None, None), How(0.5, 0.0, 2.0, None), How(0.5, 0.0, None, 3)])
@pytest.mark.parametrize("rests", [(), (2, 3), (9, 1, 4)])
def test_attention_is_that_of_rows_by_themselves(how, rests):
    generator = torch.Generator().manual_seed(0)
    tokens = 6 + sum(rests)
    q, k, v = (torch.randn(1, heads, tokens, 4, generator=generator) for heads in (4, 2, 2))
    found = Layout([Group(6, rests)]).attend(q, k, v, how)
    at = 6
    for rest in rests or (0,):
        index = torch.tensor([*range(6), *range(at, at + rest)])
        queries, keys, values = q[:, :, index], k[:, :, index].repeat_interleave(2, 1), v[:, :, index].repeat_interleave(2, 1)
        scores = queries @ keys.transpose(2, 3) * (how.scale or 0.5)
        if how.softcap:
            scores = (scores / how.softcap).tanh() * how.softcap
        distance = torch.arange(len(index))[:, None] - torch.arange(len(index))
        scores[..., (distance < 0) | (distance >= (how.window or 99))] = -torch.inf
        torch.testing.assert_close(found[0, index], (scores.softmax(-1) @ values)[0].transpose(0, 1), atol=1e-5, rtol=1e-5)
        at += rest
