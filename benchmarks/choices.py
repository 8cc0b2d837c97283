"""How fast are the probabilities of choices? Against a forward pass of transformers over the source and each whole choice.

    python benchmarks/choices.py

The peer is what a straightforward script does: for each choice a padded batch of 8 rows, source and choice together, the logits of
all places, the log-probabilities of the choice's tokens. Models are as small as the sample's and drawn at random, or those given.
Both get the same sources; the probabilities of both are compared with each other, and, since passes in single precision differ by
their rounding, with the peer's for one source at a time and in double precision. Figures are medians of --repeats runs, in turn.
"""

import argparse
import copy
import dataclasses
import itertools
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import torch
from torch.nn import functional

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from toi.decoding.calibration import softmax
from toi.decoding.choosing import ChoiceScorer
from toi.decoding.options import DecodingOptions
from toi.models.checkpoint import Checkpoint, load
from toi.models.choices import ChoiceTokens
from toi.models.family import Limits

KINDS = {"one token": ["A", "B", "同"], "several tokens": ["はじめの答え", "あとの答え", "どちらも同じ"]}


def sources(rows: int, characters: int) -> list[str]:
    draw = numpy.random.default_rng(0)
    words = "山田さん の 町 に あり ます 。 は 桃 が 好き です 店 で 月曜日 に 休み ます か".split()
    return ["".join(draw.choice(words, size=int(characters * draw.uniform(0.15, 0.45)))) for _ in range(rows)]


@torch.no_grad()
def straightforward(checkpoint: Checkpoint, texts: list[str], tokens: ChoiceTokens, size: int = 8) -> numpy.ndarray:
    """(sources, choices), in batches of `size`."""
    model, family = checkpoint.model.eval(), checkpoint.family
    prompts = [row.source for row in family.encode(texts, None, Limits(1024, 64))]
    found = numpy.zeros((len(texts), len(tokens.counted)))
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        for number, ids in enumerate(tokens.counted):
            width = max(map(len, batch)) + (0 if model.config.is_encoder_decoder else len(ids))
            rows = batch if model.config.is_encoder_decoder else [[*prompt, *ids] for prompt in batch]
            inputs = torch.tensor([[*row, *[family.pad_id] * (width - len(row))] for row in rows])
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
            if model.config.is_encoder_decoder:
                decoder = torch.tensor([[model.config.decoder_start_token_id, *ids[:-1]]] * len(rows))
                log_p = model(input_ids=inputs, attention_mask=mask, decoder_input_ids=decoder).logits.log_softmax(-1)
                places = [range(len(ids))] * len(rows)
            else:
                log_p = model(input_ids=inputs, attention_mask=mask).logits.log_softmax(-1)
                places = [range(len(row) - len(ids) - 1, len(row) - 1) for row in rows]
            for i, of_row in enumerate(places):
                found[start + i, number] = float(log_p[i, list(of_row), list(ids)].sum())
    return found


def exact(checkpoint: Checkpoint) -> Checkpoint:
    """The same model in double precision, its norms too, which transformers computes in single precision."""
    model = copy.deepcopy(checkpoint.model).double()

    def norm(module: Any, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, x.shape[-1:], module.weight, module.variance_epsilon)

    for module in model.modules():
        if hasattr(module, "variance_epsilon"):
            module.forward = partial(norm, module)
    return dataclasses.replace(checkpoint, model=model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["samples/base-causal", "samples/base"])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--characters", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    texts = sources(options.rows, options.characters)
    print(f"{len(texts)} sources of {statistics.median(map(len, texts)):.0f} characters, {torch.get_num_threads()} threads")
    for name in options.models:
        checkpoint = load(str(ROOT / name) if (ROOT / name).is_dir() else name)
        for kind, choices in KINDS.items():
            scorer = ChoiceScorer(checkpoint, choices, DecodingOptions(max_input_length=1024), torch.device("cpu"))
            dict(scorer.log_probs(texts[:8], 8))  # packs the weights
            ours, theirs = [], []
            for _ in range(options.repeats):
                started = time.perf_counter()
                found = dict(scorer.log_probs(texts, 32))
                ours.append(time.perf_counter() - started)
                started = time.perf_counter()
                expected = straightforward(checkpoint, texts, scorer.tokens)
                theirs.append(time.perf_counter() - started)
            mine, other = statistics.median(ours), statistics.median(theirs)
            shares = {
                "ours": softmax(numpy.stack([found[i] for i in range(len(texts))])),
                "theirs": softmax(expected),
                "alone": softmax(straightforward(checkpoint, texts, scorer.tokens, 1)),
                "double": softmax(straightforward(exact(checkpoint), texts, scorer.tokens)),
            }
            lengths = [len(ids) for ids in scorer.tokens.counted]
            print(
                f"{name}, {kind} {lengths}: ours {len(texts) / mine:.1f} sources/s, theirs {len(texts) / other:.1f}, "
                f"{other / mine:.2f} times as fast"
            )
            apart = {(a, b): f"{numpy.abs(shares[a] - shares[b]).max():.1e}" for a, b in itertools.combinations(shares, 2)}
            print(
                f"  probabilities differ: ours and theirs by {apart['ours', 'theirs']}, theirs in batches and one at a time by "
                f"{apart['theirs', 'alone']}; from double precision ours by {apart['ours', 'double']}, theirs by "
                f"{apart['theirs', 'double']} and {apart['alone', 'double']}"
            )


if __name__ == "__main__":
    main()
