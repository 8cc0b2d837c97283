"""Pairs of JaQuAD's contexts, and what the checks are worth there; benchmarks/documents.py calls it.

The round trip keeps a pair if the reader's answer has a character F1 of 0.9 with that of the pair. What that is worth is measured
on pairs of which it is known how they were made: the question of an annotator with its answer, which is right; with another
candidate of the passage, of the same kind where there is one, and with the answer of another question about the passage: both
wrong. The precision is the share of right pairs among those that are kept of as many right as wrong ones. The same is done with
the model's questions for the annotators' answers, some of which are wrong themselves: so it is also said how like the annotators'
those are that are kept, and those that are dropped.

Then the whole way of generate.py --document: its rate, what each check drops, and how many of the kept pairs have an answer that
annotators asked for too (which is no measure of what is right: they asked three questions about a context).
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from documents import Gold, document_of

from toi.data.examples import Answer, Example
from toi.decoding.decoder import Decoder
from toi.decoding.options import NBestOptions
from toi.documents.asking import Asked, pairs_of
from toi.documents.candidates import Found, candidates, found_spans
from toi.documents.checks import ROUND_TRIP, failed, judged
from toi.documents.command import account
from toi.documents.extracting import candidate_of
from toi.documents.made import make_pairs, write_folder
from toi.documents.options import DocumentOptions
from toi.documents.pairs import Pair
from toi.documents.passages import Passage
from toi.documents.reading_back import compared, read_back
from toi.scoring.metrics import bag_f1, bleu, rouge
from toi.scoring.roundtrip import qa_task
from toi.text.normalization import normalize

_OVERLAP = 0.5  # character F1 of two answers that overlap


def measure(gold: Gold, passages: Sequence[Sequence[Passage]], decoder: Decoder, reader: Decoder, args: argparse.Namespace) -> None:
    """Print all figures."""
    annotated = annotated_pairs(gold, passages)
    separation("annotators' questions", annotated, reader)
    likeness(separation("the model's questions", asked_by(decoder, annotated), reader), annotated)
    whole_way(gold, decoder, reader, args)


def annotated_pairs(gold: Gold, passages: Sequence[Sequence[Passage]]) -> list[Pair]:
    """The annotators' questions with their answers, each about the passage that its answer stands in."""
    pairs = []
    for examples, of_context in zip(gold.values(), passages, strict=True):
        for example in examples:
            start = example.answers[0].start or 0
            end = start + len(example.answers[0].text)
            passage = next((one for one in of_context if one.start <= start and end <= one.end), None)
            if passage is None:  # it stands across two
                continue
            start, end = start - passage.start, end - passage.start
            spans = found_spans(passage.context)
            found = next((one for one in spans if (one.start, one.end) == (start, end)), Found(start, end, "term", "annotated"))
            pairs.append(Pair(example.id, passage, candidate_of(passage.context, found), example.question, 0.0, 0.0))
    return pairs


def apart(pair: Pair, start: int, end: int, text: str) -> bool:
    """Whether a span is another answer than that of a pair: elsewhere, and neither text a part of the other."""
    ours, theirs = normalize(pair.answer), normalize(text)
    return (end <= pair.candidate.start or pair.candidate.end <= start) and ours not in theirs and theirs not in ours


def with_other_candidates(pairs: Sequence[Pair]) -> list[Pair]:
    """Each question with the likeliest other candidate of its passage, of the kind of its answer where there is one."""
    wrong = []
    for pair in pairs:
        others = [one for one in candidates(pair.passage.context, 100) if apart(pair, one.start, one.end, one.text)]
        others.sort(key=lambda one: one.kind != pair.candidate.kind)
        wrong += [replace(pair, candidate=one) for one in others[:1]]
    return wrong


def with_other_answers(pairs: Sequence[Pair]) -> list[Pair]:
    """Each question with the answer of another question about its passage."""
    by_passage = defaultdict(list)
    for pair in pairs:
        by_passage[pair.passage].append(pair.candidate)
    wrong = []
    for pair in pairs:
        others = [one for one in by_passage[pair.passage] if apart(pair, one.start, one.end, one.text)]
        wrong += [replace(pair, candidate=one) for one in others[:1]]
    return wrong


