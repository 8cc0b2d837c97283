"""A saved model: what `save_pretrained` writes, `task.json` and `run.json`, all at once or not at all."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from toi.data.tasks import HIGHLIGHT, Task, read_task, write_task
from toi.models.family import Family
from toi.models.members import family_of
from toi.models.place import check_model, limits_of_training, local_folder
from toi.models.tokenizer import Tokenizer
from toi.models.tokenizer_files import load_tokenizer
from toi.system.errors import InputError, first_line
from toi.system.files import check_writable, read_json, replacing_folder, write_json
from toi.system.memory import keep_memory, out_of_memory
from toi.system.states import Marks

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# What Toi writes into a model folder: of another model, and so not taken along when a new one is saved.
_OURS = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "config.json", "generation_config.json", "tokenizer*.json",
    "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model", "merges.txt", "vocab.json", "*.jinja",
    "task.json", "run.json", "log.csv", "training.png", "README.md", "results.json", "report.html", "*_output.tsv", "*_round_trip",
)  # fmt: skip


@dataclass
class Checkpoint:
    """A model with its family (and tokenizer) and, if it was trained here, the task that belong to it."""

    model: PreTrainedModel
    family: Family
    task: Task | None
    name: str
    max_input_length: int = 512  # the limits of its training, in tokens
    max_target_length: int = 64
    seen: dict[str, Marks] | None = None  # the files that it was loaded from, and is still the same as

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model."""
        return self.family.tokenizer

    @property
    def loaded(self) -> "Checkpoint":
        """Itself: see `toi.models.ready.ReadyModel`."""
        return self

    def fingerprint(self) -> str:
        """The SHA-256 of the configuration and the weights, as they are in memory."""
        digest = hashlib.sha256(json.dumps(self.model.config.to_dict(), sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    @torch.inference_mode()
    def first_logits(self, sources: Sequence[Sequence[int]]) -> numpy.ndarray:
        """What the model predicts for the first token of an output: (sources, vocabulary)."""
        return self.family.begin(self.model.eval(), sources).start().float().cpu().numpy()


def load(name: str, *, tokenizer_name: str | None = None, from_scratch: bool = False, seed: int = 0) -> Checkpoint:
    """A model that writes, in single precision, from a folder or the Hugging Face hub. No code of the folder is run.

    `tokenizer_name` is the folder or the hub model of the tokenizer, where it is not that of the model.
    `from_scratch` takes the configuration and the tokenizer only and draws the weights from `seed`. Raises InputError
    if there is no such model, it cannot be reached, or it is of no kind that is known here. The process keeps its memory
    from here on.
    """
    keep_memory()
    folder = find(name)
    check_model(str(folder))
    config = _configuration(folder)
    family = family_of(config)
    if family is None:
        raise InputError(f"{name}: a {config.model_type} model does not write; give a sequence-to-sequence or a causal model")
    limits = limits_of_training(folder)
    tokenizer = load_tokenizer(folder if tokenizer_name is None else find(tokenizer_name, weights=False), family.sentinels)
    if from_scratch:
        config.vocab_size = max(config.vocab_size, len(tokenizer))
        torch.manual_seed(seed)
        with _readable(f"{folder}/config.json: no model can be made of it"):
            model = family.auto_class().from_config(config, dtype=torch.float32, trust_remote_code=False)
    else:
        model = _load_weights(folder, config, family)
    make_room(model, tokenizer)
    known, task = family(tokenizer, model.config, model.generation_config), read_task(folder)
    known.follow(task)
    return Checkpoint(model, known, task, name, *limits)


def _configuration(folder: Path) -> PretrainedConfig:
    path = folder / "config.json"
    with _readable(f"{path}: not the configuration of a known model"):
        value = read_json(path)
        for name in value if isinstance(value, dict) else ():
            if name.endswith("_implementation") and isinstance(value[name], str) and not value[name].isidentifier():
                raise InputError(f"{path}: {name} {value[name]!r} is code of the hub, which is never run; remove the line")
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn whatever transformers says of a damaged file into an InputError: it differs from one reader to the next."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError) or out_of_memory(error):
            raise
        raise InputError(f"{what} ({_said(error)})") from error


def _said(error: Exception) -> str:
    """What a person needs to know of an error of transformers: some of them advise what is not to be done here."""
    text = str(error)
    if "trust_remote_code" in text:
        return "it needs code of its own, which is never run"
    if "weights_only" in text:
        return "the file holds code, which is never run; give model.safetensors"
    if "ignore_mismatched_sizes" in text:
        return "they have other sizes than config.json says"
    return first_line(error)


def _load_weights(folder: Path, config: PretrainedConfig, family: type[Family]) -> PreTrainedModel:
    if not any(path for pattern in _WEIGHTS for path in folder.glob(pattern)):
        raise InputError(f"{folder}: no weights (model.safetensors); give --from_scratch to train from random ones")
    _check_generation(folder / "generation_config.json")
    with _readable(f"{folder}: the weights cannot be read"):
        model, info = family.auto_class().from_pretrained(
            folder, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
        )
    missing = sorted(info["missing_keys"])
    if missing:  # transformers would draw them at random, and say nothing
        raise InputError(
            f"{folder}: the weights lack {len(missing):,} tensors of the model (the first: {missing[0]}); copy it anew"
        )
    return model


def _check_generation(path: Path) -> None:
    """Raise InputError for a `generation_config.json` that cannot be used: transformers would say nothing."""
    value = read_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a configuration (expected a JSON object); remove it, or copy it anew")
    for name, given in value.items():
        ids = given if name == "eos_token_id" and isinstance(given, list) else [given]
        if name.endswith("_token_id") and not all(i is None or (type(i) is int and i >= 0) for i in ids):
            raise InputError(f"{path}: {name} is not the id of a token: {given!r}")


def find(name: str, *, weights: bool = True) -> Path:
    """The folder of a model: `name` itself, or its snapshot in the cache of the hub, downloaded if need be.

    `weights=False` is for its tokenizer only. Raises InputError that says what was tried.
    """
    local = local_folder(name)
    if local is not None:
        return local
    try:
        patterns = ["*.json", "spiece.model", "tokenizer.model", "merges.txt", "*.jinja", *(["*.safetensors"] if weights else [])]
        folder = Path(snapshot_download(name, allow_patterns=patterns))
        if weights and not list(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*patterns, "pytorch_model*.bin"]))
        return folder
    except HFValidationError:
        raise InputError(f"{name}: neither a folder here nor a name of the Hugging Face hub") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InputError(
            f"{name}: no such folder here, and the Hugging Face hub did not give it ({first_line(error)}); "
            "check the name and the network, or try `make demo`, which needs none"
        ) from None


def make_room(model: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Give every id of the tokenizer an embedding; new ones start as the mean of the others."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        set_to_mean(model, list(range(rows, len(tokenizer))), rows)


def set_to_mean(model: PreTrainedModel, ids: list[int], known: int) -> None:
    """Set the embeddings (and output rows, and their biases) of `ids` to the mean of the first `known` ones."""
    with torch.no_grad():
        for layer in {id(m): m for m in (model.get_input_embeddings(), model.get_output_embeddings()) if m is not None}.values():
            for values in (layer.weight, getattr(layer, "bias", None)):
                if values is not None:
                    values[ids] = values[:known].mean(dim=0)


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
