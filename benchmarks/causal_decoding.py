"""How fast is our search with causal models, against `model.generate`? About 50M parameters (random weights), 24 new tokens.

    python benchmarks/causal_decoding.py
    python benchmarks/causal_decoding.py --prompts data_cf        (sources of its test split; needs raw/jaquad)
    python benchmarks/causal_decoding.py --rows 8 --tiny          (does it run?)

A Llama-like and a GPT-2-like model read prompts of 200 to 300 tokens: random ids, `apart`, each of its own, and `alike`, where 8 in
3 begin with the same 90% (a task that puts the context first); or those of a data folder, as predict.py makes them. The peer is
`model.generate` with batches of 8 in file order, padded on the left, in single precision and in bf16; ours is what predict.py does
with torch, in the batches that it forms itself: of 32, or of 64 without beams. Every figure is from a process of its own; loading a
model is not counted, packing its weights is. Outputs have all 24 tokens.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from models import PAD, UNKNOWN, make_causal, make_causal_tokenizer
from processes import Figures, medians

NEW, BATCH = 24, 8
END = UNKNOWN  # random weights repeat what they read last, and prompts end in the end of sequence: all would be over at once
WAYS = ("peer_fp32", "peer_bf16", "ours_fp32", "ours_bf16")
KINDS = ("llama", "gpt2")
RANDOM = ("apart", "alike")


def drawn(rows: int, *, alike: bool) -> list[list[int]]:
    """Prompts of random ids; where they are alike, 8 questions for 3 contexts in turn."""
    generator = random.Random(0)

    def some(count: int) -> list[int]:
        return generator.choices(range(3, 32_000), k=count)

    prompts: list[list[int]] = []
    while len(prompts) < rows:
        if not alike:
            prompts.append(some(generator.randint(200, 300)))
            continue
        for questions in (3, 3, 2):
            context = some(generator.randint(180, 270))
            prompts += [[*context, *some(generator.randint(20, 30))] for _ in range(questions)]
    return prompts[:rows]


def read(model: Path, data_dir: str, rows: int) -> list[list[int]]:
    """The first prompts of the test split of a data folder."""
    from toi.data.examples import read_rows, split_path
    from toi.data.task_files import read_task
    from toi.models.causal.rows import CausalRows
    from toi.models.family import Limits
    from toi.models.tokenizer_files import load_tokenizer

    family = CausalRows(load_tokenizer(model), (), None)
    family.follow(read_task(data_dir))
    sources = [row.source for row in read_rows(split_path(data_dir, "test"))[:rows]]
    return [row.source for row in family.encode(sources, None, Limits(512, NEW))]


def peer(path: Path, prompts: list[list[int]], beams: int, *, bf16: bool) -> Figures:
    """`model.generate`, as one would write it."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16 if bf16 else torch.float32).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    written: list[list[int]] = []
    started = start()
    with torch.inference_mode():
        for i in range(0, len(prompts), BATCH):
            batch = prompts[i : i + BATCH]
            longest = max(map(len, batch))
            ids = torch.tensor([[PAD] * (longest - len(row)) + row for row in batch], device=model.device)
            mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch], device=model.device)
            found = model.generate(
                input_ids=ids, attention_mask=mask, num_beams=beams, do_sample=False, max_new_tokens=NEW, eos_token_id=END
            )
            written += found[:, longest:].tolist()
    return {**speed(len(prompts), started), "written": written}


