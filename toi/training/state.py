"""What the loop in `train.py` stands on: precision, optimizer, schedule, validation loss."""

import contextlib
import math
import os
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from toi.data.tasks import Task, data_of
from toi.models.batches import IGNORED, Batch, Lengths, collate, shuffled_batches, sorted_batches
from toi.models.checkpoint import Checkpoint, update_run
from toi.system.errors import InputError
from toi.training.encoded import TokenRows
from toi.training.losses import Loss, cross_entropy
from toi.training.options import TrainingOptions
from toi.training.run_report import draw_training, write_log, write_model_card


def mixed_precision(precision: str) -> str:
    """Accelerate's name of a `--precision`; `auto` is bf16 where the machine multiplies in it, else fp32.

    Raises InputError for fp16 without a GPU.
    """
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if torch.cuda.is_available()
            else torch.cpu._is_avx512_bf16_supported()
        )
        return "bf16" if fast else "no"
    if precision == "fp16" and not torch.accelerator.is_available():
        raise InputError("--precision fp16 needs a GPU; use bf16, fp32 or auto")
    return {"fp32": "no"}.get(precision, precision)


def clamp_feed_forward(model: PreTrainedModel) -> None:
    """Keep the feed-forward outputs of a T5 within what fp16 can say: one that overflows makes every loss NaN from there on.

    transformers clamps hidden states, but under autocast those are in fp32 and the overflow is in them already.
    """

    def clamp(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        if output.dtype != torch.float16:
            return None
        largest = torch.finfo(torch.float16).max
        return output.clamp(-largest, largest)

    for name, module in model.named_modules():
        if name.endswith("DenseReluDense"):
            module.register_forward_hook(clamp)


def make_optimizer(model: PreTrainedModel, name: str, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019) or Adafactor (Shazeer and Stern 2018) at the given learning rate.

    No decay on what is not a matrix of weights: norms, biases, position biases.
    """
    decayed: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for parameter_name, parameter in model.named_parameters():
        matrix = parameter.ndim >= 2 and "relative_attention_bias" not in parameter_name
        (decayed if matrix else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    if name == "adafactor":
        return torch.optim.Adafactor(groups, lr=learning_rate)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def make_schedule(optimizer: torch.optim.Optimizer, options: TrainingOptions, total_steps: int) -> LambdaLR:
    """The learning rate over the steps: warm-up, then as `lr_scheduler_type` says."""
    warmup = round(options.warmup_ratio * total_steps) if options.warmup_steps is None else options.warmup_steps
    return LambdaLR(optimizer, lambda step: learning_rate_share(options.lr_scheduler_type, step, warmup, total_steps))


def learning_rate_share(kind: str, step: int, warmup_steps: int, total_steps: int) -> float:
    """The share of the peak learning rate at a step (from 0): up on a line over the warm-up, then as `kind` says."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if kind == "constant":
        return 1.0
    rest = max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))  # from 1 to 0
    return rest if kind == "linear" else 0.5 - 0.5 * math.cos(math.pi * rest)


def optimizer_steps(
    lengths: Lengths, batch_size: int, accumulation: int, seed: int, epoch: int, max_tokens: int | None = None
) -> list[list[list[int]]]:
    """The batches of an epoch, in groups that make one step of the optimizer each.

    A step has `batch_size * accumulation` rows, or with `max_tokens` as many as have that many padded tokens times `accumulation`;
    which ones does not depend on how they are cut into batches.
    """
    budget = None if max_tokens is None else max_tokens * accumulation
    steps = shuffled_batches(lengths, batch_size * accumulation, seed, epoch, budget)
    if budget is None:
        return [[rows[i : i + batch_size] for i in range(0, len(rows), batch_size)] for rows in steps]
    return [[part for k in range(accumulation) if (part := rows[k::accumulation])] for rows in steps]


