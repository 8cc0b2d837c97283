"""Text <-> token ids, equal to SentencePiece's own.

transformers 5 turns a `spiece.model` into a fast tokenizer without byte fallback: rare characters
become `<unk>`. Here a folder with a `spiece.model` is encoded by SentencePiece itself, and what is
saved beside the model is a `tokenizer.json` that gives the same ids to everybody else
(`AutoTokenizer.from_pretrained(model)`).
"""

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers import Tokenizer as Fast
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from toi.system.errors import InputError
from toi.system.files import read_json

PAD, EOS, UNK = "<pad>", "</s>", "<unk>"
_SENTINELS = 100  # <extra_id_99> ... <extra_id_0> stand behind the vocabulary of every T5


class Tokenizer:
    """A T5 tokenizer. `ids[-1]` of what `encode` gives is the end-of-sequence id.

    Added tokens (`<extra_id_0>`, `<hl>`) take the spaces around them, and the text behind one goes on
    without a new word mark, so that 山<hl>梨 and 山 <hl> 梨 are the same ids.
    """

    def __init__(self, fast: PreTrainedTokenizerFast, sentencepiece_file: Path | None = None):
        self.fast = fast
        self.sentencepiece_file = sentencepiece_file
        self._pieces = None
        if sentencepiece_file is not None:
            self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_file))
        self._find_added()

    def _find_added(self) -> None:
        # The pieces <pad>, </s> and <unk> are not written in texts, but a text may hold those characters.
        self._added = {token: i for token, i in self.fast.get_added_vocab().items() if token not in (PAD, EOS, UNK)}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._split = re.compile(r"\s*(" + "|".join(map(re.escape, longest_first)) + r")\s*") if longest_first else None

    @property
    def pad_id(self) -> int:
        """The id that fills up batches, and that T5's decoder starts with."""
        return int(self.fast.pad_token_id)

    @property
    def eos_id(self) -> int:
        """The id that ends a sequence."""
        return int(self.fast.eos_token_id)

    @property
    def unk_id(self) -> int | None:
        """The id of what the vocabulary cannot say."""
        return self.fast.unk_token_id

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
        """The ids of a text, with the end-of-sequence id."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text, with the end-of-sequence id."""
        if self._pieces is None:
            texts = list(texts)
            return [list(ids) for ids in self.fast(texts, add_special_tokens=True).input_ids] if texts else []
        return [[*self._encode_pieces(text), self.eos_id] for text in texts]

    def _encode_pieces(self, text: str) -> list[int]:
        assert self._pieces is not None
        if self._split is None or not self._split.search(text):
            return list(self._pieces.encode(text))
        ids: list[int] = []
        for i, part in enumerate(self._split.split(text)):
            if i % 2:
                ids.append(self._added[part])
            elif part:
                encoded = self._pieces.encode(part)
                ids += encoded if i == 0 else self._without_word_mark(part, encoded)
        return ids

    def _without_word_mark(self, part: str, encoded: list[int]) -> list[int]:
        """The ids of a text that goes on behind an added token: SentencePiece puts `▁` before every text."""
        assert self._pieces is not None
        first = self._pieces.id_to_piece(encoded[0]) if encoded else ""
        if first == "▁":
            return encoded[1:]
        if not first.startswith("▁"):
            return encoded
        # The mark is a part of the first piece (`▁山`): encode the text behind a character that no piece holds
        # (a private-use one), and take what comes after it.
        guarded = self._pieces.encode("\uf8ff" + part)
        guard = self._pieces.encode("\uf8ff")
        return guarded[len(guard) :] if guarded[: len(guard)] == guard else encoded

    def is_unknown(self, character: str) -> bool:
        """Whether the vocabulary has no piece of its own for a character: it becomes `<unk>`, or bytes."""
        ids = self.encode(character)[:-1]
        pieces = self.fast.convert_ids_to_tokens(ids)
        return self.unk_id in ids or any(re.fullmatch("<0x[0-9A-F]{2}>", piece) for piece in pieces)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, special tokens left out."""
        return self.decode_batch([ids])[0]

    def decode_batch(self, batch: Iterable[Iterable[int]], *, added: bool = False) -> list[str]:
        """The text of each list of ids, special tokens left out; `added` shows the added ones (`<hl>`)."""
        skip = {self.pad_id, self.eos_id, *(() if added else self._added.values())}
        texts = self.fast.batch_decode(
            [[i for i in map(int, ids) if i not in skip] for ids in batch],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
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


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """The tokenizer of a model folder: from `tokenizer.json`, from `spiece.model`, or from both.

    Raises InputError if the folder has neither.
    """
    folder = Path(folder)
    pieces = folder / "spiece.model"
    if (folder / "tokenizer.json").is_file():
        try:
            fast = AutoTokenizer.from_pretrained(folder)
        except Exception as error:  # what a cut file raises differs from one reader to the next
            raise InputError(f"{folder}/tokenizer.json: cannot be read ({str(error).splitlines()[0][:200]})") from error
        # Only a tokenizer.json of ours is known to add to spiece.model what we added; others speak for themselves.
        ours = isinstance(fast, PreTrainedTokenizerFast) and fast.init_kwargs.get("toi_sentencepiece")
        return Tokenizer(fast, pieces if ours and pieces.is_file() else None)
    if not pieces.is_file():
        raise InputError(f"{folder}: no tokenizer (neither spiece.model nor tokenizer.json); give the folder of a T5 model")
    config_path, added_path = folder / "tokenizer_config.json", folder / "added_tokens.json"
    config = read_json(config_path) if config_path.is_file() else {}
    tokenizer = Tokenizer(from_sentencepiece(pieces, int(config.get("extra_ids", _SENTINELS))), pieces)
    # Older transformers kept added tokens (a trained <hl>) in a file of their own.
    added = read_json(added_path) if added_path.is_file() else {}
    for token, id in sorted(added.items(), key=lambda item: item[1]):
        if tokenizer.add(token) and tokenizer.id_of(token) != id:
            raise InputError(f"{added_path}: the id of {token} is {id}, but would be {tokenizer.id_of(token)}")
    return tokenizer


def from_sentencepiece(path: str | Path, sentinels: int = _SENTINELS) -> PreTrainedTokenizerFast:
    """A `tokenizers` tokenizer with the ids of a SentencePiece unigram model, byte fallback included.

    Raises InputError if the file is not a unigram model.
    """
    proto = sentencepiece_model_pb2.ModelProto()
    try:
        proto.ParseFromString(Path(path).read_bytes())
    except Exception as error:  # protobuf's DecodeError has no stable public place
        raise InputError(f"{path}: not a SentencePiece model ({error})") from None
    if proto.trainer_spec.model_type != proto.trainer_spec.UNIGRAM:
        raise InputError(f"{path}: not a unigram SentencePiece model, which T5 models have")
    vocabulary = [(piece.piece, piece.score) for piece in proto.pieces]
    vocabulary += [(f"<extra_id_{i}>", 0.0) for i in reversed(range(sentinels))]
    fast = Fast(models.Unigram(vocabulary, unk_id=proto.trainer_spec.unk_id, byte_fallback=proto.trainer_spec.byte_fallback))
    fast.normalizer = normalizers.Sequence(_normalizers(proto.normalizer_spec))
    dummy = "first" if proto.normalizer_spec.add_dummy_prefix else "never"
    fast.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=dummy, split=False)
    fast.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(replacement="▁", prepend_scheme=dummy, split=False), decoders.Fuse()]
    )
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
