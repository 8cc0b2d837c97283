"""Precision, optimizer and learning rate."""

import math
import os
import shutil
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

from toi.system.errors import InputError, first_line
from toi.training.options import LearningOptions

_PLAIN: dict[str, Any] = {"sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop, "adadelta": torch.optim.Adadelta}
_OTHER = "use --optim adamw or adafactor"


def mixed_precision(precision: str) -> str:
    """Accelerate's name of a `--precision`; `auto` is bf16 where the machine multiplies in it, else fp32.

    A machine that is told to do without AVX-512 (`ATEN_CPU_CAPABILITY=avx2`) counts as one that has none.

    Raises InputError for fp16 without a GPU.
    """
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if torch.cuda.is_available()
            else torch.cpu._is_avx512_bf16_supported() and torch.backends.cpu.get_cpu_capability() == "AVX512"
        )
        return "bf16" if fast else "no"
    if precision == "fp16" and not torch.accelerator.is_available():
        raise InputError("--precision fp16 needs a GPU; use bf16, fp32 or auto")
    return {"fp32": "no"}.get(precision, precision)


def check_compiler(device: torch.device) -> None:
    """Raise InputError if torch.compile could not compile for a device: on CPUs it calls a C++ compiler."""
    if device.type == "cpu" and not any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))):
        raise InputError("--torch_compile needs a C++ compiler here, and there is none (g++, clang++); leave it out")


def check_optimizer(name: str, device: torch.device) -> None:
    """Raise InputError if an optimizer cannot take a step on a device: bitsandbytes has not been built for all."""
    if name != "adamw_8bit":
        return
    from bitsandbytes.optim import AdamW8bit

    weight = torch.nn.Parameter(torch.ones(64, 64, device=device))  # fewer have their moments in 32 bits
    weight.grad = torch.ones_like(weight)
    try:
        AdamW8bit([weight], lr=0.1).step()
        moved = bool((weight < 1).all())
    except Exception as error:  # of a library that calls what was built for the device, or is not there
        raise InputError(
            f"--optim adamw_8bit: bitsandbytes does not run on {device.type} ({first_line(error)}); {_OTHER}"
        ) from None
    if not moved:
        raise InputError(f"--optim adamw_8bit: bitsandbytes changes no weights on {device.type}; {_OTHER}")


def make_optimizer(model: PreTrainedModel, options: LearningOptions, undecayed: Sequence[str] = ()) -> torch.optim.Optimizer:
    """The optimizer that the options name, at their learning rate: AdamW (Loshchilov and Hutter 2019; with its moments in blocks
    of 8 bits, Dettmers et al. 2022), Adafactor (Shazeer and Stern 2018), SGD, RMSprop or Adadelta (Zeiler 2012).

    Of what is trained: an adapter leaves the rest frozen. No decay on what is not a matrix of weights: norms, biases, and what has
    a part of `undecayed` in its name. Adafactor's steps are relative to the weights (section 8 of its paper), but not those of an
    adapter, of which one half begins as zeros and would stay near them.
    """
    decayed: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for parameter_name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        matrix = parameter.ndim >= 2 and not any(part in parameter_name for part in undecayed)
        (decayed if matrix else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}]
    rate = options.learning_rate
    if options.optim == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True)
    if options.optim == "adamw_8bit":
        from bitsandbytes.optim import AdamW8bit

        return AdamW8bit(groups, lr=rate)
    if options.optim in _PLAIN:
        return _PLAIN[options.optim](groups, lr=rate)
    if options.lora_r:
        from transformers.optimization import Adafactor  # steps of torch's are always relative

        return Adafactor(groups, lr=rate, scale_parameter=False, relative_step=False)
    return torch.optim.Adafactor(groups, lr=rate)


def make_schedule(optimizer: torch.optim.Optimizer, options: LearningOptions, total_steps: int) -> LambdaLR:
    """The learning rate over the steps: warm-up, then as `lr_scheduler_type` says."""
    warmup = round(options.warmup_ratio * total_steps) if options.warmup_steps is None else options.warmup_steps
    return LambdaLR(optimizer, lambda step: learning_rate_share(options.lr_scheduler_type, step, warmup, total_steps))


def learning_rate_share(kind: str, step: int, warmup_steps: int, total_steps: int) -> float:
    """The share of the peak learning rate at a step (from 0): up on a line over the warm-up, then as `kind` says."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if kind == "constant":
        return 1.0
    rest = max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))  # from 1 to 0
    return rest if kind == "linear" else 0.5 - 0.5 * math.cos(math.pi * rest)
