"""Fine-tune a T5 on a data folder, keep the model with the best validation loss, score it.

    python train.py --do_train --do_eval --data_dir data --output_dir model --model_name_or_path sonoisa/t5-base-japanese

The loop is all here: `train` goes through the epochs, `train_step` through the batches of a step, `keep_if_better` validates and
keeps the best. What they stand on is in toi/training/state.py. The loss is free: see `--loss`.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("train.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

import os
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from toi.decoding.options import DecodingOptions
from toi.system.cli import checked, run
from toi.training.options import TrainingOptions

if TYPE_CHECKING:
    from accelerate import Accelerator

    from toi.models.tokenizer import Tokenizer
    from toi.training.encoded import TokenRows
    from toi.training.losses import Loss
    from toi.training.state import State


@dataclass
class TrainOptions(TrainingOptions, DecodingOptions):
    """Fine-tune a model on a data folder, and score the one with the best validation loss."""


def main(options: TrainOptions) -> None:
    """Train, evaluate, or both."""
    options.all_bad_words()  # what is wrong with them is said before the training
    if options.do_train:
        if options.do_eval:
            check_splits(options.data_dir, ("dev", "test"))  # what is wrong with them is said before the training
        train(options)
    if options.do_eval:
        evaluate(options)


def train(options: TrainOptions) -> dict[str, Any]:
    """Train, and return what `run.json` holds. Raises InputError before anything slow if an input is wrong."""
    checked(options)
    highlighted = check_splits(options.data_dir, ("train", "dev"))
    from toi.models.checkpoint import quiet, refuse_other_run
    from toi.training.hub import check_hub, push
    from toi.training.resume import find_checkpoint, save_checkpoint
    from toi.training.state import finish, interruptible

    quiet()
    if options.resume_from_checkpoint:
        find_checkpoint(options.resume_from_checkpoint, options.output_dir)
    else:
        refuse_other_run(options.output_dir, options.overwrite_output_dir)
    if options.push_to_hub:
        check_hub()
    state = set_up(options, highlighted)
    if options.eval_before_training and state.step == 0:
        keep_if_better(state)
    with interruptible(state):
        while not state.finished:
            if state.steps_of_epoch_done == 0:
                state.epoch += 1
            steps = state.steps_of_epoch()
            for batches in progress(state, steps[state.steps_of_epoch_done :]):
                train_step(state, batches)
                at_end = state.steps_of_epoch_done == len(steps) or state.step == state.total_steps
                if at_end or (options.eval_steps and state.step % options.eval_steps == 0):
                    keep_if_better(state)
                if at_end:
                    state.steps_of_epoch_done = 0
                if at_end or state.interrupted_by or (options.save_steps and state.step % options.save_steps == 0):
                    folder = save_checkpoint(state)
                if state.interrupted_by and not state.finished:
                    stop(state, folder)
                if state.finished:
                    break
    run = finish(state)
    if options.push_to_hub and not options.do_eval and state.accelerator.is_main_process:
        print(f"pushed to {push(options.output_dir, options.hub_model_id)}")
    return run


def stop(state: "State", folder: Path) -> NoReturn:
    """Say how to go on, and exit as a program that was ended by a signal."""
    state.accelerator.print(f"stopped at step {state.step:,}; go on with the same command and --resume_from_checkpoint {folder}")
    raise SystemExit(128 + (state.interrupted_by or 0))


def train_step(state: "State", batches: list[list[int]]) -> None:
    """One step of the optimizer on `batches` (lists of indices of rows).

    The loss is divided by the target tokens of the whole step: the result depends neither on how the step is cut into
    batches nor on the number of processes that share them.
    """
    from toi.models.batches import collate

    accelerator, rows, started = state.accelerator, state.rows["train"], time.perf_counter()
    rank, world = accelerator.process_index, accelerator.num_processes
    step_tokens = int(sum(rows.target_lengths[indices].sum() for indices in batches))
    step_loss: Any = 0.0
    for i, indices in enumerate(batches):
        mine = indices[rank::world]
        batch = collate([rows[i] for i in mine or indices[:1]], *state.special_ids)
        exchange = nullcontext() if i == len(batches) - 1 else accelerator.no_sync(state.model)
        with exchange:  # processes exchange gradients once a step, behind its last batch
            with accelerator.autocast():
                logits, labels = state.logits(batch, packed=getattr(state.loss, "by_token", False))  # (batch, target, vocab)
            loss = state.loss(logits, labels, batch) / step_tokens
            if not mine:  # more processes than rows: take part in the exchange with nothing
                loss = loss * 0.0
            accelerator.backward(loss * world)  # processes average their gradients, and the sum is wanted
        step_loss += loss.detach()
    step_loss = state.agree(step_loss)
    norm = accelerator.clip_grad_norm_(state.model.parameters(), state.options.max_grad_norm)
    state.apply(step_loss, norm)
    state.count(step_loss, step_tokens, [i for indices in batches for i in indices], time.perf_counter() - started)


def keep_if_better(state: "State") -> None:
    """Validate, print a row of the table, and save the model if its validation loss is the lowest so far."""
    from toi.data.tasks import data_of
    from toi.models.checkpoint import save
    from toi.training.state import validation_loss

    options = state.options
    eval_loss = validation_loss(state, state.rows["dev"], options.per_device_eval_batch_size)
    better = state.record(eval_loss)
    if better and state.accelerator.is_main_process:
        model = state.accelerator.unwrap_model(state.model)
        save(options.output_dir, model, state.checkpoint.tokenizer, state.task, data_of(options.data_dir), state.run)
    state.accelerator.print(state.table_row() + ("  saved" if better else ""))


def progress(state: "State", steps: "Sequence[list[list[int]]]") -> "Iterable[list[list[int]]]":
    """The steps of an epoch, under a progress bar with loss, learning rate and speed."""
    from tqdm import tqdm

    hidden = None if state.accelerator.is_main_process else True  # None: shown on a terminal only
    with tqdm(steps, desc=f"epoch {state.epoch}", unit="step", leave=False, disable=hidden) as bar:
        for batches in bar:
            yield batches
            bar.set_postfix(state.postfix(), refresh=False)


def set_up(options: TrainOptions, highlighted: bool) -> "State":
    """Load the model, encode the rows, make the optimizer. `highlighted`: the data uses `<hl>`."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import set_seed

    from toi.data.tasks import chosen_task, read_task
    from toi.models.checkpoint import add_highlight, load
    from toi.models.t5.fast import can_speed_up, speed_up
    from toi.training.resume import find_checkpoint, load_checkpoint, remove_checkpoints
    from toi.training.state import (
        State,
        check_compiler,
        clamp_feed_forward,
        make_optimizer,
        make_schedule,
        mixed_precision,
        tensorboard_writer,
    )

    loss = make_loss(options)  # a file of one's own may be wrong: before the model is loaded
    if os.environ.get("WORLD_SIZE", "1") == "1":
        AcceleratorState._reset_state()  # in a notebook, an earlier run may have had another precision
    accelerator = Accelerator(mixed_precision=mixed_precision(options.precision))
    checkpoint = load(
        options.model_name_or_path,
        tokenizer_name=options.tokenizer_name_or_path,
        from_scratch=options.from_scratch,
        seed=options.seed,
    )
    task = read_task(options.data_dir) or (chosen_task(checkpoint.task, options.task, checkpoint.name) if options.task else None)
    if highlighted:
        add_highlight(checkpoint)
    rows = encode_splits(options, accelerator, checkpoint.tokenizer)
    state = State(options, accelerator, checkpoint, task, rows, loss, describe(options))
    optimizer = make_optimizer(checkpoint.model, options.optim, options.learning_rate, options.weight_decay)
    state.schedule = make_schedule(optimizer, options, state.total_steps)
    set_seed(options.seed)  # for dropout
    state.plain_optimizer = optimizer
    if options.gradient_checkpointing:
        checkpoint.model.activation_checkpointing_enable({"use_reentrant": False})
    if accelerator.mixed_precision == "fp16":
        clamp_feed_forward(checkpoint.model)
    if options.torch_compile:
        check_compiler(accelerator.device)
        checkpoint.model.compile(dynamic=True)
    elif can_speed_up(checkpoint.model, accelerator.device):
        speed_up(checkpoint.model)
        state.fast = True
    state.model, state.optimizer = accelerator.prepare(checkpoint.model, optimizer)
    state.model.train()  # a loaded model has its dropout off
    if options.resume_from_checkpoint:
        folder = find_checkpoint(options.resume_from_checkpoint, options.output_dir)
        load_checkpoint(state, folder)
        accelerator.print(f"going on from {folder}, step {state.step:,}")
    else:
        remove_checkpoints(options.output_dir)  # of a run that is overwritten
    if options.report_to == "tensorboard" and accelerator.is_main_process:
        state.writer = tensorboard_writer(options)
    accelerator.print(state.headline())
    return state


