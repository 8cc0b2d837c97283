"""How many threads numpy multiplies matrices with."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy

_AFFIXES = (("scipy_", "64_"), ("", "64_"), ("", ""), ("scipy_", ""))  # of the builds of OpenBLAS that come with numpy


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside this block OpenBLAS has one thread: on a busy machine small products wait for others much longer than they take."""
    functions = _functions()
    if functions is None:  # another library than OpenBLAS
        yield
        return
    read, write = functions
    before = read()
    write(1)
    try:
        yield
    finally:
        write(before)


@cache
def _functions() -> tuple[Any, Any] | None:
    for path in (Path(numpy.__file__).parent.parent / "numpy.libs").glob("*openblas*"):
        library = ctypes.CDLL(str(path))
        for before, behind in _AFFIXES:
            names = (f"{before}openblas_{what}_num_threads{behind}" for what in ("get", "set"))
            found = [getattr(library, name, None) for name in names]
            if all(found):
                return found[0], found[1]
    return None
