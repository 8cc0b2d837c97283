"""Conversations as data sets write them -> a list of (role, text), checked.

    messages       [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]     also OpenAI's JSON Lines
    conversations  [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]              ShareGPT

become [("user", "..."), ("assistant", "...")], with ("system", "...") before them if there is one. OpenAI's `weight` 0 of a message
says that it is not to be learnt.
"""

from typing import Any

from toi.data.json_records import Node

Turns = list[tuple[str, str]]
_ROLES = {
    "system": "system",
    "developer": "system",  # OpenAI's newer name
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
_KEYS = (("role", "content"), ("from", "value"))
_FORM = "expected role and content, or from and value"
_CALLS = ("tool_calls", "function_call")


def read_turns(value: Any, column: str, place: str, *, may_be_empty: bool = False, ends: str = "assistant") -> Turns:
    """The turns of a conversation, the value of a column. With `may_be_empty` an assistant may have said nothing.

    Raises InputError, beginning with `place` and the column, unless there may be a system text first, then users and
    assistants take turns, that one who `ends` does, and everyone says something.
    """
    whole = Node(value, place, column)
    if not isinstance(value, list):
        raise whole.error(f"expected a list of messages, found {whole.kind}")
    if not value:
        raise whole.error("no messages; remove the row")
    turns: Turns = []
    for message in whole.items():
        role, text = _turn(message, may_be_empty)
        _check_order(message, role, [role for role, _ in turns])
        turns.append((role, text))
    if turns[-1][0] != ends:
        mend = "add the response of the assistant, or remove the message" if ends == "assistant" else "it is the user who asks"
        raise whole.error(f"ends with a message of the {turns[-1][0]}; {mend}")
    return turns


def _turn(message: Node, may_be_empty: bool) -> tuple[str, str]:
    keys = message.value if isinstance(message.value, dict) else {}
    names = next((names for names in _KEYS if all(name in keys for name in names)), None)
    if names is None:
        found = "found " + (", ".join(map(repr, keys)) or message.kind)
        raise message.error(f"{_FORM}, {found}")
    for call in _CALLS:
        if call in message:
            raise message.error(f"{call}: calls of tools cannot be learnt here; remove the conversation")
    if keys.get("weight") not in (None, 0, 1):
        raise message.error(f"weight is {keys['weight']!r}; a message is learnt (1) or not (0)")
    said = message.get(names[0], str)
    role = _ROLES.get(said.value.strip().lower())
    if role is None:
        raise said.error(f"{said.value!r} is not known; use system, user or assistant (or human, gpt)")
    text = message.get(names[1], str)
    if not text.value.strip() and not (may_be_empty and role == "assistant"):
        raise text.error("is empty; write it, or remove the conversation")
    return role, text.value


def _check_order(message: Node, role: str, before: list[str]) -> None:
    """Raise InputError unless a role may follow those before it."""
    last = before[-1] if before else ""
    if role == "system" and before:
        raise message.error("a system text stands first, or not at all; remove it")
    if role == "assistant" and last in ("", "system"):
        raise message.error("the assistant speaks before the user; begin with a message of the user")
    if role == last:
        raise message.error(f"two messages of the {role} in a row; join them, or add what was said between")


def not_learnt(messages: list[dict[str, Any]], turns: Turns) -> frozenset[int]:
    """Which of the turns behind a system text are not to be learnt, by their numbers from 0 on; `messages` is the conversation."""
    behind = messages[len(messages) - len(turns) :]
    return frozenset(i for i, message in enumerate(behind) if message.get("weight") == 0)


def split_system(turns: Turns) -> tuple[str, Turns]:
    """The system text (empty if there is none), and the turns behind it."""
    return (turns[0][1], turns[1:]) if turns[0][0] == "system" else ("", turns)
