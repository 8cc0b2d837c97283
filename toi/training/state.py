"""A run under way: what the loop in `train.py` stands on."""

import math
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch.optim.lr_scheduler import LambdaLR

from toi.data.tasks import Task
from toi.models.checkpoint import Checkpoint
from toi.system.errors import InputError
from toi.training.encoded import TokenRows
from toi.training.interruption import Interruption
from toi.training.judge import Judge, as_loaded
from toi.training.losses import Loss, sums_of
from toi.training.options import PAIR_FIGURES, TrainingOptions
from toi.training.plan import TrainingPlan
from toi.training.preference import PairLoss
from toi.training.progress import MOST_SKIPPED, Pace, Progress
from toi.training.reading import Reading
from toi.training.samples import Sampler


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
    plan: TrainingPlan
    model: Any  # the checkpoint's, as Accelerate wraps it
    optimizer: Any  # likewise; the plain one is its `optimizer`
    schedule: LambdaLR
    reading: Reading = field(default_factory=Reading)
    sampler: Sampler | None = None  # of outputs that a person reads
    judge: Judge | None = None  # of outputs, where the validation loss does not decide
    writer: Any = None  # of TensorBoard
    owns_checkpoints: bool = False  # whether the checkpoints beside the model folder are of this run
    progress: Progress = field(default_factory=Progress)
    pace: Pace = field(default_factory=Pace)
    interruption: Interruption = field(default_factory=Interruption)

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or nothing better came for too long."""
        patience = self.options.early_stopping_patience
        waited = patience is not None and self.progress.waited >= patience
        return self.progress.step >= self.plan.total_steps or waited

    def agree(self, step_loss: Any) -> float:
        """The loss of a step summed over all processes, which also learn here of a signal that one of them got."""
        signal_ = float(self.interruption.signalled or 0)
        both = torch.stack([torch.as_tensor(step_loss).float(), torch.tensor(signal_, device=self.accelerator.device)])
        loss, signal_ = self.accelerator.reduce(both, reduction="sum").tolist()
        if signal_:
            self.interruption.agreed = self.interruption.signalled or signal.SIGTERM
        return float(loss)

    def apply(self, step_loss: float, norm: Any) -> None:
        """Let the optimizer take its step, or skip it if the loss or the gradient is not finite.

        Raises InputError when too many steps in a row are skipped.
        """
        progress = self.progress
        progress.step += 1
        progress.steps_of_epoch_done += 1
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
        progress.skipped += not finite
        progress.skipped_in_a_row = 0 if finite else progress.skipped_in_a_row + 1
        if progress.skipped_in_a_row == MOST_SKIPPED:
            best = f"; the best model so far is in {self.options.output_dir}" if self.run["eval_loss"] is not None else ""
            raise InputError(
                f"the loss or its gradient was not finite in {MOST_SKIPPED} steps in a row, up to step {progress.step:,}; "
                f"lower --learning_rate, or use --precision bf16 or fp32{best}"
            )

    def count(self, step_loss: float, counted: int, indices: Sequence[int], seconds: float) -> None:
        """Note a step: its mean loss per target token (per pair), how many it had, and the time it took."""
        self.progress.count(step_loss, counted, len(indices))
        rows = self.rows["train"]
        self.pace.count(seconds, len(indices), int(rows.source_lengths[indices].sum() + rows.target_lengths[indices].sum()))

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of what a validation finds beside the loss."""
        of_pairs = PAIR_FIGURES if isinstance(self.loss, PairLoss) else ()
        return of_pairs if self.judge is None else (*of_pairs, self.judge.metric)

    def record(self, found: Mapping[str, float], samples: dict[str, str] | None = None) -> bool:
        """Note a validation in the history, and what was counted since the last one. Returns whether it is the best so far.

        `found` holds `eval_loss` and the other figures. Where one of these decides, the highest is the best, and of equal ones that
        of the lower loss; where the last model is to be kept, the last. `samples` are outputs for some rows, by their ids.
        """
        best, eval_loss = self.run["eval_loss"], found["eval_loss"]
        figure = found.get(self.options.metric_for_best_model) if self.options.metric_for_best_model != "eval_loss" else None
        if not self.options.load_best_model_at_end:
            better = True
        elif best is None or figure is None:
            better = best is None or eval_loss < best
        else:
            better = (figure, -eval_loss) > (self.run["best_metric"], -best)
        now, progress = time.perf_counter(), self.progress
        last = {
            "epoch": progress.epoch,
            "step": progress.step,
            "train_loss": progress.train_loss,
            **found,
            "learning_rate": self.schedule.get_last_lr()[0],
            "rows_per_second": round(progress.seen / (now - self.pace.since), 1),
            **({} if samples is None else {"samples": samples}),
        }
        self.run["history"].append(last)
        if better:
            self.run.update(best_epoch=progress.epoch, best_step=progress.step, eval_loss=eval_loss)
            self.run.update({} if figure is None else {"best_metric": figure})
        if self.writer is not None:
            tags = {"train_loss": "train/loss", "eval_loss": "eval/loss", "learning_rate": "train/learning_rate"}
            for name, tag in (tags | {name: f"eval/{name}" for name in self.figures}).items():
                if last[name] is not None:
                    self.writer.add_scalar(tag, last[name], progress.step)
            self.writer.flush()
        progress.validated(better)
        self.pace.since = now
        return better


