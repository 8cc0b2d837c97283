"""How fast is the preparation of instructions, and how much memory does it need? Rows of JSON Lines through
`prepare_instructions.py`, against what one would write with `datasets`.

    python benchmarks/instructions.py
    python benchmarks/instructions.py --rows 100000 --repeats 3

The rows are generated: instructions, a third of them with an input, two outputs in a hundred with line breaks, all different. The
peers do a part of the work: `load_dataset("json")`, `map` that strips the texts and renders the same template,
`train_test_split`, and the source and target of both splits written as JSON Lines. One maps row by row, as tutorials have it, the
other 1,000 rows at a time. They look for no duplicates, no control characters, nothing that is in train and in dev, keep no
instruction beside its source, and measure no lengths. Every figure is of the median run of --repeats, each in a process of its
own with an empty cache, imports included; memory is the most that the process held.
"""

import argparse
import json
import random
import resource
import runpy
import sys
import tempfile
import time
from pathlib import Path

from processes import ROOT, Figures, medians

WAYS = ("ours", "map", "batched map")
_NOUNS = "山 川 海 町 駅 店 犬 猫 本 花 橋 船 鳥 星 雨 雪 茶 米 声 光 道 村 島 森".split()
_ASKS = (
    "{a}と{b}の違いを説明してください。",
    "{a}について{n}字以内で書いてください。",
    "{a}の名前を{n}個考えてください。",
    "次の文を{a}の言葉で言い換えてください。",
)
_ANSWERS = (
    "{a}は{b}より大きいです。",
    "{a}には{b}があり、{n}年前から人々に親しまれています。",
    "{b}です。",
    "はい、{a}の近くに{b}があります。{n}分ほど歩くと着きます。",
)


def write_rows(path: Path, count: int) -> None:
    """`count` rows of instruction, input and output, always the same ones."""
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            words = {"a": rng.choice(_NOUNS) + str(number), "b": rng.choice(_NOUNS) + rng.choice(_NOUNS), "n": rng.randint(2, 400)}
            said = "".join(rng.choice(_ANSWERS).format(**words) for _ in range(rng.randint(1, 5)))
            row = {
                "instruction": rng.choice(_ASKS).format(**words),
                "input": "".join(rng.choice(_ANSWERS).format(**words) for _ in range(2)) if number % 3 == 0 else "",
                "output": said if number % 50 else said.replace("。", "。\n").strip(),
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def ours(path: Path, out: Path) -> None:
    """The script as a user runs it."""
    sys.argv = ["prepare_instructions.py", "--train_file", str(path), "--output_dir", str(out / "data")]
    sys.path.insert(0, str(ROOT))
    runpy.run_path(str(ROOT / sys.argv[0]), run_name="__main__")


def peer(path: Path, out: Path, *, batched: bool) -> None:
    """The same with `datasets`."""
    import datasets

    sys.path.insert(0, str(ROOT))
    from toi.data.templates import INSTRUCTION_TEMPLATES

    source, _, without_input = INSTRUCTION_TEMPLATES["alpaca-ja"]
    with_input, without_input = (t.replace("{history}", "") for t in (source, without_input or ""))

    def render(instruction: str, input: str, output: str) -> tuple[str, str]:
        instruction, input = instruction.strip(), input.strip()
        template = with_input if input else without_input
        return template.format(instruction=instruction, input=input), output.strip()

    def of_row(row: dict[str, str]) -> dict[str, str]:
        source, target = render(row["instruction"], row["input"], row["output"])
        return {"source": source, "target": target}

    def of_batch(rows: dict[str, list[str]]) -> dict[str, list[str]]:
        pairs = [render(*row) for row in zip(rows["instruction"], rows["input"], rows["output"], strict=True)]
        return {"source": [source for source, _ in pairs], "target": [target for _, target in pairs]}

    datasets.disable_progress_bars()
    data = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(out / "cache"))
    columns = ["instruction", "input", "output"]
    data = data.map(of_batch, batched=True, remove_columns=columns) if batched else data.map(of_row, remove_columns=columns)
    for split, rows in data.train_test_split(test_size=0.05, seed=42).items():
        rows.to_json(out / f"{split}.jsonl", force_ascii=False)


def measure(way: str, path: Path) -> None:
    """Go one way, and print seconds and memory."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        if way == "ours":
            ours(path, Path(out))
        else:
            peer(path, Path(out), batched=way == "batched map")
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=WAYS)
    parser.add_argument("--file", type=Path)
    args = parser.parse_args()
    if args.only:
        measure(args.only, args.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instructions.jsonl"
        write_rows(path, args.rows)
        print(f"{args.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        options = {way: ["--only", way, "--file", str(path)] for way in WAYS}

        def rate(figures: Figures) -> float:
            return args.rows / figures["seconds"]

        found = medians("benchmarks/instructions.py", options, args.repeats, rate)
    for way, figures in found.items():
        print(f"{way:12}{figures['seconds']:8.1f} s{rate(figures):12,.0f} rows/s{figures['peak_mb']:8,.0f} MB", end="")
        print("" if way == "ours" else f"    ours is {rate(found['ours']) / rate(figures):.2f} times as fast")


if __name__ == "__main__":
    main()
