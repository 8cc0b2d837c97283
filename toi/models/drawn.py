"""What dropout keeps: on CPUs a byte for each element, not a float from a serial sampler."""

import math

import torch
from torch import nn


class Drawn:
    """What dropout keeps of something with so many elements: each with probability 1 - p.

    One random byte per element, from torch's own generator. A byte can only be compared with whole numbers: of the two
    next to 256 p one is drawn, so that each element is removed with probability p exactly.
    """

    def __init__(self, shape: tuple[int, ...], p: float):
        count = math.prod(shape)
        words = torch.empty(count // 8 + 2, dtype=torch.int64).random_(-(2**63), None)
        self.threshold = math.floor(256 * p) + (int(words[-1]) & 0xFFFF < 65536 * (256 * p % 1))
        self.bytes = words.view(torch.uint8)[:count].view(shape)


def without_dropout(model: nn.Module) -> None:
    """Leave nothing out in training from now on; what adapters leave out of their own input stays as it is.

    Some layers hold their share as a number, others as a module.
    """
    for name, module in model.named_modules():
        if ".lora_dropout" not in name:
            for attribute, value in vars(module).items():
                if isinstance(value, float) and (attribute == "p" if isinstance(module, nn.Dropout) else "drop" in attribute):
                    setattr(module, attribute, 0.0)


def kept(drawn: torch.Tensor, threshold: int, dtype: torch.dtype) -> torch.Tensor:
    """1 where an element is kept, else 0."""
    return torch.ge(drawn, threshold, out=torch.empty(drawn.shape, dtype=dtype))  # not by a bool: products with those are slow
