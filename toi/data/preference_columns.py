"""Which columns of a table of preferences are what, by their usual names, or by those that the user gives.

arena      prompt, response_a, response_b, and winner_model_a, winner_model_b, winner_tie, or winner     also conversation_a ...
pair       prompt, chosen, rejected; without a prompt where the texts are whole conversations
ranking    prompt, answers, and where these do not say it, ranks or scores
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from toi.data.columns import NO_HEADER, column_named, folded, there
from toi.data.json_records import short
from toi.system.errors import InputError

_NAMES = {
    "prompt": "prompt instruction question query 指示 質問 プロンプト",
    "response_a": "response_a answer_a conversation_a 応答a 回答a",
    "response_b": "response_b answer_b conversation_b 応答b 回答b",
    "winner": "winner vote 勝者 投票 判定",
    "winner_model_a": "winner_model_a",
    "winner_model_b": "winner_model_b",
    "winner_tie": "winner_tie",
    "chosen": "chosen better 採用 よい応答 よい回答",
    "rejected": "rejected worse 不採用 わるい応答 わるい回答",
    "answers": "answers responses completions 応答 回答",
    "ranks": "ranks rank ranking 順位",
    "scores": "scores score ratings 点数",
    "system": "system system_prompt システム",
    "model_a": "model_a",
    "model_b": "model_b",
}
_ROLES = {folded(name): role for role, names in _NAMES.items() for name in names.split()}
FLAGS = ("winner_model_a", "winner_model_b", "winner_tie")
OPTIONS = ("prompt", "response_a", "response_b", "winner", "chosen", "rejected", "answers", "system")  # --prompt_column ...
_FORMS = {"arena": ("response_a", "response_b"), "pair": ("chosen", "rejected"), "ranking": ("answers",)}


class PreferenceColumns(NamedTuple):
    """The names of the columns by what they hold; None for what is not there."""

    prompt: str | None = None
    response_a: str | None = None
    response_b: str | None = None
    winner: str | None = None
    winner_model_a: str | None = None
    winner_model_b: str | None = None
    winner_tie: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    answers: str | None = None
    ranks: str | None = None
    scores: str | None = None
    system: str | None = None
    model_a: str | None = None
    model_b: str | None = None

    @property
    def form(self) -> str:
        """arena, pair or ranking."""
        return "arena" if self.response_a else "pair" if self.chosen else "ranking"

    def __str__(self) -> str:
        """For the user: what was taken for what."""
        return ", ".join(f"{role} = {name!r}" for role, name in self._asdict().items() if name is not None)


@lru_cache(maxsize=64)
def _roles(names: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        if (role := _ROLES.get(folded(name))) is not None:
            found.setdefault(role, []).append(name)
    return found


@dataclass
class PreferenceChooser:
    """Columns for one record after another: those of JSON may have different ones.

    `given` are the user's names by the roles of OPTIONS; a number is the place of a column, from 1. `spreadsheet` is whether a
    header may be missing.
    """

    given: dict[str, str] = field(default_factory=dict)
    spreadsheet: bool = False
    _chosen: dict[tuple[str, ...], PreferenceColumns] = field(default_factory=dict)

    def __call__(self, names: Sequence[str], place: str) -> PreferenceColumns:
        """The columns of a record. Raises InputError, beginning with `place`, if they are not certain."""
        key = tuple(names)
        if key not in self._chosen:
            self._chosen[key] = _choose(key, self._meant(key, place), place)
        return self._chosen[key]

    def _meant(self, names: tuple[str, ...], place: str) -> dict[str, list[str]]:
        """The columns that may be each role: those of the user, and of usual names what these leave to be found."""
        given: dict[str, list[str]] = {}
        for role, name in self.given.items():
            column = column_named(names, name)
            if column is None and not (role == "system" and any(columns.system for columns in self._chosen.values())):
                hint = f"; {NO_HEADER}" if self.spreadsheet else ""
                raise InputError(f"{place}: no column {short(name)} (--{role}_column): {there(names)}{hint}")
            if column is not None and [column] in given.values():
                raise InputError(f"{place}: the column {short(column)} is given for two things; {there(names)}")
            given |= {role: [column]} if column is not None else {}
        forms = {form for form, roles in _FORMS.items() if not given.keys().isdisjoint(roles)}
        other = {role for form, roles in _FORMS.items() if forms and form not in forms for role in roles}
        other |= set(FLAGS) if "winner" in given else set()
        taken = {column for columns in given.values() for column in columns}
        left = {role: [name for name in columns if name not in taken] for role, columns in _roles(names).items()}
        return {role: columns for role, columns in left.items() if columns and role not in other} | given


def _choose(names: tuple[str, ...], found: dict[str, list[str]], place: str) -> PreferenceColumns:
    for role, named in found.items():
        if len(named) > 1:
            todo = f"choose with --{role}_column" if role in OPTIONS else "remove one"
            raise InputError(f"{place}: the columns {' and '.join(map(short, named))} may each be the {role}; {todo}")
    columns = PreferenceColumns(**{role: of_role[0] for role, of_role in found.items()})
    begun = [form for form, roles in _FORMS.items() if any(role in found for role in roles)]
    if len(begun) > 1:
        both = " and ".join(short(found[role][0]) for form in begun for role in _FORMS[form] if role in found)
        raise InputError(f"{place}: several forms of preferences at once ({both}); remove the columns of one; {there(names)}")
    if not begun:
        wanted = "response_a and response_b, chosen and rejected, or answers"
        raise InputError(
            f"{place}: no columns for answers to compare ({wanted}): {there(names)}; name them with --chosen_column ..."
        )
    for role in _FORMS[begun[0]]:
        if role not in found:
            raise InputError(f"{place}: no column {role}: {there(names)}; name it with --{role}_column")
    _check_vote(columns, names, place)
    return columns


def _check_vote(columns: PreferenceColumns, names: tuple[str, ...], place: str) -> None:
    """Raise InputError unless what an arena's record needs beside the answers is there once."""
    if columns.form == "ranking" and columns.prompt is None:
        raise InputError(f"{place}: no column for the prompt: {there(names)}; name it with --prompt_column")
    if columns.form == "ranking" and columns.ranks and columns.scores:
        raise InputError(f"{place}: both {columns.ranks!r} and {columns.scores!r}; remove one; {there(names)}")
    if columns.form != "arena":
        return
    flags = [name for role in FLAGS if (name := getattr(columns, role)) is not None]
    if columns.winner is not None and flags:
        raise InputError(f"{place}: both {columns.winner!r} and {flags[0]!r} say who won; remove one; {there(names)}")
    if columns.winner is None and (columns.winner_model_a is None or columns.winner_model_b is None):
        missing = "winner_model_a and winner_model_b (and winner_tie), or winner"
        raise InputError(f"{place}: no column for the vote ({missing}): {there(names)}; name it with --winner_column")
