"""The beginning of a run: a State, from options and a data folder."""

import os
import random
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed

from toi.data.audit_table import FIRST_ROW
from toi.data.examples import iterate_rows, split_path
from toi.data.pairs import holds_pairs, iterate_answers, iterate_chosen
from toi.data.task_files import chosen_task, keeps_line_breaks, read_task
from toi.data.tasks import Task
from toi.models.adapters import Shape, adapt
from toi.models.chat_templates import add_markers, leave_for_others
from toi.models.checkpoint import Checkpoint, add_highlight, load
from toi.models.choices import ChoiceTokens
from toi.models.drawn import without_dropout
from toi.models.family import Family, Limits
from toi.models.pretrained import Numbers
from toi.system.errors import InputError
from toi.system.files import sha256
from toi.system.versions import versions
from toi.training.chosen import ChoiceLoss, ChoiceRows
from toi.training.encoded import Reader, TokenRows, token_rows
from toi.training.finish import tensorboard_writer
from toi.training.judge import Judge
from toi.training.losses import Loss, make_loss
from toi.training.optimizer import check_compiler, check_optimizer, make_optimizer, make_schedule, mixed_precision
from toi.training.options import PAIR_LOSSES, TrainingOptions
from toi.training.paired import PairRows
from toi.training.plan import TrainingPlan
from toi.training.preference import PairLoss
from toi.training.reading import make_reading
from toi.training.reference import note_reference
from toi.training.resume import find_checkpoint, load_checkpoint
from toi.training.samples import Sampler
from toi.training.state import State


def set_up(options: TrainingOptions, highlighted: bool, judge: Judge | None = None, sampler: Sampler | None = None) -> State:
    """Load the model, encode the rows, make the optimizer; go on from a checkpoint.

    `highlighted`: the data uses `<hl>`. `judge` is for a run whose best model is not that with the lowest validation loss,
    `sampler` for one that shows what it writes.
    """
    loss, read = make_loss(options), reader_of(options)  # what is wrong with them is said before the model is loaded
    accelerator = make_accelerator(options)
    checkpoint = load(
        options.model_name_or_path,
        tokenizer_name=options.tokenizer_name_or_path,
        from_scratch=options.from_scratch,
        seed=options.seed,
        numbers=Numbers(options.model_dtype, options.bits),
        adapting=options.lora_r > 0,
    )
    if options.source_loss_weight and not checkpoint.family.predicts_sources:
        raise InputError(f"--source_loss_weight: a {checkpoint.family.label} does not predict its source; leave it out")
    task = task_of(options, checkpoint)
    reference = checkpoint.fingerprint() if isinstance(loss, PairLoss) else None  # a new adapter will change nothing yet
    make_ready(options, checkpoint, task, highlighted)
    family, model = checkpoint.family, checkpoint.model
    if isinstance(loss, ChoiceLoss):
        loss.choices = choices_of(options, checkpoint, task)
    rows = encode_splits(options, accelerator, checkpoint, read, loss)
    check_optimizer(options.optim, accelerator.device)
    optimizer = make_optimizer(model, options, family.undecayed)
    set_seed(options.seed)  # for dropout
    make_trainable(options, accelerator, checkpoint)
    reading = make_reading(options, family, model)
    if options.share_contexts and reading.noise is None:
        find_contexts(accelerator, family, rows)
    plan = TrainingPlan(options, rows["train"].widths(family), accelerator.num_processes, rows["train"].contexts)
    schedule = make_schedule(optimizer, options, plan.total_steps)
    wrapped, wrapped_optimizer = accelerator.prepare(model, optimizer)
    wrapped.train()  # a loaded model has its dropout off
    if reference is not None:
        note_reference(options, accelerator, checkpoint, reference, rows)
    writer = tensorboard_writer(options) if options.report_to == "tensorboard" and accelerator.is_main_process else None
    about = describe(options, checkpoint, reference)
    state = State(
        options, accelerator, checkpoint, task, rows, loss, about, plan, wrapped, wrapped_optimizer, schedule, reading, sampler,
        judge, writer,
    )  # fmt: skip
    if options.resume_from_checkpoint:
        folder = find_checkpoint(options.resume_from_checkpoint, options.output_dir)
        load_checkpoint(state, folder)
        accelerator.print(f"going on from {folder}, step {state.progress.step:,}")
    return state


def make_ready(options: TrainingOptions, checkpoint: Checkpoint, task: Task | None, highlighted: bool) -> None:
    """Give the model the tokens that the data needs, and an adapter if there is to be one; let its family follow the task."""
    new_ids = add_highlight(checkpoint) if highlighted else []
    chat = None if task is None else task.chat_template
    if chat is not None:
        new_ids += add_markers(checkpoint, chat)
    if options.lora_r:
        make_adapter(options, checkpoint, new_ids)
    checkpoint.family.follow(task)  # as it will be saved with the model
    if chat is not None:
        leave_for_others(checkpoint, chat)


