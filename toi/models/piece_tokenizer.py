"""The tokenizer of a `spiece.model` and the tokens that were added to it, without transformers."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from toi.models.piece_encoder import PieceEncoder
from toi.models.pieces import Piece, pieces_of
from toi.models.texts import Texts


class PieceTokenizer(Texts):
    """The same ids and texts as those of the `toi.models.tokenizer.Tokenizer` whose `facts` it is made of.

    Raises InputError if the file is not a SentencePiece model, KeyError or TypeError for other facts.
    """

    def __init__(self, file: Path, facts: Mapping[str, Any]):
        self._encoder = PieceEncoder(file)
        self._eos_id, self._pad_id, self._bos_id, self._unk_id = (facts[name] for name in ("eos_id", "pad_id", "bos_id", "unk_id"))
        self._dummy, self._size = bool(facts["dummy_prefix"]), int(facts["size"])
        self.added: Mapping[str, int] = dict(facts["added"])
        self._encoder.split_at(self.added)

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence."""
        return self._eos_id

    @property
    def pad_id(self) -> int:
        """The id that fills up batches."""
        return self._pad_id

    @property
    def bos_id(self) -> int | None:
        """The id that begins a sequence, where there is one."""
        return self._bos_id

    @property
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say."""
        return self._unk_id

    @property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Nothing stands before a text, and behind it the end of the sequence."""
        return (), (self._eos_id,)

    def __len__(self) -> int:
        """The number of ids, added tokens included."""
        return self._size

    @cached_property
    def _tokens(self) -> list[str]:
        """The token of each id; empty for those without one."""
        tokens = [*self._encoder.tokens(), *[""] * self._size][: self._size]
        for token, i in self.added.items():
            tokens[i] = token
        return tokens

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """What each id adds to a text."""
        silent = self.controls | (set(self.added.values()) - {self._unk_id})
        return pieces_of(self._tokens, silent, None)

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with nothing around them."""
        return [self._encoder.encode(text) for text in texts]

    def _join(self, batch: list[list[int]]) -> list[str]:
        return [self._joined([i for i in ids if i < self._size]) for ids in batch]

    def _joined(self, ids: list[int]) -> str:
        """As the decoder of our `tokenizer.json`: bytes that make no character become one mark each; no word mark comes first."""
        parts: list[str] = []
        for of_bytes, run in groupby(ids, lambda i: isinstance(self.pieces[i], bytes)):
            if not of_bytes:
                parts += [self._tokens[i] for i in run]
                continue
            several = b"".join(self.pieces[i] for i in run)  # type: ignore[misc]  # bytes, by the key
            try:
                parts.append(several.decode())
            except UnicodeDecodeError:
                parts += ["\ufffd"] * len(several)
        if parts and self._dummy:
            parts[0] = parts[0].replace("▁", "")
        return "".join(parts).replace("▁", " ")
