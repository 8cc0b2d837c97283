"""Options of choosing. Nothing heavy is imported here."""

from dataclasses import dataclass, field
from typing import Literal

from toi.data.choices import check_choices
from toi.system.errors import InputError
from toi.system.options import Concern


@dataclass
class ChoicesOption(Concern):
    """What a model chooses among."""

    choices: list[str] = field(default_factory=list)
    """Write the likeliest of these, with the probability of each. [default: those that the task.json of the model names]"""
    swap_average: bool = False
    """Ask which of two answers is better both ways round, and average: so it does not matter which one stands first."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if self.choices:
            try:
                check_choices(self.choices)
            except InputError as error:
                problems.append(f"--{error}")
        return problems


@dataclass
class ChoiceOptions(ChoicesOption):
    """How a model chooses among a few outputs."""

    calibrate: Literal["dev", "contextual", "none"] | None = None
    """Fit probabilities to the dev split, or by sources without content, and keep that with the model; none: as they are."""
