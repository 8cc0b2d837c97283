r"""Records of preferences -> two conversations and which of them is better.

    {"prompt": "[\"やあ\"]", "response_a": "[\"はい\"]", "response_b": "[null]", "winner_model_a": 1, ...}    the arena's
    {"conversation_a": [{"role": "user", ...}, ...], "conversation_b": [...], "winner": "tie"}                its older files
    {"prompt": "やあ", "chosen": "はい", "rejected": ""}    also messages, with the prompt or without
    {"chosen": "\n\nHuman: やあ\n\nAssistant: はい", "rejected": ...}    hh-rlhf
    {"prompt": "やあ", "answers": [{"answer": "はい", "rank": 1}, ...]}    of a ranking all pairs

Texts in the wild hold null for an answer that did not come (an empty one here) and halves of surrogate pairs (U+FFFD here).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from toi.data.columns import text_of
from toi.data.control_characters import without_control
from toi.data.preference_columns import FLAGS, PreferenceColumns
from toi.data.preference_values import answers_of, dialogue_of, is_dialogue, lists_of, ordered, vote_of
from toi.data.turns import Turns, read_turns, split_system
from toi.system.errors import InputError

A, B, TIE = range(3)
REPAIRED = "halves of surrogate pairs replaced"
_HALF = re.compile("[\ud800-\udfff]")
Counting = Callable[[str, int], object]  # what is counted, and how much of it


class Comparison(NamedTuple):
    """Two conversations with one user, of each an assistant says the last word, and the better one: A, B or TIE."""

    place: str
    a: Turns
    b: Turns
    winner: int
    system: str = ""
    model_a: str = ""
    model_b: str = ""
    number: str = ""  # of a pair of a ranking
    sided: bool = True  # whether the data say which answer is A; else the better one stands there

    @property
    def shared(self) -> int:
        """How many turns both begin with, up to the last of a user; 0 if they do not begin alike."""
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.a, self.b, strict=False)))
        alike = min(alike, len(self.a) - 1, len(self.b) - 1)
        return alike if alike % 2 else max(0, alike - 1)

    @property
    def swapped(self) -> "Comparison":
        """The same with the sides changed."""
        winner = (B, A, TIE)[self.winner]
        return self._replace(a=self.b, b=self.a, winner=winner, model_a=self.model_b, model_b=self.model_a)

    def without_first(self) -> "Comparison | None":
        """Without the first turn of the user, and the answers to it; None where nothing earlier than the last may go."""
        if len(self.a) < 4 or len(self.b) < 4 or self.a[2] != self.b[2]:
            return None
        return self._replace(a=self.a[2:], b=self.b[2:])


def comparisons(
    records: Iterable[tuple[str, dict[str, Any]]],
    choose: Callable[[Sequence[str], str], PreferenceColumns],
    removed: Callable[[int], object] | None,
    repaired: Callable[[int], object],
) -> Iterator[Comparison]:
    """The comparisons of records. `choose` says which columns of the record at a place are what.

    Control characters are removed, and `removed` is called with how many; where it is None they are errors. `repaired` is called
    with how many halves of surrogate pairs were replaced. Raises InputError that names the place of what is wrong.
    """
    lists: dict[PreferenceColumns, bool] = {}  # whether texts are JSON lists of turns: the first record says it
    for place, values in records:
        columns = choose(list(values), place)
        system = text_of(values, columns.system, place)
        if columns.form == "arena":
            if columns not in lists:
                lists[columns] = lists_of(values, _texts(columns), place, first=True) is not None
            found = [_of_arena(values, columns, place, as_lists=lists[columns])]
        elif columns.form == "pair":
            found = [_of_pair(values, columns, place)]
        else:
            found = list(_of_ranking(values, columns, place))
        for one in found:
            yield _cleaned(one._replace(system=one.system or system), removed, repaired)


def _texts(columns: PreferenceColumns) -> list[str]:
    """The columns that hold texts of an arena's record."""
    return [name for name in (columns.prompt, columns.response_a, columns.response_b) if name is not None]


