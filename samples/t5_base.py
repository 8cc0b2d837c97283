"""The T5 of `samples/base/`: how it is made, starts, grows and is trained on a batch."""

import argparse
from typing import Any

import torch
import transformers
from growing import grow_layers
from reading import Encoder
from torch.nn import functional

from toi.models.t5.fast import speed_up as speed_up  # the same T5, trained faster

FOLDER, LAYERS, D_FF = "base", (4, 2), 512


def vocabulary_size(encode: Encoder) -> int:
    """The pieces, and T5's sentinels behind them."""
    return encode.size


def start_near_copying(model: transformers.T5ForConditionalGeneration) -> None:
    """Set some heads to what a copying T5 ends up with (induction heads, Olsson et al. 2022).

    Encoder head 0 looks one token back, so that a position knows what stands before it; the first
    decoder cross-attention looks for positions whose "before" is the token just written, and its
    values pass on the token that stands there. With tied embeddings that writes the next token of
    the copied text, also where the token was never trained. Training does the rest.
    """
    config = model.config
    d, k = config.d_model, config.d_kv
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(d, d, generator=generator))[0].T  # orthonormal rows
    rows = [basis[i * k : (i + 1) * k] for i in range(d // k)]  # each (k, d)
    encoder, decoder = model.encoder.block, model.decoder.block
    with torch.no_grad():
        bias = encoder[0].layer[0].SelfAttention.relative_attention_bias.weight  # (buckets, heads)
        half = config.relative_attention_num_buckets // 2
        for head, bucket in ((0, 1), (1, 2), (2, half + 1)):  # one back, two back, one ahead
            bias[bucket, head] = 8.0
        bias = decoder[0].layer[0].SelfAttention.relative_attention_bias.weight
        for head, bucket in ((0, 1), (1, 2)):
            bias[bucket, head] = 8.0
        attention = encoder[0].layer[0].SelfAttention
        attention.v.weight[:k] = rows[0]
        attention.o.weight[:, :k] = rows[1].T  # what stands before, written into a subspace of its own
        cross = decoder[0].layer[1].EncDecAttention
        for head in range(2):
            cross.q.weight[head * k : (head + 1) * k] = rows[0] * 0.7
            cross.k.weight[head * k : (head + 1) * k] = rows[1] * 0.7
        for head in range(config.num_heads):
            cross.v.weight[head * k : (head + 1) * k] = rows[head % len(rows)]
            cross.o.weight[:, head * k : (head + 1) * k] = rows[head % len(rows)].T


def make_model(vocabulary: int, args: argparse.Namespace) -> transformers.T5ForConditionalGeneration:
    """The model at its start."""
    config = transformers.T5Config(
        vocab_size=vocabulary, d_model=args.d_model, d_kv=32, num_heads=args.d_model // 32, d_ff=args.d_ff,
        num_layers=args.layers[0], num_decoder_layers=args.layers[1], dropout_rate=0.0, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.T5ForConditionalGeneration(config)
    start_near_copying(model)
    return model


def grow(model: transformers.T5ForConditionalGeneration, smaller: transformers.T5ForConditionalGeneration) -> None:
    """Give a model what a smaller one has learnt; see `growing.py`."""
    model.shared.weight.data.copy_(smaller.shared.weight)
    for stack, old in ((model.encoder, smaller.encoder), (model.decoder, smaller.decoder)):
        stack.final_layer_norm.load_state_dict(old.final_layer_norm.state_dict())
        grow_layers(stack.block, old.block, ("o.weight", "wo.weight"))


def loss_of(model: Any, pairs: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss per target token of a batch, and for each target token whether it was predicted."""
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad([torch.tensor(s) for s, _ in pairs], batch_first=True)
    labels = pad([torch.tensor(t) for _, t in pairs], batch_first=True, padding_value=-100)
    kept = labels != -100
    shifted = torch.cat([labels.new_zeros(len(labels), 1), labels[:, :-1].clamp(min=0)], dim=1)
    logits = model(input_ids=ids, attention_mask=ids.ne(0), decoder_input_ids=shifted, kept=kept).logits[0]
    return functional.cross_entropy(logits.float(), labels[kept]), logits.argmax(-1) == labels[kept]
