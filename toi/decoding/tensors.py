"""What a search asks of torch (see toi/decoding/arrays.py)."""

import numpy
import torch

_IN_CACHE = 1 << 18  # numbers in single precision whose exponents stay in a core's cache


class Tensors:
    """See `toi.decoding.arrays.Arrays`."""

    def single(self, x: torch.Tensor) -> torch.Tensor:
        """The same in single precision."""
        return x.float()

    def copied(self, x: torch.Tensor) -> torch.Tensor:
        """A copy that may be written to."""
        return x.clone()

    def zeros_like(self, x: torch.Tensor) -> torch.Tensor:
        """Zeros of the same shape, on the same device."""
        return torch.zeros_like(x)

    def placed(self, values: numpy.ndarray, beside: torch.Tensor) -> torch.Tensor:
        """Values or indices, on the device of `beside`."""
        return torch.from_numpy(values).to(beside.device)

    def where(self, condition: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        """`yes` where the condition holds, else `no`."""
        return torch.where(condition, yes, no)

    def log_softmax(self, x: torch.Tensor) -> torch.Tensor:
        """Logarithms of the shares of the last dimension."""
        return x.log_softmax(-1)

    def log_sums(self, x: torch.Tensor) -> numpy.ndarray:
        """Logarithms of the sums of exponents of each row: (rows, columns) -> (rows,)."""
        few = max(1, _IN_CACHE // x.shape[1]) if x.device.type == "cpu" else len(x)
        return torch.cat([part.logsumexp(-1) for part in x.split(few)]).cpu().numpy()

    def top(self, x: torch.Tensor, count: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The largest values of each row, the largest first, and where they stand: (rows, columns) -> 2 x (rows, count)."""
        values, places = x.topk(count)
        return values.cpu().numpy(), places.cpu().numpy()

    def read(self, x: torch.Tensor) -> numpy.ndarray:
        """The values, read from their device."""
        return x.cpu().numpy()
