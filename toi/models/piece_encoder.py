"""Text -> ids by SentencePiece itself, with added tokens between its pieces."""

import re
from collections.abc import Mapping
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from toi.system.errors import InputError


class PieceEncoder:
    """The ids of a `spiece.model`, of texts in lower case if they are to be. Raises InputError if the file is not one."""

    def __init__(self, file: Path, *, lowercase: bool = False):
        self.lowercase = lowercase
        try:
            self._pieces = SentencePieceProcessor(model_file=str(file))
        except (RuntimeError, OSError):
            raise InputError(f"{file}: not a SentencePiece model; copy the file anew") from None
        self._added: Mapping[str, int] = {}
        self._split: re.Pattern[str] | None = None

    def split_at(self, added: Mapping[str, int]) -> None:
        """From now on these tokens have ids of their own, and take the spaces around them."""
        longest_first = sorted(added, key=len, reverse=True)
        self._added = added
        self._split = re.compile(r"\s*(" + "|".join(map(re.escape, longest_first)) + r")\s*") if longest_first else None

    def tokens(self) -> list[str]:
        """The pieces, by their ids; added tokens are none."""
        return list(self._pieces.id_to_piece(list(range(self._pieces.get_piece_size()))))

    def encode(self, text: str) -> list[int]:
        """The ids of a text, with nothing around them."""
        if self._split is None or not self._split.search(text):
            return self._encode(text)
        ids: list[int] = []
        for i, part in enumerate(self._split.split(text)):
            if i % 2:
                ids.append(self._added[part])
            elif part:
                encoded = self._encode(part)
                ids += encoded if i == 0 else self._without_word_mark(part, encoded)
        return ids

    def _encode(self, text: str) -> list[int]:
        # Character by character, as the normalizer of a `tokenizer.json` does: of a whole text, Python looks at what is around a Σ.
        return list(self._pieces.encode("".join(map(str.lower, text)) if self.lowercase else text))

    def _without_word_mark(self, part: str, encoded: list[int]) -> list[int]:
        """The ids of a text that goes on behind an added token: SentencePiece puts `▁` before every text."""
        first = self._pieces.id_to_piece(encoded[0]) if encoded else ""
        if first == "▁":
            return encoded[1:]
        if not first.startswith("▁"):
            return encoded
        # The mark is a part of the first piece (`▁山`): encode the text behind a character that no piece holds
        # (a private-use one), and take what comes after it.
        guarded = self._encode("\uf8ff" + part)
        guard = self._encode("\uf8ff")
        return guarded[len(guard) :] if guarded[: len(guard)] == guard else encoded
