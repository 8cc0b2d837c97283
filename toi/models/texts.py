"""Text <-> token ids: what all tokenizers have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from toi.models.pieces import Piece, without_unfinished


class Texts(ABC):
    """A tokenizer. `encode` gives the ids of the text alone, without what stands `around` it."""

    added: Mapping[str, int]  # tokens that stand for themselves (`<extra_id_0>`, `<hl>`), and their ids
    shown: frozenset[int] = frozenset()  # those of them that are a part of the text that they stand in

    @property
    @abstractmethod
    def eos_id(self) -> int:
        """The id that ends a sequence."""

    @property
    @abstractmethod
    def pad_id(self) -> int:
        """The id that fills up batches; that which ends a sequence where there is none: what is padding is known by length."""

    @property
    @abstractmethod
    def bos_id(self) -> int | None:
        """The id that begins a sequence, where there is one."""

    @property
    @abstractmethod
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say."""

    @property
    @abstractmethod
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids that the tokenizer itself puts before a text, and behind it."""

    @property
    @abstractmethod
    def pieces(self) -> Sequence[Piece]:
        """What each id adds to a text: characters, or bytes that may be a part of one; nothing for those that are not shown."""

    @abstractmethod
    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with nothing around them."""

    @abstractmethod
    def _join(self, batch: list[list[int]]) -> list[str]:
        """The text of each list of ids, all of them shown."""

    @property
    def controls(self) -> set[int]:
        """The ids that begin, end and fill up sequences: they add nothing to a text."""
        return {i for i in (self.pad_id, self.eos_id, self.bos_id) if i is not None}

    @property
    def silent(self) -> set[int]:
        """The ids that add nothing to a text: these, and added tokens."""
        return self.controls | (set(self.added.values()) - self.shown)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, with nothing around them."""
        return self.encode_batch([text])[0]

    def encode_parts(self, parts: Iterable[str | int]) -> list[int]:
        """The ids of a text in parts: each is encoded by itself, and only at the first one a word begins; ids stay."""
        ids: list[int] = []
        for i, part in enumerate(parts):
            of_part = self.encode(part) if isinstance(part, str) else [part]
            ids += self.going_on(part, of_part) if i > 0 and isinstance(part, str) else of_part
        return ids

    def going_on(self, text: str, ids: list[int]) -> list[int]:
        """The ids of a text without the mark that a word begins, which some tokenizers put before every text."""
        return ids[1:] if ids and self.pieces[ids[0]] == " " and text[0] != " " else ids

    def is_unknown(self, character: str) -> bool:
        """Whether the vocabulary has no piece of its own for a character: it becomes `<unk>`, or bytes."""
        ids = self.encode(character)
        return self.unk_id in ids or any(isinstance(self.pieces[i], bytes) for i in ids)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens left out."""
        return self.decode_batch([ids])[0]

    def decode_batch(self, batch: Iterable[Iterable[int]], *, added: bool = False) -> list[str]:
        """The text of each list of ids, special tokens left out; `added` shows the added ones (`<hl>`).

        A character whose last bytes are missing at the end is left out too.
        """
        skip = self.controls if added else self.silent
        shown = [[i for i in map(int, ids) if i not in skip] for ids in batch]
        return [text.strip() for text in self._join([without_unfinished(ids, self.pieces) for ids in shown])]

    def id_of(self, token: str) -> int:
        """The id of an added token. Raises KeyError if there is none."""
        return self.added[token]
