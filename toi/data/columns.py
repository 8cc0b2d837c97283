"""Which column of a table is the instruction, its input, the response, the system text, or a whole conversation.

By the usual names, or by those that the user gives. Names are compared without differences of case, width and spaces. What
could be meant twice, or not at all, is an error that lists the columns that are there.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from toi.data.json_records import kind_of, short
from toi.system.errors import InputError

NAMES = {
    "instruction": "instruction instructions prompt question query user q 指示 指示文 命令 質問 質問文 問い 問題 問 プロンプト",
    "input": "input inputs context 入力 入力文 文脈 コンテキスト",
    "response": "output outputs response completion answer assistant a 出力 出力文 回答 回答文 答え 答 解答 応答 返答",
    "system": "system system_prompt システム システムプロンプト",
    "conversation": "messages conversations conversation 会話",
}
OPTIONS = {"instruction": "prompt", "input": "input", "response": "response", "system": "system"}  # --prompt_column ...
GARBLED = "garbled: UTF-8 was opened as another encoding and saved; save it anew from the original"
# What becomes of 指示, 質問 or 回答: half-width katakana among kanji, and characters that were lost.
_GARBLED = re.compile("\ufffd|[\u4e00-\u9fff][\uff61-\uff9f]")
NO_HEADER = "if the first row is no header, give --no_header"


@lru_cache(maxsize=1 << 12)
def folded(name: str) -> str:
    """A name without what two spellings of it may differ in.

    >>> folded("Ｓｙｓｔｅｍ Prompt")
    'systemprompt'
    """
    return re.sub(r"[\s_\-\ufeff]+", "", unicodedata.normalize("NFKC", name).casefold())


_ROLES = {folded(name): role for role, names in NAMES.items() for name in names.split()}


def role_of(name: str) -> str | None:
    """What a column of this name usually holds: a key of NAMES; None for any other name."""
    return _ROLES.get(folded(name))


def known(names: Collection[str]) -> int:
    """How many names are usual ones."""
    return sum(role_of(name) is not None for name in names)


class Columns(NamedTuple):
    """The names of the columns: either a conversation, or an instruction and a response."""

    instruction: str | None = None
    input: str | None = None
    response: str | None = None
    system: str | None = None
    conversation: str | None = None

    def __str__(self) -> str:
        """For the user: what was taken for what."""
        return ", ".join(f"{role} = {name!r}" for role, name in self._asdict().items() if name is not None)


@dataclass
class Chooser:
    """Columns for one record after another: those of JSON may have different ones.

    `given` are the user's names by the roles of OPTIONS; a number is the place of a column, from 1. `spreadsheet` is
    whether a header may be missing.
    """

    given: dict[str, str] = field(default_factory=dict)
    spreadsheet: bool = False
    _chosen: dict[tuple[str, ...], Columns] = field(default_factory=dict)

    def __call__(self, names: Sequence[str], place: str) -> Columns:
        """The columns of a record. Raises InputError, beginning with `place`, if they are not certain."""
        key = tuple(names)
        if key not in self._chosen:
            self._chosen[key] = self._choose(list(names), place)
        return self._chosen[key]

    def _choose(self, names: list[str], place: str) -> Columns:
        found: dict[str, str] = {}
        for role, name in self.given.items():
            column = self._meant(names, role, name, place)
            if column is not None:
                found[role] = column
        twice = [name for name in found.values() if list(found.values()).count(name) > 1]
        if twice:
            raise InputError(f"{place}: the column {short(twice[0])} is given for two things; {there(names)}")
        matching = {role: [n for n in names if role_of(n) == role and n not in found.values()] for role in NAMES}
        if not matching["instruction"] and "instruction" not in found and "input" not in found:
            matching["instruction"] = [n for n in matching["input"] if folded(n) not in ("context", "文脈", "コンテキスト")]
            matching["input"] = [n for n in matching["input"] if n not in matching["instruction"]]
        pair = {role: found.get(role) or bool(matching[role]) for role in ("instruction", "response")}
        if matching["conversation"] and not ("instruction" in found and "response" in found):
            if all(pair.values()) or "instruction" in found or "response" in found:
                raise InputError(
                    f"{place}: both a conversation and single instructions; give --prompt_column and --response_column for the"
                    f" latter, or remove them; {there(names)}"
                )
            matching |= {"instruction": [], "input": [], "response": []}
        else:
            matching["conversation"] = []
            self._check_pair(pair, names, place)
        for role, columns in matching.items():
            if role not in found and columns:
                found[role] = self._only(role, columns, place)
        return Columns(**found)

    def _check_pair(self, pair: dict[str, Any], names: list[str], place: str) -> None:
        for role, given in pair.items():
            if not given:
                hint = f"; {NO_HEADER}" if self.spreadsheet else ""
                if any(map(_GARBLED.search, names)):
                    raise InputError(f"{place}: no column for the {role}: {there(names)}; {GARBLED}")
                raise InputError(f"{place}: no column for the {role}: {there(names)}; name it with --{OPTIONS[role]}_column{hint}")

    def _only(self, role: str, columns: list[str], place: str) -> str:
        if len(columns) > 1:
            both = " and ".join(map(short, columns))
            todo = f"choose with --{OPTIONS[role]}_column" if role in OPTIONS else "remove one"
            raise InputError(f"{place}: the columns {both} may each be the {role}; {todo}")
        return columns[0]

    def _meant(self, names: list[str], role: str, name: str, place: str) -> str | None:
        """The column that the user's name means; None for one that only other records have."""
        if (column := column_named(names, name)) is not None:
            return column
        if role in ("input", "system") and any(getattr(columns, role) is not None for columns in self._chosen.values()):
            return None
        hint = f"; {NO_HEADER}" if self.spreadsheet else ""
        raise InputError(f"{place}: no column {short(name)} (--{OPTIONS[role]}_column): {there(names)}{hint}")


def column_named(names: Sequence[str], name: str) -> str | None:
    """The column that a user means: one of that name, of one that is nearly the same, or at that place, from 1; else None."""
    if name in names:
        return name
    alike = [n for n in names if folded(n) == folded(name)]
    if len(alike) == 1:
        return alike[0]
    if name.isascii() and name.isdigit() and 0 < int(name) <= len(names):
        return names[int(name) - 1]
    return None


def there(names: Sequence[str]) -> str:
    """The columns that are there, for an error."""
    listed = ", ".join(map(short, names[:12])) + (" …" if len(names) > 12 else "")
    return f"the columns are {listed}" if names else "there are no columns"


def text_of(values: dict[str, Any], column: str | None, place: str) -> str:
    """The text in a column; an empty one for null, or where the record does not have the column.

    Raises InputError, beginning with `place`, for anything else.
    """
    value = values.get(column) if column is not None else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{place}: {column}: expected a text, found {kind_of(value)}; write it in quotes")
    return value
