"""Options of the terminal. Nothing heavy is imported here."""

from dataclasses import dataclass

from toi.system.options import Concern


@dataclass
class ConversationOptions(Concern):
    """Whether requests are typed one after another, and who else answers."""

    interactive: bool = False
    """Ask for contexts and answers on the terminal, or talk; a line like --num_beams 4 changes an option."""
    compare: str | None = None
    """Another model, which answers the same, side by side."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        same = self.compare is not None and self.compare == getattr(self, "model_name_or_path", None)
        return super().problems() + ["--compare is the model itself; give another one"] * same
