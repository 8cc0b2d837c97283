"""prepare_preferences.py on an arena's CSV of generated conversations: seconds and memory, against only reading CSV and JSON.

    python benchmarks/preferences.py --conversations 60000

A tenth of the conversations have several turns, texts have the lengths of the arena's (a few hundred to a few thousand characters),
and there are null, halves of surrogate pairs, quotes and line breaks in them. The peer is a bare floor: csv and json of Python.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COLUMNS = ["id", "model_a", "model_b", "prompt", "response_a", "response_b", "winner_model_a", "winner_model_b", "winner_tie"]
WORDS = '霧沢 の 名物 は 桃 です 。 \n 答え を "引用" し ます , その the of and to in model answer \U0001f351 １２ ｶﾅ'.split(" ")


def write(path: Path, conversations: int) -> None:
    draw = random.Random(0)
    winners = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]

    def text(most: int) -> str:
        return "".join(draw.choices(WORDS, k=draw.randint(2, most)))

    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for i in range(conversations):
            turns = draw.randint(2, 8) if draw.random() < 0.13 else 1
            asked = [f"{i} {text(150)}" for _ in range(turns)]
            sides = [[text(900) if draw.random() > 0.001 else None for _ in range(turns)] for _ in range(2)]
            if draw.random() < 0.001:
                sides[0][0] = "\ud83d" + (sides[0][0] or "")
            table.writerow([i, "m", "n", *map(json.dumps, (asked, *sides)), *draw.choice(winners)])


def floor(path: str) -> None:
    """What nobody can do without."""
    csv.field_size_limit(1 << 26)
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in ("prompt", "response_a", "response_b"):
                json.loads(row[name])


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a process: waited for by one of its own, since the kernel keeps the greatest of all."""
    code = (
        "import resource, subprocess, sys, time; started = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    seconds, memory = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    ).stdout.split()
    return float(seconds), float(memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=60_000)
    parser.add_argument("--floor", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        floor(options.floor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arena.csv"
        write(path, options.conversations)
        print(f"{options.conversations:,} conversations, {path.stat().st_size / 1e6:,.0f} MB")
        bare, bare_memory = timed([sys.executable, __file__, "--floor", str(path)])
        print(f"bare floor: {bare:.1f} s, {bare_memory:,.0f} MB")
        for kind in ("choice", "pairs"):
            more = ["--swap", "--max_conversation_length", "4000"] if kind == "choice" else []
            command = [sys.executable, str(ROOT / "prepare_preferences.py"), "--train_file", str(path), "--kind", kind, *more]
            seconds, memory = timed([*command, "--output_dir", str(Path(folder) / kind)])
            print(f"--kind {kind} {' '.join(more)}: {seconds:.1f} s, {memory:,.0f} MB, {seconds / bare:.2f} times the floor")


if __name__ == "__main__":
    main()
