"""The converted model of CTranslate2, kept beside its folder.

What is kept is keyed by the SHA-256 of the weights as they are in memory, so that other weights are never mistaken for it, and
its files by their sizes (the small ones by their SHA-256): a damaged one is made anew.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toi.models.ready import Model, ReadyModel, converted_beside
from toi.system.files import replacing_folder, sha256

if TYPE_CHECKING:
    from toi.models.checkpoint import Checkpoint

_KEY = "toi.json"  # beside the converted weights: what they were made from
_SMALL = 1 << 24  # bytes


def converted(checkpoint: Model, fingerprint: str, *, anew: bool = False) -> Path:
    """The folder of the converted model, made if it is not there, is damaged, or was made from other weights.

    It is `MODEL.ctranslate2` beside the model folder, or a folder in the user's cache where that cannot be written.
    `fingerprint` is that of the model; `anew` makes it in any case. Raises InputError if neither place can be written to.
    """
    if isinstance(checkpoint, ReadyModel) and not anew:
        return checkpoint.converted
    import ctranslate2

    checkpoint = checkpoint.loaded
    key = f"ctranslate2 {ctranslate2.__version__}, {fingerprint}"
    folder = _place(checkpoint, key)
    if anew or not _is_whole(folder, key):
        with replacing_folder(folder, leaving=("*",)) as new:
            checkpoint.family.convert(checkpoint.model, new)
            files = {path.name: _state(path) for path in sorted(new.iterdir())}
            (new / _KEY).write_text(json.dumps({"key": key, "files": files}) + "\n", encoding="utf-8")
    return folder


def _place(checkpoint: "Checkpoint", key: str) -> Path:
    model = Path(checkpoint.name)
    if model.is_dir():
        folder = converted_beside(model)
        if os.access(folder.parent, os.W_OK | os.X_OK):
            return folder
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "toi" / f"ctranslate2-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _is_whole(folder: Path, key: str) -> bool:
    try:
        known = json.loads((folder / _KEY).read_text(encoding="utf-8"))
        return known["key"] == key and all(_state(folder / name) == state for name, state in known["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # not there, or not whole: it is made anew


def _state(path: Path) -> list[Any]:
    """The size of a file and, if it is small, its SHA-256."""
    size = path.stat().st_size
    return [size, sha256(path) if size <= _SMALL else None]