def encode_splits(options: TrainOptions, accelerator: "Accelerator", tokenizer: "Tokenizer") -> "dict[str, TokenRows]":
    """The train and the dev split as token ids, and on stdout what was seen of them."""
    from toi.data.examples import split_path
    from toi.training.encoded import token_rows

    rows = {}
    for split in ("train", "dev"):
        with accelerator.main_process_first():  # one encodes, the others find it done
            path = split_path(options.data_dir, split)
            rows[split], audit = token_rows(path, tokenizer, options.max_input_length, options.max_target_length)
        accelerator.print(f"{split}: {audit}")
        if split == "train":
            accelerator.print(f"the first row, as the model reads it: {audit.source} -> {audit.target}")
    count = len(rows["train"])
    if options.max_train_samples is not None and options.max_train_samples < count:
        rows["train"] = rows["train"].select(random.Random(options.seed).sample(range(count), options.max_train_samples))
        accelerator.print(f"training on {options.max_train_samples:,} of the {count:,} rows, chosen by the seed")
    return rows


def make_loss(options: TrainOptions) -> "Loss":
    """The training loss: a function of logits, labels and the batch (see toi/training/losses.py)."""
    from toi.training import losses

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


def check_splits(data_dir: str, splits: Sequence[str]) -> bool:
    """Whether the data uses `<hl>`. Raises InputError for the first line of these splits that cannot be used."""
    from toi.data.examples import iterate_rows, split_path
    from toi.data.tasks import HIGHLIGHT

    highlighted = False
    for path in [split_path(data_dir, split) for split in splits]:
        for row in iterate_rows(path):
            highlighted = highlighted or HIGHLIGHT in row.source
    return highlighted


