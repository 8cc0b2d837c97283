"""Records of instructions -> conversations -> Examples.

    {"instruction": "訳して。", "input": "橋", "output": "bridge"}
    {"messages": [{"role": "user", "content": "やあ"}, {"role": "assistant", "content": "はい"}, ...]}

A conversation becomes an Example for each response, with the turns before it (ids `a.csv:2`, `a.csv:2#2` ...): what
toi/data/tasks.py makes of them begins alike.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from toi.data.columns import Columns, text_of
from toi.data.control_characters import without_control
from toi.data.examples import Answer, Example
from toi.data.turns import Turns, not_learnt, read_turns, split_system
from toi.system.errors import InputError

LossOn = Literal["all", "last"]
_TEXT = itemgetter(1)  # of a turn


class Conversation(NamedTuple):
    """What a user and an assistant say in turn, an assistant last, and where that stands."""

    place: str
    turns: Turns
    input: str = ""  # of the first turn, apart from its instruction
    system: str = ""
    not_learnt: frozenset[int] = frozenset()  # turns, from 0 on, that are history of others only

    def examples(self, id: str, loss_on: LossOn) -> Iterator[Example]:
        """An Example for each response that is to be learnt, or for the last alone."""
        for at in range(0, len(self.turns), 2):
            if at + 1 in self.not_learnt or (loss_on == "last" and at + 2 < len(self.turns)):
                continue
            extra: dict[str, Any] = {"system": self.system} if self.system else {}
            answers = (Answer(self.turns[at + 1][1]),)
            if at:
                extra["turns"] = [list(turn) for turn in self.turns[:at]]
                yield Example(f"{id}#{at // 2 + 1}", "", self.turns[at][1], answers, "", extra)
            else:
                yield Example(id, self.input, self.turns[0][1], answers, "", extra)


def conversations(
    records: Iterable[tuple[str, dict[str, Any]]],
    choose: Callable[[Sequence[str], str], Columns],
    system: str,
    removed: Callable[[int], object] | None,
) -> Iterator[Conversation]:
    """The conversations of records, each with its place; `system` is the system text of those that have none.

    `choose` says which columns of the record at a place are what (toi/data/columns.py).

    A row with neither an instruction nor a response has empty ones: who counts them drops it. Control characters are removed, and
    `removed` is called with how many; where it is None they are errors. Raises InputError that names the place of what is wrong.
    """
    for place, values in records:
        columns = choose(list(values), place)
        if columns.conversation is not None:
            messages = values[columns.conversation]
            said, turns = split_system(read_turns(messages, columns.conversation, place))
            own = text_of(values, columns.system, place)
            if said and own.strip():
                raise InputError(f"{place}: a system text in {columns.conversation} and one in {columns.system}; remove one")
            one = Conversation(place, turns, "", said or own, not_learnt(messages, turns))
        else:
            one = _single(values, columns, place)
        yield _cleaned(one if one.system == system or one.system.strip() else one._replace(system=system), removed)


def _single(values: dict[str, Any], columns: Columns, place: str) -> Conversation:
    asked, said = text_of(values, columns.instruction, place), text_of(values, columns.response, place)
    input_ = "" if columns.input is None else text_of(values, columns.input, place)
    system = "" if columns.system is None else text_of(values, columns.system, place)
    return Conversation(place, [("user", asked), ("assistant", said)], input_, system)


def _cleaned(one: Conversation, removed: Callable[[int], object] | None) -> Conversation:
    """The conversation without control characters. Raises InputError for the first where they are not to be removed."""
    texts = [one.input, one.system, *map(_TEXT, one.turns)]
    clean = without_control(texts, one.place, removed)
    if clean is texts:
        return one
    input_, system, *said = clean
    return one._replace(turns=[(role, text) for (role, _), text in zip(one.turns, said, strict=True)], input=input_, system=system)
