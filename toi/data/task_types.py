"""Of what kind the fields of `task.json` are."""

from dataclasses import fields
from typing import Any

from toi.text.normalization import METHODS, Normalization


def check_types(value: dict[str, Any]) -> None:
    """Raise TypeError for the first field of a task description that is of another kind than it should be."""
    limit = value.get("max_context_length")
    right = {"max_context_length": limit is None or (type(limit) is int and limit > 0)}
    right |= {name: isinstance(value[name], str) for name in ("task", "source_template", "target_template")}
    right["target_separator"] = isinstance(value.get("target_separator", ""), str)
    without_input = value.get("source_template_without_input")
    right["source_template_without_input"] = without_input is None or isinstance(without_input, str)
    right["pairs"] = isinstance(value.get("pairs", False), bool)
    for option in fields(Normalization):
        right[option.name] = type(value["normalization"].get(option.name, option.default)) is type(option.default)
    right["method"] = value["normalization"].get("method", "full") in METHODS
    for name, is_right in right.items():
        if not is_right:
            raise TypeError(f"{name} is {({**value, **value['normalization']})[name]!r}")
