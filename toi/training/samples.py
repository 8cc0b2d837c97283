"""Samples: what a model in training writes for a few rows of dev, the same in each validation, so that one sees it learn.

Who writes them is known above this room: `train.py` hands it in. The outputs stand in the history of the run, so that a run that
goes on has those of before, and `samples.md` is made of the history alone.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch

from toi.data.tsv import escape
from toi.models.checkpoint import Checkpoint
from toi.system.files import replacing

FILE = "samples.md"
_WIDTH = 100  # characters of a sample in print
_NOTHING = "(nothing)"


class Sample(NamedTuple):
    """A row of dev, as a person reads it."""

    id: str
    asked: str
    wanted: str


class Sampler(Protocol):
    """What writes for the samples. The likeliest token at each place, so that it is the same each time."""

    samples: Sequence[Sample]

    def outputs(self, checkpoint: Checkpoint, process: int, processes: int, device: torch.device) -> list[tuple[int, str]]:
        """What the model writes for this process's share of the samples, each with its number (toi/training/judge.py)."""
        ...


def sample_lines(samples: Sequence[Sample]) -> list[str]:
    """What is asked and wanted, a numbered line each."""
    return [f"  {i}  {_short(sample.asked)} -> {_short(sample.wanted)}" for i, sample in enumerate(samples, start=1)]


def output_lines(samples: Sequence[Sample], outputs: dict[str, str]) -> list[str]:
    """What was written, a line each with the number of its sample."""
    return [f"  {i}  {_short(outputs[sample.id])}" for i, sample in enumerate(samples, start=1)]


def _short(text: str) -> str:
    """A text in a line of its own, cut to what a terminal shows."""
    line = escape(text) or _NOTHING
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def write_samples(folder: str | Path, samples: Sequence[Sample], run: dict[str, Any]) -> None:
    """Write `samples.md`: what was written for each sample in each validation, the kept model's marked."""
    lines = ["# Samples", "", "What the model wrote for some rows of dev (greedy search), behind so many steps of its training;"]
    lines.append("in bold the model that is kept.")
    for sample in samples:
        lines += ["", f"## {_inline(sample.id)}", "", *_quoted(sample.asked), "", "wanted:", "", *_quoted(sample.wanted), ""]
        lines += ["| epoch | step | dev loss | written |", "| --- | --- | --- | --- |"]
        for entry in run["history"]:
            if (written := entry.get("samples", {}).get(sample.id)) is None:
                continue  # of a validation without this sample
            step = f"{entry['step']:,}"
            step = f"**{step}**" if entry["step"] == run["best_step"] else step
            lines.append(f"| {entry['epoch']} | {step} | {entry['eval_loss']:.4f} | {_inline(written) or _NOTHING} |")
    with replacing(Path(folder) / FILE) as file:
        file.write("\n".join(lines) + "\n")


def _inline(text: str) -> str:
    """A text in a line of Markdown, as it is but for its marks of emphasis."""
    return html.escape(text, quote=False).replace("|", "&#124;").replace("\r", "").replace("\n", "<br>")


def _quoted(text: str) -> list[str]:
    """A text in a quotation of Markdown, its line breaks kept."""
    return [f"> {line}  " for line in html.escape(text, quote=False).split("\n")]
