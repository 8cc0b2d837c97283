"""What transformers reads of a model folder: the configuration, and the weights, in single precision or in fewer bits."""

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from toi.models.family import Family
from toi.system.errors import InputError, first_line
from toi.system.files import read_json
from toi.system.memory import out_of_memory
from toi.system.optional import require

logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it speaks when peft imports it, and in every step in 8 bits
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class Numbers:
    """What weights are held in: `dtype`, and those of linear layers in `bits` (4 or 8) where that is given."""

    dtype: str = "float32"
    bits: int | None = None

    def arguments(self) -> dict[str, Any]:
        """What `from_pretrained` has to be told. Raises InputError if bitsandbytes is not installed."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        if self.bits is None:
            return {"dtype": dtype}
        require(f"a model in {self.bits} bits", "bitsandbytes")
        from transformers import BitsAndBytesConfig

        if self.bits == 8:  # Dettmers et al. 2022
            return {"dtype": dtype, "quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
        # NormalFloat, and the scales in 8 bits again: Dettmers et al. 2023, section 3.
        config = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
        return {"dtype": dtype, "quantization_config": config}


SINGLE = Numbers()


def is_quantized(model: PreTrainedModel) -> bool:
    """Whether weights of the model are held in few bits: it stays on the device that it was loaded to."""
    return getattr(model, "hf_quantizer", None) is not None


def configuration_of(folder: Path) -> PretrainedConfig:
    """What `config.json` says. Raises InputError if transformers does not know such a model."""
    path = folder / "config.json"
    with readable(f"{path}: not the configuration of a known model"):
        value = read_json(path)
        for name in value if isinstance(value, dict) else ():
            if name.endswith("_implementation") and isinstance(value[name], str) and not value[name].isidentifier():
                raise InputError(f"{path}: {name} {value[name]!r} is code of the hub, which is never run; remove the line")
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


@contextlib.contextmanager
def readable(what: str) -> Iterator[None]:
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


def load_weights(folder: Path, config: PretrainedConfig, family: type[Family], numbers: Numbers = SINGLE) -> PreTrainedModel:
    """The model with its weights. Raises InputError where they are not there, are not whole, or cannot be held in such numbers."""
    if not any(path for pattern in WEIGHTS for path in folder.glob(pattern)):
        raise InputError(f"{folder}: no weights (model.safetensors); give --from_scratch to train from random ones")
    _check_generation(folder / "generation_config.json")
    with readable(f"{folder}: the weights cannot be read"):
        model, info = family.auto_class().from_pretrained(
            folder, config=config, trust_remote_code=False, output_loading_info=True, **numbers.arguments()
        )
    missing = sorted(info["missing_keys"])
    if missing:  # transformers would draw them at random, and say nothing
        raise InputError(
            f"{folder}: the weights lack {len(missing):,} tensors of the model (the first: {missing[0]}); copy it anew"
        )
    for module in model.modules() if is_quantized(model) else ():
        # On CPUs with AVX-512 BF16, bitsandbytes rounds what it packs for the first validation, and training would go on with that.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
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