def ours(path: Path, prompts: list[list[int]], beams: int, *, bf16: bool) -> Figures:
    """The torch engine of predict.py, with its batches; in bf16 it is that of `--compute_type bfloat16`."""
    import torch
    from transformers import AutoModelForCausalLM

    from toi.decoding.jobs import Job, job_batches, usual_batch_size
    from toi.decoding.options import DecodingOptions
    from toi.decoding.plan import SearchPlan
    from toi.decoding.torch_engine import TorchEngine
    from toi.models.causal.steps import begin
    from toi.system.memory import keep_memory

    keep_memory()
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    family: Any = SimpleNamespace(end_ids=(END,), begin=lambda model, sources: begin(model, sources, PAD))
    checkpoint: Any = SimpleNamespace(family=family, model=model)
    written: list[list[int]] = [[] for _ in prompts]
    plan = SearchPlan(beams=beams, max_length=NEW)
    started = start()
    engine = TorchEngine(checkpoint, compute_type="bfloat16" if bf16 else "float32")
    jobs = [Job(i, ids, (), plan, plan) for i, ids in enumerate(prompts)]
    for batch in job_batches(jobs, usual_batch_size(beams), DecodingOptions.max_batch_tokens, alike=True):
        found = engine.search([job.ids for job in batch], plan, [() for _ in batch])
        for job, (best, *_) in zip(batch, found, strict=True):
            written[job.index] = list(best.ids)
    return {**speed(len(prompts), started), "written": written}


_CPU = {"loaded": 0.0}


def start() -> float:
    """The clock, behind what is not to be counted."""
    _CPU["loaded"] = time.process_time()
    return time.perf_counter()


def speed(count: int, started: float) -> Figures:
    """Rows per second, and per second of a core: a machine that others use too slows the first, hardly the second."""
    taken = time.process_time() - _CPU["loaded"]
    return {"per_second": count / (time.perf_counter() - started), "per_core_second": count / taken}


def measure(way: str, model: Path, prompts: str, rows: int, beams: int) -> Figures:
    ids = drawn(rows, alike=prompts == "alike") if prompts in RANDOM else read(model, prompts, rows)
    found = (ours if way.startswith("ours") else peer)(model, ids, beams, bf16=way.endswith("bf16"))
    import torch

    from toi.training.finish import peak_memory

    return {**found, "memory": peak_memory(torch.device("cuda" if torch.cuda.is_available() else "cpu")) / 1e6}


def compare(title: str, model: Path, prompts: str, rows: int, beams: int, ways: list[str], repeats: int) -> None:
    """Measure these ways, and print a table: how many times the best peer ours is, and how many outputs are those of the peer."""
    options = ["--model", str(model), "--prompts", prompts, "--rows", str(rows), "--beams", str(beams)]
    runs = {way: ["--one", way, *options] for way in ways}
    results = medians(__file__, runs, repeats, lambda found: found["per_second"])
    print(title, flush=True)
    best = max((found["per_second"] for way, found in results.items() if way.startswith("peer")), default=0.0)
    for way, found in results.items():
        about = f"  {found['per_second'] / best:5.2f} times the faster peer" if way.startswith("ours") and best else ""
        if way != "peer_fp32" and "peer_fp32" in results:
            same = sum(a == b for a, b in zip(found["written"], results["peer_fp32"]["written"], strict=True))
            about += f", {same} of {len(found['written'])} outputs those of peer_fp32"
        rates = f"{found['per_second']:8.2f} rows/s{found['per_core_second']:8.2f} per core{found['memory']:9,.0f} MB"
        print(f"  {way:12}{rates}{about}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "toi-benchmark", help="models are kept here")
    parser.add_argument("--prompts", nargs="*", default=list(RANDOM), help="apart, alike, or data folders")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tiny", action="store_true", help="models that show nothing but whether this runs")
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--beams", nargs="*", type=int, default=[4, 1])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    from toi.models.checkpoint import quiet

    quiet()
    if args.one:
        print(json.dumps(measure(args.one, args.model, args.prompts[0], args.rows, args.beams[0])))
        return
    for kind in args.kinds:
        model = make_causal(kind, args.work, tiny=args.tiny)
        for prompts in args.prompts:
            if prompts not in RANDOM:
                make_causal_tokenizer(model, tiny=args.tiny)
            for beams in args.beams:
                compare(f"{kind}, {prompts}, beams {beams}", model, prompts, args.rows, beams, args.only, args.repeats)


if __name__ == "__main__":
    main()