def describe(options: TrainOptions) -> dict[str, Any]:
    """The beginning of `run.json`: everything that the result depends on."""
    from toi.system.files import sha256
    from toi.system.versions import versions

    fingerprint = {split: sha256(Path(options.data_dir) / f"{split}.tsv") for split in ("train", "dev")}
    data = {"dir": options.data_dir, "sha256": fingerprint}
    return {"options": asdict(options), "versions": versions(), "data": data, "history": [], "best_epoch": None, "eval_loss": None}


def evaluate(options: TrainOptions) -> None:
    """Score the model in `output_dir` on dev and test, print the table, write `results.json`."""
    checked(options)
    splits = ("dev", "test")
    check_splits(options.data_dir, splits)  # what is wrong with them is said before the model is loaded
    if os.environ.get("RANK", "0") != "0":  # one process of several scores, the others are done
        return
    from toi.data.tasks import data_of
    from toi.models.checkpoint import load, quiet, update_metrics
    from toi.scoring.scored import evaluate_model, table
    from toi.training.run_report import write_model_card

    quiet()
    batch_size, output_dir = options.per_device_eval_batch_size, options.output_dir
    checkpoint = load(output_dir)
    scores, counts = evaluate_model(checkpoint, options.data_dir, splits, options, batch_size, output_dir)
    run = update_metrics(output_dir, {split: {name: s.value for name, s in found.items()} for split, found in scores.items()})
    if "options" in run:  # a model of train.py, not one from elsewhere
        write_model_card(output_dir, run, checkpoint.task, data_of(output_dir))
    print(table(scores, counts))
    if options.push_to_hub:
        from toi.training.hub import push

        print(f"pushed to {push(output_dir, options.hub_model_id)}")


if __name__ == "__main__":
    run(main, TrainOptions)
