"""A model folder -> its tokenizer: from `tokenizer.json`, from `spiece.model`, or from both."""

from pathlib import Path
from typing import Any

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Fast
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from toi.models.tokenizer import EOS, PAD, UNK, Tokenizer, decoder_of
from toi.system.errors import InputError, first_line
from toi.system.files import read_json

_SENTINELS = 100  # <extra_id_99> ... <extra_id_0> stand behind the vocabulary of most models that ship a spiece.model alone


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder has a tokenizer of its own."""
    return any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model"))


def load_tokenizer(folder: str | Path, sentinels: int = _SENTINELS) -> Tokenizer:
    """The tokenizer of a model folder: from `tokenizer.json`, from `spiece.model`, or from both. No code of the folder is run.

    `sentinels` is how many tokens stand behind the pieces of a `spiece.model` alone that does not say so itself. Raises
    InputError that names the file if the folder has neither, or one of them is damaged.
    """
    folder = Path(folder)
    pieces, config = folder / "spiece.model", _configuration(folder / "tokenizer_config.json")
    if (folder / "tokenizer.json").is_file():
        try:
            fast = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:  # what a cut file raises differs from one reader to the next
            raise InputError(_blamed(folder, error)) from error
        # Only a tokenizer.json of ours is known to add to spiece.model what we added; others speak for themselves.
        ours = isinstance(fast, PreTrainedTokenizerFast) and fast.init_kwargs.get("toi_sentencepiece")
        tokenizer = Tokenizer(fast, pieces if ours and pieces.is_file() else None)
    elif pieces.is_file():
        tokenizer = Tokenizer(from_sentencepiece(pieces, config.get("extra_ids", sentinels)), pieces)
        _add_tokens(tokenizer, folder / "added_tokens.json")
    else:
        raise InputError(f"{folder}: no tokenizer (neither spiece.model nor tokenizer.json); give the folder of a model")
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
        if tokenizer.add(token) and tokenizer.id_of(token) != id:
            raise InputError(f"{path}: the id of {token} is {id}, but would be {tokenizer.id_of(token)}")


def from_sentencepiece(path: str | Path, sentinels: int = _SENTINELS) -> PreTrainedTokenizerFast:
    """A `tokenizers` tokenizer with the ids of a SentencePiece unigram model, byte fallback included.

    Raises InputError if the file is not a unigram model.
    """
    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(Path(path).read_bytes())
    except Exception as error:  # protobuf's DecodeError has no stable public place
        raise InputError(f"{path}: not a SentencePiece model ({error})") from None
    if not proto.pieces:
        raise InputError(f"{path}: not a SentencePiece model (it is empty); copy the file anew")
    if proto.trainer_spec.model_type != proto.trainer_spec.UNIGRAM:
        raise InputError(f"{path}: not a unigram SentencePiece model, the only kind that is read here")
    vocabulary = [(piece.piece, piece.score) for piece in proto.pieces]
    vocabulary += [(f"<extra_id_{i}>", 0.0) for i in reversed(range(sentinels))]
    fast = Fast(models.Unigram(vocabulary, unk_id=proto.trainer_spec.unk_id, byte_fallback=proto.trainer_spec.byte_fallback))
    fast.normalizer = normalizers.Sequence(_normalizers(proto.normalizer_spec))
    dummy = "first" if proto.normalizer_spec.add_dummy_prefix else "never"
    fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=dummy, split=False)
    fast.decoder = decoder_of(proto.normalizer_spec.add_dummy_prefix)
    fast.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", pair=f"$A {EOS} $B {EOS}", special_tokens=[(EOS, fast.token_to_id(EOS))]
    )
    extra = [AddedToken(f"<extra_id_{i}>", lstrip=True, rstrip=True, normalized=False, special=True) for i in range(sentinels)]
    return PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token=PAD, eos_token=EOS, unk_token=UNK, extra_special_tokens=extra,
        toi_sentencepiece=True, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _normalizers(spec: sentencepiece_model_pb2.NormalizerSpec) -> list[normalizers.Normalizer]:
    steps: list[normalizers.Normalizer] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(left=True, right=True), normalizers.Replace(Regex(" {2,}"), " ")]
    return steps
