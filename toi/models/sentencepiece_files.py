"""A file of SentencePiece -> a tokenizer of `tokenizers` that gives the same ids to everybody."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Fast
from transformers import PreTrainedTokenizerFast

from toi.models.tokenizer import EOS, PAD, UNK, decoder_of
from toi.system.errors import InputError

OURS = "toi_sentencepiece"  # in a tokenizer_config.json: the tokenizer.json beside it was made here
_BEGINNING = "<s>"
_KINDS = ("UNIGRAM", "BPE")


def from_sentencepiece(path: Path, config: Mapping[str, Any], sentinels: int) -> PreTrainedTokenizerFast:
    """A `tokenizers` tokenizer with the ids of a SentencePiece model (unigram or BPE), byte fallback included.

    `config` is what `tokenizer_config.json` says; `sentinels` are put behind the pieces where it does not say how many. As the
    classes of transformers do, a `tokenizer.model` (Llama) puts BOS before a text, and any other file EOS behind it, as long as
    `config` says nothing else. Raises InputError if the file is no such model.
    """
    proto = _read(path)
    names, sentinels = _names(proto, config), config.get("extra_ids", sentinels)
    extra = [AddedToken(f"<extra_id_{i}>", lstrip=True, rstrip=True, normalized=False, special=True) for i in range(sentinels)]
    fast = Fast(_model(proto, [token.content for token in reversed(extra)]))
    # T5 in lower case is left to its users, who have always been given both cases.
    lowercase = bool(config.get("do_lower_case")) and not sentinels
    fast.normalizer = normalizers.Sequence([normalizers.Lowercase()] * lowercase + _normalizers(proto.normalizer_spec))
    dummy = "first" if proto.normalizer_spec.add_dummy_prefix else "never"
    fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=dummy, split=False)
    fast.decoder = decoder_of(proto.normalizer_spec.add_dummy_prefix)
    as_llama = path.name == "tokenizer.model"
    if not as_llama and "bos_token" not in config:
        names.pop("bos_token", None)  # T5 has none, even where its vocabulary does
    begins, ends = config.get("add_bos_token", as_llama), config.get("add_eos_token", not as_llama)
    fast.post_processor = _around(fast, names.get("bos_token") if begins else None, names.get("eos_token") if ends else None)
    kept = {"do_lower_case": True} if lowercase else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=fast, **names, extra_special_tokens=extra, clean_up_tokenization_spaces=False, **{OURS: True}, **kept
    )


def _read(path: Path) -> Any:
    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError has no stable public place
        raise InputError(f"{path}: not a SentencePiece model ({error})") from None
    if not proto.pieces:
        raise InputError(f"{path}: not a SentencePiece model (it is empty); copy the file anew")
    if proto.trainer_spec.model_type not in [getattr(proto.trainer_spec, kind) for kind in _KINDS]:
        raise InputError(f"{path}: not a unigram or BPE SentencePiece model, the only kinds that are read here")
    return proto


def _names(proto: Any, config: Mapping[str, Any]) -> dict[str, str]:
    """What the tokens are called that have a role (`eos_token`): as `config` says, as T5 calls them, or as the file does."""
    pieces, spec = {piece.piece for piece in proto.pieces}, proto.trainer_spec
    known = {"pad": (PAD, spec.pad_id), "eos": (EOS, spec.eos_id), "unk": (UNK, spec.unk_id), "bos": (_BEGINNING, spec.bos_id)}
    names = {}
    for role in (*known, "cls", "sep", "mask"):
        said = config.get(f"{role}_token")
        usual, i = known.get(role, ("", -1))
        own = proto.pieces[i].piece if 0 <= i < len(proto.pieces) else None
        candidates = [said.get("content") if isinstance(said, dict) else said, usual, own]
        if role == "unk":
            candidates.reverse()  # the file alone decides on it
        found = next((name for name in candidates if isinstance(name, str) and name in pieces), None)
        if found is not None:
            names[f"{role}_token"] = found
    return names


def _model(proto: Any, behind: list[str]) -> models.Model:
    """The pieces, and other tokens behind them."""
    spec = proto.trainer_spec
    if spec.model_type == spec.UNIGRAM:
        vocabulary = [(piece.piece, piece.score) for piece in proto.pieces] + [(token, 0.0) for token in behind]
        return models.Unigram(vocabulary, unk_id=spec.unk_id, byte_fallback=spec.byte_fallback)
    pieces = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    ids = {**pieces, **{token: len(pieces) + i for i, token in enumerate(behind)}}
    unknown = proto.pieces[spec.unk_id].piece
    return models.BPE(ids, _merges(proto), unk_token=unknown, fuse_unk=True, byte_fallback=spec.byte_fallback)


def _merges(proto: Any) -> list[tuple[str, str]]:
    """Which pieces become one, in the order of their scores: SentencePiece joins whatever two pieces make a piece."""
    normal = {piece.piece: piece.score for piece in proto.pieces if piece.type == piece.NORMAL}
    merges = [
        (-score, i, piece[:i], piece[i:])
        for piece, score in normal.items()
        for i in range(1, len(piece))
        if piece[:i] in normal and piece[i:] in normal
    ]
    return [(left, right) for _, _, left, right in sorted(merges)]


def _around(fast: Fast, before: str | None, behind: str | None) -> processors.PostProcessor:
    single, pair = ([token for token in (before, text, behind) if token is not None] for text in ("$A", "$B"))
    ids = [(token, fast.token_to_id(token)) for token in dict.fromkeys((before, behind)) if token is not None]
    return processors.TemplateProcessing(single=" ".join(single), pair=" ".join([*single, *pair]), special_tokens=ids)


def _normalizers(spec: Any) -> list[normalizers.Normalizer]:
    steps: list[normalizers.Normalizer] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(left=True, right=True), normalizers.Replace(Regex(" {2,}"), " ")]
    return steps