def _of_arena(values: dict[str, Any], columns: PreferenceColumns, place: str, *, as_lists: bool) -> Comparison:
    assert columns.response_a is not None
    assert columns.response_b is not None
    flags = {role: name for role in FLAGS if (name := getattr(columns, role)) is not None}
    winner = vote_of(values, columns.winner, flags, place)
    model_a, model_b = (text_of(values, name, place) for name in (columns.model_a, columns.model_b))
    if columns.prompt is None:
        a, b = (read_turns(values[name], name, place, may_be_empty=True) for name in (columns.response_a, columns.response_b))
        (system, a), (_, b) = split_system(a), split_system(b)
        return Comparison(place, a, b, winner, system, model_a, model_b)
    if not as_lists:
        asked, of_a, of_b = ([text_of(values, name, place)] for name in _texts(columns))
    else:
        found = lists_of(values, _texts(columns), place, first=False)
        assert found is not None
        asked, of_a, of_b = found
    sides = []
    for name, said in ((columns.response_a, of_a), (columns.response_b, of_b)):
        if len(said) != len(asked):
            raise InputError(f"{place}: {name}: {len(said)} answers to {len(asked)} turns of {columns.prompt}; one answers each")
        sides.append([turn for pair in zip(asked, said, strict=True) for turn in (("user", pair[0]), ("assistant", pair[1]))])
    return Comparison(place, sides[0], sides[1], winner, "", model_a, model_b)


def _of_pair(values: dict[str, Any], columns: PreferenceColumns, place: str) -> Comparison:
    assert columns.chosen is not None
    assert columns.rejected is not None
    before = _before(values, columns.prompt, place) if columns.prompt is not None else []
    (system, better), (_, worse) = (_side(values, name, before, place) for name in (columns.chosen, columns.rejected))
    return Comparison(place, better, worse, A, system, sided=False)


def _of_ranking(values: dict[str, Any], columns: PreferenceColumns, place: str) -> Iterator[Comparison]:
    """All pairs of a record's answers, the better one first."""
    assert columns.prompt is not None
    assert columns.answers is not None
    system, before = split_system(_before(values, columns.prompt, place))
    ranks = columns.ranks or columns.scores
    answers = answers_of(values, columns.answers, ranks, columns.ranks is not None, place)
    for (i, one), (j, other) in ordered(answers):
        winner = TIE if one.rank == other.rank else A
        a, b = ([*before, ("assistant", text)] for text in (one.text, other.text))
        number = f"#{i + 1}-{j + 1}"
        yield Comparison(place, a, b, winner, system, one.model, other.model, number, sided=False)


def _before(values: dict[str, Any], column: str, place: str) -> Turns:
    """The turns of a prompt: a text, one with hh-rlhf's roles, or messages; a user says the last one."""
    value = values.get(column)
    if isinstance(value, list):
        return read_turns([*value, {"role": "assistant", "content": ""}], column, place, may_be_empty=True)[:-1]
    text = text_of(values, column, place)
    if is_dialogue(text):
        turns = dialogue_of(text, column, place)
        if turns[-1][0] == "assistant" and turns[-1][1]:
            raise InputError(f"{place}: {column}: ends with an answer; it must end with what is asked, or with 'Assistant:'")
        return turns[:-1] if turns[-1][0] == "assistant" else turns
    return [("user", text)]


def _side(values: dict[str, Any], column: str, before: Turns, place: str) -> tuple[str, Turns]:
    """A system text, and a conversation: what a column holds, behind the prompt unless it holds that too."""
    value = values.get(column)
    if isinstance(value, list):
        only = len(value) == 1 and isinstance(value[0], dict) and bool(before)
        messages = [*({"role": role, "content": text} for role, text in before), *value] if only else value
        return split_system(read_turns(messages, column, place, may_be_empty=True))
    text = text_of(values, column, place)
    if not before or is_dialogue(text):
        if not is_dialogue(text):
            wanted = "neither a column for it, nor a conversation of 'Human:' and 'Assistant:'"
            raise InputError(f"{place}: {column}: no prompt: {wanted}")
        turns = dialogue_of(text, column, place)
        if turns[-1][0] != "assistant":
            raise InputError(f"{place}: {column}: ends with 'Human:'; add the answer, or remove the row")
        return "", turns
    system, turns = split_system(before)
    return system, [*turns, ("assistant", text)]


def _cleaned(one: Comparison, removed: Callable[[int], object] | None, repaired: Callable[[int], object]) -> Comparison:
    """Without halves of surrogate pairs and control characters, and with line breaks of one kind."""
    texts = [one.system, *(text for _, text in one.a), *(text for _, text in one.b)]
    halves = sum(len(_HALF.findall(text)) for text in texts)
    if halves:
        repaired(halves)
        texts = [_HALF.sub("\ufffd", text) for text in texts]
    cleaned = without_control(texts, one.place, removed)
    if not halves and cleaned is texts:
        return one
    system, *said = cleaned
    of_a, of_b = said[: len(one.a)], said[len(one.a) :]
    a, b = ([(role, text) for (role, _), text in zip(turns, of, strict=True)] for turns, of in ((one.a, of_a), (one.b, of_b)))
    return one._replace(system=system, a=a, b=b)
