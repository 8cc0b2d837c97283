"""`<hl>` in models whose embeddings are kept in all the ways that there are."""

import pytest
import torch
from tiny_causal import TOKENIZERS
from transformers import GPT2Config, GPT2LMHeadModel, GPTJConfig, GPTJForCausalLM, LlamaConfig, LlamaForCausalLM

from toi.data.tasks import Task
from toi.models.checkpoint import Checkpoint, add_highlight, load, make_room, save
from toi.models.tokenizer_files import load_tokenizer

SMALL = {"vocab_size": 0, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
MODELS = {
    "tied": lambda size: GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=64)),
    "untied": lambda size: LlamaForCausalLM(LlamaConfig(**{**SMALL, "vocab_size": size}, tie_word_embeddings=False)),
    "tied llama": lambda size: LlamaForCausalLM(LlamaConfig(**{**SMALL, "vocab_size": size}, tie_word_embeddings=True)),
    "biases": lambda size: GPTJForCausalLM(
        GPTJConfig(vocab_size=size, n_embd=16, n_layer=1, n_head=2, n_positions=64, rotary_dim=4)
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["rinna", "byte-level"])
@pytest.mark.parametrize("spare", [0, 5])
@pytest.mark.parametrize("name", MODELS)
def test_highlight_is_one_token_with_a_row_of_its_own(name, spare, kind, tmp_path):
    """It starts as the mean of all others, in the output and its biases too; nothing else changes; it is saved with the model."""
    (tmp_path / "base").mkdir()
    TOKENIZERS[kind](tmp_path / "base")
    known = len(load_tokenizer(tmp_path / "base", 0))
    torch.manual_seed(0)
    model = MODELS[name](known + spare)
    if name == "biases":
        torch.nn.init.normal_(model.lm_head.bias)
    model.generation_config.eos_token_id = None
    model.save_pretrained(tmp_path / "base")
    checkpoint = load(str(tmp_path / "base"))
    before = {key: value.clone() for key, value in checkpoint.model.state_dict().items()}
    add_highlight(checkpoint)
    add_highlight(checkpoint)  # it is there
    own = checkpoint.tokenizer.id_of("<hl>")
    assert own == known
    assert checkpoint.tokenizer.encode("山梨<hl>県<hl>").count(own) == 2
    layers = checkpoint.model.get_input_embeddings(), checkpoint.model.get_output_embeddings()
    assert (layers[0].weight is layers[1].weight) is name.startswith("tied")
    tensors = [values for layer in layers for values in (layer.weight, getattr(layer, "bias", None)) if values is not None]
    assert len(tensors) == (3 if name == "biases" else 2)
    for values in tensors:
        assert len(values) == max(known + spare, known + 1)
        torch.testing.assert_close(values[own], values[:known].mean(dim=0))
    for key, value in checkpoint.model.state_dict().items():
        assert torch.equal(value[:known] if value.shape != before[key].shape or len(value) > known else value, before[key][:known])
    save(tmp_path / "saved", checkpoint.model, checkpoint.tokenizer, Task.named("aqg-hl"), {}, {})
    again = load(str(tmp_path / "saved"))
    assert again.tokenizer.id_of("<hl>") == own
    for key, value in again.model.state_dict().items():
        assert torch.equal(value, checkpoint.model.state_dict()[key])


def test_a_step_moves_the_row_of_highlight(tmp_path):
    """Its gradient is its own: with output matrices of their own, only where it is read."""
    TOKENIZERS["byte-level"](tmp_path)
    tokenizer = load_tokenizer(tmp_path, 0)
    model = MODELS["untied"](len(tokenizer))
    checkpoint = Checkpoint(model, load_family(model, tokenizer), None, "m")
    add_highlight(checkpoint)
    make_room(model, tokenizer)  # there is room
    own = tokenizer.id_of("<hl>")
    ids = torch.tensor([tokenizer.encode("山<hl>梨<hl>県")])
    model(input_ids=ids, labels=ids.masked_fill(ids == own, -100)).loss.backward()
    gradient = model.get_input_embeddings().weight.grad
    assert gradient[own].abs().sum() > 0
    assert gradient[tokenizer.encode("A")[0]].abs().sum() == 0


def load_family(model, tokenizer):
    from toi.models.causal.family import CausalFamily

    return CausalFamily(tokenizer, model.config, model.generation_config)
