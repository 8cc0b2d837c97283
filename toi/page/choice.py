"""The models of a folder, of which users choose: loaded when one is asked for, and a few of them kept."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from toi.data.task_files import read_task
from toi.data.tasks import Task
from toi.models.place import ADAPTER, is_adapter, is_model
from toi.models.ready import converted_beside
from toi.scoring.asked import Asked, open_asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.files import read_json

Backend = Literal["auto", "torch"]
Kind = Literal["asks", "answers", "instructs", "pairs", "extracts"]
_DEEPEST = 2  # folders below the given one are looked into
_Mark = tuple[tuple[str, int, int, int], ...]  # of the files of a folder: name, inode, time in ns, bytes


def kind_of(task: Task) -> Kind:
    """What a model does: asks questions, answers them, does what an instruction says, or writes pairs or answers of a text."""
    if task.extracts:
        return "pairs" if "{pairs}" in task.target_template else "extracts"
    return "instructs" if task.instructs else "asks" if task.asks else "answers"


class Models:
    """The model folders below a folder that have a `task.json`, by their names in it.

    What a folder is, is read once, and again when it has changed; a model that was trained again is loaded again. A model is used
    by one thread at a time.
    """

    def __init__(self, folder: str, most: int):
        """Raises InputError for a folder that is not there, or has no model."""
        self._folder, self._most = Path(folder), most
        if not self._folder.is_dir():
            raise InputError(f"{folder}: no such folder; give --model_dir one that holds model folders")
        self._known: dict[str, tuple[_Mark, Kind | None]] = {}
        self._loaded: OrderedDict[str, tuple[_Mark, Asked]] = OrderedDict()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        if not self.names():
            raise InputError(f"{folder}: no model folder with a task.json in it; train one with train.py --do_train")

    def names(self, *kinds: Kind) -> list[str]:
        """The names of the models that are there now, or of those of some kinds; a folder that cannot be used is left out."""
        return [name for name, found in self.kinds().items() if not kinds or found in kinds]

    def kinds(self) -> dict[str, str]:
        """The models that can be chosen, and what each does: asks, answers, instructs, pairs or extracts."""
        places = [self._folder.glob("/".join(["*"] * depth + ["task.json"])) for depth in range(_DEEPEST + 1)]
        names = sorted(str(path.parent.relative_to(self._folder)) for paths in places for path in paths)
        return {name: kind for name in names if (kind := self._kind(name)) is not None}

    @contextmanager
    def use(self, name: str) -> Iterator[Asked]:
        """The model of that name, for this thread alone. Raises InputError if there is none of the name, or it cannot be loaded."""
        place = Path(name)
        by_its_name = str(place) == name and not place.is_absolute() and ".." not in place.parts and len(place.parts) <= _DEEPEST
        if not by_its_name or self._kind(name) is None:
            raise InputError(f"no model is called {name!r}")
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            yield self._model(name)

    def backend(self, name: str) -> Backend:
        """What computes a model: torch alone where CTranslate2's form of it would be written outside of the folder."""
        return "auto" if self._holds(converted_beside(self._folder / name)) else "torch"

    def _kind(self, name: str) -> Kind | None:
        """What the model of that name does; None where there is no model that can be used."""
        folder = self._folder / name
        if not self._holds(folder):  # a link leads there
            return None
        try:
            mark = _mark(folder)
        except OSError:
            return None
        known = self._known.get(name)
        if known is None or known[0] != mark:
            known = self._known[name] = mark, self._read(folder)
        return known[1]

    def _read(self, folder: Path) -> Kind | None:
        try:
            if not is_model(folder) or not all(map(self._holds, [folder, *folder.iterdir(), *_base(folder)])):
                return None
            task = read_task(folder)
        except (InputError, OSError):
            return None
        return None if task is None else kind_of(task)

    def _holds(self, path: Path) -> bool:
        """Whether a path is inside of the folder, wherever links lead."""
        root, real = self._folder.resolve(), path.resolve()
        return root == real or root in real.parents

    def _model(self, name: str) -> Asked:
        mark = _mark(self._folder / name)
        with self._lock:
            if self._loaded.get(name, (None,))[0] == mark:
                self._loaded.move_to_end(name)
                return self._loaded[name][1]
            self._loaded.pop(name, None)
        (asked,) = open_asked([str(self._folder / name)], None, AnsweringOptions(model_name_or_path=str(self._folder / name)))
        with self._lock:
            self._loaded[name] = mark, asked
            while len(self._loaded) > self._most:
                self._loaded.popitem(last=False)
        return asked


def _mark(folder: Path) -> _Mark:
    """Raises OSError if there is no such folder."""
    with os.scandir(folder) as entries:
        states = sorted((entry.name, entry.stat()) for entry in entries)
    return tuple((name, state.st_ino, state.st_mtime_ns, state.st_size) for name, state in states)


def _base(folder: Path) -> list[Path]:
    """The folder of the model that an adapter stands on, which may be elsewhere; nothing of another model.

    Raises InputError for an adapter whose base is no folder here: nothing is asked of the hub.
    """
    if not is_adapter(folder):
        return []
    about = read_json(folder / ADAPTER)
    name = about.get("base_model_name_or_path") if isinstance(about, dict) else None
    if not isinstance(name, str) or not Path(name).is_dir():
        raise InputError(f"{folder}: an adapter of {name!r}, which is no folder here")
    return [Path(name)]
