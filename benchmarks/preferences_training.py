"""How fast are preferences learnt from pairs (`train.py --loss dpo`), against trl's `DPOTrainer`?

    python benchmarks/preferences_training.py                (needs ./download.sh jaquad, and pip install trl==1.16.0)
    python benchmarks/preferences_training.py --tiny --pairs 16       (does it run?)

A Llama-like model of 48M parameters (benchmarks/models.py, random weights) reads a context of JaQuAD and an answer; chosen is the
question of that answer, rejected a question of another context. One pair of a context, so that nothing but the source of a pair is
shared; sources cut to 512 tokens, answers to 64; one epoch in steps of so many pairs, all weights.

- `shared` and `apart` are train.py's own function: with the source read once for both answers, and with --no_share_contexts.
- `trl` is DPOTrainer as it is by default, a second model in memory as the reference; `trl precomputed` has
  precompute_ref_log_probs, which like train.py computes what the reference says before the first step. Both at what is fastest for
  them otherwise: fused AdamW; no gradient checkpointing; no logging but of the loss, no saving, validation or progress bar; SDPA;
  the very steps of `apart`, whose pairs are of like length; rows that are ids already.
- All: beta 0.1, AdamW with weight decay 0.01 at a constant rate, gradients clipped to norm 1, weights in float32, no dropout.

Steps/s leave out the first step and what comes before it, the reference among that. Memory is the most that the process had. The
loss is the mean over all steps: without shared contexts, whose steps are others, all learn the same, but for rounding.
"""

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from causal import context_of, prepare_jaquad
from models import make_causal, make_causal_tokenizer
from processes import Figures, medians

if TYPE_CHECKING:
    from train import TrainOptions

WAYS = ("shared", "apart", "trl", "trl precomputed")
PRECISIONS = ("fp32", "bf16")
BETA, LEARNING_RATE, DEV_PAIRS = 0.1, 1e-4, 8


def write_data(jaquad: Path, folder: Path, pairs: int) -> None:
    """A data folder with so many training pairs, of contexts that are drawn."""
    from toi.data.pairs import Pair, iterate_split, write_pairs
    from toi.data.task_files import read_task, write_task

    folder.mkdir(exist_ok=True)
    task = read_task(jaquad)
    assert task is not None
    write_task(folder, replace(task, pairs=True), {})
    for split, count in (("train", pairs), ("dev", DEV_PAIRS)):
        of_context = {context_of(row): row for row in iterate_split(jaquad, split)}
        rows = random.Random(0).sample(list(of_context.values()), count)
        others = [*rows[1:], rows[0]]
        made = [Pair(row.id, row.source, row.target, other.target) for row, other in zip(rows, others, strict=True)]
        write_pairs(folder / f"{split}.tsv", made)


def write_steps(model: Path, data: Path, batch: int) -> None:
    """The ids of the pairs, in the order in which train.py takes them without shared contexts, for the peer."""
    from transformers import AutoConfig

    from toi.data.examples import split_path
    from toi.data.pairs import iterate_answers
    from toi.data.task_files import read_task
    from toi.models.causal.family import CausalFamily
    from toi.models.family import Limits
    from toi.models.tokenizer_files import load_tokenizer
    from toi.training.encoded import token_rows
    from toi.training.paired import PairRows
    from toi.training.plan import TrainingPlan

    family = CausalFamily(load_tokenizer(model), AutoConfig.from_pretrained(model))
    family.follow(read_task(data))
    pairs = PairRows(token_rows(split_path(data, "train"), family, Limits(512, 64), False, iterate_answers)[0])
    plan = TrainingPlan(options_of(model, data, data, "apart", "fp32", batch), pairs.widths(family), processes=1)
    order = [i for batches in plan.steps_of_epoch(1) for indices in batches for i in indices]
    rows = [(pairs.encoded([i])) for i in order]
    columns = {
        "prompt_ids": [chosen.source for chosen, _ in rows],
        "chosen_ids": [chosen.target for chosen, _ in rows],
        "rejected_ids": [rejected.target for _, rejected in rows],
    }
    (data / "steps.json").write_text(json.dumps(columns))


def options_of(model: Path, data: Path, folder: Path, way: str, precision: str, batch: int) -> "TrainOptions":
    """Of train.py."""
    from train import TrainOptions

    return TrainOptions(
        do_train=True, model_name_or_path=str(model), data_dir=str(data), output_dir=str(folder), num_train_epochs=1, loss="dpo",
        beta=BETA, per_device_train_batch_size=batch, per_device_eval_batch_size=batch, lr_scheduler_type="constant",
        warmup_steps=0, learning_rate=LEARNING_RATE, share_contexts=way == "shared", precision=precision, eval_samples=0,
    )  # fmt: skip


