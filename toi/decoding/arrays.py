"""What a search asks of the library that computed the logits: numpy here, torch in toi/decoding/tensors.py.

A search keeps its books in numpy. What is as wide as the vocabulary stays where it was computed, an accelerator, say, and only what
was chosen of it is read. Indexing, arithmetic and comparisons are written alike for both.
"""

from typing import Any, Protocol

import numpy

Array = Any  # of numpy or of torch


class Arrays(Protocol):
    """The operations that are not written alike."""

    def single(self, x: Array) -> Array:
        """The same in single precision."""
        ...

    def copied(self, x: Array) -> Array:
        """A copy that may be written to."""
        ...

    def zeros_like(self, x: Array) -> Array:
        """Zeros of the same shape, on the same device."""
        ...

    def placed(self, values: numpy.ndarray, beside: Array) -> Array:
        """Values or indices, where `beside` is."""
        ...

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        """`yes` where the condition holds, else `no`."""
        ...

    def log_softmax(self, x: Array) -> Array:
        """Logarithms of the shares of the last dimension."""
        ...

    def log_sums(self, x: Array) -> numpy.ndarray:
        """Logarithms of the sums of exponents of each row: (rows, columns) -> (rows,)."""
        ...

    def top(self, x: Array, count: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The largest values of each row, the largest first, and where they stand: (rows, columns) -> 2 x (rows, count)."""
        ...

    def read(self, x: Array) -> numpy.ndarray:
        """The values, read from where they are."""
        ...


class NumpyArrays:
    """See `Arrays`."""

    def single(self, x: Array) -> Array:
        """The same in single precision."""
        return x.astype(numpy.float32, copy=False)

    def copied(self, x: Array) -> Array:
        """A copy that may be written to."""
        return x.copy()

    def zeros_like(self, x: Array) -> Array:
        """Zeros of the same shape."""
        return numpy.zeros_like(x)

    def placed(self, values: numpy.ndarray, beside: Array) -> Array:
        """The values themselves."""
        return values

    def where(self, condition: Array, yes: Array, no: Array) -> Array:
        """`yes` where the condition holds, else `no`."""
        return numpy.where(condition, yes, no)

    def log_softmax(self, x: Array) -> Array:
        """Logarithms of the shares of the last dimension."""
        x = x - x.max(-1, keepdims=True)
        return x - numpy.log(numpy.exp(x).sum(-1, keepdims=True))

    def log_sums(self, x: Array) -> numpy.ndarray:
        """Logarithms of the sums of exponents of each row: (rows, columns) -> (rows,)."""
        most = x.max(-1, keepdims=True)
        return (most + numpy.log(numpy.exp(x - most).sum(-1, keepdims=True)))[:, 0]

    def top(self, x: Array, count: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The largest values of each row, the largest first, and where they stand: (rows, columns) -> 2 x (rows, count)."""
        places = numpy.argpartition(x, x.shape[1] - count, axis=1)[:, x.shape[1] - count :]
        order = numpy.argsort(numpy.take_along_axis(x, places, 1), axis=1)[:, ::-1]
        places = numpy.take_along_axis(places, order, 1)
        return numpy.take_along_axis(x, places, 1), places

    def read(self, x: Array) -> numpy.ndarray:
        """The values themselves."""
        return numpy.asarray(x)