def separation(name: str, pairs: Sequence[Pair], reader: Decoder) -> list[Pair]:
    """Print how many right and wrong pairs the checks keep. Returns the right ones, judged."""
    kinds = {"their answers": pairs, "another candidate": with_other_candidates(pairs), "another answer": with_other_answers(pairs)}
    print(f"\n{name + ', with':<36}{'pairs':>8}{'round trip':>12}{'precision':>11}{'all checks':>12}{'precision':>11}")
    shares: list[tuple[float, float]] = []
    right: list[Pair] = []
    read = {(pair.passage, pair.question): pair.read or "" for pair in read_back(reader, pairs, 32)}
    for kind, of_kind in kinds.items():
        answers = [read[pair.passage, pair.question] for pair in of_kind]
        checked = [judged(pair) for pair in compared(qa_task(reader.checkpoint), of_kind, answers)]
        dropped = [failed(pair, DocumentOptions(), True) for pair in checked]
        shares.append((sum(ROUND_TRIP not in d for d in dropped) / len(dropped), sum(not d for d in dropped) / len(dropped)))
        right = right or [replace(pair, dropped=d) for pair, d in zip(checked, dropped, strict=True)]
        line = f"{kind:<36}{len(checked):>8,}"
        for kept, of_right in zip(shares[-1], shares[0], strict=True):
            precision = f"{of_right / (of_right + kept):.1%}" if len(shares) > 1 and of_right else ""
            line += f"{kept:>12.1%}{precision:>11}"
        print(line)
    return right


def asked_by(decoder: Decoder, pairs: Sequence[Pair]) -> list[Pair]:
    """The same answers with questions of a model."""
    task = decoder.checkpoint.task
    examples = [
        Example(p.id, p.passage.context, answers=(Answer(p.answer, p.candidate.start),), title=p.passage.document) for p in pairs
    ]
    asked = [Asked(p.passage, p.candidate, one, task.source(one)) for p, one in zip(pairs, examples, strict=True)]
    return pairs_of(decoder, asked, NBestOptions(), 32)


def likeness(asked: Sequence[Pair], annotated: Sequence[Pair]) -> None:
    """Print how like the annotators' questions those of the model are, where the round trip keeps them and where not."""
    gold = {pair.id: pair.question for pair in annotated}
    for name, is_kept in (("kept", True), ("dropped", False)):
        some = [pair for pair in asked if (ROUND_TRIP not in pair.dropped) == is_kept]
        ours, theirs = [normalize(pair.question) for pair in some], [[normalize(gold[pair.id])] for pair in some]
        scores = {**bleu(ours, theirs), **rouge(ours, theirs)} if some else {}
        figures = "".join(f"; {metric} {scores[metric].value:.4f}" for metric in ("bleu", "rougeL") if metric in scores)
        print(f"{name} by the round trip: {len(some):,} questions{figures}")


def whole_way(gold: Gold, decoder: Decoder, reader: Decoder, args: argparse.Namespace) -> None:
    """Make pairs of all contexts, and print how quickly, what was dropped, and whose answer annotators asked for."""
    options = DocumentOptions(max_passage_length=args.max_passage_length, max_candidates=args.max_candidates)
    contexts = {f"{i}": context for i, context in enumerate(gold)}
    documents = [document_of(name, context) for name, context in contexts.items()]
    started = time.perf_counter()
    task = decoder.checkpoint.task
    made = make_pairs(documents, decoder, task, options, NBestOptions(), reader=reader)
    seconds = time.perf_counter() - started
    print("\n" + account(made))
    rates = f"{len(made.pairs) / seconds:.1f} questions/s, asked, answered and checked; {len(made.kept) / seconds:.1f} kept pairs/s"
    print(f"{seconds:.0f} s: {rates}")
    print(f"{'':<10}{'pairs':>8}{'a gold answer':>16}{f'F1 of {_OVERLAP} with one':>20}")
    for name, pairs in (("all", made.pairs), ("kept", made.kept), ("dropped", [pair for pair in made.pairs if pair.dropped])):
        f1s = [best_f1(pair, gold[contexts[pair.passage.document]]) for pair in pairs]
        shares = [sum(f1 >= least for f1 in f1s) / max(1, len(pairs)) for least in (1, _OVERLAP)]
        print(f"{name:<10}{len(pairs):>8,}{shares[0]:>16.1%}{shares[1]:>20.1%}")
    if args.output_dir is not None:
        write_folder(args.output_dir, made, options, "JaQuAD")


def best_f1(pair: Pair, examples: Sequence[Example]) -> float:
    """The character F1 of an answer with that gold answer which it is most like."""
    return max(bag_f1(normalize(pair.answer), normalize(example.answers[0].text)) for example in examples)
