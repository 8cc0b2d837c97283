"""What a search asks of torch (see toi/decoding/arrays.py)."""

import numpy
import torch


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

    def top(self, x: torch.Tensor, count: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The largest values of each row, the largest first, and where they stand: (rows, columns) -> 2 x (rows, count)."""
        values, places = x.topk(count)
        return values.cpu().numpy(), places.cpu().numpy()

    def read(self, x: torch.Tensor) -> numpy.ndarray:
        """The values, read from their device."""
        return x.cpu().numpy()
