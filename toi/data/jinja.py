"""Chat templates rendered as `apply_chat_template` of transformers does it, without transformers.

A template comes with a model, so it is foreign code: it runs in Jinja's sandbox, where it sees the messages and what is given to it
here, and cannot change them. The date that some templates write is always the same, so that the same texts give the same rows.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from toi.system.errors import InputError, first_line

if TYPE_CHECKING:
    from jinja2 import Environment, Template

DATE = date(2024, 7, 26)  # what the templates of Llama 3.1 and 3.2 write where they are told no other


class NotRendered(ValueError):
    """What a template does not do with a conversation. The message is one line."""

    def __init__(self, why: str):
        super().__init__(f"the chat template: {why}")


@lru_cache(maxsize=16)
def compiled(template: str) -> "Template":
    """A template, ready to be rendered. Raises InputError if it is not Jinja."""
    return _checked(lambda environment: environment.from_string(template))


@lru_cache(maxsize=16)
def variables(template: str) -> frozenset[str]:
    """The names that a template does not define itself. Raises InputError if it is not Jinja."""
    from jinja2 import meta

    return _checked(lambda environment: frozenset(meta.find_undeclared_variables(environment.parse(template))))


def rendered(template: "Template", messages: Sequence[tuple[str, str]], prompts: bool, values: Mapping[str, Any]) -> str:
    """What a template writes of messages (role, text); `prompts`: and of the beginning of a response that is to come.

    Raises NotRendered, with what the template says, if it refuses them.
    """
    about = {"tools": None, "documents": None, "add_generation_prompt": prompts, **values}
    try:
        return template.render(messages=[{"role": role, "content": text} for role, text in messages], **about)
    except Exception as error:  # whatever foreign code runs into
        raise NotRendered(first_line(error)) from None


def _checked(use: Any) -> Any:
    from jinja2 import TemplateError

    try:
        return use(_environment())
    except TemplateError as error:
        at = f"line {error.lineno}: " if getattr(error, "lineno", None) else ""  # type: ignore[attr-defined]
        raise InputError(f"the chat template is not Jinja that can be rendered ({at}{first_line(error)})") from None


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    """As transformers 5 makes it (utils/chat_template_utils.py)."""
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` says what a response is; what it holds is written, and no more."""

        tags = {"generation"}  # noqa: RUF012 (as Jinja has it)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def to_json(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.filters["tojson"] = to_json
    environment.globals.update(raise_exception=raise_exception, strftime_now=DATE.strftime)
    return environment
