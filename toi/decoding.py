"""Sources -> outputs: beam search by `model.generate`, with banned text."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutput

from toi.batching import pad, sorted_batches, truncate
from toi.checkpoint import Checkpoint
from toi.options import DecodingOptions
from toi.text import normalize
from toi.tokenization import Tokenizer


@dataclass(frozen=True)
class Output:
    """What the model wrote for one source.

    `score` is the log-probability of the output divided by its length in tokens to the power of the
    length penalty, by which beams are ranked. `text` is None where every candidate held a banned word.
    """

    text: str | None
    score: float


def decode(
    checkpoint: Checkpoint,
    sources: Sequence[str],
    options: DecodingOptions,
    batch_size: int = 32,
    banned: Sequence[Iterable[str]] | None = None,
) -> Iterator[tuple[int, Output]]:
    """The output of each source with its index, in batches of like length: not in order.

    `banned` has words for each source, beside the `bad_words` of all of them. The model is moved to the accelerator of this
    machine, if it has one.
    """
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    model.to(_device()).eval()
    limit = options.max_input_length or checkpoint.max_input_length
    encoded = [truncate(ids, limit) for ids in tokenizer.encode_batch(sources)]
    words = [[*options.bad_words, *(banned[i] if banned else ())] for i in range(len(sources))]
    vocabulary = Vocabulary(tokenizer) if any(words) else None
    for indices in sorted_batches([len(ids) for ids in encoded], batch_size):
        processors = LogitsProcessorList()
        if vocabulary is not None and any(words[i] for i in indices):
            processors.append(BannedText(vocabulary, [words[i] for i in indices], options.num_beams))
        batch = [encoded[i] for i in indices]
        yield from zip(indices, _decode_batch(checkpoint, batch, [words[i] for i in indices], options, processors), strict=True)


def _device() -> torch.device:
    """The accelerator of this machine, if it has one."""
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device("cpu")


@torch.inference_mode()
def _decode_batch(
    checkpoint: Checkpoint,
    batch: Sequence[list[int]],
    words: Sequence[Sequence[str]],
    options: DecodingOptions,
    processors: LogitsProcessorList,
) -> list[Output]:
    """The best clean output of every source."""
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    input_ids = pad(batch, tokenizer.pad_id).to(model.device)
    mask = pad([[1] * len(ids) for ids in batch], 0).to(model.device)
    hidden = model.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state  # (batch, source, d_model)
    sequences = model.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=hidden), attention_mask=mask, logits_processor=processors,
        do_sample=False, num_beams=options.num_beams, num_return_sequences=options.num_beams, min_new_tokens=1,
        max_new_tokens=options.max_target_length or checkpoint.max_target_length, length_penalty=options.length_penalty,
        repetition_penalty=options.repetition_penalty, no_repeat_ngram_size=options.no_repeat_ngram_size,
        early_stopping=False,
    )  # fmt: skip
    texts = tokenizer.decode_batch(sequences.tolist())
    n = options.num_beams  # candidates of a source, the best first
    chosen = [_first_clean(texts[i * n : i * n + n], words[i]) for i in range(len(batch))]
    best = sequences[[i * n + (number or 0) for i, number in enumerate(chosen)]]  # (batch, length)
    logits = model(
        encoder_outputs=BaseModelOutput(last_hidden_state=hidden), attention_mask=mask, decoder_input_ids=best[:, :-1]
    ).logits  # (batch, length, vocab)
    scores = _scores(best[:, 1:], logits, tokenizer.eos_id, options.length_penalty).tolist()
    return [
        Output(None if number is None else texts[i * n + number], score)
        for i, (number, score) in enumerate(zip(chosen, scores, strict=True))
    ]


def _scores(ids: torch.Tensor, logits: torch.Tensor, eos_id: int, length_penalty: float) -> torch.Tensor:
    """By what beam search ranks: (batch,). `ids`: (batch, length), without the decoder's start."""
    chosen = logits.float().log_softmax(-1).gather(-1, ids[..., None]).squeeze(-1)  # (batch, length)
    ended = (ids == eos_id).int()
    written = ended.cumsum(1) - ended == 0  # up to the end-of-sequence id, which counts
    return torch.where(written, chosen, 0.0).sum(1) / written.sum(1) ** length_penalty


