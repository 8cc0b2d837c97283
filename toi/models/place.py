"""Where a model is: what is wrong with its name is said before anything slow is imported."""

from pathlib import Path

from toi.system.errors import InputError
from toi.system.files import read_json
from toi.system.optional import require

_LIMITS = {"max_input_length": 512, "max_target_length": 64}  # of a model that does not say any
_LONGEST = 1_000_000  # tokens of a text
ADAPTER = "adapter_config.json"  # what peft writes of an adapter, whose base has the weights


def local_folder(name: str) -> Path | None:
    """The folder of that name; None for what can only be a name of the Hugging Face hub. Raises InputError if it is neither."""
    path = Path(name)
    if path.is_dir():
        return path
    if path.is_file():
        raise InputError(f"{name}: a file, not a model folder; give the folder that holds its config.json")
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"{name}: no such model folder")
    return None


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds the adapter of a model, not the model."""
    return (folder / ADAPTER).is_file() and not (folder / "config.json").is_file()


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model, or an adapter of one."""
    return (folder / "config.json").is_file() or is_adapter(folder)


def check_model(name: str, tokenizer_name: str | None = None) -> None:
    """Raise InputError for a folder that is no model, for an adapter without peft, or for a tokenizer that is not there."""
    folder = local_folder(name)
    if folder is not None and is_adapter(folder):
        require(f"{folder}: an adapter", "peft")
    elif folder is not None and not is_model(folder):
        raise InputError(f"{folder}: no config.json, so this is not a model folder; train one with train.py --do_train")
    if tokenizer_name is not None:
        local_folder(tokenizer_name)


def limits_of_training(folder: Path) -> tuple[int, int]:
    """The lengths of sources and outputs that a model was trained with, in tokens; those that it has otherwise.

    Raises InputError for a `run.json` that does not say so properly.
    """
    path = folder / "run.json"
    run = read_json(path) if path.is_file() else {}
    options = run.get("options", {}) if isinstance(run, dict) else None
    if not isinstance(options, dict):
        raise InputError(f"{path}: not the description of a training run; remove it, or train again")
    limits = dict(_LIMITS)
    for name in limits:
        value = options.get(name)
        if value is not None and (type(value) is not int or not 2 <= value <= _LONGEST):
            raise InputError(f"{path}: {name} is not a number of tokens: {value!r}")
        limits[name] = limits[name] if value is None else value
    return limits["max_input_length"], limits["max_target_length"]
