"""The tokenizer that a prepare script counts with. Nothing heavy is imported unless one is named."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toi.data.tasks import HIGHLIGHT

if TYPE_CHECKING:
    from toi.models.tokenizer import Tokenizer


class CountingTokenizer:
    """See `toi.data.audit.AuditTokenizer`."""

    def __init__(self, tokenizer: "Tokenizer"):
        self._tokenizer = tokenizer
        self.fast = tokenizer.fast
        self.unk_id = tokenizer.unk_id
        self.is_unknown = tokenizer.is_unknown

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with what stands around it in a row, the end of sequence at least."""
        prefix, suffix = self._tokenizer.around
        suffix = suffix or (self._tokenizer.eos_id,)
        return [[*prefix, *ids, *suffix] for ids in self._tokenizer.encode_batch(texts)]


def counting_tokenizer(name: str | None) -> CountingTokenizer | None:
    """The tokenizer of a model (a folder or a name of the hub), `<hl>` being a token of it; None where none is named.

    Raises InputError if there is no such tokenizer.
    """
    if name is None:
        return None
    from toi.models.checkpoint import find, quiet
    from toi.models.tokenizer_files import load_tokenizer

    quiet()
    tokenizer = load_tokenizer(find(name, weights=False))
    tokenizer.add(HIGHLIGHT)
    return CountingTokenizer(tokenizer)
