"""Adapters (LoRA, Hu et al. 2021) by peft: a model folder with `adapter_config.json`, and a model that it stands on, its base.

    model/adapter_config.json, adapter_model.safetensors    what peft writes, and loads
    model/base.json                                         the SHA-256 of the base, and the numbers that it was held in

The layers of an adapter stand in the model itself, so that whatever calls the model is none the wiser. To write with, an adapter is
added to the weights, which are then an ordinary model's.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from toi.models.place import ADAPTER, local_folder
from toi.models.pretrained import SINGLE, Numbers, is_quantized, readable
from toi.system.errors import InputError, first_line
from toi.system.files import read_json, sha256, write_json
from toi.system.optional import require

ALL_LINEAR = "all-linear"
_WEIGHTS, _BASE, _NAME = "adapter_model.safetensors", "base.json", "default"
_ABOUT_THE_FILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype")  # in config.json, not about the model


@dataclass(frozen=True)
class Base:
    """The model that an adapter stands on: its name, the SHA-256 of its files, the numbers that it was held in."""

    name: str
    sha256: str | None = None  # unknown of an adapter from elsewhere
    numbers: Numbers = SINGLE

    def numbers_here(self) -> Numbers:
        """In what the base is loaded to write: in few bits as in training; CPUs compute in single precision."""
        return self.numbers if self.numbers.bits or torch.accelerator.is_available() else SINGLE

    def checked(self, adapter: Path, folder: Path, numbers: Numbers) -> "Base":
        """Itself, held in `numbers`. Raises InputError if `folder` is not the model that the adapter was trained on."""
        found = weights_sha256(folder)
        if self.sha256 not in (None, found):
            raise InputError(
                f"{adapter}: an adapter of another model than {self.name} is now (SHA-256 in {_BASE}); bring that back"
            )
        return Base(self.name, found, numbers)


@dataclass(frozen=True)
class Shape:
    """What an adapter is: its rank, its factor times the rank, its dropout, and the layers that get one (None: as they have it)."""

    r: int
    alpha: float | None
    dropout: float
    targets: str


class Adapter:
    """An adapter that is trained: plain peft's, in the layers of its model."""

    def __init__(self, peft_model: Any, base: Base):
        self._peft, self._base = peft_model, base
        self._model: PreTrainedModel = peft_model.get_base_model()
        self.merges = False  # whether an ordinary model is written
        for parameter in self._model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        _compute_rows_apart(self._model)

    def save(self, folder: Path) -> None:
        """Write an adapter folder, or an ordinary model."""
        if self.merges:
            self._model.save_pretrained(folder, state_dict=merged_weights(self._model))
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._peft.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's; ours is written at the end
        write_json(folder / _BASE, asdict(self._base))

    def go_on(self, folder: str, shape: Shape) -> None:
        """Take the dropout. Raise InputError if training is to go on with another shape than the adapter has."""
        config, wrong = self._peft.peft_config[_NAME], []
        if shape.r != config.r:
            wrong.append(f"--lora_r {config.r}")
        if shape.alpha is not None and shape.alpha != config.lora_alpha:
            wrong.append(f"--lora_alpha {config.lora_alpha:g}")
        if shape.targets != ALL_LINEAR and set(shape.targets.split(",")) != set(config.target_modules):
            wrong.append("its own --lora_target_modules")
        if wrong:
            raise InputError(f"{folder}: an adapter with {', '.join(wrong)}; give the same, or train its weights without --lora_r")
        config.lora_dropout = shape.dropout
        for module in self._model.modules():
            if hasattr(module, "lora_dropout"):
                module.lora_dropout[_NAME] = nn.Dropout(shape.dropout) if shape.dropout else nn.Identity()