def _first_clean(texts: Sequence[str], words: Sequence[str]) -> int | None:
    """Which candidate is the first that holds no banned word: the last check, on the text that is shown."""
    if not words:
        return 0
    return next((i for i, text in enumerate(texts) if text and not banned_words(text, words)), None)


def banned_words(text: str, words: Iterable[str]) -> set[str]:
    """The words that occur in a text, both normalized."""
    normalized = normalize(text)
    return {word for word in words if normalize(word) in normalized}


class Vocabulary:
    """The text of every token as UTF-8 bytes, sorted, so that the tokens with a prefix are a range."""

    def __init__(self, tokenizer: Tokenizer):
        pieces = tokenizer.fast.convert_ids_to_tokens(list(range(len(tokenizer))))
        special = {tokenizer.pad_id, tokenizer.eos_id, tokenizer.unk_id, *tokenizer.fast.get_added_vocab().values()}
        self.texts = [b"" if i in special else piece_bytes(piece) for i, piece in enumerate(pieces)]
        self._order = sorted(range(len(pieces)), key=self.texts.__getitem__)
        self._sorted = [self.texts[i] for i in self._order]

    def starting_with(self, prefix: bytes) -> list[int]:
        """Ids of the tokens that start with `prefix`."""
        low = bisect_left(self._sorted, prefix)
        high = low
        while high < len(self._sorted) and self._sorted[high].startswith(prefix):
            high += 1
        return self._order[low:high]

    def holding(self, word: bytes) -> list[int]:
        """Ids of the tokens that hold the whole of `word`."""
        return [i for i, text in enumerate(self.texts) if word in text]


def piece_bytes(piece: str) -> bytes:
    """The bytes that a SentencePiece piece stands for: `▁` is a space, `<0xE5>` one byte."""
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("▁", " ").encode("utf-8", "surrogatepass")


class BannedText(LogitsProcessor):
    """Forbid every token that would complete a banned word, however the word is cut into tokens.

    The output so far is looked at as bytes. UTF-8 is self-synchronizing, so a word occurs in the bytes
    where it occurs in the text, also when its pieces are single bytes.
    """

    def __init__(self, vocabulary: Vocabulary, words: Sequence[Sequence[str]], num_beams: int):
        """`words` holds the banned words of each source of the batch."""
        self._vocabulary = vocabulary
        self._beams = num_beams
        self._words = [sorted({form.encode() for word in row for form in (word, normalize(word)) if form}) for row in words]
        # A token with the whole word in it is never allowed.
        self._always = [sorted({i for word in row for i in vocabulary.holding(word)}) for row in self._words]
        self._keep = max((len(word) for row in self._words for word in row), default=1)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`input_ids`: (batch x beams, length), `scores`: (batch x beams, vocab)."""
        scores = scores.clone()
        for beam, ids in enumerate(input_ids.tolist()):
            row = beam // self._beams
            forbidden = self._always[row] + self._completing(self._tail(ids), row)
            if forbidden:
                scores[beam, forbidden] = -torch.inf
        return scores

    def _tail(self, ids: list[int]) -> bytes:
        """The last bytes of the output, as many as a word may need."""
        tail = b""
        for i in reversed(ids):
            tail = (self._vocabulary.texts[i] if i < len(self._vocabulary.texts) else b"") + tail
            if len(tail) >= self._keep:
                break
        return tail

    def _completing(self, tail: bytes, row: int) -> list[int]:
        """Ids of the tokens whose beginning is the rest of a word that the tail has begun."""
        forbidden: list[int] = []
        for word in self._words[row]:
            for begun in range(1, len(word)):
                if tail.endswith(word[:begun]):
                    forbidden += self._vocabulary.starting_with(word[begun:])
        return forbidden
