"""How an instruction is put to a model, as prepare scripts are told it. Nothing heavy is imported here."""

from dataclasses import dataclass
from typing import Literal

from toi.data.sources import DataOptions
from toi.data.tasks import TARGET_SEPARATOR
from toi.data.templates import INSTRUCTION_TEMPLATES, USER_TEMPLATES

TemplateName = Literal["alpaca-ja", "alpaca", "plain", "chat"]


@dataclass
class TemplateOptions(DataOptions):
    """How an instruction is put to a model."""

    template: TemplateName = "alpaca-ja"
    """How an instruction is put to the model; chat: as the chat template of --tokenizer_name_or_path does it."""
    chat_template: str | None = None
    """Another one for --template chat, as it was published: chatml, llama-2, llama-3 or gemma; or a file of Jinja."""
    enable_thinking: bool = False
    """Let a chat template that knows thoughts (Qwen3) expect them in responses; it is told that there are none otherwise."""
    target_separator: str | None = None
    """What a decoder-only model reads between source and target. [default: \\n, a line break]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if self.template != "chat":
            needed = ("chat_template", "enable_thinking")
            return problems + [f"--{name} needs --template chat" for name in needed if getattr(self, name)]
        if self.chat_template is None and self.tokenizer_name_or_path is None:
            problems.append("--template chat needs --tokenizer_name_or_path (the model whose template it is), or --chat_template")
        if self.target_separator is not None:
            problems.append("--target_separator cannot go with --template chat, which says itself what stands before a response")
        return problems

    @property
    def templates(self) -> tuple[str, str, str | None]:
        """Of sources, of targets, and of sources without an input; of a chat template's user turn, where it says the rest."""
        return USER_TEMPLATES if self.template == "chat" else INSTRUCTION_TEMPLATES[self.template]

    @property
    def separator(self) -> str:
        """What stands between source and target. Raises InputError for an escape that is none."""
        typed = self.typed("target_separator")
        return TARGET_SEPARATOR if typed is None else typed
