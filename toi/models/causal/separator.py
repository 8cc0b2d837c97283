"""What a decoder-only model reads between a source and its target."""

import re

from toi.models.tokenizer import Tokenizer


def separator_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a separator, as it stands behind a text: special tokens that it names (`<|im_end|>`) are these, no word begins.

    A vocabulary may not be able to say it: those of SentencePiece that normalize have no line break. Where a part of it cannot be
    said, or nothing is left of it, the tokenizer's own separator token stands for it (rinna's `[SEP]`), and where there is none
    either, the end of sequence. The latter is the second choice, since models have learnt that what comes behind the end of a text
    has nothing to do with it (rinnakk/japanese-pretrained-models trains on `<s>` document `</s>`).
    """
    named = tokenizer.fast.get_added_vocab()
    longest_first = sorted(named, key=len, reverse=True)
    parts = re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text) if named else [text]
    ids = tokenizer.encode_parts(["", *(named.get(part, part) for part in parts if part)])
    if tokenizer.unk_id not in ids and any(_says_something(tokenizer, i) for i in ids):
        return ids
    return [tokenizer.eos_id if tokenizer.sep_id is None else tokenizer.sep_id]


def _says_something(tokenizer: Tokenizer, i: int) -> bool:
    """Whether an id is more than a space, which stands between any two words."""
    return i in tokenizer.controls or i in tokenizer.added.values() or tokenizer.pieces[i] not in ("", " ")
