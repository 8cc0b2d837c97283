"""Where a model is: what is wrong with its name is said before anything slow is imported."""

from pathlib import Path

from toi.system.errors import InputError


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


def check_model(name: str, tokenizer_name: str | None = None) -> None:
    """Raise InputError for a folder that is no model, or for a tokenizer that is not there."""
    folder = local_folder(name)
    if folder is not None and not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is not a model folder; train one with train.py --do_train")
    if tokenizer_name is not None:
        local_folder(tokenizer_name)
