"""Fine-tune a model on a data folder, keep the model that is best on dev, score it.

    python train.py --do_train --do_eval --data_dir data --output_dir model --model_name_or_path sonoisa/t5-base-japanese

The loop is all here: `train` goes through the epochs, `train_step` through the batches of a step, `keep_if_better` validates and
keeps the best. What they stand on is in toi/training/. The loss is free: see `--loss`.
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
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from toi.decoding.options import DecodingOptions
from toi.system.cli import checked, run
from toi.training.options import METRICS, SAMPLES, TrainingOptions

if TYPE_CHECKING:
    from toi.training.judge import Judge
    from toi.training.samples import Sampler
    from toi.training.state import State


@dataclass
class TrainOptions(TrainingOptions, DecodingOptions):
    """Fine-tune a model on a data folder, and score the one that is best on dev."""


def main(options: TrainOptions) -> None:
    """Train, evaluate, or both."""
    options.all_bad_words()  # what is wrong with them is said before the training
    if options.estimate_memory:
        estimate(options)
        return
    if options.do_train:
        if options.do_eval:
            from toi.data.task_files import scored_splits

            check_splits(options.data_dir, scored_splits(options.data_dir))  # what is wrong with them is said before the training
        train(options)
    if options.do_eval:
        evaluate(options)


def estimate(options: TrainOptions) -> None:
    """Print how much memory the training will take."""
    from toi.models.place import check_model

    check_model(options.model_name_or_path)
    from toi.models.checkpoint import quiet
    from toi.training.estimate import estimate_memory

    quiet()
    print(estimate_memory(options))


def train(options: TrainOptions) -> dict[str, Any]:
    """Train, and return what `run.json` holds. Raises InputError before anything slow if an input is wrong."""
    from toi.models.place import check_model

    checked(options)
    highlighted = check_splits(options.data_dir, ("train", "dev"))
    check_model(options.model_name_or_path, options.tokenizer_name_or_path)
    from toi.models.checkpoint import quiet, refuse_other_run
    from toi.training.finish import finish
    from toi.training.hub import check_hub, push
    from toi.training.interruption import interruptible
    from toi.training.printing import headline
    from toi.training.resume import find_checkpoint, save_checkpoint
    from toi.training.setup import set_up

    quiet()
    if options.resume_from_checkpoint:
        find_checkpoint(options.resume_from_checkpoint, options.output_dir)
    else:
        refuse_other_run(options.output_dir, options.overwrite_output_dir)
    if options.push_to_hub:
        check_hub()
    state = set_up(options, highlighted, judge_of(options), sampler_of(options))
    state.accelerator.print(headline(state))
    progress, plan = state.progress, state.plan
    if options.eval_before_training and progress.step == 0:
        keep_if_better(state)
    with interruptible(state.interruption):
        while not state.finished:
            if progress.steps_of_epoch_done == 0:
                progress.epoch += 1
            steps = plan.steps_of_epoch(progress.epoch)
            for batches in shown(state, steps[progress.steps_of_epoch_done :]):
                train_step(state, batches)
                at_end = progress.steps_of_epoch_done == len(steps) or progress.step == plan.total_steps
                if at_end or plan.validates(progress.step, progress.steps_of_epoch_done, len(steps)):
                    keep_if_better(state)
                if at_end:
                    progress.steps_of_epoch_done = 0
                if at_end or state.interruption.agreed or (options.save_steps and progress.step % options.save_steps == 0):
                    folder = save_checkpoint(state)
                if state.interruption.agreed and not state.finished:
                    stop(state, folder)
                if state.finished:
                    break
    run = finish(state)
    if options.push_to_hub and not options.do_eval and state.accelerator.is_main_process:
        print(f"pushed to {push(options.output_dir, options.hub_model_id)}")
    return run


def stop(state: "State", folder: Path) -> NoReturn:
    """Say how to go on, and exit as a program that was ended by a signal."""
    step = state.progress.step
    state.accelerator.print(f"stopped at step {step:,}; go on with the same command and --resume_from_checkpoint {folder}")
    raise SystemExit(128 + (state.interruption.agreed or 0))


def train_step(state: "State", batches: list[list[int]]) -> None:
    """One step of the optimizer on `batches` (lists of indices of rows).

    The loss is divided by the target tokens (the pairs, if it is one of pairs) of the whole step: the result depends neither on
    how the step is cut into batches nor on the number of processes that share them.
    """
    from toi.training.losses import backward_of

    accelerator, family, rows, started = state.accelerator, state.checkpoint.family, state.rows["train"], time.perf_counter()
    rank, world = accelerator.process_index, accelerator.num_processes
    counted = sum(rows.counted(indices) for indices in batches)
    weight = state.options.source_loss_weight
    source_tokens = int(sum((rows.source_lengths[indices] - 1).sum() for indices in batches))  # nothing predicts the first
    step_counted = counted + weight * source_tokens
    step_loss: Any = 0.0
    for i, indices in enumerate(batches):
        mine = indices[rank::world]
        some = mine or indices[:1]
        read = state.reading.rows(rows, some, state.progress.step)
        batch = rows.collate(family, read, some).to(accelerator.device)
        exchange = nullcontext() if i == len(batches) - 1 else accelerator.no_sync(state.model)
        with exchange:  # processes exchange gradients once a step, behind its last batch
            with accelerator.autocast(), state.reading.on(read, state.progress.step):
                packed = getattr(state.loss, "by_token", False)
                if weight:
                    logits, labels, of_sources = family.logits_and_source_loss(state.model, batch, packed)
                else:
                    logits, labels = family.logits(state.model, batch, packed)  # (batch, target, vocabulary)
            loss = state.loss(logits, labels, batch) / step_counted
            if weight:
                loss = loss + weight * of_sources / step_counted
            if not mine:  # more processes than rows: take part in the exchange with nothing
                loss = loss * 0.0
            with backward_of(state.loss):
                accelerator.backward(loss * world)  # processes average their gradients, and the sum is wanted
        step_loss += loss.detach()
    step_loss = state.agree(step_loss)
    norm = accelerator.clip_grad_norm_(state.model.parameters(), state.options.max_grad_norm)
    state.apply(step_loss, norm)
    state.count(step_loss, counted, [i for indices in batches for i in indices], time.perf_counter() - started)


def keep_if_better(state: "State") -> None:
    """Validate, print a row of the table, and save the model if it is the best so far (--metric_for_best_model)."""
    from toi.data.task_files import data_of
    from toi.models.checkpoint import save
    from toi.training.printing import table_row
    from toi.training.samples import write_samples
    from toi.training.state import judged, sampled, validated

    options = state.options
    found = validated(state, state.rows["dev"], options.per_device_eval_batch_size) | judged(state)
    better = state.record(found, sampled(state))
    if better and state.accelerator.is_main_process:
        model = state.accelerator.unwrap_model(state.model)
        data, checkpoint = data_of(options.data_dir), state.checkpoint
        save(options.output_dir, model, checkpoint.tokenizer, state.task, data, state.run, checkpoint.adapter)
    if state.sampler is not None and state.accelerator.is_main_process:
        write_samples(options.output_dir, state.sampler.samples, state.run)
    state.accelerator.print(table_row(state, better))


def judge_of(options: TrainOptions) -> "Judge | None":
    """What looks at the outputs for dev, where they decide. Raises InputError if dev cannot be used."""
    if options.metric_for_best_model not in METRICS:
        return None
    from toi.scoring.dev import DevJudge

    return DevJudge(options.metric_for_best_model, options.data_dir, options, options.per_device_eval_batch_size)


def sampler_of(options: TrainOptions) -> "Sampler | None":
    """What shows some outputs for dev: of instructions, where nothing else is said. Raises InputError if dev cannot be used."""
    from toi.data.task_files import read_task

    task = read_task(options.data_dir)
    count = (SAMPLES if task is not None and task.instructs else 0) if options.eval_samples is None else options.eval_samples
    if count == 0:
        return None
    from toi.scoring.dev import DevSampler

    return DevSampler(count, options.data_dir, options)


def shown(state: "State", steps: "Sequence[list[list[int]]]") -> "Iterable[list[list[int]]]":
    """The steps of an epoch, under a progress bar with loss, learning rate and speed."""
    from tqdm import tqdm

    from toi.training.printing import postfix

    hidden = None if state.accelerator.is_main_process else True  # None: shown on a terminal only
    with tqdm(steps, desc=f"epoch {state.progress.epoch}", unit="step", leave=False, disable=hidden) as bar:
        for batches in bar:
            yield batches
            bar.set_postfix(postfix(state), refresh=False)


def check_splits(data_dir: str, splits: Sequence[str]) -> bool:
    """Whether the data uses `<hl>`. Raises InputError for the first line of these splits that cannot be used."""
    from toi.data.examples import split_path
    from toi.data.pairs import iterate_split
    from toi.data.tasks import HIGHLIGHT

    highlighted = False
    for split in splits:
        split_path(data_dir, split)  # that all are there is said before any is read
    for row in chain.from_iterable(iterate_split(data_dir, split) for split in splits):
        highlighted = highlighted or HIGHLIGHT in row.source
    return highlighted


def evaluate(options: TrainOptions) -> None:
    """Score the model in `output_dir` on dev, and test if there is one, print the table, write `results.json`."""
    checked(options)
    from toi.data.task_files import data_of, scored_splits

    splits = scored_splits(options.data_dir)
    check_splits(options.data_dir, splits)  # what is wrong with them is said before the model is loaded
    if os.environ.get("RANK", "0") != "0":  # one process of several scores, the others are done
        return
    from toi.models.checkpoint import update_metrics
    from toi.models.ready import load_noted
    from toi.scoring.model import evaluate_model
    from toi.scoring.tables import table
    from toi.training.run_report import write_model_card

    batch_size, output_dir = options.per_device_eval_batch_size, options.output_dir
    checkpoint = load_noted(output_dir)  # so that it answers at once from then on
    scores, counts = evaluate_model(checkpoint, options.data_dir, splits, options, batch_size, output_dir)
    run = update_metrics(output_dir, {split: {name: s.value for name, s in of_split.items()} for split, of_split in scores.items()})
    if "options" in run:  # a model of train.py, not one from elsewhere
        write_model_card(output_dir, run, checkpoint.task, data_of(output_dir), checkpoint.family.label)
    print(table(scores, counts))
    if options.push_to_hub:
        from toi.training.hub import push

        print(f"pushed to {push(output_dir, options.hub_model_id)}")


if __name__ == "__main__":
    run(main, TrainOptions)
