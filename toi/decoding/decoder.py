"""Sources -> outputs: which engine searches, what is searched again, and what is shown.

A constraint changes only the outputs that break it: every source is searched without constraints first, and only where a banned
word came out it is searched again, under the automaton of `banned.py`. So the outputs that were clean stay what they were,
both engines agree, and constraints cost little.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property

import torch

from toi.decoding import ctranslate
from toi.decoding.banned import BannedText, Vocabulary
from toi.decoding.options import DecodingOptions, NBestOptions
from toi.decoding.search import NO_MEMORY, Candidate, Model, Plan, out_of_memory, search, start_id
from toi.models.batches import sorted_batches, truncate
from toi.models.checkpoint import Checkpoint
from toi.models.packed import PackedLinears, can_pack
from toi.system.errors import InputError
from toi.text.folding import clean, fold
from toi.text.normalization import normalize

_MORE = 3  # how often a source is searched more widely, for further outputs that differ


@dataclass(frozen=True)
class Text:
    """One output of the model. `log_prob` is its log-probability in nats, given that it is not empty.

    `score` is that divided by its length in tokens to the power of the length penalty, by which outputs are ranked.
    """

    text: str
    score: float
    log_prob: float


@dataclass(frozen=True)
class Output:
    """What the model wrote for one source: `text` and `score` are those of the first of `texts`, the best.

    `text` is None, and the score minus infinity, where nothing was found that holds no banned word.
    """

    text: str | None
    score: float
    texts: tuple[Text, ...] = ()  # different after normalization; as many as were asked for, if the model has them
    constrained: bool = False  # searched again, because a banned word had come out


def decode(
    checkpoint: Checkpoint,
    sources: Sequence[str],
    options: DecodingOptions,
    batch_size: int = 32,
    banned: Sequence[Iterable[str]] | None = None,
) -> Iterator[tuple[int, Output]]:
    """The output of each source with its index, in batches of like length: not in order. See `Decoder`."""
    return Decoder(checkpoint).decode(sources, options, batch_size, banned)


def plan_of(options: DecodingOptions, max_length: int) -> Plan:
    """How to search for what the options ask."""
    wanted = options.num_return_sequences if isinstance(options, NBestOptions) else 1
    groups = options.num_beam_groups
    if options.diversity_penalty and groups == 1:
        groups = wanted
    beams = math.ceil(options.num_beams / groups) * groups
    return Plan(
        beams=beams, groups=groups, diversity_penalty=options.diversity_penalty, length_penalty=options.length_penalty,
        repetition_penalty=options.repetition_penalty, no_repeat_ngram_size=options.no_repeat_ngram_size, max_length=max_length,
        num_hypotheses=1 if wanted == 1 else beams, do_sample=options.do_sample, samples=wanted, temperature=options.temperature,
        top_k=options.top_k, top_p=options.top_p, seed=options.seed,
    )  # fmt: skip


@dataclass
class _Row:
    """A source on its way to an output."""

    index: int
    ids: list[int]
    words: tuple[str, ...]  # banned for this source alone
    first_plan: Plan
    plan: Plan
    constrained: bool = False
    texts: dict[str, Text] = field(default_factory=dict)  # by what they are after normalization
    rounds: int = 0


class Decoder:
    """A model that writes, and what was made ready for it: its translator, its vocabulary, the automata of banned words.

    The model is moved to the accelerator of this machine, if it has one. Its weights must not change from then on.
    """

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint = checkpoint
        self._translators: dict[str, ctranslate.Translator] = {}
        self._automata: dict[tuple[str, ...], BannedText] = {}
        self.engine = ""  # of the last run, in words
        self.constrained = 0  # how many sources of the last run were searched again, which only torch does
        self.cut = 0  # how many sources of the last run were longer than the limit

    @property
    def report(self) -> str:
        """What searched in the last run."""
        again = f"{self.constrained:,} searched again by torch float32, for banned words" if self.constrained else ""
        return "; ".join(part for part in (self.engine, again) if part)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary.of(self.checkpoint.tokenizer)

    @cached_property
    def _packed(self) -> PackedLinears | None:
        return PackedLinears(self.checkpoint.model) if can_pack(self.checkpoint.model) else None

    def decode(
        self,
        sources: Sequence[str],
        options: DecodingOptions,
        batch_size: int = 32,
        banned: Sequence[Iterable[str]] | None = None,
    ) -> Iterator[tuple[int, Output]]:
        """The output of each source with its index, in batches of like length: not in order.

        `banned` has words for each source, beside the `bad_words` of all of them. Raises InputError if the engine asked for
        cannot do it, or one source alone needs more memory than there is.
        """
        checkpoint, tokenizer = self.checkpoint, self.checkpoint.tokenizer
        words = options.all_bad_words()
        plan = plan_of(options, options.max_target_length or checkpoint.max_target_length)
        translator = self._choose(options, plan)
        checkpoint.model.to(_device()).eval()
        limit = options.max_input_length or checkpoint.max_input_length
        encoded = tokenizer.encode_batch(sources)
        self.constrained, self.cut = 0, sum(len(ids) > limit for ids in encoded)
        rows = [_Row(i, truncate(ids, limit), tuple(banned[i]) if banned else (), plan, plan) for i, ids in enumerate(encoded)]
        while rows:
            again = []
            for batch, found in self._search(rows, words, translator, batch_size, options.max_batch_tokens):
                for row, candidates in zip(batch, found, strict=True):
                    output = self._judge(row, candidates, words)
                    if output is None:
                        again.append(row)
                    else:
                        yield row.index, output
            rows = again

    def _choose(self, options: DecodingOptions, plan: Plan) -> "ctranslate.Translator | None":
        """The translator, or None for torch. Sets `engine`."""
        backend, compute_type = options.backend, options.compute_type.replace("auto", "float32")
        must = backend == "ctranslate2" or compute_type == "int8"
        device = _device()
        reason = None
        if backend == "torch":
            reason = ""
        elif not must and device.type != "cpu":
            reason = f"on {device.type}"
        elif not ctranslate.expressible(plan):
            reason = "CTranslate2 does not search so"
        else:
            reason = ctranslate.obstacle(self.checkpoint)
        if reason is not None:
            if must:
                asked = "--backend ctranslate2" if backend == "ctranslate2" else "--compute_type int8"
                raise InputError(f"{asked} is not possible: {reason}; leave it out to use torch")
            self.engine = "torch float32" + (f" ({reason})" if reason else "")
            return None
        self.engine = f"ctranslate2 {compute_type}"
        if compute_type not in self._translators:
            self._translators[compute_type] = ctranslate.Translator(self.checkpoint, compute_type, torch.get_num_threads())
        return self._translators[compute_type]

    def _search(
        self,
        rows: Sequence[_Row],
        words: Sequence[str],
        translator: "ctranslate.Translator | None",
        batch_size: int,
        max_batch_tokens: int,
    ) -> Iterator[tuple[list[_Row], list[list[Candidate]]]]:
        """The candidates of rows, a batch at a time; those that CTranslate2 can search first."""
        easy = [row for row in rows if translator is not None and not row.constrained and ctranslate.expressible(row.plan)]
        if easy:
            assert translator is not None
            yield from translator.search_batches(_batches(easy, translator.fair_size(len(easy), batch_size), max_batch_tokens))
        done = set(map(id, easy))
        shared = self._automaton(words)
        for batch in _batches([row for row in rows if id(row) not in done], batch_size, max_batch_tokens):
            yield batch, self._search_with_torch(batch, shared)

    def _search_with_torch(self, batch: list[_Row], shared: list[BannedText]) -> list[list[Candidate]]:
        """As a whole, or in halves where memory is short."""
        checkpoint = self.checkpoint
        model = Model(checkpoint.model, start_id(checkpoint.model), checkpoint.tokenizer.pad_id, checkpoint.tokenizer.eos_id)
        constraints = [[*shared, *self._automaton(row.words)] if row.constrained else [] for row in batch]
        try:
            with self._packed.in_use() if self._packed else nullcontext():
                return search(model, [row.ids for row in batch], batch[0].plan, constraints)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if len(batch) == 1:
                raise InputError(NO_MEMORY) from error
        # Outside of the except block, which would keep what the failed search holds.
        _forget()
        half = len(batch) // 2
        return self._search_with_torch(batch[:half], shared) + self._search_with_torch(batch[half:], shared)

    def _automaton(self, words: Iterable[str]) -> list[BannedText]:
        """The automaton of some words, if there are any."""
        key = tuple(sorted({fold(word) for word in words} - {""}))
        if not key:
            return []
        if key not in self._automata:
            if len(self._automata) >= 256:
                self._automata.pop(next(iter(self._automata)))
            self._automata[key] = BannedText(self._vocabulary, key)
        return [self._automata[key]]

    def _judge(self, row: _Row, candidates: Sequence[Candidate], words: Sequence[str]) -> Output | None:
        """The output of a row; None if it has to be searched again."""
        banned = [*words, *row.words]
        wanted = row.plan.samples
        texts = self.checkpoint.tokenizer.decode_batch([candidate.ids for candidate in candidates])
        for text, candidate, is_clean in zip(texts, candidates, clean(texts, banned), strict=True):
            key = normalize(text)
            shown = is_clean and key if row.constrained else key or wanted == 1
            if shown and key not in row.texts and len(row.texts) < wanted:
                score = candidate.log_prob / len(candidate.ids) ** row.plan.length_penalty
                row.texts[key] = Text(text, score, candidate.log_prob)
        if len(row.texts) < wanted and wanted > 1 and row.rounds < _MORE:
            row.rounds += 1
            row.plan = row.plan.wider()
            return None
        if not row.constrained:
            kept = {key: text for key, text in row.texts.items() if clean([text.text], banned)[0]}
            if len(kept) < len(row.texts):
                self.constrained += 1
                row.texts, row.constrained, row.plan, row.rounds = kept, True, row.first_plan, 0
                return None
        best = sorted(row.texts.values(), key=lambda text: -text.score)
        if not best:
            return Output(None, -math.inf, (), row.constrained)
        return Output(best[0].text, best[0].score, tuple(best), row.constrained)


def _batches(rows: Sequence[_Row], batch_size: int, max_batch_tokens: int) -> Iterator[list[_Row]]:
    """Rows of one plan, of like length, the longest first: at most `batch_size`, and `max_batch_tokens` with the padding."""
    plans = {row.plan: None for row in rows}
    for plan in plans:
        alike = sorted((row for row in rows if row.plan == plan), key=lambda row: row.index)
        for indices in sorted_batches([len(row.ids) for row in alike], batch_size, max_batch_tokens):
            yield [alike[i] for i in indices]


def _device() -> torch.device:
    """The accelerator of this machine, if it has one."""
    return (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or torch.device("cpu")


def _forget() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
