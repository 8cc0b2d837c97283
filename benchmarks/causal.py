"""How fast are causal models trained and how fast do they write, against trl's `SFTTrainer` and `model.generate`?

    python benchmarks/causal.py                                (needs ./download.sh jaquad, and pip install trl==1.16.0)
    python benchmarks/causal.py --parts training --kinds llama --rows 96 --repeats 3
    python benchmarks/causal.py --tiny --rows 16               (does it run?)

A Llama-like and a GPT-2-like model of 48M parameters (benchmarks/models.py, random weights) learn to ask questions of JaQuAD,
context first (task aqg-cf), whole contexts with all their questions, cut to 512 + 64 tokens, one epoch in steps of 8 rows.
Three parts: `training` of all weights, `lora` (rank 8, alpha 16, all-linear, both by peft), and `decoding` of prompts of the test
split (benchmarks/causal_decoding.py). Every figure is from a process of its own.

- `shared` and `apart` are train.py's own function, with its shared contexts and with --no_share_contexts.
- `sft` is SFTTrainer at what is fastest for it: the loss on completions only; fused AdamW; no gradient checkpointing (its default
  is on); no logging, saving, validation or progress bar; SDPA attention; batches padded to their longest row and formed in the
  process itself (rows are ids already: tokenizing is not counted for anyone). Its rows come in the very order of `apart`, in which
  the rows of a step are of like length: its own length grouping groups within a quarter of the rows where these are few. Not used:
  packing and padding_free, which need FlashAttention, and torch.compile, on either side.
- All: AdamW with weight decay 0.01 at a constant rate, gradients clipped to norm 1, weights in float32, products in float32 or, by
  autocast, in bf16. Unless --precision says which: ours as train.py chooses it, the peer in each that the machine multiplies in.

Rates leave out the first step. They are tokens of rows per second, without padding, each token of each row counted, shared or
not; rows/s are these by the mean length of a row, so that it does not matter which rows the first step had. `of peak` is 6 (LoRA:
4) times these times the parameters of the layers (without embeddings), by what the machine makes in a large product of the same
precision: sharing may take it above 100%. Memory is the most that the process had (on a GPU: that was allocated there), before
the loss was computed: for all alike, from the model as it was saved, in float32, over the targets of dev. Without dropout (Llama)
and in fp32 `apart` and `sft` learn the same to all digits shown, but for rounding.
"""

import argparse
import importlib.util
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from causal_decoding import KINDS
from causal_decoding import WAYS as DECODING
from causal_decoding import compare as compare_decoding
from models import make_causal, make_causal_tokenizer
from processes import Figures, figures, medians

if TYPE_CHECKING:
    from toi.data.examples import Row
    from train import TrainOptions

TASK, BATCH, RANK, DEV_ROWS = "aqg-cf", 8, 8, 48
LEARNING_RATE = {"training": 3e-4, "lora": 2e-3}
PARTS, WAYS, PRECISIONS = ("training", "lora", "decoding"), ("shared", "apart", "sft"), ("fp32", "bf16")
PEER = "sft"


def prepare_jaquad(folder: Path) -> None:
    """The data folder of all of JaQuAD; one that is there is kept."""
    from toi.data.squad import SquadOptions, prepare_squad

    if not (folder / "task.json").is_file():
        options = SquadOptions(train_file=str(ROOT / "raw/jaquad/train"), test_file=str(ROOT / "raw/jaquad/dev"))
        prepare_squad(options, options.task(TASK), str(folder))


def take(jaquad: Path, folder: Path, rows: int) -> int:
    """A data folder with some rows of each split: whole contexts, drawn, none with more rows than a step. How many train has."""
    from toi.data.examples import read_rows, split_path, write_rows

    folder.mkdir(exist_ok=True)
    shutil.copy(jaquad / "task.json", folder)
    found = {}
    for split, count in (("train", rows), ("dev", DEV_ROWS), ("test", rows)):
        contexts: dict[str, list] = {}
        for row in read_rows(split_path(jaquad, split)):
            contexts.setdefault(context_of(row), []).append(row)
        usual = [of_context for of_context in contexts.values() if len(of_context) <= BATCH]
        drawn = random.Random(0).sample(usual, len(usual))
        found[split] = [row for of_context in drawn for row in of_context][:count]
        write_rows(folder / f"{split}.tsv", found[split])
    return len({context_of(row) for row in found["train"]})


def context_of(row: "Row") -> str:
    """What stands before the answer in a source."""
    return row.source.rpartition(" answer: ")[0]


