"""Text <-> token ids, equal to SentencePiece's own.

transformers 5 turns a `spiece.model` into a fast tokenizer without byte fallback: rare characters
become `<unk>`. Here a folder with a `spiece.model` is encoded by SentencePiece itself, and what is
saved beside the model is a `tokenizer.json` that gives the same ids to everybody else
(`AutoTokenizer.from_pretrained(model)`).
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from toi.models.piece_encoder import PieceEncoder
from toi.models.pieces import Piece, pieces_of, without_unfinished

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"


class Tokenizer:
    """The tokenizer of a model. `encode` gives the ids of the text alone, without what stands `around` it.

    Added tokens (`<extra_id_0>`, `<hl>`) take the spaces around them, and the text behind one goes on
    without a new word mark, so that 山<hl>梨 and 山 <hl> 梨 are the same ids.
    """

    def __init__(self, fast: PreTrainedTokenizerFast, sentencepiece_file: Path | None = None):
        self.fast = fast
        self.sentencepiece_file = sentencepiece_file
        self._own = None if sentencepiece_file is None else PieceEncoder(sentencepiece_file)
        self._find_added()

    def _find_added(self) -> None:
        # The pieces <pad>, </s> and <unk> are not written in texts, but a text may hold those characters.
        self._added = {token: i for token, i in self.fast.get_added_vocab().items() if token not in (PAD, EOS, UNK)}
        if self._own is not None:
            self._own.split_at(self._added)
        self.__dict__.pop("pieces", None)

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence."""
        return int(self.fast.eos_token_id)

    @property
    def pad_id(self) -> int:
        """The id that fills up batches; that which ends a sequence where there is none: what is padding is known by length."""
        return self.eos_id if self.fast.pad_token_id is None else int(self.fast.pad_token_id)

    @property
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say."""
        return self.fast.unk_token_id

    @cached_property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids that the tokenizer itself puts before a text, and behind it."""
        if self._own is not None:
            return (), (self.eos_id,)
        inner, whole = (self.fast("。", add_special_tokens=special).input_ids for special in (False, True))
        start = next((i for i in range(len(whole)) if whole[i : i + len(inner)] == inner), 0)
        return tuple(whole[:start]), tuple(whole[start + len(inner) :])

    def __len__(self) -> int:
        """The number of ids, added tokens included."""
        return len(self.fast)

    def fingerprint(self) -> str:
        """A name of what decides on the ids: the same for the same ids of every text."""
        content = self.fast.backend_tokenizer.to_str().encode()
        if self.sentencepiece_file is not None:
            content += self.sentencepiece_file.read_bytes()
        return hashlib.sha256(content).hexdigest()

    def encode(self, text: str) -> list[int]:
        """The ids of a text, with nothing around them."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with nothing around them."""
        if self._own is not None:
            return [self._own.encode(text) for text in texts]
        texts = list(texts)
        return [list(ids) for ids in self.fast(texts, add_special_tokens=False).input_ids] if texts else []

    def is_unknown(self, character: str) -> bool:
        """Whether the vocabulary has no piece of its own for a character: it becomes `<unk>`, or bytes."""
        ids = self.encode(character)
        return self.unk_id in ids or any(isinstance(self.pieces[i], bytes) for i in ids)

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """What each id adds to a text: characters, or bytes that may be a part of one; nothing for those that are not shown."""
        silent = {self.pad_id, self.eos_id, self.fast.bos_token_id, *self._added.values()} - {self.unk_id, None}
        tokens = self.fast.convert_ids_to_tokens(list(range(len(self))))
        return pieces_of(tokens, silent, json.loads(self.fast.backend_tokenizer.to_str())["decoder"])

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens left out."""
        return self.decode_batch([ids])[0]

    def decode_batch(self, batch: Iterable[Iterable[int]], *, added: bool = False) -> list[str]:
        """The text of each list of ids, special tokens left out; `added` shows the added ones (`<hl>`).

        A character whose last bytes are missing at the end is left out too.
        """
        skip = {self.pad_id, self.eos_id, self.fast.bos_token_id, *(() if added else self._added.values())}
        shown = [[i for i in map(int, ids) if i not in skip] for ids in batch]
        texts = self.fast.batch_decode(
            [without_unfinished(ids, self.pieces) for ids in shown], skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return [text.strip() for text in texts]

    def add(self, token: str) -> bool:
        """Make `token` one token, if it is not one yet. Returns whether it was added.

        The model's embeddings must then have `len(tokenizer)` rows at least.
        """
        if token in self._added:
            return False
        self.fast.add_tokens([AddedToken(token, lstrip=True, rstrip=True, normalized=False, special=True)], special_tokens=True)
        self._find_added()
        return True

    def id_of(self, token: str) -> int:
        """The id of an added token. Raises KeyError if there is none."""
        return self._added[token]

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and its configuration, and the `spiece.model` if there is one."""
        self.fast.save_pretrained(folder)
        if self.sentencepiece_file is not None:
            shutil.copyfile(self.sentencepiece_file, Path(folder) / "spiece.model")
