"""Do banned words leak? Random models, prompts and words, under our automaton and under transformers' bad_words_ids.

    python benchmarks/leaks.py --cases 2000
    python benchmarks/leaks.py --cases 2000 --kind causal
    python benchmarks/leaks.py --cases 500 --kind causal-pieces --seed 3      # other cases: a long run in parts

Each case is a tiny model with random weights, a prompt, one to three banned words taken from what the model writes without
constraints, and a way to search: beams 1, 4 and 10, sampling, diverse groups. The model is a T5 (every other one with byte
fallback), or a causal one: a GPT-2 with a byte-level BPE, or a Llama with a Unigram vocabulary; as causal-pieces, with files of
SentencePiece, a GPT-2 like rinna's, or a Llama with byte fallback. Counted are cases with an output that holds a banned word or a
variant of it (after normalization, without regard to case), and cases in which an output that was clean without constraints
changed. The peer is `model.generate` with the token sequences of the same words, each with and without a space before it, as the
documentation of `bad_words_ids` has it.
"""

import argparse
import random
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch
from conftest import SENTENCES, load_speaking, make_model
from tiny_causal import WITH_TOKENIZER, make_gpt2, make_llama

from toi.decoding.decoder import Decoder
from toi.decoding.options import NBestOptions
from toi.models.checkpoint import Checkpoint, quiet
from toi.models.family import Limits
from toi.text.folding import banned_words, fold
from toi.text.normalization import normalize

WAYS = {
    "beam 1": NBestOptions(num_beams=1),
    "beam 4": NBestOptions(num_beams=4),
    "beam 10": NBestOptions(num_beams=10),
    "sampling": NBestOptions(do_sample=True, num_return_sequences=2),
    "diverse": NBestOptions(num_beams=4, num_return_sequences=4, diversity_penalty=1.0),
}
LENGTH = 10
KINDS = {
    "t5": (make_model, partial(make_model, byte_fallback=False)),
    "causal": (make_gpt2, make_llama),
    "causal-pieces": (WITH_TOKENIZER["rinna"], WITH_TOKENIZER["llama"]),
}


def words_of(text: str, generator: random.Random) -> list[str]:
    """One to three stretches of one to three characters of a text; half of them in another width or case."""
    visible = [i for i, c in enumerate(text) if normalize(c) and c.isprintable()]
    words = []
    for _ in range(generator.randint(1, 3)):
        start = generator.choice(visible)
        word = text[start : start + generator.randint(1, 3)]
        if generator.random() < 0.5:
            word = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word).swapcase()
        if fold(word):
            words.append(word)
    return words


def bad_words_ids(checkpoint: Checkpoint, words: list[str]) -> list[list[int]]:
    encode = checkpoint.tokenizer.fast.encode
    sequences = [encode(form, add_special_tokens=False) for word in words for form in (word, " " + word)]
    return [ids for ids in sequences if ids and ids != [checkpoint.tokenizer.eos_id]]


def of_peer(checkpoint: Checkpoint, source: str, words: list[str], options: NBestOptions) -> list[str]:
    """What `model.generate` writes under `bad_words_ids`: sampling as it samples, diverse groups as its beams."""
    (row,) = checkpoint.family.encode([source], None, Limits(512, LENGTH))
    ids = torch.tensor([row.source])
    count = options.num_return_sequences
    torch.manual_seed(0)
    with torch.inference_mode():
        found = checkpoint.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=LENGTH, min_new_tokens=1,
            bad_words_ids=bad_words_ids(checkpoint, words) or None,
            num_beams=1 if options.do_sample else options.num_beams, do_sample=options.do_sample, num_return_sequences=count,
        )  # fmt: skip
    behind = 0 if checkpoint.model.config.is_encoder_decoder else len(row.source)
    return checkpoint.tokenizer.decode_batch(found[:, behind:].tolist())


def measure(cases: int, peer: bool, kind: str = "t5", seed: int = 0) -> dict[str, int]:
    """The counts over some cases; another seed has other ones, of other models."""
    generator = random.Random(seed)
    names = ("cases", "broken without constraints", "ours leaked", "clean changed", "empty", "bad_words_ids leaked")
    counts = dict.fromkeys(names, 0)
    with tempfile.TemporaryDirectory() as folder:
        decoders = []
        for number, make in enumerate(KINDS[kind]):
            path = make(Path(folder) / f"model{number}")
            decoders.append([Decoder(load_speaking(path, seed)) for seed in range(4)])
        for case in range(cases):
            decoder = generator.choice(decoders[case % 2])
            way = list(WAYS)[case % len(WAYS)]
            options = replace(WAYS[way], backend="torch", max_target_length=LENGTH, seed=seed * cases + case)
            source = "".join(generator.choices([*SENTENCES, *"".join(SENTENCES)], k=3))
            ((_, free),) = decoder.decode([source], options)
            written = [text.text for text in free.texts if normalize(text.text)]
            # Of what it writes, so that there is something to forbid; every fifth time of any sentence.
            words = words_of(generator.choice(written if written and case % 5 else SENTENCES), generator)
            if not words:
                continue
            counts["cases"] += 1
            ((_, held),) = decoder.decode([source], options, banned=[words])
            broken = [text.text for text in free.texts if banned_words(text.text, words)]
            counts["broken without constraints"] += bool(broken)
            counts["ours leaked"] += any(banned_words(text.text, words) for text in held.texts)
            kept = {text.text for text in held.texts}
            counts["clean changed"] += any(text.text not in kept for text in free.texts if text.text and text.text not in broken)
            counts["empty"] += held.text is None
            if peer:
                texts = of_peer(decoder.checkpoint, source, words, options)
                counts["bad_words_ids leaked"] += any(banned_words(text, words) for text in texts)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--kind", choices=KINDS, default="t5")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no_peer", action="store_true", help="only ours")
    args = parser.parse_args()
    quiet()
    torch.set_num_threads(1)  # tiny models: threads that wait for each other cost more than they bring
    started = time.perf_counter()
    for name, count in measure(args.cases, not args.no_peer, args.kind, args.seed).items():
        print(f"{name:28}{count:6,}")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
