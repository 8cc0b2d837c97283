"""The partial file of a long run: every result is written as it comes, so that a killed run goes on where it was."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from toi.system.errors import InputError

Usable = Callable[[int, list[Any]], bool]


def files_of(output: str | Path) -> list[Path]:
    """The partial files of all processes for an output. Raises InputError if a folder stands where one of them would."""
    output = Path(output)
    named = re.compile(re.escape(output.name) + r"\.partial(\.\d+)?")
    files = sorted(path for path in output.parent.glob("*.partial*") if named.fullmatch(path.name))
    for path in files:
        if path.is_dir():
            raise InputError(f"{path}: a folder, where a file with what is done so far has its place; move it away")
    return files


class Journal:
    """Results by number in `{output}.partial` (of process n: `{output}.partial.n`), one JSON list a line under the run's key.

    `done` has what earlier runs with the same key wrote, whatever the number of their processes; files of other runs are
    left out, and `stale` says so. A line that was cut off by the kill is dropped. A whole line that is damaged, or holds what
    is not `usable` as the result of its number, is as good as not written; `damaged` counts them. Raises InputError if a file
    cannot be read.
    """

    def __init__(self, output: str | Path, key: str, rank: int = 0, usable: Usable = lambda number, result: True):
        self._output = Path(output)
        self._path = self._output.with_name(f"{self._output.name}.partial" + (f".{rank}" if rank else ""))
        self._key = key
        self._usable = usable
        self.done: dict[int, list[Any]] = {}
        self.stale = False
        self._file: IO[str] | None = None
        self.damaged = sum(self._read(path) for path in files_of(self._output))

    def _read(self, path: Path) -> int:
        """Take in what a file holds; returns how many of its lines cannot be used."""
        try:
            lines = path.read_bytes().split(b"\n")[:-1]  # what stands behind the last line break was cut off
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if not lines or lines[0].decode("utf-8", "replace") != self._key:
            self.stale |= bool(lines)
            return 0
        damaged = 0
        for line in lines[1:]:
            try:
                number, *result = json.loads(line.decode("utf-8"))
                usable = type(number) is int and self._usable(number, result)
            except (ValueError, TypeError, RecursionError):
                usable = False
            if usable:
                self.done[number] = result
            damaged += not usable
        return damaged

    def __enter__(self) -> "Journal":
        """Open the file of this process for what comes. Raises InputError if it cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            content = self._path.read_bytes() if self._path.exists() else b""
            going_on = content.split(b"\n")[0] == self._key.encode() and b"\n" in content
            self._file = open(self._path, "r+" if going_on else "w", encoding="utf-8", newline="\n")
            if going_on:
                self._file.truncate(content.rfind(b"\n") + 1)
                self._file.seek(0, 2)
            else:
                self._write(self._key)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror})") from error
        return self

    def add(self, number: int, result: Iterable[Any]) -> None:
        """Write one result, which is safe then: a kill cannot take it back."""
        result = list(result)
        self._write(json.dumps([number, *result], ensure_ascii=False))
        self.done[number] = result

    def _write(self, line: str) -> None:
        assert self._file is not None
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror})") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def read_again(self) -> None:
        """Take in what the other processes wrote."""
        for path in files_of(self._output):
            self._read(path)

    def remove(self) -> None:
        """Remove the files of all processes, when the output is written."""
        for path in files_of(self._output):
            path.unlink(missing_ok=True)
