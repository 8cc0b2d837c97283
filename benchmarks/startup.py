"""How soon do the scripts answer? Medians of ten runs each, warm, against the import of torch alone.

    python benchmarks/startup.py --model model --predictions model/test_output.tsv     (after make demo)

One question; one whose wish is banned, so that it is searched again (the word is looked for among those that it would write); the
scores of a file of predictions; and `--help` of every script. Nothing is left out: the start of Python counts. The ways take turns,
so that what else the machine does slows them alike. With AVX2 only: ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
OPENBLAS_CORETYPE=Haswell.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
CONTEXT = "山梨県の県庁所在地は甲府市です。"
ASK = ("generate.py", "--answer", "甲府市", "--context", CONTEXT)
TORCH = "import torch"


class Seconds(NamedTuple):
    """Of a run: on the clock, and of processors, which a busy machine makes hardly longer."""

    clock: float
    processors: float


def run(command: list[str]) -> tuple[Seconds, subprocess.CompletedProcess]:
    """Run a command: its seconds, and what it said. Raises SystemExit with its errors if it fails."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stderr}")
    return Seconds(clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), result


def banned(model: str) -> list[str]:
    """A word that the model would write: a part of its question that is not the answer."""
    _, free = run([*ASK, "--model_name_or_path", model])
    from toi.text.words import content_words

    words = [word for word in content_words(free.stdout) if word in free.stdout]
    if not words:
        sys.exit(f"{model}: nothing to ban in its question {free.stdout.strip()!r}")
    return ["--bad_words", max(words, key=len)]


def ways(model: str, predictions: str, scores: str) -> dict[str, list[str]]:
    """The commands by what they are called."""
    ask = [*ASK, "--model_name_or_path", model]
    found = {
        TORCH: ["-c", TORCH],
        "one question": ask,
        "one question, its wish banned": [*ask, *banned(model)],
        "five questions": [*ask, "--num_return_sequences", "5", "--diversity_penalty", "1"],
        "evaluate.py --predictions": ["evaluate.py", "--predictions", predictions, "--output_dir", scores],
    }
    return {**found, **{f"{path.name} --help": [path.name, "--help"] for path in sorted(ROOT.glob("*.py"))}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="model", help="a model of train.py")
    parser.add_argument("--predictions", default="model/test_output.tsv")
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    model, predictions = (str(Path(path).resolve()) for path in (args.model, args.predictions))
    with tempfile.TemporaryDirectory() as scores:
        commands = ways(model, predictions, scores)
        said = {name: run(command)[1].stderr.strip() for name, command in commands.items()}  # warm, and converted
        seconds: dict[str, list[Seconds]] = {name: [] for name in commands}
        for _ in range(args.runs):
            for name, command in commands.items():
                seconds[name].append(run(command)[0])
    peer = statistics.median(one.clock for one in seconds[TORCH])
    print(f"{'':32}{'seconds':>8}{'fastest':>9}{'of processors':>15}{'x import torch':>16}")
    for name, measured in seconds.items():
        median, processors = (statistics.median(several) for several in zip(*measured, strict=True))
        engine = said[name].splitlines()[-1] if said[name] else ""
        print(f"{name:32}{median:8.2f}{min(measured).clock:9.2f}{processors:15.2f}{median / peer:16.2f}  {engine}")


if __name__ == "__main__":
    main()
