"""`task.json` of data and model folders, and what it says of the data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toi.data.tasks import Task
from toi.system.errors import InputError
from toi.system.files import read_json, write_json


def read_task(folder: str | Path) -> Task | None:
    """The Task of a data or model folder; None if it has no `task.json`."""
    path = Path(folder) / "task.json"
    return Task.from_json(read_json(path), path) if path.is_file() else None


def keeps_line_breaks(folder: str | Path) -> bool:
    """Whether the TSVs of a data folder, or those for a model folder, write line breaks as `\\n`: where its `task.json` says so."""
    task = read_task(folder)
    return task is not None and task.line_breaks


def chosen_task(own: Task | None, name: str | None, model: str) -> Task:
    """The task of a model: its own, or the built-in one called `name`. Raises InputError if there is neither, or both."""
    if own is None:
        if name is None:
            known = "qa, aqg, aqg-hl or aqg-cf (chat, of a model with a chat template)"
            raise InputError(f"{model}: no task.json; say what the model does with --task {known}")
        return Task.named(name)
    if name is not None and name != own.name:
        raise InputError(f"{model}: was trained for the task {own.name}, not {name}; leave --task out")
    return own


def chosen_tasks(names: Sequence[str], own: Sequence[Task | None], name: str | None) -> list[Task]:
    """The task of each of the models: its own, or else the built-in one called `name`, or else that of the other model.

    Raises InputError as `chosen_task` does.
    """
    others = [task for task in own if task is not None]
    tasks = []
    for model, task in zip(names, own, strict=True):
        if task is None and name is None and others:
            tasks.append(others[0])
        elif task is not None and len(others) < len(own):  # the name is for the other one
            tasks.append(task)
        else:
            tasks.append(chosen_task(task, name, model))
    return tasks


def data_of(folder: str | Path) -> dict[str, Any]:
    """What the `task.json` of a data or model folder says of the data; nothing if there is none."""
    path = Path(folder) / "task.json"
    value = read_json(path) if path.is_file() else {}
    return dict(value.get("data", {})) if isinstance(value, dict) else {}


def scored_splits(folder: str | Path) -> tuple[str, ...]:
    """The splits of a data folder that a model is scored on: dev and test, or dev alone where it was made without a test split."""
    counts = data_of(folder).get("counts", {})
    return ("dev",) if "dev" in counts and "test" not in counts else ("dev", "test")


def write_task(folder: str | Path, task: Task, data: dict[str, Any]) -> None:
    """Write `task.json`: the task, and what is known of the data it was used on."""
    write_json(Path(folder) / "task.json", {**task.to_json(), "data": data})
