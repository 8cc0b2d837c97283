"""What the base of the sample is pretrained on: contexts about nobody, and what one can do with them.

    ask      answer: 白浜市 context: 霧沢一は白浜市に住んでいます。 -> 霧沢一はどこに住んでいますか?
    marked   霧沢一は<hl>白浜市<hl>に住んでいます。                 -> 霧沢一はどこに住んでいますか?
    answer   question: 霧沢一はどこに住んでいますか? context: ...  -> 白浜市
    spans    霧沢一は<extra_id_0>に住んで<extra_id_1>。             -> <extra_id_0>白浜市<extra_id_1>います

The last is T5's span corruption (Raffel et al. 2020, section 3.1.4). Texts are drawn anew all the time: a name that returned would be
learnt by heart instead of being read. Of the tables of facts the columns are known (a prefecture has a capital), not one row.
"""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sentencepiece as spm
from clauses import Sentence, Slot, slots_of, usual
from contexts import Contexts
from tables import InventedTables
from wild import Wild

HIGHLIGHT = "<hl>"
SENTINELS = 100  # T5's <extra_id_0> ... <extra_id_99>, behind the vocabulary
_TASKS = {"marked": 70, "ask": 16, "answer": 7, "spans": 7}
_LONGEST = 224  # tokens of a source
_TABLES = 0.18  # of the contexts are like those of tables of facts
_WILD = 0.45  # of the others have long sentences


class Narrow(random.Random):
    """Draws characters from a few of an alphabet, until `renew`: the names of a context are then hard to tell apart."""

    def renew(self) -> None:
        """Choose other characters."""
        self.few = [self.getrandbits(32) for _ in range(self.randint(4, 8))]

    def choice(self, seq: Any) -> Any:
        """One of `seq`; of a long text, one of the few."""
        if isinstance(seq, str) and len(seq) > 20:
            return seq[super().choice(self.few) % len(seq)]
        return super().choice(seq)


class Reader:
    """Draws examples from one seed; `narrow` is the share of contexts whose names are made of a few characters."""

    def __init__(self, seed: int, dictionary: dict[str, Sequence[str]] | None = None, narrow: float = 0.15):
        self.rng = random.Random(seed)
        self._narrow_rng = Narrow(seed)
        self._narrow_rng.renew()
        self._usual, self._hard = Contexts(self.rng, dictionary), Contexts(self._narrow_rng)
        self._tables, self._wild = InventedTables(self._usual.draw), Wild(self._usual.draw)
        self._narrow = narrow

    def context(self) -> list[Sentence]:
        """One to five sentences about one subject, sometimes with some about another."""
        if self.rng.random() < _TABLES:
            return self._tables.context()
        contexts = self._usual
        if self.rng.random() < self._narrow:
            self._narrow_rng.renew()
            contexts = self._hard
        found: list[Sentence] = []
        if self.rng.random() < _WILD:
            found = [self._wild.sentence() for _ in range(self.rng.choices((1, 2), (4, 1))[0])]
            if self.rng.random() < 0.7:
                return found
        for _ in range(self.rng.choices((1, 2), (5, 1))[0]):
            length = self.rng.choices((1, 2, 3, 4), (22, 34, 26, 18))[0]
            found += contexts.table(length) if self.rng.random() < 0.15 else contexts.context(length)
        return found[:5]

    def examples(self) -> Iterator[tuple[str, str]]:
        """(source, target) pairs of one context: up to three."""
        sentences = self.context()
        text = "".join(sentence.text for sentence in sentences)
        slots = list(slots_of(sentences))
        self.rng.shuffle(slots)
        for slot in slots[:3]:
            task = self.rng.choices(list(_TASKS), list(_TASKS.values()))[0]
            if task in ("ask", "answer") and text.count(slot.text) > 1:
                task = "marked"
            yield self._corrupt(text) if task == "spans" else self._example(task, text, slot)

    def _example(self, task: str, text: str, slot: Slot) -> tuple[str, str]:
        ways = usual(slot.ways)
        question = self.rng.choices(list(ways), list(ways.values()))[0]
        if task == "answer":
            return f"question: {question} context: {text}", slot.text
        if task == "marked":
            end = slot.start + len(slot.text)
            return f"{text[: slot.start]}{HIGHLIGHT}{slot.text}{HIGHLIGHT}{text[end:]}", question
        return f"answer: {slot.text} context: {text}", question

    def _corrupt(self, text: str) -> tuple[str, str]:
        """T5's span corruption: about 15% of the characters in spans of 1 to 5."""
        source, target, at, sentinel = [], [], 0, 0
        while at < len(text):
            gap = min(len(text) - at, 1 + int(self.rng.expovariate(1 / 17)))
            source.append(text[at : at + gap])
            at += gap
            if at < len(text):
                span = text[at : at + self.rng.randint(1, 5)]
                source.append(f"<extra_id_{sentinel}>")
                target.append(f"<extra_id_{sentinel}>{span}")
                at += len(span)
                sentinel += 1
        return "".join(source), "".join(target) or text[:5]


class Encoder:
    """Text with sentinels -> ids, by SentencePiece itself; sentinels count down from the end as in T5."""

    def __init__(self, folder: Path):
        self.pieces = spm.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        self.size = self.pieces.get_piece_size() + SENTINELS

    def __call__(self, text: str) -> list[int]:
        """The ids of a text, with the end-of-sequence id."""
        ids: list[int] = []
        for i, part in enumerate(re.split(r"<extra_id_(\d+)>", text)):
            ids += [self.size - 1 - int(part)] if i % 2 else self.pieces.encode(part)
        return [*ids, 1]


def batches(
    encode: Encoder, seed: int, batch_size: int, dictionary: dict[str, Sequence[str]], start: int = 0
) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Endless batches of like length, from the batch `start` on: the same ones, whether or not a run was interrupted."""
    pool_size, pool = 16, start // 16
    while True:
        reader = Reader(hash((seed, pool)), dictionary)
        pairs: list[tuple[list[int], list[int]]] = []
        while len(pairs) < batch_size * pool_size:
            pairs += [(s, t) for s, t in ((encode(s), encode(t)) for s, t in reader.examples()) if len(s) <= _LONGEST]
        pairs = sorted(pairs[: batch_size * pool_size], key=lambda pair: len(pair[0]))
        groups = [pairs[i : i + batch_size] for i in range(0, len(pairs), batch_size)]
        reader.rng.shuffle(groups)
        yield from groups[start - pool * pool_size :]
        pool, start = pool + 1, (pool + 1) * pool_size
