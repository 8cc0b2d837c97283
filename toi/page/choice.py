"""The models of a folder, of which users choose: loaded when one is asked for, and a few of them kept."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from toi.data.task_files import read_task
from toi.data.tasks import Task
from toi.models.place import is_model
from toi.scoring.asked import Asked, open_asked
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError

Kind = Literal["asks", "answers", "instructs"]
_DEEPEST = 2  # folders below the given one are looked into


def kind_of(task: Task) -> Kind:
    """What a model does: asks questions, answers them, or does what an instruction says."""
    return "instructs" if task.instructs else "asks" if task.asks else "answers"


class Models:
    """The model folders below a folder that have a `task.json`, by their names in it.

    A model is used by one thread at a time.
    """

    def __init__(self, folder: str, most: int):
        """Raises InputError for a folder that is not there, or has no model."""
        self._folder, self._most = Path(folder), most
        if not self._folder.is_dir():
            raise InputError(f"{folder}: no such folder; give --model_dir one that holds model folders")
        self._loaded: OrderedDict[str, Asked] = OrderedDict()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        if not self.names():
            raise InputError(f"{folder}: no model folder with a task.json in it; train one with train.py --do_train")

    def names(self, kind: Kind | None = None) -> list[str]:
        """The names of the models that are there now, or of those of a kind; a folder that cannot be used is left out."""
        return [name for name, found in sorted(self._found()) if kind is None or found == kind]

    def kinds(self) -> dict[str, str]:
        """The models that can be chosen, and what each does: asks, answers or instructs."""
        return dict(sorted(self._found()))

    def _found(self) -> Iterator[tuple[str, Kind]]:
        root = self._folder.resolve()
        for depth in range(_DEEPEST + 1):
            for path in self._folder.glob("/".join(["*"] * depth + ["task.json"])):
                folder = path.parent
                outside = root not in (folder.resolve(), *folder.resolve().parents)  # a link leads there
                if outside or not is_model(folder):
                    continue
                try:
                    task = read_task(folder)
                except InputError:
                    continue
                if task is not None:
                    yield str(folder.relative_to(self._folder)), kind_of(task)

    @contextmanager
    def use(self, name: str) -> Iterator[Asked]:
        """The model of that name, for this thread alone. Raises InputError if there is none of the name, or it cannot be loaded."""
        if name not in self.names():
            raise InputError(f"no model is called {name!r}")
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            yield self._model(name)

    def _model(self, name: str) -> Asked:
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name]
        (asked,) = open_asked([str(self._folder / name)], None, AnsweringOptions(model_name_or_path=str(self._folder / name)))
        with self._lock:
            self._loaded[name] = asked
            while len(self._loaded) > self._most:
                self._loaded.popitem(last=False)
        return asked
