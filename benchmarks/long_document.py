"""A document of 1,000 passages: time for each pair against one call of generate.py for each question, and kills.

    python benchmarks/long_document.py --model_name_or_path model --qa_model model_qa --kills 5

The document is drawn from the grammar of the sample, about things that do not exist. With --kills the run is killed (SIGKILL) and
gone on with so many times, each time once it has written some more questions or answers; its output must then equal, byte for byte,
that of a run that nobody disturbed.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "samples"))


def document(passages: int) -> str:
    """Sections of a few sentences about one thing each."""
    from contexts import Contexts

    contexts = Contexts(random.Random(0))
    parts = []
    for i in range(passages):
        text = "".join(sentence.text for sentence in contexts.context(3))
        parts.append(f"# {i + 1}\n\n{text}")
    return "\n\n".join(parts)


def command(args: argparse.Namespace, file: Path, folder: Path) -> list[str]:
    """The whole way on a document."""
    return [
        sys.executable, str(ROOT / "generate.py"), "--model_name_or_path", args.model_name_or_path, "--qa_model", args.qa_model,
        "--document", str(file), "--output_dir", str(folder), "--overwrite_output_dir",
        "--max_candidates", str(args.max_candidates),
    ]  # fmt: skip


def done(folder: Path) -> int:
    """The lines that a run has written beside its output."""
    files = folder.parent.glob(f"{folder.name}.*.partial")
    return sum(file.read_bytes().count(b"\n") for file in files)


def compare_with_calls(args: argparse.Namespace, folder: Path, seconds: float) -> None:
    """Time of a pair, and of a question by a call of its own."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    one = seconds / report["questions"]
    print(f"{report['passages']:,} passages, {report['questions']:,} questions, {report['kept']:,} kept, {seconds:.1f} s")
    print(f"{one * 1000:.1f} ms a question, asked, answered and checked; {report['kept'] / seconds:.1f} kept pairs/s")
    times = []
    for pair in pairs[:: max(1, len(pairs) // args.calls)][: args.calls]:
        asked = ["--answer", pair["answer"], "--context", pair["context"], "--answer_start", str(pair["answer_start"])]
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, str(ROOT / "generate.py"), "--model_name_or_path", args.model_name_or_path, *asked],
            check=True, capture_output=True,
        )  # fmt: skip
        times.append(time.perf_counter() - started)
    call = sorted(times)[len(times) // 2]
    print(f"a call of generate.py for one question: {call:.3f} s (median of {len(times)}), {call / one:.0f} times as long")


def kill_again_and_again(args: argparse.Namespace, file: Path, folder: Path) -> bool:
    """Whether a run that was killed and gone on with writes what `folder` has."""
    killed = folder.with_name("killed")
    for kill in range(args.kills):
        before = done(killed)
        with subprocess.Popen(command(args, file, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while done(killed) < before + args.lines and process.poll() is None:
                time.sleep(0.02)
            if process.poll() is not None:
                sys.exit(f"the run ended before kill {kill + 1}: exit code {process.returncode}; give smaller --lines")
            process.send_signal(signal.SIGKILL)
        print(
            f"kill {kill + 1}: {done(killed):,} lines are there, the output is {'there' if killed.exists() else 'not there'}",
            flush=True,
        )
    subprocess.run(command(args, file, killed), check=True, stdout=subprocess.DEVNULL)
    contents = [{p.relative_to(one): p.read_bytes() for p in sorted(one.rglob("*")) if p.is_file()} for one in (folder, killed)]
    print(f"{args.kills} kills; the same bytes: {contents[0] == contents[1]} ({len(contents[0])} files)")
    return contents[0] == contents[1]


def main() -> None:
    """Run once, compare with calls, then kill."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model_name_or_path", default="model")
    parser.add_argument("--qa_model", default="model_qa")
    parser.add_argument("--passages", type=int, default=1000)
    parser.add_argument("--max_candidates", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--lines", type=int, default=700, help="so many more are written between two kills")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file, folder = Path(name) / "long.md", Path(name) / "whole"
        file.write_text(document(args.passages), encoding="utf-8")
        started = time.perf_counter()
        subprocess.run(command(args, file, folder), check=True, stdout=subprocess.DEVNULL)
        compare_with_calls(args, folder, time.perf_counter() - started)
        if args.kills:
            sys.exit(not kill_again_and_again(args, file, folder))


if __name__ == "__main__":
    main()