def adapt(model: PreTrainedModel, base: Base, shape: Shape, new_ids: Sequence[int] = ()) -> Adapter:
    """Put a new adapter, which changes nothing yet, into a model, and freeze all else but the embeddings of `new_ids`.

    Drawn from torch's generator. A model without numbers gets an adapter without numbers. Raises InputError if the model has no
    layers of these names.
    """
    require("--lora_r", "peft")
    from peft import LoraConfig, get_peft_model

    targets = shape.targets if shape.targets == ALL_LINEAR else [name.strip() for name in shape.targets.split(",")]
    config = LoraConfig(
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
        r=shape.r, lora_alpha=2 * shape.r if shape.alpha is None else shape.alpha, lora_dropout=shape.dropout,
        target_modules=targets, trainable_token_indices=_rows_of(model, new_ids) if new_ids else None,
    )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers that it knows to be transposed
            peft_model = get_peft_model(model, config, low_cpu_mem_usage=model.device.type == "meta")
    except ValueError as error:
        raise InputError(f"--lora_target_modules {shape.targets}: {first_line(error)}") from None
    config.target_modules = sorted(config.target_modules)  # peft's is a set: the file would differ from run to run
    config.base_model_name_or_path = base.name
    return Adapter(peft_model, base)


def _rows_of(model: PreTrainedModel, ids: Sequence[int]) -> dict[str, list[int]]:
    """The rows of embeddings that get values of their own, and of the output matrix where that is another one."""
    embeddings, output = model.get_input_embeddings(), model.get_output_embeddings()
    layers = [embeddings] if output is None or output.weight is embeddings.weight else [embeddings, output]
    return {name: list(ids) for name, module in model.named_modules() if any(module is layer for layer in layers)}


def read_base(folder: Path) -> Base:
    """What the adapter in a folder stands on. Raises InputError for a folder that cannot be used, or holds more than data."""
    path = folder / ADAPTER
    config = read_json(path)
    if not isinstance(config, dict) or not isinstance(config.get("base_model_name_or_path"), str):
        raise InputError(f"{path}: not the configuration of an adapter (no base_model_name_or_path)")
    if config.get("peft_type") != "LORA":
        raise InputError(f"{path}: a {config.get('peft_type')} adapter; only LORA is known here")
    if config.get("megatron_config") is not None:  # peft would import the module that it names
        raise InputError(f"{path}: megatron_config is not for models of transformers; remove it")
    if not (folder / _WEIGHTS).is_file():
        raise InputError(f"{folder}: no weights of the adapter ({_WEIGHTS}); copy it anew")
    name, about = config["base_model_name_or_path"], folder / _BASE
    if not about.is_file():
        return Base(name)
    said = read_json(about)
    try:
        numbers = Numbers(**said["numbers"])
        if not isinstance(said["sha256"], str) or numbers.bits not in (None, 4, 8) or not hasattr(torch, numbers.dtype):
            raise TypeError
    except (KeyError, TypeError):
        raise InputError(f"{about}: does not say what the adapter stands on; copy it anew, or remove it") from None
    return Base(name, said["sha256"], numbers)


def base_of(name: str, folder: Path, numbers: Numbers) -> Base:
    """The model in a folder as the base of an adapter: a folder of this machine by its whole path, else the name of the hub."""
    return Base(name if local_folder(name) is None else str(folder.resolve()), weights_sha256(folder), numbers)


def weights_sha256(folder: Path) -> str:
    """The SHA-256 of the configuration and the weights of a model folder, however they are shared out to files."""
    config = {name: value for name, value in read_json(folder / "config.json").items() if name not in _ABOUT_THE_FILE}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    places: dict[str, Path] = {}
    with readable(f"{folder}: the weights cannot be read"):
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                places |= dict.fromkeys(file.keys(), path)
        opened = {path: safe_open(path, "pt") for path in set(places.values())}
        for name, path in sorted(places.items()):
            tensor = opened[path].get_tensor(name)
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
        for path in sorted(folder.glob("pytorch_model*.bin")) if not places else ():
            digest.update(sha256(path).encode())
    return digest.hexdigest()


