"""Options that every script with a model has. Nothing heavy is imported here."""

from dataclasses import dataclass

from toi.system.options import Concern, at_least, at_most


@dataclass
class ModelOptions(Concern):
    """Which model, and how long its texts are."""

    model_name_or_path: str = "model"
    """A model folder, or a T5 (or causal model) of the Hugging Face hub."""
    tokenizer_name_or_path: str | None = None
    """The tokenizer, for a model without one of its own: a folder, or a model of the hub."""
    max_input_length: int | None = None
    """Sources are cut to this many tokens. [default: as in the model's training, else 512]"""
    max_target_length: int | None = None
    """The longest output, in tokens. [default: as in the model's training, else 64]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 2, "max_input_length", "max_target_length")
        return problems + at_most(self, 10_000, "max_target_length")
