"""How fast is scoring? 4,442 pairs, all default metrics, 1,000 bootstrap resamples, against sentence by sentence.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --only tokenizers    # the same pairs under different tokenizers

The pairs are JSQuAD's questions and what a model might have made of them (characters left out, added, exchanged). The peer
scores each pair with `rouge_score` (ROUGE-1, -2, -L, -Lsum over the same MeCab tokens) and `sacrebleu` (sentence BLEU,
sentence chrF), for each resample anew; it is measured on --peer_pairs pairs and counted up to 1,000 x 4,442. A peer that is
cleverer (sacreBLEU's corpus metrics with its own bootstrap over kept statistics, each ROUGE computed once) is measured
whole. Every figure is the median of --repeats runs, each in a process of its own; ours and the cleverer peer include loading
their libraries and MeCab.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
RESAMPLES = 1000


def load(raw: Path) -> tuple[list[str], list[list[str]]]:
    from perturbed import pairs

    data = json.loads(raw.read_text(encoding="utf-8"))["data"]
    questions = [qa["question"] for article in data for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    predictions, references = pairs(len(questions) + 6, questions)
    return predictions[6:], [golds[:1] for golds in references[6:]]


def ours(raw: Path, _: int) -> None:
    predictions, references = load(raw)
    started = time.perf_counter()
    from toi.scoring.profiles import profile_measures
    from toi.scoring.resampling import with_intervals

    found = with_intervals(profile_measures("toi", predictions, references), RESAMPLES)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "rows": len(predictions), "bleu": found["bleu"].value}))


def by_sentence(raw: Path, pairs: int) -> None:
    """Seconds of one pass over some pairs, counted up to all pairs of all resamples."""
    predictions, references = load(raw)
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    from toi.text.words import mecab_tokens

    class Mecab:
        tokenize = staticmethod(mecab_tokens)

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], tokenizer=Mecab())
    sacrebleu.sentence_bleu(predictions[0], references[0], tokenize="ja-mecab")  # MeCab is loaded
    started = time.perf_counter()
    for prediction, golds in zip(predictions[:pairs], references[:pairs], strict=True):
        scorer.score_multi(golds, prediction)
        sacrebleu.sentence_bleu(prediction, golds, tokenize="ja-mecab")
        sacrebleu.sentence_chrf(prediction, golds)
    each = (time.perf_counter() - started) / pairs
    print(json.dumps({"seconds": each * len(predictions) * RESAMPLES, "one_pass": each * len(predictions)}))


def by_corpus(raw: Path, _: int) -> None:
    """sacreBLEU's own bootstrap, and the mean ROUGE of resampled rows."""
    predictions, references = load(raw)
    started = time.perf_counter()
    import numpy as np
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU, CHRF

    from toi.text.words import mecab_tokens

    class Mecab:
        tokenize = staticmethod(mecab_tokens)

    streams = [[golds[0] for golds in references]]
    BLEU(tokenize="ja-mecab").corpus_score(predictions, streams, n_bootstrap=RESAMPLES)
    CHRF().corpus_score(predictions, streams, n_bootstrap=RESAMPLES)
    names = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    scorer = RougeScorer(names, tokenizer=Mecab())
    found = [scorer.score_multi(golds, prediction) for prediction, golds in zip(predictions, references, strict=True)]
    rows = np.array([[row[name].fmeasure for name in names] for row in found])
    draw = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        rows[draw.integers(0, len(rows), len(rows))].mean(axis=0)
    print(json.dumps({"seconds": time.perf_counter() - started}))


def tokenizers(raw: Path, _: int) -> None:
    """BLEU and ROUGE-L of the same pairs over different tokens: the table of docs/evaluation.md."""
    import sacrebleu

    from toi.scoring.metrics import bleu, rouge
    from toi.scoring.profiles import profile_measures

    predictions, references = load(raw)
    for name in ("mecab", "sudachi-a", "sudachi-b", "sudachi-c", "char", f"t5:{ROOT / 'samples' / 'base'}"):
        values = bleu(predictions, references, name)["bleu"].value, rouge(predictions, references, name)["rougeL"].value
        print(f"{name.replace(str(ROOT) + '/', ''):16}{values[0]:8.2f}{values[1]:9.4f}")
    streams = [[golds[0] for golds in references]]
    print(f"{'13a':16}{sacrebleu.corpus_bleu(predictions, streams).score:8.2f}")
    lmqg = {measure.name: measure.value for measure in profile_measures("lmqg", predictions, references)}
    print(f"{'lmqg':16}{lmqg['bleu4']:8.2f}{lmqg['rougeL']:9.4f}")


def measure(name: str, args: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--only", name, "--raw", str(args.raw), "--peer_pairs", str(args.peer_pairs)]
    started = time.perf_counter()
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr)
    return {"whole": time.perf_counter() - started, **json.loads(result.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw", type=Path, default=ROOT / "raw" / "jsquad" / "valid-v1.3.json")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer_pairs", type=int, default=1000)
    parser.add_argument("--only", choices=("ours", "by_sentence", "by_corpus", "tokenizers"))
    args = parser.parse_args()
    if args.only:
        globals()[args.only](args.raw, args.peer_pairs)
        return
    if not args.raw.is_file():
        sys.exit(f"{args.raw} is not there; get it with ./download.sh jsquad")
    names = ("ours", "by_sentence", "by_corpus")
    runs = {name: [measure(name, args) for _ in range(args.repeats)] for name in names}
    rows = runs["ours"][0]["rows"]
    print(f"{rows:,} pairs, {RESAMPLES:,} resamples, {args.repeats} runs")
    for name in names:
        seconds = [run["seconds"] for run in runs[name]]
        print(f"{name:12}{statistics.median(seconds):12,.2f} s  ({min(seconds):,.2f} to {max(seconds):,.2f})")
    print(f"ours with the start of Python: {statistics.median(run['whole'] for run in runs['ours']):.2f} s")
    for name in names[1:]:
        ratios = [peer["seconds"] / mine["seconds"] for peer, mine in zip(runs[name], runs["ours"], strict=True)]
        print(f"{name} / ours: {statistics.median(ratios):,.1f} ({min(ratios):,.1f} to {max(ratios):,.1f})")


if __name__ == "__main__":
    main()
