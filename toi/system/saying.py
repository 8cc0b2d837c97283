"""What a script says beside its output: on stderr, behind its name."""

import os
import sys


def script_name() -> str:
    """The file name of the script that runs."""
    return os.path.basename(sys.argv[0])


def say(text: str) -> None:
    """Print a line on stderr."""
    print(f"{script_name()}: {text}", file=sys.stderr)


def warn(text: str, place: str = "") -> None:
    """Print a warning on stderr; `place` stands before it."""
    say(f"warning: {place}{text}")
