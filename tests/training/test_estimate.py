"""The memory of a training, from a configuration alone, beside what torch keeps for backward."""

import shutil

import pytest
import torch
from conftest import here
from tiny_causal import make_gpt2, make_llama
from transformers import GPT2Config, LlamaConfig, T5Config

from toi.models.adapters import Base, Shape, adapt
from toi.models.members import family_of
from toi.training.estimate import Estimate, empty_model, estimate_memory, estimate_of
from train import TrainOptions

CONFIGS = {
    "llama": LlamaConfig(
        vocab_size=300, hidden_size=128, intermediate_size=344, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2
    ),
    "gpt2": GPT2Config(
        vocab_size=300, n_embd=128, n_layer=2, n_head=4, attn_pdrop=0.0, bos_token_id=1, eos_token_id=1
    ),  # torch's dropout in attention keeps its shares on a CPU
    "t5": T5Config(vocab_size=300, d_model=128, d_kv=32, d_ff=256, num_layers=2, num_heads=4, decoder_start_token_id=0),
}
WITHIN = {"llama": (0.85, 1.15), "gpt2": (0.8, 1.15), "t5": (0.6, 1.1)}


def options(folder, **changes):
    return TrainOptions(
        model_name_or_path=str(folder), per_device_train_batch_size=2, max_input_length=96, max_target_length=32, **changes
    )


def kept_bytes(model, precision):
    """What torch keeps for backward of two rows of 96 + 32 tokens, the parameters left out."""
    storages = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def pack(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    ids, targets = torch.full((2, 96), 5), torch.full((2, 32), 5)
    both = torch.cat([ids, targets], 1)
    inputs = {"input_ids": ids, "decoder_input_ids": targets} if model.config.is_encoder_decoder else {"input_ids": both}
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"),
    ):
        kept_for_backward = model(**inputs, use_cache=False)
    assert kept_for_backward is not None
    return sum(size for place, size in storages.items() if place not in own)


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize(("lora_r", "precision"), [(0, "fp32"), (8, "fp32"), (0, "bf16"), (8, "bf16")])
def test_activations(kind, lora_r, precision, tmp_path):
    config = CONFIGS[kind]
    config.save_pretrained(tmp_path)
    asked = options(tmp_path, lora_r=lora_r, precision=precision)
    empty = empty_model(asked)
    assert {parameter.device.type for parameter in empty.parameters()} == {"meta"}
    model = family_of(config).auto_class().from_config(config, dtype=torch.float32)
    if lora_r:
        adapt(model, Base("x"), Shape(lora_r, None, 0.0, "all-linear"))
    model.train()
    for trained in (True, False):
        counts = [sum(p.numel() for p in m.parameters() if p.requires_grad or not trained) for m in (empty, model)]
        assert counts[0] == counts[1]
    estimate = estimate_of(empty, asked, precision)
    copies = estimate.copies if precision == "bf16" else 0
    low, high = WITHIN[kind]
    assert low < (estimate.activations + copies) / kept_bytes(model, precision) < high


def test_weights_gradients_and_moments(tmp_path):
    """By hand: a Llama of one layer with h 8, f 16, 2 heads, 10 tokens, not tied."""
    LlamaConfig(
        vocab_size=10, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, tie_word_embeddings=False
    ).save_pretrained(tmp_path)
    layers, others = 4 * 8 * 8 + 3 * 8 * 16, 2 * 80 + 3 * 8  # linear layers; embeddings, output matrix, norms
    adapters = 2 * (4 * (8 + 8) + 3 * (8 + 16))
    table = [
        ({}, "fp32", 4 * (layers + others), 0, 4 * (layers + others), 8 * (layers + others)),
        ({}, "bf16", 4 * (layers + others), 2 * (layers + 80), 4 * (layers + others), 8 * (layers + others)),
        ({"lora_r": 2}, "fp32", 4 * (layers + others + adapters), 0, 4 * adapters, 8 * adapters),
        ({"lora_r": 2, "model_dtype": "bfloat16"}, "fp32", 2 * (layers + others) + 4 * adapters, 0, 4 * adapters, 8 * adapters),
        ({"lora_r": 2, "load_in_4bit": True}, "fp32", layers * 4.127 / 8 + 4 * (others + adapters), 0, 4 * adapters, 8 * adapters),
        ({"lora_r": 2, "load_in_8bit": True}, "fp32", layers + 4 * (others + adapters), 0, 4 * adapters, 8 * adapters),
    ]
    for changes, precision, *expected in table:
        asked = options(tmp_path, **changes)
        estimate = estimate_of(empty_model(asked), asked, precision)
        found = [estimate.weights, estimate.copies, estimate.gradients, estimate.optimizer]
        extra = 2 * adapters if changes.get("lora_r") and precision == "bf16" else 0
        assert found == pytest.approx([expected[0], expected[1] + extra, *expected[2:]]), changes
        assert estimate.logits == 12 * 2 * 32 * 10


def test_the_total_and_what_makes_it_less(tmp_path):
    assert Estimate(1, 2, 3, 4, 5, 6).total == 21
    make_gpt2(tmp_path / "m")

    def parts(**changes):
        asked = options(tmp_path / "m", **changes)
        return estimate_of(empty_model(asked), asked, "fp32")

    plain = parts()
    assert parts(gradient_checkpointing=True).activations < plain.activations
    assert parts(optim="adafactor").optimizer < plain.optimizer / 2
    moments = [parts(optim=name).optimizer / plain.optimizer for name in ("sgd", "rmsprop", "adadelta")]
    assert moments == [0, 0.5, 1]
    assert parts(optim="adamw_8bit").optimizer < plain.optimizer / 2  # small weights have theirs in 32 bits
    assert parts(max_tokens_per_batch=96 * 4).activations == 2 * plain.activations
    assert parts(lora_r=2, lora_target_modules="c_attn").optimizer < parts(lora_r=2).optimizer < plain.optimizer


def test_it_is_printed_before_anything_is_loaded(tmp_path):
    """Without weights, without data; an adapter folder stands for its base."""
    make_llama(tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").unlink()
    said = here("train.py", "--estimate_memory", "--model_name_or_path", tmp_path / "m", "--lora_r", "2", "--load_in_4bit")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "weights", "copies", "gradients", "optimizer", "activations", "logits", "total"
    ]  # fmt: skip
    assert "weights in 4 bits" in lines[0]
    shutil.rmtree(tmp_path / "m")
    gone = here("train.py", "--estimate_memory", "--model_name_or_path", tmp_path / "m")
    assert gone.returncode == 2
    assert "no such model folder" in gone.stderr


def test_a_row_has_no_more_tokens_than_the_model_has_places(tmp_path):
    make_gpt2(tmp_path / "m")  # 256 places
    asked = TrainOptions(model_name_or_path=str(tmp_path / "m"), max_input_length=512, max_target_length=64)
    assert "rows of 192 + 64 tokens" in estimate_memory(asked)
