"""How many gold answers of JaQuAD are among the candidates of a passage, and how quickly they are found.

    python benchmarks/documents.py                          rules, on the dev files
    python benchmarks/documents.py --ae_model model_ae      a model of prepare_jsquad_ae.py, and the rules behind it
    python benchmarks/documents.py --fit                    the weights of toi/documents/weights.py, from the training files

A gold answer is covered if a candidate equals it after normalization. The files must be in raw/jaquad (./download.sh jaquad).
"""

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from toi.data.squad import read_squad
from toi.documents.candidates import Found, candidates, found_spans
from toi.documents.passages import Passage
from toi.documents.weights import BASE, WEIGHTS, features
from toi.system.files import find_files
from toi.text.normalization import normalize

MOST = (5, 10, 15, 20)
FITTED = 16  # of the training files


def answers_by_context(files: Sequence[Path]) -> dict[str, list[str]]:
    """The normalized first gold answers of each context."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for example in read_squad(file):
            if example.answers:
                found[example.context].append(normalize(example.answers[0].text))
    return found


def coverage(gold: dict[str, list[str]], first: Sequence[Sequence[Found]] | None) -> None:
    """Print the share of gold answers among the candidates, for several limits, and the rate."""
    total, covered, counts, everything = 0, Counter(), Counter(), 0
    started = time.perf_counter()
    for i, (context, answers) in enumerate(gold.items()):
        of_model = () if first is None else first[i]
        found = [normalize(one.text) for one in candidates(context, 10_000, first=of_model)]
        total += len(answers)
        everything += sum(answer in found for answer in answers)
        for most in MOST:
            counts[most] += len(found[:most])
            covered[most] += sum(answer in found[:most] for answer in answers)
        if first is not None:
            alone = {normalize(context[one.start : one.end]) for one in of_model}
            covered["model"] += sum(answer in alone for answer in answers)
            counts["model"] += len(alone)
    seconds = time.perf_counter() - started
    print(f"{len(gold):,} contexts, {total:,} gold answers; {len(gold) / seconds:,.0f} contexts/s")
    for most in [*(["model"] if first is not None else []), *MOST]:
        label = "the model alone" if most == "model" else f"at most {most}"
        print(f"{label:<16} {covered[most] / total:.4f} of the gold answers, {counts[most] / len(gold):.1f} candidates a context")
    print(f"without a limit  {everything / total:.4f}")


def model_answers(name: str, contexts: Sequence[str]) -> list[list[Found]]:
    """What a model finds in each context."""
    from toi.decoding.decoder import Decoder
    from toi.documents.extracting import extracted
    from toi.models.opening import open_model

    return extracted(Decoder(open_model(name)), [Passage("", 1, context, 0, len(context)) for context in contexts], 32)


def fit(gold: dict[str, list[str]]) -> None:
    """Print weights by logistic regression: whether a span is a gold answer, by its features."""
    import torch

    keys: dict[tuple[str, str], int] = {}
    rows, labels = [], []
    for context, answers in gold.items():
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
    parser.add_argument("--contexts", type=int, help="so many contexts alone")
    args = parser.parse_args()
    split = "train" if args.fit else "dev"
    files = find_files(ROOT / "raw" / "jaquad" / split, (".json",), "see ./download.sh jaquad")
    gold = answers_by_context(files[:FITTED] if args.fit else files)
    if args.contexts:
        gold = dict(list(gold.items())[: args.contexts])
    if args.fit:
        fit(gold)
    else:
        coverage(gold, model_answers(args.ae_model, list(gold)) if args.ae_model else None)


if __name__ == "__main__":
    main()