def write_steps(model: Path, data: Path) -> None:
    """The ids of the rows, those of train in the order in which train.py takes them without shared contexts, for the peer."""
    from transformers import AutoConfig

    from toi.data.examples import split_path
    from toi.data.task_files import read_task
    from toi.models.causal.family import CausalFamily
    from toi.models.family import Limits
    from toi.models.tokenizer_files import load_tokenizer
    from toi.training.encoded import token_rows
    from toi.training.plan import TrainingPlan

    family = CausalFamily(load_tokenizer(model), AutoConfig.from_pretrained(model))
    family.follow(read_task(data))
    train, dev = (token_rows(split_path(data, split), family, Limits(512, 64))[0] for split in ("train", "dev"))
    options = options_of(model, data, data, "apart", lora=False, precision="fp32")
    plan = TrainingPlan(options, family.widths(train.source_lengths, train.target_lengths), processes=1)
    order = [i for batches in plan.steps_of_epoch(1) for batch in batches for i in batch]
    ids = {"train": [train[i] for i in order], "dev": list(dev)}
    steps = {split: [[row.source, row.target] for row in rows] for split, rows in ids.items()}
    (data / "steps.json").write_text(json.dumps(steps))


def options_of(model: Path, data: Path, folder: Path, way: str, lora: bool, precision: str) -> "TrainOptions":
    """Of train.py. Validation, which the peer has none of, takes no more rows at once than a step."""
    from train import TrainOptions

    return TrainOptions(
        do_train=True, model_name_or_path=str(model), data_dir=str(data), output_dir=str(folder), num_train_epochs=1,
        per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH, lr_scheduler_type="constant", warmup_steps=0,
        learning_rate=LEARNING_RATE["lora" if lora else "training"], share_contexts=way == "shared",
        lora_r=RANK if lora else 0, precision=precision,
    )  # fmt: skip


def run_toi(model: Path, data: Path, folder: Path, way: str, lora: bool, precision: str) -> Figures:
    """`train.py`'s own function, with its own figures."""
    from train import train

    found = train(options_of(model, data, folder, way, lora, precision))["metrics"]
    return {"tokens": found["train_tokens_per_second"], "memory": found["peak_memory_bytes"] / 1e6}


def run_sft(model: Path, data: Path, folder: Path, lora: bool, precision: str) -> Figures:
    """trl's SFTTrainer, on what it makes itself of a prompt and a completion: their ids, and which ones are of the completion."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    rows, gpu, ends = json.loads((data / "steps.json").read_text())["train"], torch.cuda.is_available(), []
    columns = {
        "input_ids": [[*source, *target] for source, target in rows],
        "completion_mask": [[0] * len(source) + [1] * len(target) for source, target in rows],
    }

    class Clock(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            if gpu:
                torch.cuda.synchronize()
            ends.append(time.perf_counter())

    arguments = SFTConfig(
        str(folder), per_device_train_batch_size=BATCH, num_train_epochs=1, optim="adamw_torch_fused", weight_decay=0.01,
        learning_rate=LEARNING_RATE["lora" if lora else "training"], lr_scheduler_type="constant", bf16=precision == "bf16",
        completion_only_loss=True, max_length=None, gradient_checkpointing=False, train_sampling_strategy="sequential",
        use_cpu=not gpu, dataloader_pin_memory=gpu, save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    adapter = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=2 * RANK, target_modules="all-linear") if lora else None
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), args=arguments,
        train_dataset=Dataset.from_dict(columns), processing_class=AutoTokenizer.from_pretrained(model), peft_config=adapter,
        callbacks=[Clock()],
    )  # fmt: skip
    trainer.train()
    from toi.training.finish import peak_memory

    memory = peak_memory(trainer.args.device) / 1e6
    trainer.save_model(str(folder))
    counted = sum(len(ids) for ids in columns["input_ids"][BATCH:])
    return {"tokens": counted / (ends[-1] - ends[0]), "memory": memory}


def judged(folder: Path, data: Path) -> Figures:
    """The loss of a model folder per token of dev's targets, and how many parameters its layers have."""
    from toi.models.batches import Encoded
    from toi.models.checkpoint import load
    from toi.scoring.perplexity import target_losses

    checkpoint = load(str(folder))
    rows = [Encoded(*row) for row in json.loads((data / "steps.json").read_text())["dev"]]
    loss = target_losses(checkpoint, rows, BATCH).sum() / sum(len(row.target) for row in rows)
    return {"loss": float(loss), "parameters": checkpoint.model.num_parameters(exclude_embeddings=True)}


def machine_rate(precision: str) -> float:
    """Multiplications and additions per second in a large product."""
    import torch
    from torch.utils.benchmark import Timer

    from toi.models.products import product

    size, dtype = 2048, torch.bfloat16 if precision == "bf16" else torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    run = torch.mm if device == "cuda" else product
    timer = Timer("run(a, b)", globals={"run": run, "a": a, "b": b}, num_threads=torch.get_num_threads())
    return 2 * size**3 / timer.blocked_autorange(min_run_time=1).median


