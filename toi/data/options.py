"""Options of tasks, of preparing data and of requests. Nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal

from toi.system.options import Concern, at_least

ExtractionTask = Literal["ae", "qag"]
TaskName = Literal["qa", "aqg", "aqg-hl", "aqg-cf", "ae", "qag", "alpaca-ja", "alpaca", "plain"]
AskedTask = Literal[TaskName, "chat"]  # chat is made of the tokenizer of the model


@dataclass
class FolderOptions(Concern):
    """What all prepare scripts have: a data folder is written, and counted in the tokens of a model."""

    overwrite_output_dir: bool = False
    """Replace a data folder that was made from other files or with other options."""
    tokenizer_name_or_path: str | None = None
    """Count tokens, <unk> and truncation with the tokenizer of this model."""
    max_input_length: int = 512
    """The limit of sources in tokens, for counting what would be cut."""
    max_target_length: int = 64
    """The limit of targets in tokens, for counting what would be cut."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return super().problems() + at_least(self, 2, "max_input_length", "max_target_length")

    @property
    def limits(self) -> dict[str, int]:
        """The limits of sources and targets, in tokens."""
        return {"source": self.max_input_length, "target": self.max_target_length}


@dataclass
class RequestOptions(Concern):
    """What is asked for: one request, or a file of them."""

    context: str = ""
    """The text that is asked about. <hl> on both sides of the answer says where it is."""
    answer: str | None = None
    """The answer of the wanted question, as it stands in the context."""
    question: str | None = None
    """The question to answer, for a QA model."""
    prompt: str | None = None
    """What a model that was taught with instructions shall do; --context is its input."""
    system: str = ""
    """The system text of --prompt."""
    response_a: str | None = None
    """The first of two answers to --prompt, for a model that says which one is better."""
    response_b: str | None = None
    """The second one."""
    title: str = ""
    """The title of the context, for models whose prompt has one."""
    answer_start: int | None = None
    """The character of the context at which the answer begins, from 0 on, where it occurs several times."""
    occurrence: int | None = None
    """Which occurrence of the answer is meant, from 1 on. [default: the first]"""
    input_file: str | None = None
    """Many requests: JSON Lines or TSV (answer and context, or a header); - for stdin."""

    def problems(self) -> list[str]:
        """What is wrong with these options, whatever the task is; what a request lacks is said by `toi.data.requests`."""
        problems = super().problems() + at_least(self, 1, "occurrence") + at_least(self, 0, "answer_start")
        if self.answer_start is not None and self.occurrence is not None:
            problems.append("give --answer_start or --occurrence, not both")
        return problems

    def of_one_request(self) -> list[str]:
        """The options given that describe one request."""
        names = ("answer", "question", "answer_start", "occurrence", "prompt", "response_a", "response_b")
        given = [f"--{name}" for name in names if getattr(self, name) is not None]
        return given + [f"--{name}" for name in ("context", "system") if getattr(self, name)]
