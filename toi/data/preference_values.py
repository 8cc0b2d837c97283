"""What cells of preferences hold: votes, JSON lists of turns, conversations in one text, ranked answers."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from toi.data.columns import text_of
from toi.data.json_records import kind_of, short
from toi.data.turns import Turns
from toi.system.errors import InputError

_WINNERS = {"model_a": 0, "a": 0, "model_b": 1, "b": 1}
_WINNERS |= dict.fromkeys(("tie", "tie (bothbad)", "both_bad", "bothbad", "both", "引き分け", "同じ"), 2)
_SET, _UNSET = {"1", "1.0", "true"}, {"0", "0.0", "false", ""}
_ROLE = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ ]?")
_ROLES = {"Human": "user", "Assistant": "assistant"}
_ANSWER_KEYS = ("answer", "response", "text", "content")


def vote_of(values: Mapping[str, Any], winner: str | None, flags: Mapping[str, str], place: str) -> int:
    """Who won: 0 A, 1 B, 2 nobody. From the column of a name, or from those of 0 and 1 by their roles, of which one is 1."""
    if winner is not None:
        said = values.get(winner)
        number = _WINNERS.get(said.strip().lower()) if isinstance(said, str) else None
        if number is None:
            wanted = "expected model_a, model_b or tie (a, b, both_bad)"
            raise InputError(f"{place}: {winner}: {wanted}, found {short(said) if isinstance(said, str) else kind_of(said)}")
        return number
    found = []
    for name in flags.values():
        said = str(values.get(name, "")).strip().lower() if values.get(name) is not None else ""
        if said not in _SET | _UNSET:
            raise InputError(f"{place}: {name}: expected 0 or 1, found {short(str(values.get(name)))}")
        found.append(said in _SET)
    if sum(found) != 1:
        said = ", ".join(f"{name} {int(is_set)}" for name, is_set in zip(flags.values(), found, strict=True))
        raise InputError(f"{place}: the vote is not one: {said}; exactly one must be 1")
    return list(flags).index(next(role for role, is_set in zip(flags, found, strict=True) if is_set))


def lists_of(values: Mapping[str, Any], columns: Sequence[str], place: str, *, first: bool) -> list[list[str]] | None:
    """The turns of each column, which holds a JSON list of them, or that list itself; null is an empty turn.

    `first`: of the first record, which says what all hold: None where they are plain texts. Raises InputError where some are lists
    and some are not, or for any other record that has none.
    """
    found: dict[str, list[str] | None] = {name: _turns_of(values.get(name)) for name in columns}
    if first and not any(found.values()):
        return None
    for name, turns in found.items():
        if not turns:
            said = values.get(name)
            is_a = short(said) if isinstance(said, str) else kind_of(said)
            raise InputError(f"{place}: {name}: expected a JSON list of turns (texts or null) as in the other cells, found {is_a}")
    return [turns for turns in found.values() if turns]


def _turns_of(value: Any) -> list[str] | None:
    """The texts of a list; None if it is no list of texts and null, or has nothing."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list) or not all(turn is None or isinstance(turn, str) for turn in value):
        return None
    return [turn or "" for turn in value] or None


def is_dialogue(text: str) -> bool:
    """Whether a text is a conversation as hh-rlhf writes it."""
    match = _ROLE.match(text)
    return match is not None and match[1] == "Human"


def dialogue_of(text: str, column: str, place: str) -> Turns:
    """The turns of a conversation in one text. Turns of one role in a row are one, with an empty line between.

    Raises InputError for a turn of a user that is empty.
    """
    turns: Turns = []
    _, *parts = _ROLE.split(text)
    for role, said in zip(parts[::2], parts[1::2], strict=True):
        if turns and turns[-1][0] == _ROLES[role]:
            turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n\n{said.strip()}".strip())
        else:
            turns.append((_ROLES[role], said.strip()))
    for role, said in turns:
        if role == "user" and not said:
            raise InputError(f"{place}: {column}: a turn of 'Human:' is empty; write it, or remove the row")
    return turns


class Ranked(NamedTuple):
    """An answer of a ranking: the lower its rank, the better."""

    text: str
    rank: float
    model: str = ""


def answers_of(values: Mapping[str, Any], column: str, beside: str | None, are_ranks: bool, place: str) -> list[Ranked]:
    """The answers of a record: objects that say their rank or score, or texts with a list of ranks or scores beside them."""
    found = values.get(column)
    if isinstance(found, str):
        found = _parsed(found)
    if not isinstance(found, list) or len(found) < 2:
        said = "one answer" if isinstance(found, list) and found else kind_of(found)
        raise InputError(f"{place}: {column}: expected a list of two answers at least, found {said}")
    numbers: Any = None
    if beside is not None:
        numbers = values.get(beside)
        numbers = _parsed(numbers) if isinstance(numbers, str) else numbers
        if not isinstance(numbers, list) or len(numbers) != len(found):
            many = len(numbers) if isinstance(numbers, list) else kind_of(numbers)
            raise InputError(f"{place}: {beside}: expected a number for each of the {len(found)} {column}, found {many}")
    ranked = []
    for i, answer in enumerate(found):
        at = f"{place}: {column}[{i}]"
        text, rank, model = _answer(answer, at)
        if beside is not None:
            at, rank = f"{place}: {beside}[{i}]", (numbers[i] if are_ranks else _negated(numbers[i]))
        if isinstance(rank, bool) or not isinstance(rank, int | float) or not math.isfinite(rank):
            raise InputError(f"{at}: expected a rank or a score that is a number, found {kind_of(rank)}")
        ranked.append(Ranked(text, float(rank), model))
    return ranked


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _negated(score: Any) -> Any:
    return -score if isinstance(score, int | float) and not isinstance(score, bool) else score


def _answer(answer: Any, at: str) -> tuple[str, Any, str]:
    """The text of an answer, its rank if it says one, and its model."""
    if isinstance(answer, str):
        return answer, None, ""
    if not isinstance(answer, dict):
        raise InputError(f"{at}: expected a text, or an object with answer and rank, found {kind_of(answer)}")
    key = next((key for key in _ANSWER_KEYS if key in answer), None)
    if key is None:
        raise InputError(f"{at}: none of {', '.join(_ANSWER_KEYS)}; found {', '.join(map(short, answer)) or 'nothing'}")
    rank = answer["rank"] if "rank" in answer else _negated(answer.get("score"))
    return text_of(answer, key, at), rank, text_of(answer, "model", at)


def ordered(answers: Sequence[Ranked]) -> Iterator[tuple[tuple[int, Ranked], tuple[int, Ranked]]]:
    """All pairs of answers with their numbers, of each the better one first."""
    for one, other in combinations(enumerate(answers), 2):
        yield (one, other) if one[1].rank <= other[1].rank else (other, one)
