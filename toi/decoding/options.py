"""Options of searching for outputs. Nothing heavy is imported here."""

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from toi.models.options import ModelOptions
from toi.system.options import at_least, at_most

_MOST = 200  # beams or outputs: more take hours, and more memory than there is


@dataclass
class DecodingOptions(ModelOptions):
    """How outputs are searched for; the names are those of `model.generate`."""

    num_beams: int = 4
    """Beams of the beam search; 1 is greedy search. Sampling has none."""
    num_beam_groups: int = 1
    """Groups of the beams that shall differ (diverse beam search); needs --diversity_penalty."""
    diversity_penalty: float = 0.0
    """What a token loses, in log-probability, for each group that has just chosen it."""
    do_sample: bool = False
    """Draw outputs at random instead of searching for the likeliest."""
    temperature: float = 1.0
    """For --do_sample: below 1 likely tokens become likelier, above 1 less so."""
    top_k: int = 50
    """For --do_sample: draw among so many of the likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """For --do_sample: draw among the likeliest tokens that together have this probability."""
    length_penalty: float = 0.0
    """Scores are log-probabilities divided by length ** length_penalty: above 0 longer outputs gain; 0 finds the likeliest."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that the output has already are less likely."""
    no_repeat_ngram_size: int = 0
    """No n-gram of this size twice in an output; 0 allows all."""
    bad_words: list[str] = field(default_factory=list)
    """Words that must not occur in an output, in whatever width or case."""
    bad_words_file: str | None = None
    """More of them, one a line."""
    backend: Literal["auto", "torch", "ctranslate2"] = "auto"
    """What computes; auto is CTranslate2 without an accelerator, for what it does exactly, else torch."""
    compute_type: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    """Numbers of the matrix products; auto is float32. Faster and less exact: int8, CTranslate2's, and bfloat16, torch's."""
    max_batch_tokens: int = 8192
    """Source tokens in a batch, padding included. Changes the speed, not the outputs."""
    seed: int = 42
    """For --do_sample: the random numbers."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "num_beams", "num_beam_groups", "max_batch_tokens")
        problems += at_least(self, 0, "no_repeat_ngram_size", "top_k") + at_most(self, _MOST, "num_beams")
        problems += self._limits()
        if not 0 <= self.seed < 2**32:
            problems.append(f"--seed must be at least 0 and below 2**32, not {self.seed}")
        problems += self._combinations()
        from toi.text.normalization import normalize

        problems += [
            f"--bad_words has a word without visible characters: {word!r}" for word in self.bad_words if not normalize(word)
        ]
        return problems

    def _limits(self) -> list[str]:
        """What is wrong with the numbers that are computed with: beyond these limits they overflow."""
        problems = []
        for name in ("repetition_penalty", "temperature"):
            value = getattr(self, name)
            if not 0 < value < inf:
                problems.append(f"--{name} must be above 0")
            elif not 0.001 <= value <= 1000:
                problems.append(f"--{name} must be between 0.001 and 1,000, not {value}")
        if not 0 < self.top_p <= 1:
            problems.append("--top_p must be above 0 and at most 1")
        if not 0 <= self.diversity_penalty < inf:
            problems.append("--diversity_penalty must be at least 0")
        elif self.diversity_penalty > 1000:
            problems.append(f"--diversity_penalty must be at most 1,000, not {self.diversity_penalty}")
        if not -inf < self.length_penalty < inf:
            problems.append("--length_penalty must be a number")
        elif abs(self.length_penalty) > 10:
            problems.append(f"--length_penalty must be between -10 and 10, not {self.length_penalty}")
        return problems

    def all_bad_words(self) -> list[str]:
        """The words of --bad_words and --bad_words_file. Raises InputError with the line of a word that nobody could see."""
        from toi.system.errors import InputError
        from toi.system.files import read_lines
        from toi.text.normalization import normalize

        words = list(self.bad_words)
        if self.bad_words_file is not None:
            for number, line in enumerate(read_lines(self.bad_words_file), start=1):
                word = line.removesuffix("\r")
                if word and not normalize(word):
                    raise InputError(f"{self.bad_words_file}:{number}: a word without visible characters: {word!r}")
                words += [word] if word else []
        return words

    def _combinations(self) -> list[str]:
        problems = []
        defaults = {"temperature": 1.0, "top_k": 50, "top_p": 1.0}
        given = [f"--{name}" for name, value in defaults.items() if getattr(self, name) != value]
        if given and not self.do_sample:
            problems.append(f"{' and '.join(given)} {'need' if len(given) > 1 else 'needs'} --do_sample")
        diverse = [
            f"--{name}" for name, value in (("num_beam_groups", 1), ("diversity_penalty", 0)) if getattr(self, name) != value
        ]
        if self.do_sample and diverse:
            problems.append(f"{' and '.join(diverse)} cannot go with --do_sample, which has no beams")
        if self.num_beam_groups > 1 and self.diversity_penalty == 0:
            problems.append("--num_beam_groups needs --diversity_penalty, or the groups find the same")
        if self.num_beam_groups > 1 and self.num_beams % self.num_beam_groups:
            problems.append(f"--num_beams {self.num_beams} cannot be divided into {self.num_beam_groups} --num_beam_groups")
        if (
            self.diversity_penalty
            and self.num_beam_groups == 1
            and getattr(self, "num_return_sequences", 1) == 1
            and not self.do_sample
        ):
            problems.append("--diversity_penalty needs --num_beam_groups or --num_return_sequences above 1")
        beyond = ["--do_sample"] * self.do_sample + diverse
        only_torch = {"repetition_penalty": 1, "no_repeat_ngram_size": 0, "length_penalty": 0, "num_return_sequences": 1}
        beyond += [f"--{name}" for name, value in only_torch.items() if getattr(self, name, value) != value]
        if self.backend == {"int8": "torch", "bfloat16": "ctranslate2"}.get(self.compute_type):
            problems.append(f"--compute_type {self.compute_type} is not for --backend {self.backend}")
        elif beyond and (self.backend == "ctranslate2" or self.compute_type == "int8"):
            ours = "--backend ctranslate2" if self.backend == "ctranslate2" else "--compute_type int8"
            problems.append(f"{ours} cannot go with {' and '.join(dict.fromkeys(beyond))}, which only torch does here")
        return problems


@dataclass
class NBestOptions(DecodingOptions):
    """How many outputs are searched for."""

    num_return_sequences: int = 1
    """So many outputs that differ after normalization, if the model finds them; --num_beams are raised to it."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return super().problems() + at_least(self, 1, "num_return_sequences") + at_most(self, _MOST, "num_return_sequences")
