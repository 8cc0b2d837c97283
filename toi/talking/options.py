"""Options of the terminal. Nothing heavy is imported here."""

from dataclasses import dataclass

from toi.system.options import Concern


@dataclass
class ConversationOptions(Concern):
    """Whether requests are typed one after another."""

    interactive: bool = False
    """Ask for contexts and answers on the terminal; a line like --num_beams 4 changes an option."""
