"""Text <-> token ids, equal to SentencePiece's own.

transformers 5 turns a `spiece.model` into a fast tokenizer without byte fallback: rare characters
become `<unk>`. Here a folder with a `spiece.model` (or `tokenizer.model`) is encoded by SentencePiece
itself, and what is saved beside the model is a `tokenizer.json` that gives the same ids to everybody
else (`AutoTokenizer.from_pretrained(model)`).
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, decoders
from transformers import PreTrainedTokenizerFast

from toi.models.piece_encoder import PieceEncoder
from toi.models.pieces import Piece, pieces_of
from toi.models.texts import Texts

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
_ROLES = ("pad", "eos", "unk", "bos", "cls", "sep", "mask")


class Tokenizer(Texts):
    """The tokenizer of a model.

    Added tokens (`<extra_id_0>`, `<hl>`) take the spaces around them, and the text behind one goes on
    without a new word mark, so that 山<hl>梨 and 山 <hl> 梨 are the same ids.
    """

    def __init__(self, fast: PreTrainedTokenizerFast, sentencepiece_file: Path | None = None):
        self.fast = fast
        self.sentencepiece_file = sentencepiece_file
        lowercase = bool(fast.init_kwargs.get("do_lower_case"))
        self._own = None if sentencepiece_file is None else PieceEncoder(sentencepiece_file, lowercase=lowercase)
        self._reserved: list[str] = []
        self.reserve(i for i in (fast.eos_token_id, fast.bos_token_id, fast.pad_token_id) if i is not None)
        self._find_added()

    def _find_added(self) -> None:
        # The pieces <pad>, </s> and <unk> are not written in texts, but a text may hold those characters.
        marks = {PAD, EOS, UNK, *(getattr(self.fast, f"{role}_token") for role in _ROLES)}
        self.added = {token: i for token, i in self.fast.get_added_vocab().items() if token not in marks}
        self.shown = frozenset(i for i in self.added.values() if not self.fast.added_tokens_decoder[i].special)  # <think>
        if self._own is not None:
            self._own.split_at(self.added)
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
    def bos_id(self) -> int | None:
        """The id that begins a sequence, where there is one."""
        return self.fast.bos_token_id

    @property
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say."""
        return self.fast.unk_token_id

    @property
    def sep_id(self) -> int | None:
        """The id that stands between texts, where there is one."""
        return self.fast.sep_token_id

    @property
    def controls(self) -> set[int]:
        """The ids that begin, end, part and fill up sequences: they add nothing to a text."""
        parting = {self.sep_id, self.fast.cls_token_id, self.fast.mask_token_id}
        return super().controls | {i for i in parting if i is not None}

    @cached_property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The ids that the tokenizer itself puts before a text, and behind it."""
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

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with nothing around them."""
        if self._own is not None:
            return [self._own.encode(text) for text in texts]
        texts = list(texts)
        batch = [list(ids) for ids in self.fast(texts, add_special_tokens=False).input_ids] if texts else []
        for i, text in enumerate(texts):
            if (parts := without_whole(self._reserved, text)) != [text]:
                batch[i] = self.encode_parts(parts)
        return batch

    def reserve(self, ids: Iterable[int]) -> None:
        """Let a text hold no special token among these ids: where it holds its characters, they are characters."""
        special = {i: token for token, i in self.fast.get_added_vocab().items()}
        self._reserved = sorted({*self._reserved, *(special[i] for i in ids if i in special)})

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """What each id adds to a text: characters, or bytes that may be a part of one; nothing for those that are not shown."""
        tokens = self.fast.convert_ids_to_tokens(list(range(len(self))))
        return pieces_of(tokens, self.silent - {self.unk_id}, json.loads(self.fast.backend_tokenizer.to_str())["decoder"])

    def _join(self, batch: list[list[int]]) -> list[str]:
        return self.fast.batch_decode(batch, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def facts(self) -> dict[str, Any] | None:
        """What a `PieceTokenizer` is made of, beside the `spiece.model`; None where that is not all."""
        return _facts(self, self._own)

    def add(self, token: str, *, takes_spaces: bool = True) -> bool:
        """Make `token` one token, if it is not one yet. Returns whether it is new: a piece of the vocabulary keeps its id.

        The model's embeddings must then have `len(tokenizer)` rows at least.
        """
        if token in self.fast.get_added_vocab():
            return False
        known = self.fast.backend_tokenizer.token_to_id(token) is not None
        self.fast.add_tokens([_special(token, takes_spaces)], special_tokens=True)
        self._find_added()
        return not known

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and its configuration, and the file of SentencePiece under its own name, if there is one."""
        self.fast.save_pretrained(folder)
        if self.sentencepiece_file is not None:
            shutil.copyfile(self.sentencepiece_file, Path(folder) / self.sentencepiece_file.name)


def _special(token: str, takes_spaces: bool) -> AddedToken:
    return AddedToken(token, lstrip=takes_spaces, rstrip=takes_spaces, normalized=False, special=True)


def decoder_of(dummy_prefix: bool) -> decoders.Decoder:
    """What makes texts of the pieces of a SentencePiece model; `dummy_prefix`: whether `▁` was put before every text."""
    marks = decoders.Metaspace(replacement="▁", prepend_scheme="first" if dummy_prefix else "never", split=False)
    return decoders.Sequence([decoders.ByteFallback(), marks, decoders.Fuse()])


def without_whole(tokens: Sequence[str], text: str) -> list[str]:
    """A text cut behind the first character of each of these tokens that it holds, so that no part holds one."""
    if not any(token in text for token in tokens):
        return [text]
    return re.split("|".join(f"(?<={re.escape(token[0])})(?={re.escape(token[1:])})" for token in tokens), text)


def _facts(tokenizer: Tokenizer, own: PieceEncoder | None) -> dict[str, Any] | None:
    ids = {name: getattr(tokenizer, name) for name in ("eos_id", "pad_id", "bos_id", "unk_id")}
    plain = tokenizer.controls <= set(ids.values()) and tokenizer.around == ((), (tokenizer.eos_id,)) and not tokenizer.shown
    if own is None or own.lowercase or not plain:
        return None
    decoder = json.loads(tokenizer.fast.backend_tokenizer.to_str())["decoder"]
    marks = [part for part in decoder.get("decoders", []) if part["type"] == "Metaspace"]
    dummy = bool(marks) and marks[0]["prepend_scheme"] == "first"
    if decoder != json.loads(decoder_of(dummy).__getstate__()):
        return None
    return {**ids, "dummy_prefix": dummy, "size": len(tokenizer), "added": tokenizer.added}
