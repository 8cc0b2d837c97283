"""Options that several scripts share. Nothing heavy is imported here."""

from dataclasses import dataclass, field
from typing import Literal

TaskName = Literal["qa", "aqg", "aqg-hl"]


@dataclass
class ModelOptions:
    """Which model, and how long its texts are."""

    model_name_or_path: str = "model"
    """A model folder, or a T5 of the Hugging Face hub."""
    max_input_length: int = 512
    """Sources are cut to this many tokens."""
    max_target_length: int = 64
    """The longest output, in tokens."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return at_least(self, 2, "max_input_length", "max_target_length")


@dataclass
class DecodingOptions(ModelOptions):
    """How outputs are searched for; the names are those of `model.generate`."""

    num_beams: int = 4
    """Beams of the beam search; 1 is greedy search."""
    length_penalty: float = 1.0
    """Above 0 longer outputs gain, below 0 shorter ones: scores are divided by length ** length_penalty."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that the output has already are less likely."""
    no_repeat_ngram_size: int = 0
    """No n-gram of this size twice in an output; 0 allows all."""
    bad_words: list[str] = field(default_factory=list)
    """Words that must not occur in an output."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems() + at_least(self, 1, "num_beams")
        if self.repetition_penalty <= 0:
            found.append("--repetition_penalty must be above 0")
        if self.no_repeat_ngram_size < 0:
            found.append("--no_repeat_ngram_size must be at least 0")
        if any(not word.strip() for word in self.bad_words):
            found.append("--bad_words has an empty word")
        return found


def at_least(options: object, least: int, *names: str) -> list[str]:
    """A problem for each named option that is less than `least`."""
    return [f"--{name} must be at least {least}, not {getattr(options, name)}" for name in names if getattr(options, name) < least]
