"""The weights of a `model.safetensors` as numpy's arrays, which stay in the file until they are read."""

import json
from pathlib import Path

import numpy

from toi.system.errors import InputError

_KINDS = {"F32": "<f4", "F16": "<f2"}


def read_weights(path: Path) -> dict[str, numpy.ndarray]:
    """Arrays by the names of their tensors. Raises InputError for a file that is cut, or of other numbers."""
    try:
        content = numpy.asarray(numpy.memmap(path, dtype=numpy.uint8, mode="r"))
        behind = 8 + int(content[:8].view("<u8")[0])
        header = json.loads(content[8:behind].tobytes())
        return {name: _tensor(content[behind:], about) for name, about in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path}: not readable weights in single or half precision ({error}); copy the file anew") from error


def _tensor(content: numpy.ndarray, about: dict) -> numpy.ndarray:
    start, end = about["data_offsets"]
    return content[start:end].view(_KINDS[about["dtype"]]).reshape(about["shape"])
