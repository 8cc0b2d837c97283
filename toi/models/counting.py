"""The tokenizer that a prepare script counts with. Nothing heavy is imported unless one is named."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from toi.data.examples import Row
from toi.data.tasks import HIGHLIGHT, Task
from toi.models.showing import shown
from toi.system.errors import InputError

if TYPE_CHECKING:
    from toi.models.causal.rows import CausalRows
    from toi.models.family import Family, Limits
    from toi.models.tokenizer import Tokenizer

_ALL = 10**9  # tokens: nothing is cut


class CountingTokenizer:
    """See `toi.data.audit.AuditTokenizer`. `rows` make the rows of its model, where it is known."""

    def __init__(self, tokenizer: "Tokenizer", rows: "Family | CausalRows | None" = None):
        self._tokenizer, self._rows, self._chats = tokenizer, rows, False
        self.fast = tokenizer.fast
        self.unk_id = tokenizer.unk_id
        self.is_unknown = tokenizer.is_unknown

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with what stands around it in a row, the end of sequence at least.

        Of a chat template, which says itself what stands around its texts, the ids of prompts.
        """
        if self._chats and self._rows is not None:
            return [row.source for row in self._rows.encode(list(texts), None, _limits(_ALL, _ALL))]
        prefix, suffix = self._tokenizer.around
        suffix = suffix or (self._tokenizer.eos_id,)
        return [[*prefix, *ids, *suffix] for ids in self._tokenizer.encode_batch(texts)]

    def follow(self, task: Task) -> None:
        """Rows are those of this task, the special tokens of its chat template being tokens. Raises InputError if it has none."""
        self._chats = task.chat_template is not None
        for marker in () if task.chat_template is None else task.chat_template.markers:
            self._tokenizer.add(marker, takes_spaces=False)
        if self._rows is None and self._chats:
            from toi.models.causal.rows import CausalRows

            self._rows = CausalRows(self._tokenizer, (), None)  # no other kind of model has chat templates
        if self._rows is not None:
            self._rows.follow(task)

    def shown(self, row: Row, limits: dict[str, int]) -> str | None:
        """A row within the limits, as the model sees it; None of a model that is not known."""
        if self._rows is None:
            return None
        (encoded,) = self._rows.encode([row.source], [row.target], _limits(limits["source"], limits["target"]))
        return shown(self._tokenizer, encoded)


def _limits(source: int, target: int) -> "Limits":
    from toi.models.family import Limits  # with what it stands on, slow to import

    return Limits(source, target)


def counting_tokenizer(name: str | None) -> CountingTokenizer | None:
    """The tokenizer of a model (a folder or a name of the hub), `<hl>` being a token of it; None where none is named.

    Raises InputError if there is no such tokenizer.
    """
    if name is None:
        return None
    from toi.models.checkpoint import find, quiet
    from toi.models.members import family_of
    from toi.models.pretrained import configuration_of
    from toi.models.tokenizer_files import load_tokenizer

    quiet()
    folder = find(name, weights=False)
    family, config = None, None
    with suppress(InputError):  # a tokenizer may stand in a folder without a model that is known here
        config = configuration_of(folder)
        family = family_of(config)
    tokenizer = load_tokenizer(folder) if family is None else load_tokenizer(folder, family.sentinels)
    tokenizer.add(HIGHLIGHT)
    return CountingTokenizer(tokenizer, None if family is None or config is None else family(tokenizer, config))
