import numpy
import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from toi.models.causal.attention import covers
from toi.models.causal.steps import CachedSteps, SharedSteps, begin

IDS = {"vocab_size": 40, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
GPT2 = {**IDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 20}
NEOX = {
    **IDS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 20,
}  # fmt: skip
LLAMA = {**NEOX, "num_key_value_heads": 2, "head_dim": 8}
KINDS = {
    "gpt2": GPT2,
    "gpt2 by layer": {**GPT2, "scale_attn_by_inverse_layer_idx": True},
    "gpt_neox": NEOX,
    "opt": {**NEOX, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "llama": LLAMA,
    "mistral with a window": {**LLAMA, "sliding_window": 5},
    "qwen2": LLAMA,
    "qwen2 with windows": {**LLAMA, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    "qwen3": LLAMA,
    "gemma": LLAMA,
    "gemma2": {**LLAMA, "query_pre_attn_scalar": 8, "sliding_window": 5, "attn_logit_softcapping": 5.0},
    "gemma3_text": {**LLAMA, "query_pre_attn_scalar": 8, "sliding_window": 5},
}
LOCAL = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 5}
OTHERS = {
    "gpt_neo": {**IDS, **LOCAL},
    "bloom": {**IDS, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "gpt_oss": {**LLAMA, "num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 5},
}

COMMON = [5, 9, 7, 21, 33, 8, 8, 14]
SOURCES = {
    "one": [[4, 9, 3, 17, 5]],
    "of several lengths": [[4, 9, 3, 17, 5, 6, 7, 31], [8], [22, 3, 3, 9]],
    "alike": [[*COMMON, 11, 12], [30, 4, 6], [*COMMON, 13], [*COMMON, 13, 25, 9, 9]],
    "two beginnings": [[*COMMON, 3], [*COMMON[::-1], 4, 9, 5], [*COMMON, 6, 7], [*COMMON[::-1], 3]],
    "the same": [COMMON, COMMON, [3]],
}


def tiny(kind, **settings):
    torch.manual_seed(0)
    config = CONFIG_MAPPING[kind.split()[0]](**settings)
    return AutoModelForCausalLM.from_config(config).eval()


@torch.inference_mode()
def walk(model, steps, sources):  # 8 tokens are written behind at most 12
    """Write with choices as a beam search makes them, and hold every logit to a whole pass of transformers."""
    generator = numpy.random.default_rng(0)
    written = [list(source) for source in sources]
    logits = steps.start()
    for step in range(40):
        for ids, found in zip(written, logits, strict=True):
            expected = model(input_ids=torch.tensor([ids])).logits[0, -1]
            assert torch.allclose(found, expected, atol=1e-5, rtol=1e-4), (step, ids)
        if step == 0:
            chosen = numpy.repeat(numpy.arange(len(written)), 3)  # beams
        elif step == 2:
            chosen = generator.integers(0, len(written), len(written))  # uneven, in no order
        elif step == 4:
            chosen = numpy.array([0, 0])  # one source goes on
        elif step > 5:
            return
        else:
            chosen = numpy.arange(len(written))
        steps.select(chosen)
        tokens = generator.integers(3, 40, len(chosen))
        written = [[*written[i], token] for i, token in zip(chosen.tolist(), tokens.tolist(), strict=True)]
        logits = steps.step(tokens)


@pytest.mark.parametrize("kind", OTHERS)
def test_models_of_other_attention_go_through_the_caches_of_transformers(kind):
    model = tiny(kind, **OTHERS[kind])
    for sources in SOURCES.values():
        steps = begin(model, sources, 0)
        assert isinstance(steps, CachedSteps)
        walk(model, steps, sources)


@pytest.mark.parametrize("short", [64, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers(kind, short, monkeypatch):
    monkeypatch.setattr("toi.models.causal.steps._SHORT", short)  # longer ends of sources are not copied for outputs
    model = tiny(kind, **KINDS[kind])
    implementation = model.config._attn_implementation
    assert covers(model)
    for sources in SOURCES.values():
        steps = begin(model, sources, 0)
        assert isinstance(steps, SharedSteps)
        walk(model, steps, sources)
    assert model.config._attn_implementation == implementation


@pytest.mark.parametrize("kind", ["bloom", "mamba"])
def test_models_whose_attention_cannot_be_chosen(kind):
    assert not covers(tiny(kind, **OTHERS["bloom"]))


def shapes_read(model, sources):
    """What goes into the model and into its output matrix while sources are read."""
    read, multiplied = [], []
    hooks = [
        model.get_input_embeddings().register_forward_pre_hook(lambda module, inputs: read.append(tuple(inputs[0].shape))),
        model.get_output_embeddings().register_forward_hook(lambda module, inputs, output: multiplied.append(tuple(output.shape))),
    ]
    steps = begin(model, sources, 0)
    for hook in hooks:
        hook.remove()
    return steps, read, multiplied


@pytest.mark.parametrize(
    ("sources", "read", "ends"),
    [
        ("one", [(1, 5)], [1]),
        ("of several lengths", [(1, 13)], [3]),
        ("alike", [(1, 10), (4, 4)], [1, 4]),  # the beginning once, without padding, and what each source has of its own
        ("two beginnings", [(1, 16), (4, 3)], [1, 4]),
        ("the same", [(1, 7), (3, 1)], [1, 3]),
    ],
)
def test_a_beginning_is_read_once_and_only_ends_meet_the_output_matrix(sources, read, ends):
    _, found, multiplied = shapes_read(tiny("llama", **LLAMA), SOURCES[sources])
    assert found == read
    assert multiplied == [(rows, 1, 40) for rows in ends]  # of beginnings one, which nobody looks at


def test_nothing_of_a_prompt_is_copied_for_beams_and_steps():
    model = tiny("gpt2", **GPT2)
    steps = begin(model, SOURCES["two beginnings"], 0)

    def places():
        return [tensor.data_ptr() for prompts in steps._prompts for pair in prompts.layers for tensor in pair]

    before = places()
    assert len(before) == 2 * 2  # and short ends, which are copied
    with torch.inference_mode():
        steps.select(numpy.repeat(numpy.arange(4), 8))
        for _ in range(3):
            steps.step(numpy.full(32, 5))
            steps.select(numpy.arange(32)[::-1].copy())
        assert places() == before
        steps.select(numpy.zeros(3, dtype=numpy.int64))  # but what nobody reads any more goes
    assert [len(pair[0]) for prompts in steps._prompts for pair in prompts.layers] == [1] * 2


@pytest.mark.parametrize(("kind", "settings"), [("llama", LLAMA), ("gpt2", GPT2)])
def test_an_error_leaves_the_model_as_it_was(kind, settings):
    model = tiny(kind, **settings)
    with pytest.raises(IndexError):
        begin(model, [[5, 99]], 0)
    assert model.config._attn_implementation == "sdpa"
    assert not model.get_output_embeddings()._forward_pre_hooks
    assert not [module for module in model.modules() if "forward" in vars(module)]
