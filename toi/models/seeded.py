"""Random numbers that are a function of a seed, a step and the ids of a row: how rows are cut into batches, shared out to processes
and gone on with changes none of them, and there is no state to keep.

Each number is a hash: SplitMix64's (Steele et al. 2014) of a counter.
"""

from collections.abc import Sequence

import torch

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # torch has no unsigned numbers of 64 bits, but multiplies modulo 2^64
_FIRST, _SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def mixed(x: torch.Tensor) -> torch.Tensor:
    """Of whole numbers of 64 bits, any shape: others, of which each bit depends on all bits of the number."""
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _shifted(x: torch.Tensor, bits: int) -> torch.Tensor:
    """To the right, zeros from the left."""
    return (x >> bits) & ((1 << 64 - bits) - 1)


def counted(count: int, device: torch.device | None = None) -> torch.Tensor:
    """So many counters, (count,)."""
    return torch.arange(1, count + 1, device=device) * _GOLDEN


def key_of(seed: int, step: int, part: int = 0) -> torch.Tensor:
    """What the numbers of a step of a run begin with, (); there may be several parts."""
    key = torch.zeros((), dtype=torch.int64)
    for number in (seed, step, part):
        key = mixed(key + (number + 1) * torch.tensor(_GOLDEN))
    return key


def keys_of_beginnings(ids: Sequence[int]) -> torch.Tensor:
    """(tokens,): of each token a number that depends on it and all tokens before it; the last one is that of the row."""
    return mixed(torch.tensor(ids, dtype=torch.int64) + counted(len(ids))).cumsum(0)


def shares(keys: torch.Tensor) -> torch.Tensor:
    """Numbers that are drawn from [0, 1), one of each key, in single precision."""
    return _shifted(mixed(keys), 40).float() * 2.0**-24