def run_toi(args: argparse.Namespace, folder: Path) -> Figures:
    """`train.py`'s own function, with its own figures."""
    from train import train

    run = train(options_of(args.model, args.data, folder, args.one, args.precision[0], args.batch))
    found = run["metrics"]
    return {
        "rate": found["train_samples_per_second"] / args.batch, "memory": found["peak_memory_bytes"] / 1e6,
        "loss": run["history"][-1]["train_loss"],
    }  # fmt: skip


def run_trl(args: argparse.Namespace, folder: Path) -> Figures:
    """trl's DPOTrainer."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    ends, losses, gpu = [], [], torch.cuda.is_available()

    class OfIds(DPOTrainer):
        def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
            return dataset

    class Clock(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            if gpu:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

        def on_log(self, *_: object, logs: dict | None = None, **__: object) -> None:
            losses.extend([logs["loss"]] if logs and "loss" in logs else [])

    arguments = DPOConfig(
        str(folder), beta=BETA, per_device_train_batch_size=args.batch, num_train_epochs=1, optim="adamw_torch_fused",
        weight_decay=0.01, learning_rate=LEARNING_RATE, lr_scheduler_type="constant", bf16=args.precision[0] == "bf16",
        precompute_ref_log_probs=args.one == "trl precomputed", max_length=None, gradient_checkpointing=False,
        train_sampling_strategy="sequential", use_cpu=not gpu, dataloader_pin_memory=gpu, save_strategy="no", logging_steps=1,
        report_to="none", disable_tqdm=True,
    )  # fmt: skip
    trainer = OfIds(
        model=AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32), args=arguments, callbacks=[Clock()],
        train_dataset=Dataset.from_dict(json.loads((args.data / "steps.json").read_text())),
        processing_class=AutoTokenizer.from_pretrained(args.model),
    )  # fmt: skip
    trainer.train()
    from toi.training.finish import peak_memory

    rate = (len(ends) - 1) / (ends[-1] - ends[0])
    return {"rate": rate, "memory": peak_memory(trainer.args.device) / 1e6, "loss": sum(losses) / len(losses)}


def measure(args: argparse.Namespace) -> Figures:
    """In the process of one figure."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        return run_trl(args, folder) if args.one.startswith("trl") else run_toi(args, folder)


def compare(args: argparse.Namespace) -> None:
    """Measure all ways, and print a table."""
    from toi.training.optimizer import mixed_precision

    own = "bf16" if mixed_precision("auto") == "bf16" else "fp32"
    prepare_jaquad(args.work / "jaquad_cf")
    data = args.work / f"pairs_{args.pairs}{'_tiny' if args.tiny else ''}"
    write_data(args.work / "jaquad_cf", data, args.pairs)
    model = make_causal_tokenizer(make_causal("llama", args.work, tiny=args.tiny), tiny=args.tiny)
    write_steps(model, data, args.batch)
    columns = json.loads((data / "steps.json").read_text())
    means = [sum(map(len, column)) / args.pairs for column in columns.values()]
    print(f"{args.pairs} pairs of {means[0]:.0f} + {means[1]:.0f} / {means[2]:.0f} tokens, steps of {args.batch}", flush=True)
    options = ["--model", str(model), "--data", str(data), "--batch", str(args.batch)]
    runs = [(way, precision) for precision in args.precision or [own] for way in args.only]
    commands = {f"{way} {precision}": ["--one", way, "--precision", precision, *options] for way, precision in runs}
    results = medians(__file__, commands, args.repeats, lambda found: found["rate"])
    peers = [found for way, found in results.items() if way.startswith("trl")]
    print(f"  {'':22}{'steps/s':>9}{'times trl':>11}{'peak MB':>10}{'of trl':>9}{'loss':>10}")
    for way, found in results.items():
        times = f"{found['rate'] / max(peer['rate'] for peer in peers):.2f}" if peers else ""
        share = f"{found['memory'] / min(peer['memory'] for peer in peers):.2f}" if peers else ""
        print(f"  {way:22}{found['rate']:9.3f}{times:>11}{found['memory']:10,.0f}{share:>9}{found['loss']:10.5f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "toi-benchmark", help="models and data are kept here"
    )
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--precision", nargs="*", choices=PRECISIONS, help="of all [default: what train.py chooses here]")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--batch", type=int, default=4, help="pairs of a step")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="a model that shows nothing but whether this runs")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if any(way.startswith("trl") for way in args.only) and importlib.util.find_spec("trl") is None:
        sys.exit("trl is not installed: pip install trl==1.16.0, or leave it out: --only shared apart")
    from toi.models.checkpoint import quiet

    quiet()
    if args.one:
        print(json.dumps(measure(args)))
        return
    compare(args)


if __name__ == "__main__":
    main()
