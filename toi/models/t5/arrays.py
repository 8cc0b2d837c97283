"""T5 with numpy: what `T5Steps` computes with torch, for a few outputs of a small model, without the seconds of importing torch.

The settings are those of the configuration (`settings_of` in toi/models/t5/quick.py); weights have the names that transformers
saves.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy

Array = numpy.ndarray


def _gelu_new(x: Array) -> Array:
    return 0.5 * x * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: numpy.maximum(x, 0),
    "gelu_new": _gelu_new,
    "silu": lambda x: x / (1 + numpy.exp(-x)),
}


def buckets(distances: Array, both: bool, count: int, longest: int) -> Array:
    """The bucket of each distance (key position - query position), as transformers has it: `both` looks ahead too."""
    offset = numpy.zeros_like(distances)
    if both:
        count //= 2
        offset = (distances > 0) * count
        distances = numpy.abs(distances)
    else:
        distances = -numpy.minimum(distances, 0)
    exact = count // 2
    far = numpy.log(numpy.maximum(distances, 1).astype(numpy.float32) / exact) / math.log(longest / exact) * (count - exact)
    return offset + numpy.where(distances < exact, distances, numpy.minimum(exact + far.astype(numpy.int64), count - 1))


class T5Arrays:
    """The weights and settings of a T5, and its encoder."""

    def __init__(self, weights: Mapping[str, Array], settings: Mapping[str, Any]):
        self.settings = settings
        self._act = ACTIVATIONS[settings["dense_act_fn"]]
        single = {name: weight.astype(numpy.float32, copy=False) for name, weight in weights.items()}
        shared = single["shared.weight" if "shared.weight" in single else "encoder.embed_tokens.weight"]
        self.embeddings = {side: single.get(f"{side}.embed_tokens.weight", shared) for side in ("encoder", "decoder")}
        self.output = single.get("lm_head.weight", shared) if not settings["tied"] else shared
        self._weights = single

    def layers(self, side: str) -> list[list[dict[str, Array]]]:
        """The weights of each block's layers by their last names: [block][layer][q, k, v, o, wi, wo, layer_norm, ...]."""
        count = self.settings["num_layers" if side == "encoder" else "num_decoder_layers"]
        found: list[list[dict[str, Array]]] = [[{} for _ in range(2 if side == "encoder" else 3)] for _ in range(count)]
        for name, weight in self._weights.items():
            parts = name.split(".")
            if parts[:2] == [side, "block"]:
                found[int(parts[2])][int(parts[4])][parts[-2]] = weight
        return found

    def bias(self, side: str, distances: Array) -> Array:
        """What self-attention adds to a score: (distances,) -> (heads, distances)."""
        table = self._weights[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
        count, longest = (self.settings[f"relative_attention_{name}"] for name in ("num_buckets", "max_distance"))
        return table[buckets(distances, side == "encoder", count, longest)].T

    def norm(self, weight: Array, x: Array) -> Array:
        """Only a scale, as in every T5."""
        return x * weight / numpy.sqrt(numpy.square(x).mean(-1, keepdims=True) + self.settings["layer_norm_epsilon"])

    def final_norm(self, side: str, x: Array) -> Array:
        """Behind the last block."""
        return self.norm(self._weights[f"{side}.final_layer_norm.weight"], x)

    def feed_forward(self, layer: Mapping[str, Array], x: Array) -> Array:
        """The last layer of a block, gated or not, with what goes around it."""
        y = self.norm(layer["layer_norm"], x)
        y = self._act(y @ layer["wi"].T) if "wi" in layer else self._act(y @ layer["wi_0"].T) * (y @ layer["wi_1"].T)
        return x + y @ layer["wo"].T

    def by_head(self, x: Array) -> Array:
        """(rows, heads x d) -> (heads, rows, d)."""
        return x.reshape(len(x), self.settings["num_heads"], -1).transpose(1, 0, 2)

    def encode(self, ids: Sequence[int]) -> Array:
        """What the encoder makes of one source: (length, d_model)."""
        hidden = self.embeddings["encoder"][numpy.array(ids)]
        positions = numpy.arange(len(ids))
        distances = self.bias("encoder", numpy.arange(1 - len(ids), len(ids)))  # (heads, distances)
        bias = distances[:, positions[None] - positions[:, None] + len(ids) - 1]  # (heads, queries, keys)
        for attention, dense in self.layers("encoder"):
            x = self.norm(attention["layer_norm"], hidden)
            q, k, v = (self.by_head(x @ attention[name].T) for name in "qkv")
            read = softmax(q @ k.transpose(0, 2, 1) + bias) @ v  # (heads, length, d)
            hidden = hidden + read.transpose(1, 0, 2).reshape(len(ids), -1) @ attention["o"].T
            hidden = self.feed_forward(dense, hidden)
        return self.final_norm("encoder", hidden)


class ArraySteps:
    """See `toi.models.family.Steps`. Each source is read by itself; its outputs share its keys and values."""

    def __init__(self, model: T5Arrays, sources: Sequence[Sequence[int]], start_id: int):
        self._model, self._start_id, self._blocks = model, start_id, model.layers("decoder")
        encoded = [model.encode(ids) for ids in sources]
        self._of_source = [[self._keys_and_values(cross, hidden) for _, cross, _ in self._blocks] for hidden in encoded]
        self._sources = numpy.arange(len(sources))  # of each output
        shape = (len(sources), 0, model.settings["num_heads"] * model.settings["d_kv"])
        # Keys and values of what is written: (outputs, written, heads x d).
        self._written = [[numpy.zeros(shape, numpy.float32)] * 2 for _ in self._blocks]

    def _keys_and_values(self, cross: Mapping[str, Array], hidden: Array) -> list[Array]:
        """(length, d_model) -> 2 x (heads, length, d)."""
        return [numpy.ascontiguousarray(self._model.by_head(hidden @ cross[name].T)) for name in "kv"]

    def start(self) -> Array:
        """The logits behind the start of the decoder: (sources, vocabulary)."""
        return self.step(numpy.full(len(self._sources), self._start_id))

    def step(self, tokens: Array) -> Array:
        """The logits behind the tokens, one of each output: (outputs,) -> (outputs, vocabulary)."""
        model = self._model
        hidden = model.embeddings["decoder"][tokens]  # (outputs, d_model)
        length = self._written[0][0].shape[1] + 1
        bias = model.bias("decoder", numpy.arange(1 - length, 1))[:, None]  # (heads, 1, written)
        for block, (own, cross, dense) in enumerate(self._blocks):
            x = model.norm(own["layer_norm"], hidden)
            new = (x @ own["k"].T, x @ own["v"].T)
            written = [numpy.concatenate([old, now[:, None]], axis=1) for old, now in zip(self._written[block], new, strict=True)]
            self._written[block] = written
            keys, values = (some.reshape(len(tokens), length, model.settings["num_heads"], -1) for some in written)
            query = (x @ own["q"].T).reshape(len(tokens), 1, model.settings["num_heads"], -1).transpose(0, 2, 1, 3)
            shares = softmax(query @ keys.transpose(0, 2, 3, 1) + bias)  # (outputs, heads, 1, written)
            hidden = hidden + (shares @ values.transpose(0, 2, 1, 3)).reshape(len(tokens), -1) @ own["o"].T
            hidden = hidden + self._read_sources(block, cross, model.norm(cross["layer_norm"], hidden)) @ cross["o"].T
            hidden = model.feed_forward(dense, hidden)
        hidden = model.final_norm("decoder", hidden)
        if model.settings["scale_decoder_outputs"]:
            hidden = hidden * numpy.float32(model.settings["d_model"] ** -0.5)
        return hidden @ model.output.T

    def _read_sources(self, block: int, cross: Mapping[str, Array], x: Array) -> Array:
        """Attention to the sources: (outputs, d_model) -> (outputs, heads x d)."""
        queries, read = x @ cross["q"].T, numpy.empty((len(x), len(cross["q"])), numpy.float32)
        for source in numpy.unique(self._sources):
            those = numpy.flatnonzero(self._sources == source)
            keys, values = self._of_source[source][block]
            shares = softmax(self._model.by_head(queries[those]) @ keys.transpose(0, 2, 1))  # (heads, outputs, length)
            read[those] = (shares @ values).transpose(1, 0, 2).reshape(len(those), -1)
        return read

    def select(self, outputs: Array) -> None:
        """Go on with these outputs (indices)."""
        self._sources = self._sources[outputs]
        self._written = [[some[outputs] for some in of_block] for of_block in self._written]


def softmax(x: Array) -> Array:
    """The shares of the last dimension."""
    x = numpy.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)
