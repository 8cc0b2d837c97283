"""How long does one wait for an answer's first token in a conversation? About 50M parameters (random weights), greedy.

    python benchmarks/talking.py
    python benchmarks/talking.py --tiny          (does it run?)

A Llama-like model answers ten questions of 30 random ids with 40 tokens each, and reads all that was said before. `kept` is what
generate.py --interactive does: keys and values of the conversation stay, and only what is new is read; `anew` is the same without
that. The peer is `model.generate` with a streamer, which reads all of it anew, and `peer kept`, to which the cache of the last
turn is given. Milliseconds from the question in ids to the first token of the answer, the median of the repeats; all ways take
turns in one process, behind one conversation that warms up. Ours and the peer's answers are compared.
"""

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from models import PAD, UNKNOWN, make_causal

TURNS, ASKED, ANSWERED = 10, 30, 40
Answer = Callable[[list[int]], tuple[list[int], float]]  # what is read -> the tokens of the answer, seconds until the first


def ours(model: Any, *, kept: bool) -> Answer:
    """The stream of a conversation."""
    from toi.decoding.options import DecodingOptions
    from toi.decoding.plan import SearchPlan
    from toi.decoding.streaming import tokens
    from toi.decoding.torch_engine import TorchEngine
    from toi.models.causal.steps import begin
    from toi.models.family import Past

    family: Any = SimpleNamespace(begin=lambda model, sources, past=None: begin(model, sources, PAD, past))
    engine = TorchEngine(SimpleNamespace(family=family, model=model))  # type: ignore[arg-type]
    plan = SearchPlan.of(DecodingOptions(num_beams=1), ANSWERED)
    last: list[Past] = []

    def answer(ids: list[int]) -> tuple[list[int], float]:
        started, first, written = time.perf_counter(), 0.0, list[int]()
        with engine.writing(ids, last[-1] if kept and last else None) as (steps, arrays):
            for token in tokens(steps, arrays, [UNKNOWN], ids, plan, []):
                first = first or time.perf_counter() - started
                written.append(token)
            last[:] = [Past([*ids, *written[:-1]], steps)]
        return written, first

    return answer


def peer(model: Any, *, kept: bool) -> Answer:
    """`model.generate`, as one would write it, or with the cache of the last turn."""
    import torch
    from transformers import DynamicCache

    last: list[Any] = []

    def answer(ids: list[int]) -> tuple[list[int], float]:
        seen: list[float] = []
        streamer = SimpleNamespace(put=lambda _: seen.append(time.perf_counter()), end=lambda: None)
        cache = last[-1] if kept and last else DynamicCache(config=model.config)
        started = time.perf_counter()
        with torch.inference_mode():
            found = model.generate(
                input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
                num_beams=1, max_new_tokens=ANSWERED, eos_token_id=UNKNOWN, streamer=streamer, past_key_values=cache,
            )  # fmt: skip
        last[:] = [cache]
        return found[0, len(ids) :].tolist(), seen[1] - started  # the streamer is given the prompt first

    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "toi-benchmark", help="models are kept here")
    parser.add_argument("--tiny", action="store_true", help="a model that shows nothing but whether this runs")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    from toi.models.checkpoint import quiet

    quiet()
    import torch
    from transformers import AutoModelForCausalLM

    with contextlib.redirect_stdout(sys.stderr):
        model = AutoModelForCausalLM.from_pretrained(make_causal("llama", args.work, tiny=args.tiny), dtype=torch.float32).eval()
    generator = random.Random(0)
    questions = [generator.choices(range(3, 32_000), k=ASKED) for _ in range(TURNS)]
    waits: dict[str, list[list[float]]] = {}
    answers: dict[str, list[list[int]]] = {}
    for repeat in range(args.repeats + 1):
        ways = {"kept": ours(model, kept=True), "anew": ours(model, kept=False)}
        ways |= {"peer kept": peer(model, kept=True), "peer": peer(model, kept=False)}
        read: dict[str, list[int]] = {name: [] for name in ways}
        for turn, question in enumerate(questions):
            for name, answer in ways.items():
                ids = read[name] + question
                written, seconds = answer(ids)
                read[name] = ids + written
                answers.setdefault(name, []).append(written)
                if repeat:
                    waits.setdefault(name, [[] for _ in questions])[turn].append(seconds * 1000)
    print(f"{'turn':>6}{'tokens':>8}" + "".join(f"{name:>12}" for name in waits))
    for turn in range(TURNS):
        tokens_read = turn * (ASKED + ANSWERED) + ASKED
        print(f"{turn + 1:>6}{tokens_read:>8}" + "".join(f"{statistics.median(waits[name][turn]):>12.1f}" for name in waits))
    same = sum(a == b for a, b in zip(answers["kept"], answers["peer"], strict=True))
    print(f"ms to the first token; {same} of {len(answers['kept'])} answers are those of the peer")


if __name__ == "__main__":
    main()
