"""How fast `train.py` is, against transformers' Seq2SeqTrainer at its best settings and the recipe that Toi supersedes.

    python benchmarks/training.py --repeats 3
    python benchmarks/training.py --profile

All train the same T5 of 54M parameters (benchmarks/models.py) in batches of 8 on the same JaQuAD rows, cut to 512/64 tokens,
each in a process of its own, one after the other. The rate leaves out the first step; the loss is by the same validation for all.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

BATCH, LEARNING_RATE, DEV_ROWS = 8, 3e-4, 200


def prepare(work: Path) -> None:
    """The model, and a data folder from JaQuAD."""
    from models import make_t5_54m

    from toi.data.squad import SquadOptions, prepare_squad

    make_t5_54m(work / "model")
    if not (work / "data" / "train.tsv").is_file():
        options = SquadOptions(train_file=str(ROOT / "raw/jaquad/train"), test_file=str(ROOT / "raw/jaquad/dev"))
        prepare_squad(options, options.task("aqg"), str(work / "data"))


def take(work: Path, rows: int) -> Path:
    """A data folder of the first rows: one in `rows` of train, so that articles differ, and some of dev."""
    folder = work / f"data_{rows}"
    folder.mkdir(exist_ok=True)
    for split, count in (("train", rows), ("dev", DEV_ROWS)):
        lines = (work / "data" / f"{split}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{split}.tsv").write_text("".join(lines[:: len(lines) // count][:count]), encoding="utf-8")
    return folder


def run_toi(work: Path, rows: int, precision: str) -> dict[str, float]:
    """`train.py`'s own function, with its own figures."""
    from train import TrainOptions, train

    with tempfile.TemporaryDirectory() as folder:
        run = train(
            TrainOptions(
                do_train=True, model_name_or_path=str(work / "model"), data_dir=str(take(work, rows)), output_dir=f"{folder}/model",
                num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=LEARNING_RATE, precision=precision,
            )
        )  # fmt: skip
    return {"rate": run["metrics"]["train_samples_per_second"], "loss": run["eval_loss"]}


def encoded(work: Path, rows: int, precision: str) -> tuple:
    """The model as it is loaded, the training rows, and a function that validates."""
    from accelerate import Accelerator
    from models import load_plain

    from toi.models.family import Limits
    from toi.training.encoded import token_rows
    from toi.training.losses import cross_entropy
    from toi.training.optimizer import mixed_precision
    from toi.training.plan import TrainingPlan
    from toi.training.state import State, validated
    from train import TrainOptions

    checkpoint = load_plain(work / "model")
    folder = take(work, rows)
    found = {split: token_rows(folder / f"{split}.tsv", checkpoint.family, Limits(512, 64))[0] for split in ("train", "dev")}

    def validate() -> float:
        options, accelerator = TrainOptions(), Accelerator(mixed_precision=mixed_precision(precision))
        plan = TrainingPlan(options, [1], 1)
        state = State(
            options, accelerator, checkpoint, None, found, cross_entropy, {}, plan, checkpoint.model, optimizer=None, schedule=None
        )
        return validated(state, found["dev"], 32)["eval_loss"]

    return checkpoint, list(found["train"]), validate


def run_trainer(work: Path, rows: int, precision: str) -> dict[str, float]:
    """transformers' Trainer: the same precision, batches of like length, padding to the longest of a batch, fused AdamW."""
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

    checkpoint, train_rows, validate = encoded(work, rows, precision)
    data = [{"input_ids": r.source, "attention_mask": [1] * len(r.source), "labels": r.target} for r in train_rows]

    class Clock(TrainerCallback):
        first = last = 0.0

        def on_step_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
            self.last = time.perf_counter()
            self.first = self.first or self.last

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = Seq2SeqTrainingArguments(
            folder, per_device_train_batch_size=BATCH, num_train_epochs=1, learning_rate=LEARNING_RATE, warmup_steps=0.1,
            weight_decay=0.01, bf16=precision == "bf16",
            train_sampling_strategy="group_by_length", optim="adamw_torch_fused", use_cpu=True,
            save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no", seed=42,
        )  # fmt: skip
        collate = DataCollatorForSeq2Seq(checkpoint.tokenizer.fast, model=checkpoint.model)
        trainer = Seq2SeqTrainer(
            model=checkpoint.model, args=arguments, train_dataset=data, data_collator=collate, callbacks=[clock]
        )
        trainer.train()
    return {"rate": (rows - BATCH) / (clock.last - clock.first), "loss": validate()}


