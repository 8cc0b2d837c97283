"""The end of a run: what is written of it."""

import sys
import time
from pathlib import Path
from typing import Any

import torch

from toi.data.task_files import data_of
from toi.models.checkpoint import update_run
from toi.system.errors import InputError
from toi.training.options import LearningOptions
from toi.training.run_report import draw_training, write_log, write_model_card
from toi.training.state import State


def finish(state: State) -> dict[str, Any]:
    """Write what a person reads of the run, and the metrics under Hugging Face's names; return what `run.json` holds."""
    trained = [entry for entry in state.run["history"] if entry["train_loss"] is not None]
    best: dict[str, Any] = next((entry for entry in state.run["history"] if entry["step"] == state.run.get("best_step")), {})
    # The rate of all processes together: each goes through its share of the same steps.
    rows, tokens = state.pace.of(state.pace.rows), state.pace.of(state.pace.tokens)
    state.run["metrics"] = {
        "train_loss": trained[-1]["train_loss"] if trained else None,
        "eval_loss": state.run["eval_loss"],
        **{f"eval_{name}": best[name] for name in state.figures if best},
        "train_runtime": round(time.perf_counter() - state.pace.started, 2),
        "train_samples_per_second": rows and round(rows, 2),
        "train_tokens_per_second": tokens and round(tokens, 1),
        "peak_memory_bytes": peak_memory(state.accelerator.device),
        "skipped_steps": state.progress.skipped,
    }
    if state.writer is not None:
        state.writer.close()
    if state.accelerator.is_main_process:
        folder = state.options.output_dir
        update_run(folder, history=state.run["history"], metrics=state.run["metrics"])
        write_log(folder, state.run["history"])
        draw_training(folder, state.run)
        write_model_card(folder, state.run, state.task, data_of(state.options.data_dir), state.checkpoint.family.label)
    state.accelerator.wait_for_everyone()
    return state.run


def peak_memory(device: torch.device) -> int:
    """The most memory that this process had, in bytes: on a GPU there, else in all."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def tensorboard_writer(options: LearningOptions) -> Any:
    """A writer of event files in `{output_dir}.runs`. Raises InputError if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("--report_to tensorboard needs TensorBoard: pip install tensorboard") from None
    folder = Path(options.output_dir).absolute()
    return SummaryWriter(str(folder.with_name(folder.name + ".runs")))
