"""A saved model: what `save_pretrained` writes, `task.json` and `run.json`, all at once or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel

from toi.data.tasks import HIGHLIGHT, Task, read_task, write_task
from toi.models.tokenizer import Tokenizer, load_tokenizer
from toi.system.errors import InputError
from toi.system.files import check_writable, read_json, replacing_folder, write_json
from toi.system.memory import keep_memory

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# What Toi writes into a model folder: of another model, and so not taken along when a new one is saved.
_OURS = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "config.json", "generation_config.json", "tokenizer*.json",
    "special_tokens_map.json", "added_tokens.json", "spiece.model", "task.json", "run.json", "log.csv", "training.png",
    "README.md", "results.json", "report.html", "*_output.tsv", "*_round_trip",
)  # fmt: skip


@dataclass
class Checkpoint:
    """A model with the tokenizer and, if it was trained here, the task that belong to it."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    task: Task | None
    name: str
    max_input_length: int = 512  # the limits of its training, in tokens
    max_target_length: int = 64


def load(name: str, *, tokenizer_name: str | None = None, from_scratch: bool = False, seed: int = 0) -> Checkpoint:
    """A sequence-to-sequence model in single precision, from a folder or the Hugging Face hub.

    `tokenizer_name` is the folder or the hub model of the tokenizer, where it is not that of the model.
    `from_scratch` takes the configuration and the tokenizer only and draws the weights from `seed`. Raises InputError
    if there is no such model, it cannot be reached, or it is not of this kind. The process keeps its memory from here on.
    """
    keep_memory()
    folder = find(name)
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is not a model folder; train one with train.py --do_train")
    try:
        config = AutoConfig.from_pretrained(folder)
    except (ValueError, OSError, KeyError) as error:
        raise InputError(f"{folder}/config.json: not the configuration of a known model ({_first_line(error)})") from None
    if not config.is_encoder_decoder:
        raise InputError(f"{name}: a {config.model_type} model does not write; give a T5 (sequence-to-sequence) model")
    tokenizer = load_tokenizer(folder if tokenizer_name is None else find(tokenizer_name, weights=False))
    if from_scratch:
        config.vocab_size = max(config.vocab_size, len(tokenizer))
        torch.manual_seed(seed)
        model = AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32)
    else:
        model = _load_weights(folder)
    make_room(model, tokenizer)
    return Checkpoint(model, tokenizer, read_task(folder), name, **_limits(folder))


def _limits(folder: Path) -> dict[str, int]:
    """The lengths that a model of ours was trained with."""
    path = folder / "run.json"
    run = read_json(path) if path.is_file() else {}
    options = run.get("options", {}) if isinstance(run, dict) else {}
    return {name: options[name] for name in ("max_input_length", "max_target_length") if isinstance(options.get(name), int)}


def _load_weights(folder: Path) -> PreTrainedModel:
    if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        raise InputError(f"{folder}: no weights (model.safetensors); give --from_scratch to train from random ones")
    try:
        return AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
    except Exception as error:  # what a cut file raises differs from one reader to the next
        raise InputError(f"{folder}: the weights cannot be read ({_first_line(error)})") from error


def find(name: str, *, weights: bool = True) -> Path:
    """The folder of a model: `name` itself, or its snapshot in the cache of the hub, downloaded if need be.

    `weights=False` is for its tokenizer only. Raises InputError that says what was tried.
    """
    path = Path(name)
    if path.is_dir():
        return path
    if path.is_file():
        raise InputError(f"{name}: a file, not a model folder; give the folder that holds its config.json")
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"{name}: no such model folder")
    try:
        patterns = ["*.json", "spiece.model", *(["*.safetensors"] if weights else [])]
        folder = Path(snapshot_download(name, allow_patterns=patterns))
        if weights and not list(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*patterns, "pytorch_model*.bin"]))
        return folder
    except HFValidationError:
        raise InputError(f"{name}: neither a folder here nor a name of the Hugging Face hub") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InputError(
            f"{name}: no such folder here, and the Hugging Face hub did not give it ({_first_line(error)}); "
            "check the name and the network, or try `make demo`, which needs none"
        ) from None


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


def make_room(model: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Give every id of the tokenizer an embedding; new ones start as the mean of the others."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        set_to_mean(model, list(range(rows, len(tokenizer))), rows)


def set_to_mean(model: PreTrainedModel, ids: list[int], known: int) -> None:
    """Set the embeddings (and output rows) of `ids` to the mean of the first `known` ones."""
    with torch.no_grad():
        for layer in {id(m): m for m in (model.get_input_embeddings(), model.get_output_embeddings()) if m is not None}.values():
            layer.weight[ids] = layer.weight[:known].mean(dim=0)


def add_highlight(checkpoint: Checkpoint) -> None:
    """Make `<hl>` one token of a model that does not have it."""
    known = len(checkpoint.tokenizer)
    if checkpoint.tokenizer.add(HIGHLIGHT):
        make_room(checkpoint.model, checkpoint.tokenizer)
        # Models keep spare rows behind the vocabulary: the id may have had a row, but an untrained one.
        set_to_mean(checkpoint.model, [checkpoint.tokenizer.id_of(HIGHLIGHT)], known)


def save(
    folder: str | Path,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    task: Task | None,
    data: dict[str, Any],
    run: dict[str, Any],
) -> None:
    """Write a model folder in one go: weights and tokenizer as `save_pretrained` does, `task.json`, `run.json`."""
    with replacing_folder(folder, leaving=_OURS) as new:
        model.save_pretrained(new)
        tokenizer.save(new)
        if task is not None:
            write_task(new, task, data)
        write_json(new / "run.json", run)


def refuse_other_run(folder: str | Path, overwrite: bool) -> None:
    """Raise InputError if a model folder holds a run, or anything else that would be lost."""
    folder = Path(folder)
    check_writable(folder)
    holds = [name for name in ("run.json", "config.json", "model.safetensors", "task.json") if (folder / name).exists()]
    if holds and not overwrite:
        raise InputError(
            f"{folder}: holds another run ({holds[0]}); give another --output_dir, or --overwrite_output_dir to replace it"
        )


def update_run(folder: str | Path, **values: Any) -> dict[str, Any]:
    """Add to the `run.json` of a model folder. Returns what it holds then."""
    path = Path(folder) / "run.json"
    run = {**(read_json(path) if path.is_file() else {}), **values}
    write_json(path, run)
    return run


def update_metrics(folder: str | Path, metrics: dict[str, Any]) -> dict[str, Any]:
    """Add to the metrics in the `run.json` of a model folder. Returns what it holds then."""
    known = update_run(folder).get("metrics", {})
    return update_run(folder, metrics={**known, **metrics})


def quiet() -> None:
    """No progress bars and notices of libraries: the scripts show their own."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