def run_superseded(work: Path, rows: int, precision: str) -> dict[str, float]:
    """The recipe of the scripts that Toi supersedes: fp32, every batch padded to 512/64 tokens, AdamW. A few steps will do."""
    import torch

    checkpoint, train_rows, _ = encoded(work, rows, "fp32")
    model = checkpoint.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    times = []
    for start in range(0, 4 * BATCH, BATCH):
        begun = time.perf_counter()
        batch = train_rows[start : start + BATCH]
        ids = torch.tensor([r.source + [0] * (512 - len(r.source)) for r in batch])
        mask = torch.tensor([[1] * len(r.source) + [0] * (512 - len(r.source)) for r in batch])
        labels = torch.tensor([r.target + [-100] * (64 - len(r.target)) for r in batch])
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begun)
    return {"rate": BATCH / statistics.median(times[1:]), "loss": float("nan")}


CONTENDERS = {"toi": run_toi, "trainer": run_trainer, "superseded": run_superseded}


def profile(work: Path, rows: int, precision: str) -> None:
    """Where the time of `train.py` goes, and how far it is from the machine's own rate of matrix products in that precision."""
    import torch
    from torch.profiler import profile as profiler

    import train as loop
    from toi.models.products import product

    size = 2048
    a, b = (torch.randn(size, size).to(torch.bfloat16 if precision == "bf16" else torch.float32) for _ in range(2))
    product(a, b)
    begun = time.perf_counter()
    for _ in range(10):
        product(a, b)
    peak = 10 * 2 * size**3 / (time.perf_counter() - begun)
    real, steps = loop.train_step, []

    def step(state, batches):  # noqa: ANN001, ANN202
        if len(steps) != 5:
            steps.append(None)
            return real(state, batches)
        steps.append(None)
        with profiler(with_flops=True) as found:
            for _ in range(3):
                real(state, batches)
        events = found.key_averages()
        total, flops = sum(e.self_cpu_time_total for e in events) / 1e6, sum(e.flops for e in events)
        print(f"matrix products: {flops / total / 1e9:.0f} GFLOP/s over all the time; the machine's rate is {peak / 1e9:.0f}")
        for event in sorted(events, key=lambda e: -e.self_cpu_time_total)[:14]:
            print(f"{event.self_cpu_time_total / 1e6 / total:7.1%}  {event.key}")
        raise SystemExit

    loop.train_step = step
    run_toi(work, rows, precision)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "toi-benchmark", help="model and data are kept here"
    )
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", choices=("bf16", "fp32"), help="of ours and of the Trainer [default: as train.py chooses]")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--one", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.precision is None:
        from toi.training.optimizer import mixed_precision

        args.precision = {"no": "fp32"}.get(mixed_precision("auto"), "bf16")
    if args.one:
        figures = CONTENDERS[args.one](args.work, args.rows, args.precision)
        figures["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(figures))
        return
    prepare(args.work)
    if args.profile:
        profile(args.work, args.rows, args.precision)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(args.repeats):
        for name in CONTENDERS:
            command = [
                sys.executable,
                __file__,
                "--work",
                str(args.work),
                "--rows",
                str(args.rows),
                "--one",
                name,
                "--precision",
                args.precision,
            ]
            result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
            found[name].append(json.loads(result.stdout.strip().splitlines()[-1]))
            print(name, found[name][-1], file=sys.stderr, flush=True)
    for name, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        ratios = sorted(ours["rate"] / theirs["rate"] for ours, theirs in zip(found["toi"], runs, strict=True))
        print(
            f"{name:11} {middle['rate']:7.2f} examples/s  {middle['memory']:6.0f} MB  dev loss {middle['loss']:.3f}  "
            f"train.py is {statistics.median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