@torch.no_grad()
def validation_loss(state: "State", rows: TokenRows, batch_size: int) -> float:
    """The summed cross entropy over `rows` divided by their target tokens: not a mean of batch means."""
    accelerator = state.accelerator
    state.model.eval()
    total = 0.0
    batches = sorted_batches(rows.source_lengths, batch_size)
    for indices in batches[accelerator.process_index :: accelerator.num_processes]:
        batch = collate([rows[i] for i in indices], *state.special_ids)
        with accelerator.autocast():
            logits, labels = state.logits(batch, packed=True)
        total += float(cross_entropy(logits, labels))
    state.model.train()
    exact = torch.float32 if accelerator.device.type == "mps" else torch.float64  # Apple's has no float64
    summed = accelerator.reduce(torch.tensor(total, dtype=exact, device=accelerator.device), reduction="sum")
    return float(summed) / int(rows.target_lengths.sum())


MOST_SKIPPED = 20  # steps in a row


@dataclass
class State:
    """What the loop works on, and how far it is."""

    options: TrainingOptions
    accelerator: Accelerator
    checkpoint: Checkpoint
    task: Task | None
    rows: dict[str, TokenRows]  # split -> rows of ids
    loss: Loss
    run: dict[str, Any]  # what `run.json` will hold
    model: Any = None  # the checkpoint's, as Accelerate wraps it
    fast: bool = False  # whether toi/models/t5/fast.py speeds it up
    plain_optimizer: Any = None
    optimizer: Any = None  # the plain one, as Accelerate wraps it
    schedule: Any = None
    epoch: int = 0
    step: int = 0
    steps_of_epoch_done: int = 0
    signalled: int | None = None  # a signal that this process got
    interrupted_by: int | None = None  # a signal that all processes know of: save, stop
    waited: int = 0  # validations since the best one
    skipped: int = 0  # steps whose loss or gradient was not finite
    skipped_in_a_row: int = 0
    started: float = field(default_factory=time.perf_counter)
    # Of all steps of this process but the first, without validations and checkpoints:
    step_seconds: float = 0.0
    step_rows: int = 0
    step_tokens: int = 0  # of sources and targets, without padding
    warm: bool = False  # whether the first step is over
    writer: Any = None  # of TensorBoard
    # Since the last validation:
    loss_sum: float = 0.0
    tokens: int = 0
    seen: int = 0
    since: float = field(default_factory=time.perf_counter)

    @property
    def special_ids(self) -> tuple[int, int]:
        """The id that fills up batches, and the one that the decoder starts with."""
        pad_id, start_id = self.checkpoint.tokenizer.pad_id, self.checkpoint.model.config.decoder_start_token_id
        return pad_id, pad_id if start_id is None else start_id  # T5 starts with the padding id

    def logits(self, batch: Batch, packed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """What the model predicts, (batch, target, vocab), and the labels (batch, target).

        `packed`: only the places that have a target, as one row, (1, places, vocab) and (1, places), where the model can.
        """
        labels, inputs = batch.labels.to(self.accelerator.device), batch.inputs(self.accelerator.device)
        if not (packed and self.fast):
            return self.model(**inputs, use_cache=False).logits, labels
        kept = labels != IGNORED
        return self.model(**inputs, kept=kept).logits, labels[kept][None]

    @property
    def batch_size(self) -> int:
        """Rows of a batch, over all processes."""
        return self.options.per_device_train_batch_size * self.accelerator.num_processes

    _planned: int | None = None

    @property
    def total_steps(self) -> int:
        """The steps of the whole run."""
        options = self.options
        if options.max_steps:
            return options.max_steps
        if options.max_tokens_per_batch is None:
            steps = math.ceil(len(self.rows["train"]) / (self.batch_size * options.gradient_accumulation_steps))
            return options.num_train_epochs * steps
        if self._planned is None:  # how many batches an epoch has depends on how it is shuffled
            self._planned = sum(len(self._steps(epoch)) for epoch in range(options.num_train_epochs))
        return self._planned

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or nothing better came for too long."""
        patience = self.options.early_stopping_patience
        return self.step >= self.total_steps or (patience is not None and self.waited >= patience)

    def steps_of_epoch(self) -> list[list[list[int]]]:
        """The batches of this epoch, grouped by steps of the optimizer."""
        return self._steps(self.epoch - 1)

    def _steps(self, epoch: int) -> list[list[list[int]]]:
        options, lengths = self.options, self.rows["train"].source_lengths
        budget = options.max_tokens_per_batch
        tokens = None if budget is None else budget * self.accelerator.num_processes
        return optimizer_steps(lengths, self.batch_size, options.gradient_accumulation_steps, options.seed, epoch, tokens)

    def agree(self, step_loss: Any) -> float:
        """The loss of a step summed over all processes, which also learn here of a signal that one of them got."""
        signal_ = float(self.signalled or 0)
        both = torch.stack([torch.as_tensor(step_loss).float(), torch.tensor(signal_, device=self.accelerator.device)])
        loss, signal_ = self.accelerator.reduce(both, reduction="sum").tolist()
        if signal_:
            self.interrupted_by = self.signalled or signal.SIGTERM
        return float(loss)

    def apply(self, step_loss: float, norm: Any) -> None:
        """Let the optimizer take its step, or skip it if the loss or the gradient is not finite.

        Raises InputError when too many steps in a row are skipped.
        """
        self.step += 1
        self.steps_of_epoch_done += 1
        finite = math.isfinite(step_loss)
        if self.accelerator.scaler is not None:  # fp16: the scaler looks at the gradients, and scales down where it must
            self.optimizer.step()
            finite = finite and not self.accelerator.optimizer_step_was_skipped
        elif finite and bool(torch.as_tensor(norm).isfinite()):
            self.optimizer.step()
        else:
            finite = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch warns where the very first step is skipped
            self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.skipped += not finite
        self.skipped_in_a_row = 0 if finite else self.skipped_in_a_row + 1
        if self.skipped_in_a_row == MOST_SKIPPED:
            best = f"; the best model so far is in {self.options.output_dir}" if self.run["eval_loss"] is not None else ""
            raise InputError(
                f"the loss or its gradient was not finite in {MOST_SKIPPED} steps in a row, up to step {self.step:,}; "
                f"lower --learning_rate, or use --precision bf16 or fp32{best}"
            )

    def count(self, step_loss: float, target_tokens: int, indices: Sequence[int], seconds: float) -> None:
        """Note a step: its mean loss per target token, and the time it took."""
        if math.isfinite(step_loss):
            self.loss_sum += step_loss * target_tokens
            self.tokens += target_tokens
        self.seen += len(indices)
        if self.warm:
            self.step_seconds += seconds
            self.step_rows += len(indices)
            self.step_tokens += int(self.rows["train"].source_lengths[indices].sum()) + target_tokens
        self.warm = True

    def record(self, eval_loss: float) -> bool:
        """Note a validation in the history, and what was counted since the last one. Returns whether it is the best so far."""
        best = self.run["eval_loss"]
        better = best is None or eval_loss < best
        self.waited = 0 if better else self.waited + 1
        now = time.perf_counter()
        self.run["history"].append(
            {
                "epoch": self.epoch,
                "step": self.step,
                "train_loss": self.loss_sum / self.tokens if self.tokens else None,
                "eval_loss": eval_loss,
                "learning_rate": self.schedule.get_last_lr()[0],
                "rows_per_second": round(self.seen / (now - self.since), 1),
            }
        )
        if better:
            self.run.update(best_epoch=self.epoch, best_step=self.step, eval_loss=eval_loss)
        if self.writer is not None:
            last = self.run["history"][-1]
            for name, tag in (("train_loss", "train/loss"), ("eval_loss", "eval/loss"), ("learning_rate", "train/learning_rate")):
                if last[name] is not None:
                    self.writer.add_scalar(tag, last[name], self.step)
            self.writer.flush()
        self.loss_sum, self.tokens, self.seen, self.since = 0.0, 0, 0, now
        return better

    def headline(self) -> str:
        """What the run is, and the head of the table."""
        parameters = sum(p.numel() for p in self.checkpoint.model.parameters()) / 1e6
        precision = self.accelerator.mixed_precision.replace("no", "fp32")
        accumulation, budget = self.options.gradient_accumulation_steps, self.options.max_tokens_per_batch
        rows = f"{self.batch_size * accumulation} rows"
        if budget is not None:
            rows = f"up to {budget * self.accelerator.num_processes * accumulation:,} source tokens"
        return (
            f"{parameters:.1f}M parameters, {self.total_steps:,} steps of {rows}, precision {precision}, "
            f"on {self.accelerator.device}\n{'epoch':>5}{'step':>8}{'train loss':>12}{'dev loss':>12}{'rows/s':>9}"
        )

    def table_row(self) -> str:
        """The last validation, as a row of the table."""
        last = self.run["history"][-1]
        train_loss = "" if last["train_loss"] is None else f"{last['train_loss']:.4f}"
        return f"{last['epoch']:>5}{last['step']:>8,}{train_loss:>12}{last['eval_loss']:>12.4f}{last['rows_per_second']:>9.1f}"

    def postfix(self) -> dict[str, str]:
        """What the progress bar shows beside the time left."""
        loss = self.loss_sum / self.tokens if self.tokens else float("nan")
        tokens = self.step_tokens / self.step_seconds if self.step_seconds else 0.0
        shown = {"loss": f"{loss:.4f}", "lr": f"{self.schedule.get_last_lr()[0]:.1e}", "tokens/s": f"{tokens:,.0f}"}
        return shown | ({"skipped": str(self.skipped)} if self.skipped else {})


@contextlib.contextmanager
def interruptible(state: State) -> Iterator[None]:
    """Within the block Ctrl-C and SIGTERM let the step end; a second one stops at once, as ever."""

    def note(number: int, frame: object) -> None:
        state.signalled = number
        for one, handler in before.items():
            signal.signal(one, handler)

    if threading.current_thread() is not threading.main_thread():  # a notebook's worker: signals are not ours there
        yield
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish(state: State) -> dict[str, Any]:
    """Write what a person reads of the run, and the metrics under Hugging Face's names; return what `run.json` holds."""
    trained = [entry for entry in state.run["history"] if entry["train_loss"] is not None]
    # The rate of all processes together: each goes through its share of the same steps.
    rows, tokens = (count / state.step_seconds if state.step_seconds else None for count in (state.step_rows, state.step_tokens))
    state.run["metrics"] = {
        "train_loss": trained[-1]["train_loss"] if trained else None,
        "eval_loss": state.run["eval_loss"],
        "train_runtime": round(time.perf_counter() - state.started, 2),
        "train_samples_per_second": rows and round(rows, 2),
        "train_tokens_per_second": tokens and round(tokens, 1),
        "peak_memory_bytes": peak_memory(state.accelerator.device),
        "skipped_steps": state.skipped,
    }
    if state.writer is not None:
        state.writer.close()
    if state.accelerator.is_main_process:
        folder = state.options.output_dir
        update_run(folder, history=state.run["history"], metrics=state.run["metrics"])
        write_log(folder, state.run["history"])
        draw_training(folder, state.run)
        write_model_card(folder, state.run, state.task, data_of(state.options.data_dir))
    state.accelerator.wait_for_everyone()
    return state.run


def peak_memory(device: torch.device) -> int:
    """The most memory that this process had, in bytes: on a GPU there, else in all."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def tensorboard_writer(options: TrainingOptions) -> Any:
    """A writer of event files in `{output_dir}.runs`. Raises InputError if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("--report_to tensorboard needs TensorBoard: pip install tensorboard") from None
    folder = Path(options.output_dir).absolute()
    return SummaryWriter(str(folder.with_name(folder.name + ".runs")))


def check_compiler(device: torch.device) -> None:
    """Raise InputError if torch.compile could not compile for a device: on CPUs it calls a C++ compiler."""
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))):
        raise InputError("--torch_compile needs a C++ compiler here, and there is none (g++, clang++); leave it out")
