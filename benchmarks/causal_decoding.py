"""How fast is our search with causal models, against `model.generate`? About 50M parameters (random weights), 24 new tokens.

    python benchmarks/causal_decoding.py
    python benchmarks/causal_decoding.py --data_dir data_cf       (sources of its test split; needs raw/jaquad)
    python benchmarks/causal_decoding.py --rows 8 --tiny          (does it run?)

A Llama-like and a GPT-2-like model read prompts of 200 to 300 tokens. Without --data_dir these are random ids: `apart`, each of
its own, and `alike`, where 8 in 3 begin with the same 90% (a task that puts the context first). The peer is `model.generate`
with batches of 8 in file order, padded on the left, in single precision and in bf16; ours is what predict.py does with torch, in
batches of 8 that it forms itself. Every figure is from a process of its own; loading a model is not counted, packing its weights
is.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
END, NEW, BATCH = 2, 24, 8
WAYS = ("peer_fp32", "peer_bf16", "ours")
KINDS = ("llama", "gpt2")


def make(kind: str, folder: Path, *, tiny: bool) -> Path:
    """A model folder without a tokenizer (seed 0): 48M parameters, a third of them in a matrix for input and output."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    path = folder / f"{kind}{'_tiny' if tiny else ''}"
    if (path / "model.safetensors").is_file():
        return path
    width, layers = (64, 2) if tiny else (512, 10)
    ids = {"vocab_size": 32_000, "bos_token_id": 1, "eos_token_id": END, "pad_token_id": 0}
    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(n_embd=width, n_layer=layers, n_head=8, n_positions=1024, **ids)
        GPT2LMHeadModel(config).save_pretrained(path)
    else:
        config = LlamaConfig(
            hidden_size=width, intermediate_size=width * 43 // 16, num_hidden_layers=layers, num_attention_heads=8,
            max_position_embeddings=1024, tie_word_embeddings=True, **ids,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(path)
    return path


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


def read(data_dir: str, rows: int) -> list[list[int]]:
    """Prompts of the test split of a data folder, with the vocabulary of JaQuAD of the other benchmarks."""
    from models import make_t5_54m

    from toi.data.examples import read_rows, split_path
    from toi.models.tokenizer_files import load_tokenizer

    tokenizer = load_tokenizer(make_t5_54m("/tmp/t5_54m"))
    found = tokenizer.encode_batch(row.source for row in read_rows(split_path(data_dir, "test"))[:rows])
    return [[*(min(i, 31_999) for i in ids[:500]), END] for ids in found]


def peer(path: Path, prompts: list[list[int]], beams: int, *, bf16: bool) -> dict[str, Any]:
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
            ids = torch.tensor([[0] * (longest - len(row)) + row for row in batch], device=model.device)
            mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in batch], device=model.device)
            found = model.generate(input_ids=ids, attention_mask=mask, num_beams=beams, do_sample=False, max_new_tokens=NEW)
            written += found[:, longest:].tolist()
    return {**speed(len(prompts), started), "written": written}


def ours(path: Path, prompts: list[list[int]], beams: int) -> dict[str, Any]:
    """The torch engine of predict.py, with its batches."""
    import torch
    from transformers import AutoModelForCausalLM

    from toi.decoding.jobs import Job, job_batches
    from toi.decoding.plan import SearchPlan
    from toi.decoding.torch_engine import TorchEngine
    from toi.models.causal.steps import begin
    from toi.system.memory import keep_memory

    keep_memory()
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    family: Any = SimpleNamespace(end_ids=(END,), begin=lambda model, sources: begin(model, sources, 0))
    checkpoint: Any = SimpleNamespace(family=family, model=model)
    written: list[list[int]] = [[] for _ in prompts]
    plan = SearchPlan(beams=beams, max_length=NEW)
    started = start()
    engine = TorchEngine(checkpoint)
    jobs = [Job(i, ids, (), plan, plan) for i, ids in enumerate(prompts)]
    for batch in job_batches(jobs, BATCH, 1 << 20, alike=True):
        found = engine.search([job.ids for job in batch], plan, [() for _ in batch])
        for job, (best, *_) in zip(batch, found, strict=True):
            written[job.index] = list(best.ids)
    return {**speed(len(prompts), started), "written": written}


_CPU = {"loaded": 0.0}


def start() -> float:
    """The clock, behind what is not to be counted."""
    _CPU["loaded"] = time.process_time()
    return time.perf_counter()


def speed(count: int, started: float) -> dict[str, Any]:
    """Rows per second, and per second of a core: a machine that others use too slows the first, hardly the second."""
    taken = time.process_time() - _CPU["loaded"]
    return {"per_second": count / (time.perf_counter() - started), "per_core_second": count / taken}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    way, kind, prompts, beams = args.one.split()
    path = make(kind, Path(args.model_dir), tiny=args.tiny)
    ids = read(args.data_dir, args.rows) if args.data_dir else drawn(args.rows, alike=prompts == "alike")
    if way == "ours":
        return ours(path, ids, int(beams))
    return peer(path, ids, int(beams), bf16=way == "peer_bf16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model_dir", default="/tmp/causal_decoding", help="where the models are, or are made")
    parser.add_argument("--data_dir", help="a data folder with prompts")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--tiny", action="store_true", help="models that show nothing but whether this runs")
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--beams", nargs="*", type=int, default=[4, 1])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    from toi.models.checkpoint import quiet

    quiet()
    if args.one:
        print(json.dumps(measure(args)))
        return
    for kind in args.kinds:
        make(kind, Path(args.model_dir), tiny=args.tiny)
        for prompts in [args.data_dir] if args.data_dir else ["apart", "alike"]:
            for beams in args.beams:
                results = {way: run(args, f"{way} {kind} {prompts} {beams}") for way in args.only}
                show(f"{kind}, {prompts}, beams {beams}", results)


def run(args: argparse.Namespace, one: str) -> dict[str, Any]:
    """One figure, in a process of its own. Ends the benchmark if that fails."""
    command = [sys.executable, __file__, "--one", one, "--model_dir", args.model_dir, "--rows", str(args.rows)]
    command += ["--data_dir", args.data_dir] if args.data_dir else []
    result = subprocess.run([*command, *["--tiny"] * args.tiny], capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def show(title: str, results: dict[str, dict[str, Any]]) -> None:
    """Rows per second, how many times the best peer that is, and how many outputs are those of the peer in single precision."""
    print(title, flush=True)
    best = max((found["per_second"] for way, found in results.items() if way != "ours"), default=0.0)
    for way, found in results.items():
        about = f"  {found['per_second'] / best:5.2f} times the faster peer" if way == "ours" and best else ""
        if way == "ours" and "peer_fp32" in results:
            same = sum(a == b for a, b in zip(found["written"], results["peer_fp32"]["written"], strict=True))
            about += f", {same} of {len(found['written'])} outputs the same"
        print(f"  {way:12}{found['per_second']:8.2f} rows/s{found['per_core_second']:8.2f} per core{about}", flush=True)


if __name__ == "__main__":
    main()