def attach(model: PreTrainedModel, folder: Path, base: Base, *, trainable: bool) -> Adapter | None:
    """Put the adapter of a folder into its model: to go on training it, else added to the weights, if those are not in few bits.

    Raises InputError if the adapter does not fit, or lacks tensors.
    """
    require(f"{folder}: an adapter", "peft")
    from peft import PeftModel

    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    with warnings.catch_warnings(record=True) as said, readable(f"{folder}: the adapter does not fit {base.name}"):
        warnings.simplefilter("always")
        peft_model = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, torch_device=str(model.device))
    lacking = next((str(warning.message) for warning in said if "missing adapter keys" in str(warning.message)), None)
    if lacking is not None:
        raise InputError(f"{folder}: the adapter lacks tensors of its model ({lacking.partition(': ')[2][:100]}); copy it anew")
    if trainable:
        return Adapter(peft_model, base)
    if is_quantized(model):
        _compute_rows_apart(model)
        return None
    peft_model.merge_and_unload()
    parameters = dict(model.named_parameters())
    for name in trained:
        parameters[name].requires_grad_(True)
    return None


def merged_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The weights of a model, its adapter added, by the names of an ordinary model, on the CPU. The model stays as it is."""
    modules, merged, done = dict(model.named_modules()), {}, {}
    for name, tensor in model.state_dict().items():
        place, _, leaf = name.rpartition(".")
        if not place.endswith(".base_layer"):
            if ".lora_" not in name and ".trainable_tokens_" not in name:
                merged[name] = tensor.detach().cpu()
            continue
        layer: Any = modules[place.removesuffix(".base_layer")]
        if leaf == "weight":
            weight = layer.get_base_layer().weight
            if id(weight) not in done:  # tied weights stay one
                done[id(weight)] = _merged(layer, weight)
            tensor = done[id(weight)]
        merged[f"{place.removesuffix('.base_layer').removesuffix('.token_adapter')}.{leaf}"] = tensor.detach().cpu()
    return merged


def _merged(layer: Any, weight: nn.Parameter) -> torch.Tensor:
    """The weight of a layer as peft merges it; the layer goes on with its own, to the last bit."""
    before = weight.data.clone()
    layer.merge()
    after, weight.data = weight.data, before
    layer.merged_adapters.clear()
    return after


def _compute_rows_apart(model: nn.Module) -> None:
    """Let the rows of new tokens be computed apart: peft copies all embeddings in every step, and computes the gradient of all."""
    from peft.tuners.trainable_tokens import TrainableTokensLayer

    for module in model.modules():
        if isinstance(module, TrainableTokensLayer):
            module.forward_adapters = MethodType(_forward_rows, module)


def _forward_rows(self: Any, x: torch.Tensor, active_adapters: Sequence[str], *arguments: Any, **kwargs: Any) -> torch.Tensor:
    """Embeddings (..., d) of ids, or logits (..., vocabulary) of hidden states, those of new tokens by their own rows."""
    if self.disable_adapters or self.merged:
        return type(self).forward_adapters(self, x, active_adapters, *arguments, **kwargs)
    result = self.base_layer(x, *arguments, **kwargs)
    for name in active_adapters:
        rows, ids = self.trainable_tokens_delta[name], self.token_indices[name]  # (ids, d)
        if isinstance(self.base_layer, nn.Embedding):
            scale = self._get_embed_scale()
            for row, number in zip(rows if scale is None else rows * scale, ids, strict=True):
                result = torch.where((x == number).unsqueeze(-1), row.to(result.dtype), result)
            continue
        places, bias = torch.tensor(ids, device=x.device), self.base_layer.bias
        logits = functional.linear(x, rows.to(x.dtype), None if bias is None else bias[places])
        result = result.index_copy(-1, places, logits.to(result.dtype))
    return result
