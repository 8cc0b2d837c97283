"""How far a run is, and how fast."""

import math
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any

MOST_SKIPPED = 20  # steps in a row


@dataclass
class Progress:
    """How far a run is: what a checkpoint holds of it. Numbers."""

    epoch: int = 0
    step: int = 0
    steps_of_epoch_done: int = 0
    waited: int = 0  # validations since the best one
    skipped: int = 0  # steps whose loss or gradient was not finite
    skipped_in_a_row: int = 0
    # Since the last validation:
    loss_sum: float = 0.0
    tokens: int = 0  # of targets; pairs, where the loss is one of pairs
    seen: int = 0  # rows

    @property
    def train_loss(self) -> float | None:
        """The mean loss per target token (per pair) since the last validation."""
        return self.loss_sum / self.tokens if self.tokens else None

    def count(self, step_loss: float, counted: int, rows: int) -> None:
        """Note a step: its mean loss per target token (per pair), and how many it had."""
        if math.isfinite(step_loss):
            self.loss_sum += step_loss * counted
            self.tokens += counted
        self.seen += rows

    def validated(self, better: bool) -> None:
        """Note a validation: counting begins again."""
        self.waited = 0 if better else self.waited + 1
        self.loss_sum, self.tokens, self.seen = 0.0, 0, 0

    def to_json(self) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "Progress":
        """The inverse of `to_json`; other keys are left alone. Raises ValueError that names what is missing or no number."""
        numbers: dict[str, Any] = {}
        for number in fields(cls):
            known = value.get(number.name) if isinstance(value, dict) else None
            if isinstance(known, bool) or not isinstance(known, (int, float) if number.name == "loss_sum" else int) or known < 0:
                raise ValueError(f"{number.name} is missing" if known is None else f"{number.name} is {known!r}")
            numbers[number.name] = known
        return cls(**numbers)


@dataclass
class Pace:
    """The time of all steps of this process but the first, without validations and checkpoints."""

    started: float = field(default_factory=time.perf_counter)
    since: float = field(default_factory=time.perf_counter)  # the last validation
    seconds: float = 0.0
    rows: int = 0
    tokens: int = 0  # of sources and targets, without padding
    warm: bool = False  # whether the first step is over

    def count(self, seconds: float, rows: int, tokens: int) -> None:
        """Note a step."""
        if self.warm:
            self.seconds += seconds
            self.rows += rows
            self.tokens += tokens
        self.warm = True

    def of(self, count: int) -> float | None:
        """So many in the time of the steps, a second."""
        return count / self.seconds if self.seconds else None