def make_adapter(options: TrainingOptions, checkpoint: Checkpoint, new_ids: list[int]) -> None:
    """Let an adapter be trained: that of the model folder, or a new one, and the embeddings of `new_ids` with it."""
    assert checkpoint.base is not None  # the model was loaded for it
    shape = Shape(options.lora_r, options.lora_alpha, options.lora_dropout, options.lora_target_modules)
    if checkpoint.adapter is None:
        torch.manual_seed(options.seed)
        checkpoint.adapter = adapt(checkpoint.model, checkpoint.base, shape, new_ids)
    elif new_ids:
        lacks = " and ".join(checkpoint.tokenizer.fast.convert_ids_to_tokens(new_ids))
        raise InputError(f"{checkpoint.name}: an adapter that has no {lacks}, which the data uses; start from its base")
    else:
        checkpoint.adapter.go_on(checkpoint.name, shape)
    checkpoint.adapter.merges = options.merge_adapter


def make_trainable(options: TrainingOptions, accelerator: Accelerator, checkpoint: Checkpoint) -> None:
    """Let the model compute as the options say. Raises InputError where it cannot be compiled."""
    model = checkpoint.model
    if options.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if options.torch_compile:
        check_compiler(accelerator.device)
        model.compile(dynamic=True)
    fp16 = accelerator.mixed_precision == "fp16"
    checkpoint.family.make_trainable(model, accelerator.device, fp16=fp16, compiled=options.torch_compile)
    if options.loss in PAIR_LOSSES:
        without_dropout(model)  # it would tell the model from its reference


def make_accelerator(options: TrainingOptions) -> Accelerator:
    """Device, processes and precision. Raises InputError for a precision that this machine does not have."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        AcceleratorState._reset_state()  # in a notebook, an earlier run may have had another precision
    return Accelerator(mixed_precision=mixed_precision(options.precision))


def task_of(options: TrainingOptions, checkpoint: Checkpoint) -> Task | None:
    """What the model is to do: as the data folder says, else the options."""
    task = read_task(options.data_dir)
    return chosen_task(checkpoint.task, options.task, checkpoint.name) if task is None and options.task else task


def reader_of(options: TrainingOptions) -> Reader:
    """How the lines of the data are read. Raises InputError if the loss is one of pairs, and the data holds none."""
    if options.loss in PAIR_LOSSES:
        if not holds_pairs(options.data_dir):
            raise InputError(
                f"{options.data_dir}: holds no pairs of answers, which --loss {options.loss} compares; "
                "make them with prepare_preferences.py"
            )
        return iterate_answers
    return iterate_chosen if holds_pairs(options.data_dir) else iterate_rows


def choices_of(options: TrainingOptions, checkpoint: Checkpoint, task: Task | None) -> ChoiceTokens:
    """What the data's task chooses among. Raises InputError if it does not."""
    if task is None or not task.choices:
        raise InputError(f"{options.data_dir}: task.json names no choices, which --loss choice learns to tell apart; leave it out")
    return ChoiceTokens.of(checkpoint.family, task.choices)


def encode_splits(
    options: TrainingOptions, accelerator: Accelerator, checkpoint: Checkpoint, read: Reader, loss: Loss
) -> dict[str, TokenRows]:
    """The train and the dev split as token ids, and on stdout what was seen of them."""
    rows, line_breaks = {}, keeps_line_breaks(options.data_dir)
    limits = Limits(options.max_input_length, options.max_target_length)
    for split in ("train", "dev"):
        with accelerator.main_process_first():  # one encodes, the others find it done
            rows[split], audit = token_rows(split_path(options.data_dir, split), checkpoint.family, limits, line_breaks, read)
        accelerator.print(f"{split}: {audit}")
        if read is iterate_answers:
            pairs = rows[split] = PairRows(rows[split])
            accelerator.print(f"{split}: {pairs.account(limits.target)}")
        if isinstance(loss, ChoiceLoss):
            rows[split] = ChoiceRows(rows[split], loss.choices, str(split_path(options.data_dir, split)))
        if split == "train":
            accelerator.print(f"{FIRST_ROW}: {audit.first}")
    count = len(rows["train"])
    if options.max_train_samples is not None and options.max_train_samples < count:
        rows["train"] = rows["train"].select(random.Random(options.seed).sample(range(count), options.max_train_samples))
        accelerator.print(f"training on {options.max_train_samples:,} of the {count:,} {rows['train'].noun}s, chosen by the seed")
    return rows


def find_contexts(accelerator: Accelerator, family: Family, rows: dict[str, TokenRows]) -> None:
    """Which rows begin alike is noted with them, where that saves work, and said on stdout."""
    for split, of_split in rows.items():
        if said := of_split.share_contexts(family):
            accelerator.print(f"{split}: {said}")


def describe(options: TrainingOptions, checkpoint: Checkpoint, reference: str | None = None) -> dict[str, Any]:
    """The beginning of `run.json`: everything that the result depends on. `reference`: its SHA-256, of a loss of pairs."""
    fingerprint = {split: sha256(Path(options.data_dir) / f"{split}.tsv") for split in ("train", "dev")}
    data = {"dir": options.data_dir, "sha256": fingerprint}
    base, used = {}, versions()
    if checkpoint.adapter is not None and checkpoint.base is not None:
        base = {"base": {"name": checkpoint.base.name, "sha256": checkpoint.base.sha256}}
        used["peft"] = version("peft")
    about = {"options": asdict(options), "versions": used, "data": data, **base}
    about |= {"reference": {"sha256": reference}} if reference is not None else {}
    return {**about, "history": [], "best_epoch": None, "eval_loss": None}
