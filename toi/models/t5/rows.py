"""Rows of encoder-decoder models: what stands around a source and a target.

source  [prefix] tokens </s>        cut at the end, or in the context if that stands before others; </s> kept
target  [prefix] tokens </s>        the decoder reads it one step later, behind its start
"""

from collections.abc import Sequence

import numpy

from toi.data.layout import Layout
from toi.data.tasks import Task
from toi.data.turn_layout import TurnLayout, layout_of
from toi.models.batches import Encoded
from toi.models.family import Limits
from toi.models.framing import Side, framed_rows
from toi.models.texts import Texts
from toi.system.errors import InputError


class T5Rows:
    """The part of the family that needs no model; `start_id` is what a decoder reads first."""

    reads_beginnings_once = False
    takes_turns = False

    def __init__(self, tokenizer: Texts, start_id: int):
        self.tokenizer = tokenizer
        self.pad_id = tokenizer.pad_id
        self.end_ids: tuple[int, ...] = (tokenizer.eos_id,)
        self.start_id = start_id
        self._layout: Layout | TurnLayout | None = None

    def follow(self, task: Task | None) -> None:
        """A context that stands last is cut at its end with the source; encoder and decoder need no separator.

        Raises InputError for a task with a chat template.
        """
        if task is not None and task.chat_template is not None:
            raise InputError(f"task {task.name}: an encoder-decoder model has no chat template; prepare with --template alpaca-ja")
        layout = layout_of(task)
        self._layout = None if layout is None or layout.last else layout

    @property
    def cut(self) -> str:
        """The end, or where it is known to stand before others, the context; or turns."""
        return "end" if self._layout is None else self._layout.cut

    def within(self, limits: Limits) -> Limits:
        """The limits themselves: positions are relative."""
        return limits

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None, limits: Limits) -> list[Encoded]:
        """The ids of rows."""
        prefix, suffix = self.tokenizer.around
        side = Side(self.tokenizer.encode_batch, prefix, suffix or self.end_ids)
        return framed_rows(sources, targets, limits, side, side, self.tokenizer.unk_id, self._layout)

    @property
    def source_frame(self) -> tuple[int, int]:
        """What the tokenizer puts before a text, and the end."""
        prefix, suffix = self.tokenizer.around
        return len(prefix), len(suffix or self.end_ids)

    def widths(self, source_lengths: numpy.ndarray, target_lengths: numpy.ndarray) -> numpy.ndarray:
        """The lengths of the sources: targets are short, and go along."""
        return source_lengths
