"""Figures of which each is from a process of its own, one process behind the other."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Figures = dict[str, Any]


def figures(script: str, options: list[str]) -> Figures:
    """What a script prints as JSON in its last line. Ends the benchmark, with what the script said, if that fails."""
    result = subprocess.run([sys.executable, script, *options], capture_output=True, text=True, cwd=ROOT)
    if result.returncode:
        sys.exit(f"{script} {' '.join(options)}\n{result.stderr}")
    return json.loads(result.stdout.splitlines()[-1])


def medians(script: str, ways: dict[str, list[str]], repeats: int, rate: Callable[[Figures], float]) -> dict[str, Figures]:
    """For each way, given by its options, the run whose rate is the median. Ways take turns; runs are on stderr as they come."""
    runs: dict[str, list[Figures]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, options in ways.items():
            runs[way].append(figures(script, options))
            print(f"    {way}: {rate(runs[way][-1]):.2f} a second", file=sys.stderr, flush=True)
    return {way: sorted(of_way, key=rate)[(repeats - 1) // 2] for way, of_way in runs.items()}
