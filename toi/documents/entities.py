"""Named entities by GiNZA, where it is installed: candidates beside those of the rules."""

from functools import cache
from typing import Any

from toi.documents.candidates import CandidateKind, Found
from toi.system.errors import InputError, first_line

_INSTALL = "--entities ginza needs GiNZA: pip install ginza ja-ginza"
_NUMBERS = ("N_", "Money", "Percent", "Age", "Countx", "Ordinal", "Measurement", "Rank", "Point", "Frequency", "Multiplication")
_DATES = ("Date", "Time", "Era", "Period", "Year", "Month", "Day", "Timex")
_TITLES = ("Book", "Movie", "Music", "Picture", "Show", "Broadcast_Program", "Printing", "Magazine", "Newspaper", "Product_Other")


def entities(text: str) -> list[Found]:
    """The entities that GiNZA finds, with its name of their class. Raises InputError with the line that installs it."""
    found = []
    for entity in _tagger()(text).ents:
        found.append(Found(entity.start_char, entity.end_char, _kind(entity.label_), f"an entity ({entity.label_})"))
    return found


def _kind(label: str) -> CandidateKind:
    """What of ours a class of Sekine's extended hierarchy is."""
    if label.startswith(_DATES):
        return "date"
    if label.startswith(_NUMBERS):
        return "number"
    return "title" if label.startswith(_TITLES) else "name"


@cache
def _tagger() -> Any:
    try:
        import spacy
    except ImportError:
        raise InputError(_INSTALL) from None
    try:  # as toi/scoring/hallucination.py loads it, with the entities
        return spacy.load("ja_ginza", config={"components": {"compound_splitter": {"split_mode": "C"}}}, exclude=["parser"])
    except OSError as error:
        raise InputError(f"{_INSTALL} ({first_line(error)})") from None


def check_entities() -> None:
    """Raise InputError if GiNZA is not there."""
    _tagger()
