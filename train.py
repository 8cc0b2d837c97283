"""Fine-tune a T5 on a data folder, keep the model with the best validation loss, score it.

    python train.py --do_train --do_eval --data_dir data --output_dir model --model_name_or_path sonoisa/t5-base-japanese

The loop is all here: `train` sets up, `train_epoch` goes through the batches, `validation_loss` (in toi/training.py)
decides what is kept. The loss is free: see `--loss`.
"""

import random
import re
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from toi.cli import checked, run
from toi.options import DecodingOptions, TaskName, at_least

if TYPE_CHECKING:
    from accelerate import Accelerator

    from toi.batching import Encoded
    from toi.checkpoint import Checkpoint
    from toi.examples import Row
    from toi.losses import Loss
    from toi.tasks import Task


LOSSES = ("cross_entropy", "label_smoothing", "focal", "unlikelihood")


@dataclass
class TrainOptions(DecodingOptions):
    """Fine-tune a T5 on a data folder, and score the model with the best validation loss."""

    model_name_or_path: str = "sonoisa/t5-base-japanese"
    """The model to start from: a folder, or a T5 of the Hugging Face hub."""
    data_dir: str = "data"
    """The data folder: train.tsv, dev.tsv, test.tsv."""
    output_dir: str = "model"
    """The model folder: the best model is kept here."""
    overwrite_output_dir: bool = False
    """Replace the run that --output_dir holds."""
    do_train: bool = False
    """Train, and keep the model with the lowest validation loss."""
    do_eval: bool = False
    """Score the model in --output_dir on the dev and the test split."""
    from_scratch: bool = False
    """Take only the configuration and the tokenizer of the model, and start from random weights."""
    task: TaskName | None = None
    """What the model does, for a data folder without task.json."""
    max_train_samples: int | None = None
    """Train on this many rows, chosen by the seed, for a quick look."""
    num_train_epochs: int = 4
    """How often the training data is gone through."""
    per_device_train_batch_size: int = 8
    """Rows per batch and process."""
    per_device_eval_batch_size: int = 32
    """Rows per batch and process when validating and scoring."""
    gradient_accumulation_steps: int = 1
    """Batches per step of the optimizer."""
    learning_rate: float = 1e-4
    """The peak learning rate."""
    weight_decay: float = 0.01
    """Weight decay of AdamW; norms and biases have none."""
    warmup_ratio: float = 0.1
    """The share of the steps in which the learning rate rises; it falls to 0 over the rest."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    loss: str = "cross_entropy"
    """cross_entropy, label_smoothing, focal, unlikelihood, or a function of one's own: my_losses.py:my_loss."""
    label_smoothing_factor: float = 0.1
    """For --loss label_smoothing: the share of the target that is spread over the vocabulary."""
    focal_gamma: float = 2.0
    """For --loss focal: how much less what is known already counts."""
    unlikelihood_alpha: float = 1.0
    """For --loss unlikelihood: the weight of the penalty on repetition."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Numbers of the matrix products; auto is bf16 where the machine has it."""
    seed: int = 42
    """Order of the data, dropout, and the weights of --from_scratch."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems()
        if not self.do_train and not self.do_eval:
            found.append("nothing to do: give --do_train, --do_eval or both")
        found += at_least(self, 1, "num_train_epochs", "per_device_train_batch_size", "per_device_eval_batch_size")
        found += at_least(self, 1, "gradient_accumulation_steps")
        if self.max_train_samples is not None:
            found += at_least(self, 1, "max_train_samples")
        found += [f"--{name} must be above 0" for name in ("learning_rate", "max_grad_norm") if not getattr(self, name) > 0]
        if not 0 <= self.label_smoothing_factor < 1:
            found.append("--label_smoothing_factor must be at least 0 and below 1")
        found += [f"--{name} must be at least 0" for name in ("focal_gamma", "unlikelihood_alpha") if not getattr(self, name) >= 0]
        if self.loss not in LOSSES and not re.fullmatch(r".+\.py:\w+", self.loss):
            found.append(f"--loss must be {', '.join(LOSSES)} or FILE.py:FUNCTION, not {self.loss}")
        if not 0 <= self.warmup_ratio <= 1:
            found.append("--warmup_ratio must be between 0 and 1")
        if self.weight_decay < 0:
            found.append("--weight_decay must be at least 0")
        return found


def main(options: TrainOptions) -> None:
    """Train, evaluate, or both."""
    if options.do_train:
        train(options)
    if options.do_eval:
        evaluate(options)


def train(options: TrainOptions) -> dict[str, Any]:
    """Train, and return what `run.json` holds. Raises InputError before anything slow if an input is wrong."""
    checked(options)
    rows = read_splits(options.data_dir, ("train", "dev"))
    if options.max_train_samples is not None and options.max_train_samples < len(rows["train"]):
        rows["train"] = random.Random(options.seed).sample(rows["train"], options.max_train_samples)
    from toi.checkpoint import quiet, refuse_other_run, save, update_run
    from toi.training import validation_loss

    quiet()
    refuse_other_run(options.output_dir, options.overwrite_output_dir)
    state = set_up(options, rows)
    say = state.accelerator.print
    run = describe(options)
    say(f"{'epoch':>5}{'train loss':>12}{'dev loss':>12}{'rows/s':>9}")
    for epoch, steps in enumerate(state.epochs, start=1):
        started = time.perf_counter()
        train_loss = train_epoch(state, steps)
        speed = len(rows["train"]) / (time.perf_counter() - started)
        eval_loss = validation_loss(
            state.model,
            state.rows["dev"],
            options.per_device_eval_batch_size,
            *state.special_ids,
            state.accelerator,
        )
        run["history"].append({"epoch": epoch, "train_loss": train_loss, "eval_loss": eval_loss})
        better = run["eval_loss"] is None or eval_loss < run["eval_loss"]
        if better:
            run.update(best_epoch=epoch, eval_loss=eval_loss)
            if state.accelerator.is_main_process:
                model = state.accelerator.unwrap_model(state.model)
                save(options.output_dir, model, state.checkpoint.tokenizer, state.task, data_of(options.data_dir), run)
        say(f"{epoch:>5}{train_loss:>12.4f}{eval_loss:>12.4f}{speed:>9.1f}{'  saved' if better else ''}")
    if state.accelerator.is_main_process:
        update_run(options.output_dir, history=run["history"])
    state.accelerator.wait_for_everyone()
    return run


@dataclass
class State:
    """What the loop works on."""

    options: TrainOptions
    accelerator: "Accelerator"
    checkpoint: "Checkpoint"
    task: "Task | None"
    rows: "dict[str, list[Encoded]]"  # split -> rows of ids
    epochs: list[list[list[list[int]]]]  # epoch -> optimizer step -> batch -> index of a row
    model: Any  # the checkpoint's, as Accelerate wraps it
    optimizer: Any
    schedule: Any
    loss: "Loss"

    @property
    def special_ids(self) -> tuple[int, int]:
        """The id that fills up batches, and the one that the decoder starts with."""
        pad_id, start_id = self.checkpoint.tokenizer.pad_id, self.checkpoint.model.config.decoder_start_token_id
        return pad_id, pad_id if start_id is None else start_id  # T5 starts with the padding id


def set_up(options: TrainOptions, rows: "dict[str, list[Row]]") -> State:
    """Load the model, encode the rows, plan the batches of every epoch."""
    from accelerate import Accelerator
    from accelerate.utils import set_seed
    from torch.optim.lr_scheduler import LambdaLR

    from toi.batching import encode_rows
    from toi.checkpoint import add_highlight, load, task_of
    from toi.tasks import HIGHLIGHT, read_task
    from toi.training import linear_schedule, make_optimizer, mixed_precision, optimizer_steps

    loss = make_loss(options)  # a file of one's own may be wrong: before the model is loaded
    accelerator = Accelerator(mixed_precision=mixed_precision(options.precision))
    checkpoint = load(options.model_name_or_path, from_scratch=options.from_scratch, seed=options.seed)
    task = read_task(options.data_dir) or (task_of(checkpoint, options.task) if options.task else None)
    if any(HIGHLIGHT in row.source for row in rows["train"]):
        add_highlight(checkpoint)
    encoded = {}
    for split in rows:
        encoded[split], cut = encode_rows(rows[split], checkpoint.tokenizer, options.max_input_length, options.max_target_length)
        accelerator.print(
            f"{split}: {len(rows[split]):,} rows; cut to the limits: {cut.sources:,} sources, {cut.targets:,} targets"
        )
    lengths = [len(row.source) for row in encoded["train"]]
    batch_size = options.per_device_train_batch_size * accelerator.num_processes
    epochs = [
        optimizer_steps(lengths, batch_size, options.gradient_accumulation_steps, options.seed, epoch)
        for epoch in range(options.num_train_epochs)
    ]
    total = sum(map(len, epochs))
    warmup = round(options.warmup_ratio * total)
    optimizer = make_optimizer(checkpoint.model, options.learning_rate, options.weight_decay)
    schedule = LambdaLR(optimizer, lambda step: linear_schedule(step, warmup, total))
    parameters = sum(p.numel() for p in checkpoint.model.parameters()) / 1e6
    accelerator.print(
        f"{parameters:.1f}M parameters, {total:,} steps of {batch_size * options.gradient_accumulation_steps} rows, "
        f"precision {accelerator.mixed_precision.replace('no', 'fp32')}, on {accelerator.device}"
    )
    set_seed(options.seed)  # for dropout
    model, optimizer = accelerator.prepare(checkpoint.model, optimizer)
    return State(options, accelerator, checkpoint, task, encoded, epochs, model, optimizer, schedule, loss)


def train_epoch(state: State, steps: list[list[list[int]]]) -> float:
    """One pass over the training data. Returns the mean loss per target token.

    All batches of a step make one step of the optimizer, and the loss is divided by the target tokens of the whole step:
    the result depends neither on how the step is cut into batches nor on the number of processes that share them.
    """
    from tqdm import tqdm

    from toi.batching import collate
    from toi.training import check_finite

    accelerator, rows = state.accelerator, state.rows["train"]
    rank, world = accelerator.process_index, accelerator.num_processes
    state.model.train()
    total, tokens = 0.0, 0
    bar = tqdm(steps, desc="train", unit="step", leave=False, disable=None if accelerator.is_main_process else True)
    for number, batches in enumerate(bar, start=1):
        step_tokens = sum(len(rows[i].target) for indices in batches for i in indices)
        step_loss: Any = 0.0
        for i, indices in enumerate(batches):
            mine = indices[rank::world]
            batch = collate([rows[i] for i in mine or indices[:1]], *state.special_ids)
            exchange = nullcontext() if i == len(batches) - 1 else accelerator.no_sync(state.model)
            with exchange:  # processes exchange gradients once a step, behind its last batch
                with accelerator.autocast():
                    logits = state.model(**batch.inputs(accelerator.device)).logits  # (batch, target, vocab)
                loss = state.loss(logits, batch.labels.to(accelerator.device), batch) / step_tokens
                if not mine:  # more processes than rows: take part in the exchange with nothing
                    loss = loss * 0.0
                accelerator.backward(loss * world)  # processes average their gradients, and the sum is wanted
            step_loss += loss.detach()
        step_loss = float(accelerator.reduce(step_loss, reduction="sum"))
        check_finite(step_loss, number)
        accelerator.clip_grad_norm_(state.model.parameters(), state.options.max_grad_norm)
        state.optimizer.step()
        state.schedule.step()
        state.optimizer.zero_grad(set_to_none=True)
        total += step_loss * step_tokens
        tokens += step_tokens
        bar.set_postfix(loss=f"{total / tokens:.4f}", lr=f"{state.schedule.get_last_lr()[0]:.1e}", refresh=False)
    return total / tokens


def make_loss(options: TrainOptions) -> "Loss":
    """The training loss: a function of logits, labels and the batch (see toi/losses.py)."""
    from toi import losses

    match options.loss:
        case "cross_entropy":
            return losses.cross_entropy
        case "label_smoothing":
            return losses.label_smoothing(options.label_smoothing_factor)
        case "focal":
            return losses.focal(options.focal_gamma)
        case "unlikelihood":
            return losses.unlikelihood(options.unlikelihood_alpha)
        case own:
            return losses.from_file(own)


def read_splits(data_dir: str, splits: Sequence[str]) -> "dict[str, list[Row]]":
    """The rows of some splits of a data folder."""
    from toi.examples import read_rows, split_path

    paths = {split: split_path(data_dir, split) for split in splits}
    return {split: read_rows(path) for split, path in paths.items()}


def describe(options: TrainOptions) -> dict[str, Any]:
    """The beginning of `run.json`: everything that the result depends on."""
    from toi.checkpoint import versions
    from toi.files import sha256

    fingerprint = {split: sha256(Path(options.data_dir) / f"{split}.tsv") for split in ("train", "dev")}
    data = {"dir": options.data_dir, "sha256": fingerprint}
    return {"options": asdict(options), "versions": versions(), "data": data, "history": [], "best_epoch": None, "eval_loss": None}


def data_of(data_dir: str) -> dict[str, Any]:
    """What the data folder's `task.json` says of the data, to be kept with the model."""
    from toi.files import read_json

    path = Path(data_dir) / "task.json"
    return dict(read_json(path).get("data", {})) if path.is_file() else {}


def evaluate(options: TrainOptions) -> None:
    """Score the model in `output_dir` on dev and test, print the table, write `results.json`."""
    checked(options)
    splits = ("dev", "test")
    read_splits(options.data_dir, splits)  # what is wrong with them is said before the model is loaded
    from toi.checkpoint import load, quiet, update_run
    from toi.evaluation import evaluate_model
    from toi.prediction import table

    quiet()
    batch_size, output_dir = options.per_device_eval_batch_size, options.output_dir
    scores, counts = evaluate_model(load(output_dir), options.data_dir, splits, options, batch_size, output_dir)
    metrics = {split: {name: score.value for name, score in found.items()} for split, found in scores.items()}
    update_run(output_dir, metrics=metrics)
    print(table(scores, counts))


if __name__ == "__main__":
    run(main, TrainOptions)
