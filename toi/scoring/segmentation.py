"""The segmentations that scores are computed over.

A segmentation gives the tokens of a text without whitespace; what a token is decides what BLEU and ROUGE mean, so each
has a signature that is printed with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from toi.scoring.options import MODEL_PREFIX
from toi.system.errors import InputError
from toi.text.words import mecab_tokens

SEGMENTATIONS = ("mecab", "sudachi-a", "sudachi-b", "sudachi-c", "char")


@dataclass(frozen=True)
class Segmentation:
    """A way to cut a text into tokens.

    `signature` says which, for people who want to do it again. Texts are remembered: every metric asks for the same ones.
    """

    name: str
    signature: str
    tokens: Callable[[str], Sequence[str]]


def segmentation(name: str) -> Segmentation:
    """The segmentation called `name`: one of SEGMENTATIONS, or `t5:FOLDER` for the tokenizer of a model.

    Raises InputError if there is no such segmentation; if its package is missing, with the line that installs it.
    """
    if name == "mecab":
        return Segmentation(name, "mecab-ipadic", _remembered(mecab_tokens))
    if name == "char":
        return Segmentation(name, "char", _remembered(_characters))
    if name in SEGMENTATIONS:
        return _sudachi(name)
    if name.startswith(MODEL_PREFIX):
        return _of_model(name)
    raise InputError(f"unknown tokenizer {name!r}; tokenizers are {', '.join(SEGMENTATIONS)} and {MODEL_PREFIX}FOLDER")


def _characters(text: str) -> list[str]:
    return [c for c in text if not c.isspace()]


def _sudachi(name: str) -> Segmentation:
    try:
        from sudachipy import SplitMode
    except ImportError:
        raise InputError(f"the tokenizer {name} needs Sudachi: pip install sudachipy sudachidict_core") from None
    import importlib.metadata

    try:
        dictionary = importlib.metadata.version("sudachidict_core")
        tokenizer = _sudachi_tokenizer()
    except Exception as error:  # what SudachiPy raises without a dictionary differs between its versions
        raise InputError(f"the tokenizer {name} needs a dictionary: pip install sudachidict_core ({error})") from None
    mode = {"sudachi-a": SplitMode.A, "sudachi-b": SplitMode.B, "sudachi-c": SplitMode.C}[name]

    def tokens(text: str) -> list[str]:
        try:
            return " ".join([morpheme.surface() for morpheme in tokenizer.tokenize(text, mode)]).split()
        except Exception as error:  # SudachiError, whose place differs between versions: the text is too long
            raise InputError(f"Sudachi cannot take a text of {len(text):,} characters ({error})") from None

    version = importlib.metadata.version("sudachipy")
    return Segmentation(name, f"{name}-{version}-core-{dictionary}", _remembered(tokens))


@cache
def _sudachi_tokenizer() -> Any:
    from sudachipy import Dictionary

    dictionary = Dictionary()
    # `create` was renamed in SudachiPy 0.7.
    return dictionary.tokenizer() if hasattr(dictionary, "tokenizer") else dictionary.create()


def _of_model(name: str) -> Segmentation:
    tokenizer, source = _model_tokenizer(name.removeprefix(MODEL_PREFIX))

    def tokens(text: str) -> list[str]:
        return list(tokenizer.fast.convert_ids_to_tokens(tokenizer.encode(text)))

    return Segmentation(name, f"{MODEL_PREFIX[:-1]}-{source}", _remembered(tokens))


def decoded_pieces(folder: str | Path) -> Segmentation:
    """The pieces of a T5 tokenizer as texts: each id decoded by itself and stripped, empty ones left out."""
    tokenizer, source = _model_tokenizer(str(folder))

    def tokens(text: str) -> list[str]:
        return " ".join(tokenizer.decode_batch([[i] for i in tokenizer.encode(text)])).split()

    return Segmentation(f"{MODEL_PREFIX}{folder}", f"{MODEL_PREFIX[:-1]}-decoded-{source}", _remembered(tokens))


def _model_tokenizer(name: str) -> tuple[Any, str]:
    """The tokenizer of a model, and which it is: the file that it is made from, with the beginning of its SHA-256."""
    from toi.models.checkpoint import find, quiet
    from toi.models.tokenizer_files import load_tokenizer
    from toi.system.files import sha256

    quiet()
    folder = find(name, weights=False)
    tokenizer = load_tokenizer(folder)
    file = next(path for name in ("spiece.model", "tokenizer.json", "tokenizer.model") if (path := folder / name).is_file())
    return tokenizer, f"{file.name}-{sha256(file)[:12]}"


def _remembered(tokens: Callable[[str], Sequence[str]]) -> Callable[[str], Sequence[str]]:
    return lru_cache(maxsize=1 << 16)(lambda text: tuple(tokens(text)))
