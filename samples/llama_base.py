"""The Llama of `samples/base-causal/`: how it is made, starts, grows and is trained on a batch.

A row is `source </s> target </s>`: the vocabulary has no line break, so `</s>` is what toi/models/causal/separator.py puts between the
two, and fine-tuning goes on where pretraining stopped. In training there is also a loss over the sources: they are read anyway, and
say how such texts go on, which is what T5 has its span corruption for. Pairs of that are left out.
"""

import argparse
import math
from types import MethodType

import torch
import transformers
from growing import grow_layers
from reading import SENTINELS, Encoder
from torch.nn import functional
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from toi.models.causal import fast
from toi.models.norm import Norm

FOLDER, LAYERS, D_FF = "base-causal", (6,), 384
_HEAD, _THETA = 32, 1e5  # dimensions of a head; base of the rotary positions
_OF_POSITION = 6  # pairs of dimensions that turn fast enough to tell neighbours apart; ...
_OF_CONTENT = slice(7, 16)  # ... and those that turn so slowly that a name far away still is the same name
_SOURCE_WEIGHT, _EVERY = 0.1, 4  # the loss over sources: its weight, and every how many of their tokens have it
_WIDTH, _PLACES = 8, 128  # batches are padded to multiples, as oneDNN prepares every new shape of a product


def vocabulary_size(encode: Encoder) -> int:
    """The pieces alone: no sentinel is read."""
    return encode.size - SENTINELS


