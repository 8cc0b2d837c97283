"""Rows of decoder-only models: what stands in one sequence.

    [BOS] source  separator  target  end of sequence
    prompt  response  end of turn                         with a chat template (toi/models/causal/chats.py)

BOS stands where the tokenizer puts it. Source and target are tokenized apart, so that what an output goes on from is exactly the
beginning of what training saw. The separator is the task's; a chat template says itself what stands around its texts.
"""

from collections.abc import Sequence

from toi.data.tasks import TARGET_SEPARATOR, Task
from toi.data.turn_layout import layout_of
from toi.models.batches import Encoded
from toi.models.causal.chats import Chat
from toi.models.causal.separator import separator_ids
from toi.models.family import Limits
from toi.models.framing import Side, framed_rows
from toi.models.tokenizer import Tokenizer


class CausalRows:
    """The part of the family that needs no model.

    `ends` are the ids that end an output beside the tokenizer's own, `room` the tokens of a whole row, where the model has a limit.
    """

    def __init__(self, tokenizer: Tokenizer, ends: Sequence[int], room: int | None):
        self.tokenizer = tokenizer
        self.pad_id = tokenizer.pad_id
        self._ends = tokenizer.eos_id, *ends
        tokenizer.reserve(self._ends)
        self._room = room
        self.follow(None)

    def follow(self, task: Task | None) -> None:
        """The separator is that of the task, and sources that are too long lose of the context that the task has put there.

        Raises InputError for a task with a chat template whose tokens the tokenizer has not.
        """
        template = None if task is None else task.chat_template
        self._chat = None if template is None else Chat(self.tokenizer, template)
        self.end_ids = tuple(dict.fromkeys(self._ends if self._chat is None else (self._chat.end_id, *self._ends)))
        self._separator = separator_ids(self.tokenizer, TARGET_SEPARATOR if task is None else task.target_separator)
        self._layout = layout_of(task)

    @property
    def cut(self) -> str:
        """The end, or where it is known where they stand, the context, or turns."""
        return "end" if self._layout is None else self._layout.cut

    def row_key(self) -> str:
        """Everything that stands in a row beside its texts, and where its context is."""
        template = None if self._layout is None else self._layout.template
        about = self.tokenizer.around[0], self._separator, self.end_ids[0], self._room, template
        chat = "" if self._chat is None else f" {self._chat}"
        return f"causal {self.tokenizer.fingerprint()} {about}{chat}"

    def within(self, limits: Limits) -> Limits:
        """The limits, or smaller ones that together are within the positions of the model."""
        if self._room is None or limits.source + limits.target <= self._room:
            return limits
        target = min(limits.target, self._room // 2)
        return Limits(self._room - target, target)

    @property
    def source_frame(self) -> tuple[int, int]:
        """BOS, and the separator; what a chat template writes around a text is known by its special tokens."""
        return (0, 0) if self._chat is not None else (len(self.tokenizer.around[0]), len(self._separator))

    def encode(self, sources: Sequence[str], targets: Sequence[str] | None, limits: Limits) -> list[Encoded]:
        """The ids of rows: sources lose of their context, else of their end; targets end in the end of sequence, cut or not."""
        if self._chat is None:
            encode = self.tokenizer.encode_batch
            sides = Side(encode, self.tokenizer.around[0], self._separator), Side(encode, (), self.end_ids[:1])
        else:
            sides = Side(self._chat.prompts, (), ()), Side(self._chat.responses, (), self.end_ids[:1])
        return framed_rows(sources, targets, self.within(limits), *sides, self.tokenizer.unk_id, self._layout)
