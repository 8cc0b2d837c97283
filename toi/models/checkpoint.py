"""A saved model: what `save_pretrained` writes, `task.json` and `run.json`, all at once or not at all."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from transformers import PreTrainedModel

from toi.data.task_files import read_task, write_task
from toi.data.tasks import HIGHLIGHT, Task
from toi.models.adapters import Adapter, Base, attach, base_of, read_base
from toi.models.family import Family
from toi.models.members import family_of
from toi.models.place import check_model, is_adapter, limits_of_training, local_folder
from toi.models.pretrained import SINGLE, Numbers, configuration_of, load_weights, readable
from toi.models.tokenizer import Tokenizer
from toi.models.tokenizer_files import has_tokenizer, load_tokenizer
from toi.system.errors import InputError, first_line
from toi.system.files import check_writable, read_json, replacing_folder, write_json
from toi.system.memory import keep_memory
from toi.system.states import Marks

# What Toi writes into a model folder: of another model, and so not taken along when a new one is saved.
_OURS = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "config.json", "generation_config.json", "tokenizer*.json",
    "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model", "merges.txt", "vocab.json", "*.jinja",
    "adapter_config.json", "base.json", "task.json", "run.json", "calibration.json", "log.csv", "training.png", "README.md",
    "results.json", "samples.md", "report.html", "*_output.tsv", "*_round_trip",
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
    base: Base | None = None  # what an adapter of it stands on
    adapter: Adapter | None = None  # that is trained instead of the weights

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


def load(
    name: str,
    *,
    tokenizer_name: str | None = None,
    from_scratch: bool = False,
    seed: int = 0,
    numbers: Numbers | None = None,
    adapting: bool = False,
) -> Checkpoint:
    """A model that writes, from a folder or the Hugging Face hub. No code of the folder is run.

    `tokenizer_name` is the folder or the hub model of the tokenizer, where it is not that of the model.
    `from_scratch` takes the configuration and the tokenizer only and draws the weights from `seed`. Weights are in single
    precision, or in the `numbers` given. The folder of an adapter gives the model that it stands on, with the adapter added to
    the weights; `adapting`: an adapter will be trained, and that of the folder is kept apart for it. Raises InputError
    if there is no such model, it cannot be reached, it is of no kind that is known here, or not the one of an adapter. The
    process keeps its memory from here on.
    """
    keep_memory()
    folder = find(name)
    check_model(str(folder))
    base, below = None, folder
    if is_adapter(folder):
        base = read_base(folder)
        below = _below(folder, base)
        numbers = numbers or base.numbers_here()
        base = base.checked(folder, below, numbers)
    config = configuration_of(below)
    family = family_of(config)
    if family is None:
        raise InputError(f"{name}: a {config.model_type} model does not write; give a sequence-to-sequence or a causal model")
    limits = limits_of_training(folder)
    own = folder if base is None or has_tokenizer(folder) else below
    tokenizer = load_tokenizer(own if tokenizer_name is None else find(tokenizer_name, weights=False), family.sentinels)
    if from_scratch:
        config.vocab_size = max(config.vocab_size, len(tokenizer))
        torch.manual_seed(seed)
        with readable(f"{below}/config.json: no model can be made of it"):
            model = family.auto_class().from_config(config, dtype=torch.float32, trust_remote_code=False)
    else:
        model = load_weights(below, config, family, numbers or SINGLE)
    make_room(model, tokenizer)
    known, task = family(tokenizer, model.config, model.generation_config), read_task(folder)
    known.follow(task)
    checkpoint = Checkpoint(model, known, task, name, *limits)
    if base is not None and not from_scratch:
        checkpoint.adapter = attach(model, folder, base, trainable=adapting)
    checkpoint.base = base or (base_of(name, folder, numbers or SINGLE) if adapting else None)
    return checkpoint


def _below(folder: Path, base: Base) -> Path:
    """The folder of the model that an adapter stands on."""
    try:
        below = find(base.name)
    except InputError as error:
        raise InputError(f"{folder}: an adapter, whose base_model_name_or_path is not there: {error}") from None
    if is_adapter(below):
        raise InputError(f"{folder}: an adapter of another adapter ({base.name}); merge that one first (--merge_adapter)")
    check_model(str(below))
    return below


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


def add_highlight(checkpoint: Checkpoint) -> list[int]:
    """Make `<hl>` one token of a model that does not have it. Returns the ids that are new; a trained `<hl>` stays as it is."""
    return add_tokens(checkpoint, [HIGHLIGHT], takes_spaces=True)


def add_tokens(checkpoint: Checkpoint, tokens: Iterable[str], *, takes_spaces: bool) -> list[int]:
    """Let each of these be one token of the model. Returns the ids that are new; what is a token already stays as it is."""
    known = len(checkpoint.tokenizer)
    added = [token for token in tokens if checkpoint.tokenizer.add(token, takes_spaces=takes_spaces)]
    if not added:
        return []
    make_room(checkpoint.model, checkpoint.tokenizer)
    # Models keep spare rows behind the vocabulary: the ids may have had rows, but untrained ones.
    new = [int(i) for i in checkpoint.tokenizer.fast.convert_tokens_to_ids(added)]
    set_to_mean(checkpoint.model, new, known)
    return new


def save(
    folder: str | Path,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    task: Task | None,
    data: dict[str, Any],
    run: dict[str, Any],
    adapter: Adapter | None = None,
) -> None:
    """Write a model folder in one go: weights (or the adapter) and tokenizer as `save_pretrained` does, `task.json`, `run.json`."""
    with replacing_folder(folder, leaving=_OURS) as new:
        if adapter is None:
            model.save_pretrained(new)
        else:
            adapter.save(new)
        tokenizer.save(new)
        if task is not None:
            write_task(new, task, data)
        write_json(new / "run.json", run)


def refuse_other_run(folder: str | Path, overwrite: bool) -> None:
    """Raise InputError if a model folder holds a run, or anything else that would be lost."""
    folder = Path(folder)
    check_writable(folder)
    files = ("run.json", "config.json", "model.safetensors", "adapter_config.json", "task.json")
    holds = [name for name in files if (folder / name).exists()]
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
