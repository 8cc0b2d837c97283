"""Data sets of the Hugging Face hub -> records, by `datasets`."""

from collections.abc import Iterator
from typing import Any

from toi.data.table_files import Record
from toi.system.errors import InputError, first_line


def hub_records(name: str, config: str | None, split: str, *, streaming: bool = False) -> Iterator[Record]:
    """The records of a split, with places like `kunishou/databricks-dolly-15k-ja: train[3]`, counted from 0.

    Raises InputError, beginning with the name, if there is no such data set or split, or the hub is not reached.
    """
    import datasets

    try:
        data: Any = datasets.load_dataset(name, config, split=split, streaming=streaming)
    except (datasets.exceptions.DatasetsError, ValueError, OSError, RuntimeError) as error:
        raise InputError(f"{name}: split {split!r} of this data set cannot be read: {first_line(error)}") from None
    number = 0
    try:
        for values in data:
            yield Record(f"{name}: {split}[{number}]", dict(values))
            number += 1
    except (datasets.exceptions.DatasetsError, OSError) as error:  # of a streamed one
        raise InputError(f"{name}: {split}[{number}]: cannot be read: {first_line(error)}") from None
