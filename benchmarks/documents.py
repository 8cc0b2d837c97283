"""Documents on JaQuAD's dev files: what is found to ask for, what the round trip is worth, how quickly pairs are made.

    python benchmarks/documents.py                          candidates of the rules
    python benchmarks/documents.py --ae_model model_ae      of a model of prepare_jsquad_ae.py, too, and of both
    python benchmarks/documents.py --ae_model model_ae --model_name_or_path model_qg --qa_model model_qa --contexts 300
                                                            and pairs (benchmarks/checked_pairs.py)
    python benchmarks/documents.py --fit                    the weights of toi/documents/weights.py, from the training files

A gold answer is covered if a candidate equals it after normalization. The files must be in raw/jaquad (./download.sh jaquad).
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from toi.data.examples import Example
from toi.data.squad import read_squad
from toi.documents.candidates import Found, candidates, found_spans
from toi.documents.document import Block, Document
from toi.documents.passages import Passage, all_passages
from toi.documents.weights import BASE, WEIGHTS, features
from toi.system.files import find_files
from toi.text.normalization import normalize

if TYPE_CHECKING:
    from toi.decoding.decoder import Decoder

MOST = (5, 10, 15, 20)
FITTED = 16  # of the training files
LONGEST_SENTENCE = 400  # characters: a longer one is no passage

Gold = dict[str, list[Example]]  # the questions of each context that have an answer


def gold_of(files: Iterable[Path]) -> Gold:
    """The questions of each context."""
    found: Gold = defaultdict(list)
    for file in files:
        for example in read_squad(file):
            if example.answers:
                found[example.context].append(example)
    return found


def document_of(name: str, context: str) -> Document:
    """A context as a document of its own."""
    return Document.of(name, [Block(context)])


def passages_of(contexts: Sequence[str], longest: int) -> list[list[Passage]]:
    """The passages of each context."""
    documents = [document_of(f"{i}", context) for i, context in enumerate(contexts)]
    return [all_passages([one], longest, ("text",), lambda text: len(text) <= LONGEST_SENTENCE)[0] for one in documents]


def coverage(gold: Gold, by_model: Sequence[Sequence[Found]] | None) -> None:
    """Print the share of gold answers among the candidates, for several limits, and the rate of the rules."""
    started = time.perf_counter()
    found = {"rules": [[normalize(one.text) for one in candidates(context, 10_000)] for context in gold]}
    seconds = time.perf_counter() - started
    if by_model is not None:
        pairs = list(zip(gold, by_model, strict=True))
        found["model"] = [list(dict.fromkeys(normalize(context[one.start : one.end]) for one in of)) for context, of in pairs]
        found["both"] = [[normalize(one.text) for one in candidates(context, 10_000, first=of)] for context, of in pairs]
    answers = [[normalize(example.answers[0].text) for example in examples] for examples in gold.values()]
    total = sum(map(len, answers))
    print(f"{len(gold):,} contexts, {total:,} gold answers; the rules: {len(gold) / seconds:,.0f} contexts/s")
    print(f"{'':<16}" + "".join(f"{name:>12}{'found':>8}" for name in found))
    for most in (*MOST, None):
        line = f"at most {most}" if most else "without a limit"
        line = f"{line:<16}"
        for lists in found.values():
            covered = sum(answer in one[:most] for one, of in zip(lists, answers, strict=True) for answer in of)
            line += f"{covered / total:>12.1%}{sum(len(one[:most]) for one in lists) / len(lists):>8.1f}"
        print(line)


def model_answers(name: str, contexts: Sequence[str]) -> list[list[Found]]:
    """What a model finds in each context."""
    from toi.documents.extracting import extracted

    passages = [Passage("", 1, context, 0, len(context)) for context in contexts]
    extractor = opened(name)
    started = time.perf_counter()
    found = extracted(extractor, passages, 32)
    print(f"{name}: {len(contexts) / (time.perf_counter() - started):.1f} contexts/s")
    return found


def opened(name: str) -> "Decoder":
    """A model that writes."""
    from toi.decoding.decoder import Decoder
    from toi.models.opening import open_model

    return Decoder(open_model(name))


def fit(gold: Gold) -> None:
    """Print weights by logistic regression: whether a span is a gold answer, by its features."""
    import torch

    keys: dict[tuple[str, str], int] = {}
    rows, labels = [], []
    for context, examples in gold.items():
        answers = [normalize(example.answers[0].text) for example in examples]
        whole = normalize(context)
        first: dict[str, Found] = {}
        for one in found_spans(context):
            first.setdefault(normalize(context[one.start : one.end]), one)
        for text, one in first.items():
            weighed = features(context, one.start, one.end, one.kind, one.why, whole.count(text))
            rows.append([keys.setdefault(key, len(keys)) for key in weighed])
            labels.append(float(text in answers))
    places, right = torch.tensor(rows), torch.tensor(labels)  # (spans, features), (spans,)
    weights, base = torch.zeros(len(keys), requires_grad=True), torch.tensor(BASE, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, base], max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = weights[places].sum(dim=1) + base
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, right, reduction="sum") + 0.5 * (weights**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    tables: dict[str, dict[str, float]] = {table: {} for table in WEIGHTS}
    for (table, key), i in keys.items():
        tables[table][key] = round(float(weights[i]), 2)
    print(json.dumps({"BASE": round(float(base), 2), **tables}, ensure_ascii=False, indent=1))


def main() -> None:
    """Measure, or fit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--ae_model")
    parser.add_argument("--model_name_or_path", help="a model that asks; needs --qa_model")
    parser.add_argument("--qa_model")
    parser.add_argument("--contexts", type=int, help="so many contexts alone, evenly taken")
    parser.add_argument("--max_passage_length", type=int, default=150, help="characters of what models read, as they were trained")
    parser.add_argument("--max_candidates", type=int, default=5, help="questions of a passage")
    parser.add_argument("--output_dir", type=Path, help="where the pairs of the whole way go")
    args = parser.parse_args()
    split = "train" if args.fit else "dev"
    files = find_files(ROOT / "raw" / "jaquad" / split, (".json",), "see ./download.sh jaquad")
    gold = gold_of(files[:FITTED] if args.fit else files)
    if args.contexts:
        gold = dict(list(gold.items())[:: max(1, len(gold) // args.contexts)][: args.contexts])
    if args.fit:
        fit(gold)
        return
    coverage(gold, model_answers(args.ae_model, list(gold)) if args.ae_model else None)
    if args.model_name_or_path and args.qa_model:
        from checked_pairs import measure

        passages = passages_of(list(gold), args.max_passage_length)
        measure(gold, passages, opened(args.model_name_or_path), opened(args.qa_model), args)


if __name__ == "__main__":
    main()
