"""Log-probabilities of choices -> probabilities that can be believed, and what was fitted for that: `calibration.json` of a model.

    p = softmax(log p / temperature + bias)        a bias for each choice, their mean 0

`dev` fits both to the dev split: the temperature is that of Guo et al. 2017 ("On Calibration of Modern Neural Networks"), with
biases it is their vector scaling with one scale. Targets are smoothed by one row in all, shared out among the choices (after Platt
1999), so that a dev split without an error gives no certainty. `contextual` needs no labels (Zhao et al. 2021, "Calibrate Before
Use"): probabilities are divided by those that the model gives where there is nothing to judge, and normalized, which is a bias of
-log of these (their W p + b with W = diag(p)^-1, without the second softmax that their formula has).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy

from toi.system.errors import InputError
from toi.system.files import read_json, write_json

FILE = "calibration.json"
CONTENT_FREE = ("N/A", "[MASK]", "")  # Zhao et al. 2021, section 5
_STEPS, _LEAST = 200, 1e-3  # of Newton's method; the least scale


@dataclass(frozen=True)
class Calibration:
    """What was fitted for the choices of one model, whose fingerprint it has."""

    choices: tuple[str, ...]
    method: str
    temperature: float
    biases: tuple[float, ...]
    fingerprint: str

    def probabilities(self, log_probs: numpy.ndarray) -> numpy.ndarray:
        """(..., choices) -> the same shape: they sum to one."""
        return softmax(log_probs / self.temperature + numpy.array(self.biases))


def softmax(x: numpy.ndarray) -> numpy.ndarray:
    """The shares of the last dimension."""
    shares = numpy.exp(x - x.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def fitted(log_probs: numpy.ndarray, golds: Sequence[int]) -> tuple[float, tuple[float, ...]]:
    """The temperature and the biases with the least log loss: (rows, choices) and the right choice of each row."""
    rows, choices = log_probs.shape
    scores = log_probs - log_probs.mean(-1, keepdims=True)
    targets = numpy.full((rows, choices), 1 / choices / (rows + 1))
    targets[numpy.arange(rows), golds] += rows / (rows + 1)
    # Features of each row and choice: its score, and which choice it is; (rows, choices, 1 + choices)
    which = numpy.broadcast_to(numpy.eye(choices), (rows, choices, choices))
    scale, *biases = _minimum(numpy.concatenate([scores[:, :, None], which], axis=2), targets, numpy.zeros_like(scores))
    if scale < _LEAST:  # a model that is worse than nothing: it is not believed, rather than the other way round
        scale, biases = _LEAST, list(_minimum(which, targets, _LEAST * scores))
    return float(1 / scale), tuple(float(bias - numpy.mean(biases)) for bias in biases)


def _minimum(features: numpy.ndarray, targets: numpy.ndarray, offset: numpy.ndarray) -> numpy.ndarray:
    """The weights (features,) of the least cross entropy between targets and softmax(features @ weights + offset).

    (rows, choices, features), and (rows, choices) each. It is convex in them: Newton's method, with shorter steps where one would
    go too far.
    """
    weights = numpy.zeros(features.shape[2])

    def loss(weights: numpy.ndarray) -> float:
        z = features @ weights + offset
        z = z - z.max(-1, keepdims=True)
        return float(numpy.log(numpy.exp(z).sum(-1)).sum() - (targets * z).sum())

    ridge = 1e-6 * len(features) * numpy.eye(len(weights))  # what all biases share changes nothing
    for _ in range(_STEPS):
        shares = softmax(features @ weights + offset)
        gradient = numpy.einsum("rc,rcf->f", shares - targets, features)
        mean = numpy.einsum("rc,rcf->rf", shares, features)
        curvature = numpy.einsum("rc,rcf,rcg->fg", shares, features, features) - mean.T @ mean
        step, now = numpy.linalg.solve(curvature + ridge, gradient), loss(weights)
        size = 1.0
        while size > 1e-8 and loss(weights - size * step) > now:
            size /= 2
        weights = weights - size * step
        if numpy.abs(size * step).max() < 1e-10:
            break
    return weights


def contextual_biases(log_probs: numpy.ndarray) -> tuple[float, ...]:
    """The biases from what a model gives the choices behind sources without content: (sources, choices)."""
    biases = -numpy.log(softmax(log_probs).mean(0))
    return tuple(map(float, biases - biases.mean()))


def keep(folder: Path, calibration: Calibration, about: dict[str, Any]) -> None:
    """Write `calibration.json` into a model folder. `about`: what it was fitted on, and what came of it."""
    write_json(folder / FILE, {**asdict(calibration), "choices": list(calibration.choices), **about})


def kept(folder: Path, choices: Sequence[str], fingerprint: str) -> Calibration | None:
    """What is kept with a model; None if nothing is. Raises InputError if it is of other weights or choices, or no calibration."""
    path = folder / FILE
    if not path.is_file():
        return None
    value = read_json(path)
    try:
        biases = tuple(map(float, value["biases"]))
        found = Calibration(tuple(value["choices"]), value["method"], float(value["temperature"]), biases, value["fingerprint"])
        right = found.temperature > 0 and len(found.biases) == len(found.choices) > 1
    except (KeyError, TypeError, ValueError):
        right = False
    if not right:
        raise InputError(f"{path}: not a calibration; remove it, or give --calibrate dev")
    todo = "remove it, or fit anew: predict.py --calibrate dev or contextual"
    if found.choices != tuple(choices):
        raise InputError(f"{path}: is for the choices {', '.join(found.choices)}, not {', '.join(choices)}; {todo}")
    if found.fingerprint != fingerprint:
        raise InputError(f"{path}: was fitted to other weights than this model has; {todo}")
    return found
