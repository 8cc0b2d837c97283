"""Options of the page. Nothing heavy is imported here."""

import re
from dataclasses import dataclass, field

from toi.system.optional import APP, missing
from toi.system.options import Concern, at_least, at_most


@dataclass
class PageOptions(Concern):
    """Where the page is, who may see it, and how much one user may ask for."""

    model_dir: str = "."
    """The folder whose model folders can be chosen; nothing outside of it is read."""
    host: str | None = None
    """The address to listen on; 0.0.0.0 lets other machines in. [default: $GRADIO_SERVER_NAME, or this machine alone]"""
    port: int | None = None
    """The port to listen on. [default: $GRADIO_SERVER_PORT, or the first free one from 7860 on]"""
    auth: list[str] = field(default_factory=list)
    """Who may come in: NAME:PASSWORD, several of them."""
    max_characters: int = 20_000
    """The most characters of a text that is typed."""
    max_file_mb: int = 20
    """The size of a document at most, in MB."""
    max_seconds: int = 600
    """How long a document or an answer may take; what is there by then is shown."""
    max_queue_size: int = 100
    """How many requests may wait; further ones are told so."""
    max_batch_size: int = 8
    """So many requests of different users are answered together."""
    max_models: int = 3
    """So many models are kept in memory; the one that was used longest ago makes room."""

    def problems(self) -> list[str]:
        """What is wrong with these options, or not installed."""
        problems = super().problems()
        problems += at_least(
            self, 1, "max_characters", "max_file_mb", "max_seconds", "max_queue_size", "max_batch_size", "max_models"
        )
        problems += at_least(self, 0, "port") + at_most(self, 65_535, "port")
        for one in self.auth:
            if not re.fullmatch(r"[^:]+:.+", one):
                problems.append("--auth must be NAME:PASSWORD")
        return problems + missing("app.py", "gradio", APP)
