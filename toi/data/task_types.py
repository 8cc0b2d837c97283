"""What `task.json` says of a task -> the arguments of a Task."""

from dataclasses import fields
from typing import Any

from toi.data.chat import ChatTemplate
from toi.text.normalization import METHODS, Normalization

TARGET_SEPARATOR = "\n"  # of tasks that say no other


def arguments_of(value: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a `toi.data.tasks.Task`. Raises KeyError, TypeError or AttributeError for what is no task description, and
    InputError for a chat template that cannot be rendered.
    """
    _check_types(value)
    known = {option.name for option in fields(Normalization)}
    return {
        "name": value["task"],
        "source_template": value["source_template"],
        "target_template": value["target_template"],
        "normalization": Normalization(**{k: v for k, v in value["normalization"].items() if k in known}),
        "max_context_length": value.get("max_context_length"),
        "target_separator": value.get("target_separator", TARGET_SEPARATOR),
        "source_template_without_input": value.get("source_template_without_input"),
        "pairs": value.get("pairs", False),
        "choices": tuple(value.get("choices", ())),
        "chat_template": ChatTemplate.from_json(value["chat_template"]) if "chat_template" in value else None,
    }


def _check_types(value: dict[str, Any]) -> None:
    """Raise TypeError for the first field of a task description that is of another kind than it should be."""
    limit = value.get("max_context_length")
    right = {"max_context_length": limit is None or (type(limit) is int and limit > 0)}
    right |= {name: isinstance(value[name], str) for name in ("task", "source_template", "target_template")}
    right["target_separator"] = isinstance(value.get("target_separator", TARGET_SEPARATOR), str)
    without_input = value.get("source_template_without_input")
    right["source_template_without_input"] = without_input is None or isinstance(without_input, str)
    right["pairs"] = isinstance(value.get("pairs", False), bool)
    choices = value.get("choices", [])
    right["choices"] = isinstance(choices, list) and all(isinstance(choice, str) for choice in choices)
    for option in fields(Normalization):
        right[option.name] = type(value["normalization"].get(option.name, option.default)) is type(option.default)
    right["method"] = value["normalization"].get("method", "full") in METHODS
    for name, is_right in right.items():
        if not is_right:
            raise TypeError(f"{name} is {({**value, **value['normalization']})[name]!r}")
