"""Options of scoring, and of answering requests. Nothing heavy is imported here."""

from dataclasses import dataclass, field
from typing import Literal

from toi.data.options import AskedTask
from toi.decoding.options import NBestOptions
from toi.system.options import Concern, at_least

STOP_WORDS = ("でしょう", "どんな", "どちら", "さて")
MODEL_PREFIX = "t5:"  # t5:FOLDER is the tokenizer of a model
PIECES = "the tokenizer of a T5"  # what --profile sonoisa counts
NO_PIECES = "--profile sonoisa needs --tokenizer_name, the folder of a T5 tokenizer"
_MOST_RESAMPLES = 100_000  # 4 s for 1,000 rows, and more digits than an interval has use for


@dataclass
class ScoringOptions:
    """How outputs are scored, and what else is looked at."""

    profile: Literal["toi", "jglue", "sonoisa", "lmqg"] = "toi"
    """Whose conventions: toi's, JSQuAD's in JGLUE, sonoisa's T5 on JSQuAD, lm-question-generation's (docs/evaluation.md)."""
    tokenizers: list[str] = field(default_factory=lambda: ["mecab"])
    """What BLEU, ROUGE and distinct-n count: mecab, sudachi-a, sudachi-b, sudachi-c, char, t5:FOLDER; several: a table."""
    tokenizer_name: str | None = None
    """The folder of the T5 tokenizer for --profile sonoisa. [default: the model's]"""
    n_resamples: int = 1000
    """Bootstrap resamples for the 95% intervals and p-values; 0 leaves the intervals out."""
    bootstrap_seed: int = 0
    """Draws the resamples."""
    compare: str | None = None
    """Another file of predictions on the same rows: differences, p-values, and the examples that changed most."""
    stop_words: list[str] = field(default_factory=lambda: list(STOP_WORDS))
    """Words that never count as hallucination; nothing behind the option means none."""
    hallucination_tokenizer: Literal["mecab", "ginza"] = "mecab"
    """Who cuts outputs into words when looking for hallucination."""
    qa_model: str | None = None
    """A model that answers questions: it answers the generated ones, and its answers are scored against the gold ones."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = at_least(self, 0, "n_resamples", "bootstrap_seed")
        if self.n_resamples > _MOST_RESAMPLES:
            problems.append(f"--n_resamples must be at most {_MOST_RESAMPLES:,}, not {self.n_resamples}")
        if not self.tokenizers:
            problems.append("--tokenizers needs one tokenizer at least")
        if len(set(self.tokenizers)) < len(self.tokenizers):
            problems.append("--tokenizers has one twice")
        if self.profile != "toi" and self.tokenizers != ["mecab"]:
            problems.append(f"--tokenizers are for --profile toi; {self.profile} has its own")
        if self.compare and self.n_resamples == 0:
            problems.append("--compare needs --n_resamples")
        return problems


@dataclass
class PairOptions(Concern):
    """Pairs of questions and answers against those of a data set."""

    pairs: str | None = None
    """Pairs to score: SQuAD-format JSON, or the pairs.jsonl of generate.py --document."""
    gold: str | None = None
    """For --pairs: SQuAD-format JSON (a file, a folder, a glob) with the pairs to score against."""
    bertscore_model: str | None = None
    """For --pairs: a model of the library bert_score, for QAAlignedF1 with BERTScore too."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if (self.pairs is None) != (self.gold is None):
            problems.append("--pairs and --gold go together")
        if self.bertscore_model is not None and self.pairs is None:
            problems.append("--bertscore_model goes with --pairs")
        return problems


@dataclass
class AnsweringOptions(NBestOptions):
    """How requests are answered, and what is printed."""

    output_format: Literal["text", "json", "tsv"] = "text"
    """Outputs alone, or with scores and verdicts."""
    task: AskedTask | None = None
    """What the model does, for a model without task.json; chat: a conversation, by the chat template of its tokenizer."""
    allow_answer: bool = False
    """Let the answer occur in its question."""
    per_device_eval_batch_size: int = 32
    """Sources per batch, at most. Changes the speed, not the outputs."""
    verbose: bool = False
    """Say on stderr which options hold, and each prompt as the model reads it."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return super().problems() + at_least(self, 1, "per_device_eval_batch_size")
