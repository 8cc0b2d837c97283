"""What a file was when it was last read: whether it is the same now can mostly be told without reading it again."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from toi.system.files import sha256

_SETTLED = 2 * 10**9  # nanoseconds, behind which another change of a file is sure to show in its time


class FileState(NamedTuple):
    """Size in bytes, time of the last change in nanoseconds, inode, and what the file holds."""

    size: int
    mtime_ns: int
    inode: int
    sha256: str


Marks = tuple[int, int, int]  # all but the last


def marks_of(path: Path) -> Marks:
    """What is known of a file without reading it. Raises OSError if there is none."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def state_of(path: Path) -> FileState:
    """The state of a file, which is read. A file that has only just changed is to be read again the next time."""
    size, mtime_ns, inode = marks_of(path)
    settled = mtime_ns < time.time_ns() - _SETTLED
    return FileState(size, mtime_ns if settled else 0, inode, sha256(path))


def same_states(folder: Path, known: dict[str, FileState]) -> dict[str, FileState] | None:
    """The states of the files as they are now; None if one holds something else, or is not there.

    Only what is not where and when it was is read.
    """
    now = {}
    for name, state in known.items():
        try:
            marks = marks_of(folder / name)
            if marks[0] != state.size:
                return None
            now[name] = state if marks == state[:3] else state_of(folder / name)
        except OSError:
            return None
        if now[name].sha256 != state.sha256:
            return None
    return now


def states_from_json(value: dict[str, Iterable]) -> dict[str, FileState]:
    """The inverse of what json makes of states. Raises TypeError or ValueError for anything else."""
    states = {name: FileState(*state) for name, state in value.items()}
    if not all([type(field) for field in state] == [int, int, int, str] for state in states.values()):
        raise TypeError("not the states of files")
    return states
