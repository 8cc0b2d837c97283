"""A model folder -> its tokenizer: from `tokenizer.json`, from a file of SentencePiece, or from both."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Fast
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from toi.models.sentencepiece_files import OURS, from_sentencepiece
from toi.models.tokenizer import Tokenizer
from toi.system.errors import InputError, first_line
from toi.system.files import read_json

PIECES = ("spiece.model", "tokenizer.model")  # as T5 and rinna, and as Llama call the file of SentencePiece
_SENTINELS = 100  # <extra_id_99> ... <extra_id_0> stand behind the vocabulary of most models that ship a spiece.model alone


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a tokenizer of its own."""
    return any((folder / name).is_file() for name in ("tokenizer.json", *PIECES))


def load_tokenizer(folder: str | Path, sentinels: int = _SENTINELS) -> Tokenizer:
    """The tokenizer of a model folder: from `tokenizer.json`, from a file of SentencePiece, or from both. No code of it is run.

    `sentinels` is how many tokens stand behind the pieces of a `spiece.model` alone that does not say so itself. Raises
    InputError that names the file if the folder has neither, or one of them is damaged.
    """
    folder = Path(folder)
    pieces = next((folder / name for name in PIECES if (folder / name).is_file()), None)
    config = _configuration(folder / "tokenizer_config.json")
    if (folder / "tokenizer.json").is_file():
        try:
            fast = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:  # what a cut file raises differs from one reader to the next
            raise InputError(_blamed(folder, error)) from error
        # Only a tokenizer.json of ours is known to add to spiece.model what we added; others speak for themselves.
        ours = isinstance(fast, PreTrainedTokenizerFast) and fast.init_kwargs.get(OURS)
        tokenizer = Tokenizer(fast, pieces if ours else None)
    elif pieces is not None:
        described = {**_configuration(folder / "special_tokens_map.json"), **config}
        tokenizer = Tokenizer(from_sentencepiece(pieces, described, sentinels if pieces.name == PIECES[0] else 0), pieces)
        _add_tokens(tokenizer, folder / "added_tokens.json")
    else:
        what = "neither spiece.model nor tokenizer.json, nor a tokenizer.model"
        raise InputError(f"{folder}: no tokenizer ({what}); give the folder of a model")
    if tokenizer.fast.eos_token_id is None:
        raise InputError(f"{folder}: the tokenizer has no end-of-sequence token (eos_token), which a model needs to stop")
    return tokenizer


def _blamed(folder: Path, error: Exception) -> str:
    """Which file of a tokenizer cannot be read, and why."""
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return f"{folder}/tokenizer_config.json: the tokenizer needs code of its own, which is never run"
    try:
        Fast.from_file(str(folder / "tokenizer.json"))
    except Exception as own:
        return f"{folder}/tokenizer.json: cannot be read ({first_line(own)})"
    return f"{folder}/tokenizer_config.json: cannot be used ({first_line(error)})"


def _configuration(path: Path) -> dict[str, Any]:
    """What `tokenizer_config.json` says; nothing if there is none. Raises InputError for a number that is none."""
    config = read_json(path) if path.is_file() else {}
    if not isinstance(config, dict):
        raise InputError(f"{path}: not the configuration of a tokenizer (expected a JSON object)")
    for name, kinds in (("model_max_length", (int, float)), ("extra_ids", (int,))):
        value = config.get(name)
        if value is not None and (type(value) not in kinds or value < 0):
            raise InputError(f"{path}: {name} is not a number of tokens: {value!r}")
    return {name: value for name, value in config.items() if value is not None}


def _add_tokens(tokenizer: Tokenizer, path: Path) -> None:
    """Older transformers kept added tokens (a trained <hl>) in a file of their own."""
    added = read_json(path) if path.is_file() else {}
    if not isinstance(added, dict) or not all(isinstance(id, int) for id in added.values()):
        raise InputError(f"{path}: not a list of added tokens (expected a JSON object, token to id)")
    for token, id in sorted(added.items(), key=lambda item: item[1]):
        if token in tokenizer.added:
            continue
        tokenizer.add(token)
        if tokenizer.id_of(token) != id:
            raise InputError(f"{path}: the id of {token} is {id}, but would be {tokenizer.id_of(token)}")
