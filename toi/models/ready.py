"""A model whose converted form lies ready beside its folder: it writes without torch and transformers.

What is needed for that is kept in `MODEL.ctranslate2/ready.json` (the stamp) when the model has been loaded and converted: the
states of all files that decide on what it writes, of both folders, and a few facts that torch and transformers told. Where a file
holds something else now, or a library is another one, the model is loaded as ever, and says itself what is wrong with it.
"""

import contextlib
import importlib.metadata
import json
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from toi.data.task_files import read_task
from toi.data.tasks import Task
from toi.models.piece_tokenizer import PieceTokenizer
from toi.models.place import limits_of_training
from toi.models.quick_members import QUICK, QuickFamily
from toi.system.errors import InputError
from toi.system.files import replacing
from toi.system.machine import may_have_accelerator
from toi.system.states import marks_of, same_states, state_of, states_from_json
from toi.system.versions import versions

if TYPE_CHECKING:
    from toi.models.checkpoint import Checkpoint

Model: TypeAlias = "Checkpoint | ReadyModel"  # loaded or not
STAMP = "ready.json"
_FORMAT = 1  # of the stamp, to be raised whenever what it means changes
# What a model is loaded from, but for task.json and run.json, which are read anew every time.
_LOADED = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "adapter*", "config.json", "generation_config.json",
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "*.model", "merges.txt", "vocab.json", "*.jinja",
)  # fmt: skip
_MOST = 10**9  # parameters: what has more takes numpy too long


class ReadyModel:
    """As much of a `toi.models.checkpoint.Checkpoint` as writing needs; the rest is loaded when it is asked for."""

    def __init__(self, name: str, stamp: Mapping[str, Any]):
        """Raises InputError for a `run.json` or `task.json` that cannot be used, KeyError, TypeError or ValueError for a stamp."""
        self.name, self.folder, self.converted = name, Path(name), converted_beside(Path(name))
        tokenizer = PieceTokenizer(self.folder / "spiece.model", stamp["tokenizer"])
        self.family = QUICK[stamp["family"]["kind"]](tokenizer, stamp["family"])
        self._fingerprint, self.parameters = stamp["fingerprint"], stamp["parameters"]
        if not isinstance(self._fingerprint, str) or not isinstance(self.parameters, int):
            raise TypeError("not the stamp of a model")
        self.max_input_length, self.max_target_length = limits_of_training(self.folder)
        self.task: Task | None = read_task(self.folder)
        self.family.follow(self.task)

    @property
    def tokenizer(self) -> PieceTokenizer:
        """The tokenizer of the model."""
        return self.family.tokenizer  # type: ignore[return-value]  # that of the constructor

    @cached_property
    def arrays(self) -> Any:
        """The model for numpy."""
        return self.family.load(self.folder)

    @property
    def is_loaded(self) -> bool:
        """Whether the model for torch is there."""
        return "loaded" in self.__dict__

    @cached_property
    def loaded(self) -> "Checkpoint":
        """The model for torch. Raises InputError where it cannot be loaded."""
        return load_noted(self.name)

    def fingerprint(self) -> str:
        """The SHA-256 of the configuration and the weights: that of `Checkpoint`."""
        return self._fingerprint


def converted_beside(folder: Path) -> Path:
    """Where the converted model of a model folder is."""
    folder = folder.resolve()
    return folder.with_name(f"{folder.name}.ctranslate2")


def load_noted(name: str, tokenizer_name: str | None = None) -> "Checkpoint":
    """`toi.models.checkpoint.load`, what it is loaded from being noted: so it may be remembered when it has been converted."""
    from toi.models.checkpoint import load, quiet

    quiet()
    seen = {path.name: marks_of(path) for path in _files(Path(name))} if Path(name).is_dir() and tokenizer_name is None else None
    checkpoint = load(name, tokenizer_name=tokenizer_name)
    checkpoint.seen = seen
    return checkpoint


def ready_model(name: str) -> ReadyModel | None:
    """The model of a folder, if it lies ready; None where an accelerator may search better.

    Raises InputError for a `run.json` or `task.json` that cannot be used.
    """
    if may_have_accelerator():
        return None
    folder, place = Path(name), converted_beside(Path(name))
    try:
        stamp = json.loads((place / STAMP).read_text(encoding="utf-8"))
        known = [states_from_json(stamp[part]) for part in ("model", "converted")]
        if stamp["versions"] != _versions() or {path.name for path in _files(folder)} != set(known[0]):
            return None
        now = [same_states(place, states) for place, states in zip((folder, place), known, strict=True)]
        if None in now:
            return None
        if now != known:
            with contextlib.suppress(OSError, InputError):  # a folder that cannot be written to: read again the next time
                _write(place, {**stamp, "model": now[0], "converted": now[1]})
        return ReadyModel(name, stamp)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # none there, or not whole: it is written anew


def remember(checkpoint: "Checkpoint", converted: Path, fingerprint: str) -> None:
    """Write the stamp of a model that was converted, if it is what the files of its folder say, and can write without torch."""
    folder, seen = Path(checkpoint.name), checkpoint.seen
    checkpoint.seen = None  # once is enough
    if seen is None or converted != converted_beside(folder):
        return
    family, tokenizer = checkpoint.family.facts(checkpoint.model), checkpoint.tokenizer.facts()
    if family is None or tokenizer is None or not (folder / "spiece.model").is_file():
        return
    light = PieceTokenizer(folder / "spiece.model", tokenizer)
    if list(light.pieces) != list(checkpoint.tokenizer.pieces):
        return
    with contextlib.suppress(OSError, InputError):
        model = {path.name: state_of(path) for path in _files(folder)}
        if {path.name: marks_of(path) for path in _files(folder)} != seen:
            return  # changed since it was loaded
        parameters = sum(parameter.numel() for parameter in checkpoint.model.parameters())
        if parameters > _MOST or not _computes_the_same(QUICK[family["kind"]](light, family), checkpoint):
            family = {**family, "settings": None}
        files = {path.name: state_of(path) for path in sorted(converted.iterdir()) if path.name != STAMP}
        about = {"fingerprint": fingerprint, "parameters": parameters, "family": family, "tokenizer": tokenizer}
        _write(converted, {"versions": _versions(), "model": model, "converted": files, **about})


def _computes_the_same(quick: QuickFamily, checkpoint: "Checkpoint") -> bool:
    """Whether numpy makes of the files what torch has in memory: its first logits for a source are the same."""
    source = [[*quick.end_ids, *quick.end_ids]]
    expected = checkpoint.first_logits(source)
    try:
        found = quick.begin(quick.load(Path(checkpoint.name)), source).start()
        return found.shape == expected.shape and bool(numpy.allclose(found, expected, rtol=1e-3, atol=1e-3))
    except Exception:  # other names or kinds of weights than are known
        return False


def _write(converted: Path, stamp: Mapping[str, Any]) -> None:
    with replacing(converted / STAMP) as file:
        json.dump(stamp, file, ensure_ascii=False)
        file.write("\n")


def _versions() -> dict[str, Any]:
    return {"format": _FORMAT, "ctranslate2": importlib.metadata.version("ctranslate2"), **versions()}


def _files(folder: Path) -> list[Path]:
    """The files of a model folder that a model is loaded from."""
    return sorted(path for path in folder.iterdir() if any(fnmatch(path.name, pattern) for pattern in _LOADED))