@torch.no_grad()
def validated(state: State, rows: TokenRows, batch_size: int) -> dict[str, float]:
    """`eval_loss`, the summed cross entropy over `rows` divided by their target tokens: not a mean of batch means.

    Of pairs it is their loss, divided by their number, with the other figures of such a loss.
    """
    accelerator, family = state.accelerator, state.checkpoint.family
    model = state.checkpoint.model  # not as it is wrapped: processes have as many batches as there are, and wait for nobody
    state.model.eval()
    totals: dict[str, float] = dict.fromkeys(("eval_loss", *(PAIR_FIGURES if isinstance(state.loss, PairLoss) else ())), 0.0)
    batches = rows.batches(rows.widths(family), batch_size)
    for indices in batches[accelerator.process_index :: accelerator.num_processes]:
        batch = rows.collate(family, rows.encoded(indices), indices).to(accelerator.device)
        with accelerator.autocast():
            logits, labels = family.logits(model, batch, packed=True)
        for name, summed in sums_of(state.loss, logits, labels, batch).items():
            totals[name] += float(summed)
    state.model.train()
    exact = torch.float32 if accelerator.device.type == "mps" else torch.float64  # Apple's has no float64
    summed = accelerator.reduce(torch.tensor([*totals.values()], dtype=exact, device=accelerator.device), reduction="sum")
    counted = rows.counted(range(len(rows)))
    return {name: total / counted for name, total in zip(totals, summed.tolist(), strict=True)}


def judged(state: State) -> dict[str, float]:
    """The judge's figure of the model as it is now, the same in all processes; nothing without a judge."""
    return {} if state.judge is None else {state.judge.metric: state.judge.figure(_written(state, state.judge))}


def sampled(state: State) -> dict[str, str] | None:
    """What the model writes for the samples as it is now, by their ids; None without samples."""
    if state.sampler is None:
        return None
    outputs = _written(state, state.sampler)
    return {sample.id: outputs[i] for i, sample in enumerate(state.sampler.samples)}


def _written(state: State, writer: Judge | Sampler) -> dict[int, str]:
    """The outputs of the model as it is now, of which each process writes a share.

    Nothing is changed by it: not the random state, nor what the model computes in training. The time is not that of training.
    """
    accelerator, started = state.accelerator, time.perf_counter()
    with as_loaded(state.checkpoint.model):
        mine = writer.outputs(state.checkpoint, accelerator.process_index, accelerator.num_processes, accelerator.device)
    state.model.train()
    outputs = dict(gather_object(mine))
    state.pace.since += time.perf_counter() - started
    return outputs