def start_near_copying(model: transformers.LlamaForCausalLM) -> None:
    """Set some heads to what a copying model ends up with (induction heads, Olsson et al. 2022).

    Head 0 of the first layer looks one token back, and writes a part of what stands there into a subspace of its own, which
    embeddings leave free. Heads of the second layer look for positions whose "before" is the token that was just written, and
    pass on what stands there: the next token of the copied text, as input and output embeddings are tied. All other layers write
    nothing yet.

    A head that looks at positions needs queries and keys that are always the same, and there are no biases: all embeddings have one
    direction in common, which changes no probabilities. The rotation by a distance (Su et al. 2021) does the rest: a key that is
    turned one position ahead of the query fits best one position behind it.
    """
    d, layers = model.config.hidden_size, model.model.layers
    basis = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(1)))[0].T  # orthonormal rows
    constant, before, content = basis[0], basis[1 : 1 + _HEAD], basis[1 + _HEAD :]
    with torch.no_grad():
        for layer in layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        embeddings = model.model.embed_tokens.weight
        embeddings.normal_()
        embeddings.copy_(embeddings @ content.T @ content + 6 * constant)
        model.model.norm.weight.fill_(d**-0.5)  # as T5 does before tied embeddings, so that logits are of order 1
        turn = _THETA ** (-torch.arange(_OF_POSITION) * 2 / _HEAD)  # radians by position
        attention = layers[0].self_attn
        for head, back in ((0, 1), (1, 2)):
            query, key = (weight.weight[head * _HEAD : (head + 1) * _HEAD] for weight in (attention.q_proj, attention.k_proj))
            query.zero_()
            key.zero_()
            query[:_OF_POSITION] = 1.1 * constant
            key[:_OF_POSITION] = 1.1 * (turn * back).cos()[:, None] * constant
            key[_HEAD // 2 : _HEAD // 2 + _OF_POSITION] = 1.1 * (turn * back).sin()[:, None] * constant
        attention.v_proj.weight[:_HEAD] = content[:_HEAD]
        attention.o_proj.weight[:, :_HEAD] = before.T
        attention = layers[1].self_attn
        slow = torch.arange(_HEAD // 2)[_OF_CONTENT]
        slow = torch.cat([slow, slow + _HEAD // 2])
        for head in range(min(model.config.num_attention_heads, math.ceil(len(content) / _HEAD))):
            at = slice(head * _HEAD, (head + 1) * _HEAD)
            compared = torch.arange(7 * head, 7 * head + len(slow)) % _HEAD  # other ones by other heads
            for weight, subspace in ((attention.q_proj.weight[at], content), (attention.k_proj.weight[at], before)):
                weight.zero_()
                weight[slow] = 2.2 * subspace[compared]
            passed = content[at]
            attention.v_proj.weight[at][: len(passed)] = 1.6 * passed
            attention.o_proj.weight[:, at][:, : len(passed)] = 1.6 * passed.T


def make_model(vocabulary: int, args: argparse.Namespace) -> transformers.LlamaForCausalLM:
    """The model at its start."""
    config = transformers.LlamaConfig(
        vocab_size=vocabulary, hidden_size=args.d_model, intermediate_size=args.d_ff, num_hidden_layers=args.layers[0],
        num_attention_heads=args.d_model // _HEAD, head_dim=_HEAD, max_position_embeddings=1024, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": _THETA}, initializer_range=0.5 * args.d_model**-0.5,
        pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    start_near_copying(model)
    return model


def grow(model: transformers.LlamaForCausalLM, smaller: transformers.LlamaForCausalLM) -> None:
    """Give a model what a smaller one has learnt; see `growing.py`."""
    model.model.embed_tokens.load_state_dict(smaller.model.embed_tokens.state_dict())
    model.model.norm.load_state_dict(smaller.model.norm.state_dict())
    grow_layers(model.model.layers, smaller.model.layers, ("o_proj.weight", "down_proj.weight"))


def speed_up(model: transformers.LlamaForCausalLM) -> None:
    """Train this model faster from now on.

    Rows are so short that plain products need half the time of torch's own attention; T5's norm is also Llama's.
    """
    fast.speed_up(model)
    model.set_attn_implementation("eager")
    for module in model.modules():
        if type(module) is LlamaRMSNorm:
            module.forward = MethodType(_norm, module)


def _norm(self: LlamaRMSNorm, x: torch.Tensor) -> torch.Tensor:
    low = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    return Norm.apply(x, self.weight, self.variance_epsilon, low)


def loss_of(model: transformers.LlamaForCausalLM, pairs: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss per target token of a batch, and for each whether it was predicted; in training the loss has a share of the
    sources', and nobody asks for the latter.

    Padding stands behind a row, where none of its tokens sees it. Logits are computed where they are asked for.
    """
    pairs = [pair for pair in pairs if max(pair[0]) < model.config.vocab_size]  # the others have sentinels
    width = _rounded(max(len(source) + len(target) - 1 for source, target in pairs), _WIDTH)
    ids = torch.zeros(len(pairs), width, dtype=torch.long)
    following = torch.full((len(pairs), width), -100)  # the token behind each place
    of_target = torch.zeros(len(pairs), width, dtype=torch.bool)
    for i, (source, target) in enumerate(pairs):
        row = torch.tensor([*source, *target])
        ids[i, : len(row) - 1], following[i, : len(row) - 1] = row[:-1], row[1:]
        of_target[i, len(source) - 1 : len(row) - 1] = True
    wanted = of_target.flatten()
    if model.training:
        first = int(ids.sum()) % _EVERY  # not always the same places, and yet the same ones in a run that goes on
        wanted = wanted | ((torch.arange(wanted.numel()) % _EVERY == first) & (following.flatten() != -100))
    places = wanted.nonzero()[:, 0]
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state.view(-1, model.config.hidden_size)
    padded = functional.pad(places, (0, _rounded(len(places), _PLACES) - len(places)))
    logits = model.lm_head(hidden[padded])[: len(places)]
    labels, of_target = following.flatten()[places], of_target.flatten()[places]
    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    loss = losses[of_target].mean()
    if model.training:
        return loss + _SOURCE_WEIGHT * losses[~of_target].mean(), of_target.new_empty(0)
    return loss, logits[of_target].argmax(-1) == labels[of_target]


def _rounded(count: int, step: int) -> int:
    return -(-count // step) * step
