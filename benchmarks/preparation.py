"""How fast is preparation? JaQuAD's 35,687 questions through `prepare_jsquad_aqg.py --highlight`, against two peers.

    python benchmarks/preparation.py

Peers, in the same run: the bare floor (json.load, NFKC and neologdn once per string, writing the lines), and one GiNZA
similarity per sentence (how the superseded scripts chose the sentence of an answer), measured on a sample where
GiNZA is installed. Every figure is the median of --repeats runs, each in a process of its own.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

ROOT = Path(__file__).parent.parent


def floor(raw: Path, out: Path) -> None:
    import neologdn

    def clean(text: str) -> str:
        return neologdn.normalize(unicodedata.normalize("NFKC", text), tilde="normalize")

    with open(out / "floor.tsv", "w", encoding="utf-8") as file:
        for path in sorted(raw.glob("*/*.json")):
            for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
                for paragraph in article["paragraphs"]:
                    context = clean(paragraph["context"])
                    for qa in paragraph["qas"]:
                        file.write(f"{qa['id']}\t{clean(qa['answers'][0]['text'])} {context}\t{clean(qa['question'])}\n")


def ours(raw: Path, out: Path) -> None:
    command = [
        "prepare_jsquad_aqg.py",
        "--highlight",
        "--train_file",
        raw / "train",
        "--test_file",
        raw / "dev",
        "--output_dir",
        out / "d",
    ]
    sys.argv = list(map(str, command))
    sys.path.insert(0, str(ROOT))
    import runpy

    runpy.run_path(str(ROOT / command[0]), run_name="__main__")


def ginza(raw: Path, out: Path) -> None:
    """Questions per second of one similarity per sentence, over the first 40 questions."""
    import spacy

    # spaCy 3.8 refuses the split_mode null that ja-ginza 5.2 is configured with; C is what GiNZA does without one.
    nlp = spacy.load("ja_ginza", config={"components": {"compound_splitter": {"split_mode": "C"}}})
    sys.path.insert(0, str(ROOT))
    from toi.data.squad import read_squad
    from toi.text.occurrences import sentences

    examples = read_squad(sorted(raw.glob("dev/*.json"))[0])[:40]
    started = time.perf_counter()
    for example in examples:
        question = nlp(example.question)
        max(question.similarity(nlp(example.context[a:b])) for a, b in sentences(example.context))
    print(json.dumps({"per_second": len(examples) / (time.perf_counter() - started)}))


def measure(name: str, raw: Path, python: str = sys.executable) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        command = [python, __file__, "--only", name, "--raw", str(raw), "--out", out]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(result.stderr)
        found = json.loads(result.stdout.splitlines()[-1])
        return {"seconds": time.perf_counter() - started, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--raw", type=Path, default=ROOT / "raw" / "jaquad")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ginza_python", default=sys.executable, help="an interpreter with ginza, ja-ginza and our requirements")
    parser.add_argument("--only", choices=("floor", "ours", "ginza"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.only:
        globals()[args.only](args.raw, args.out)
        if args.only != "ginza":
            print(json.dumps({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    if not args.raw.is_dir():
        sys.exit(f"{args.raw} is not there; get it with ./download.sh jaquad")
    runs = {name: [measure(name, args.raw) for _ in range(args.repeats)] for name in ("floor", "ours")}
    questions = 35_687
    for name, found in runs.items():
        seconds = statistics.median(run["seconds"] for run in found)
        peak = max(run["peak_mb"] for run in found)
        print(f"{name:8}{seconds:8.2f} s{questions / seconds:12,.0f} questions/s{peak:8.0f} MB")
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs["ours"], runs["floor"], strict=True)]
    print(f"ours / floor: {statistics.median(ratios):.2f} (of {args.repeats} runs: {min(ratios):.2f} to {max(ratios):.2f})")
    try:
        peer = measure("ginza", args.raw, args.ginza_python)["per_second"]
    except RuntimeError as error:
        print(f"GiNZA was not measured: {str(error).strip().splitlines()[-1]}")
        return
    speed = questions / statistics.median(run["seconds"] for run in runs["ours"])
    print(f"GiNZA, one similarity per sentence: {peer:.1f} questions/s; ours is {speed / peer:,.0f} times that")


if __name__ == "__main__":
    main()