def measure(args: argparse.Namespace) -> Figures:
    """In the process of one figure."""
    if args.one == "rate":
        return {"rate": machine_rate(args.precision[0])}
    with tempfile.TemporaryDirectory() as temporary:
        folder, how = Path(temporary) / "model", (args.parts == ["lora"], args.precision[0])
        if args.one == PEER:
            found = run_sft(args.model, args.data, folder, *how)
        else:
            found = run_toi(args.model, args.data, folder, args.one, *how)
        return {**found, **judged(folder, args.data)}


def compare_training(kind: str, part: str, model: Path, data: Path, runs: list[tuple[str, str]], args: argparse.Namespace) -> None:
    """Measure ways, each with a precision, and print a table."""
    rows = json.loads((data / "steps.json").read_text())["train"]
    mean = sum(len(source) + len(target) for source, target in rows) / len(rows)
    options = ["--parts", part, "--model", str(model), "--data", str(data)]
    commands = {f"{way} {precision}": ["--one", way, "--precision", precision, *options] for way, precision in runs}
    results = medians(__file__, commands, args.repeats, lambda found: found["tokens"] / mean)
    best = max((found["tokens"] for way, found in results.items() if way.startswith(PEER)), default=0.0)
    print(f"{kind}, {part}: {len(rows)} rows of {mean:.0f} tokens")
    print(f"  {'':12}{'rows/s':>9}{'tokens/s':>11}{'times sft':>11}{'of peak':>9}{'peak MB':>10}{'dev loss':>11}", flush=True)
    for way, found in results.items():
        times = f"{found['tokens'] / best:.2f}" if best else ""
        share = (4 if part == "lora" else 6) * found["parameters"] * found["tokens"] / args.rates[way.split()[1]]
        print(
            f"  {way:12}{found['tokens'] / mean:9.2f}{found['tokens']:11,.0f}{times:>11}{share:9.0%}{found['memory']:10,.0f}"
            f"{found['loss']:11.5f}",
            flush=True,
        )


def compare(args: argparse.Namespace) -> None:
    """All tables, one behind the other."""
    from toi.training.optimizer import mixed_precision

    own = "bf16" if mixed_precision("auto") == "bf16" else "fp32"
    peers = args.precision or (["fp32", "bf16"] if own == "bf16" else ["fp32"])
    ours = args.precision or [own]
    runs = [(way, precision) for way in args.only for precision in (peers if way == PEER else ours)]
    decoding = [way for way in DECODING if way.partition("_")[2] in peers]
    prepare_jaquad(args.work / "jaquad_cf")
    data = args.work / f"jaquad_cf_{args.rows}{'_tiny' if args.tiny else ''}"
    contexts = take(args.work / "jaquad_cf", data, args.rows)
    print(f"{args.rows} rows of {contexts} contexts", flush=True)
    args.rates = {}
    if set(args.parts) - {"decoding"}:
        args.rates = {of: figures(__file__, ["--one", "rate", "--precision", of])["rate"] for of in {*ours, *peers}}
        print(*(f"a large product in {of}: {rate / 1e9:,.0f} GFLOP/s" for of, rate in args.rates.items()), sep="\n", flush=True)
    for kind in args.kinds:
        model = make_causal_tokenizer(make_causal(kind, args.work, tiny=args.tiny), tiny=args.tiny)
        write_steps(model, data)
        for part in args.parts:
            if part != "decoding":
                compare_training(kind, part, model, data, runs, args)
                continue
            for beams in (4, 1):
                title = f"{kind}, decoding: {args.rows} rows, beams {beams}"
                compare_decoding(title, model, str(data), args.rows, beams, decoding, args.repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "toi-benchmark", help="models and data are kept here"
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS), help="ways of training")
    parser.add_argument("--precision", nargs="*", choices=PRECISIONS, help="of all [default: see above]")
    parser.add_argument("--rows", type=int, default=64, help="of training, and as many of decoding")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="models that show nothing but whether this runs")
    parser.add_argument("--one", choices=(*WAYS, "rate"), help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if PEER in args.only and set(args.parts) - {"decoding"} and importlib.util.find_spec("trl") is None:
        sys.exit("trl is not installed: pip install trl==1.16.0, or leave it out: --only shared apart")
    from toi.models.checkpoint import quiet

    quiet()
    if args.one:
        print(json.dumps(measure(args)))
        return
    compare(args)


if __name__ == "__main__":
    main()
