"""The chat template of a model: a conversation -> what the model reads, and what of it a response is.

    <|im_start|>user            [{"role": "user", "content": "やあ"}]  ->  what the template writes before a response
    やあ<|im_end|>
    <|im_start|>assistant
    はい<|im_end|>              the response, and the token that ends it

A chat template is Jinja, and stands in a tokenizer's configuration. It is rendered as `apply_chat_template` of transformers does it
(toi/data/jinja.py). What a response is, is not looked up but found out: the template renders conversations whose texts are known.

The template alone decides where its special tokens (`markers`) stand: where the text of a user holds the characters of one, these
are kept apart by `APART`, a control character that no text of an instruction holds, and the tokenizer reads them as characters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from toi.data.chat_forms import Message, Response, Turns, heads_of, response_of, samples_of, turns_of
from toi.data.jinja import NotRendered, compiled, rendered, variables
from toi.system.errors import InputError

APART = "\x1f"  # what stands on both sides of it is not one token
# Of texts that a template writes: special tokens as they are usually called, for a vocabulary that does not have them yet.
_USUAL_MARKERS = re.compile(r"<\|[^<>|\s]+\|>|</?[a-z]+(?:_[a-z]+)*>")


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template, and what its rendering needs. Saved in `task.json`.

    Raises InputError for a template that cannot be rendered, or does not write responses behind its prompts.
    """

    template: str  # Jinja
    tokens: Mapping[str, str] = field(default_factory=dict)  # what it calls bos_token, eos_token ...
    markers: tuple[str, ...] = ()  # special tokens that it writes
    enable_thinking: bool = False  # what templates ask for that can put thoughts before a response (Qwen3)

    def __post_init__(self) -> None:
        _ = self.form, self.turns

    @classmethod
    def of(
        cls, template: str, tokens: Mapping[str, str], special: Iterable[str], *, usual: bool, enable_thinking: bool = False
    ) -> "ChatTemplate":
        """That of a template, for a tokenizer with these `special` tokens, some of which have roles (`tokens`, by `bos_token` ...).

        Its markers are those that it writes; with `usual`, whatever looks like one is one, and may be new to the tokenizer.
        Raises InputError, also where the template needs a token that there is not.
        """
        used = variables(template)
        lacking = sorted(name for name in used if name in ("bos_token", "eos_token") and name not in tokens)
        if lacking and not tokens:
            raise InputError(f"the chat template writes {' and '.join(lacking)}: give --tokenizer_name_or_path, which has them")
        tokens = {name: token for name, token in tokens.items() if name in used}
        plain = cls(template, tokens, (), enable_thinking)
        written = "".join(samples_of(plain._rendered))
        markers = {token for token in {*special, *tokens.values()} if token and token in written}
        if usual:
            markers |= set(_USUAL_MARKERS.findall(written))
        return cls(template, tokens, tuple(sorted(markers)), enable_thinking)

    def prompt(self, messages: Sequence[Message]) -> str:
        """What the model reads of messages, the last one a user's, and goes on from. Raises NotRendered if the template refuses."""
        return self._rendered([(role, self.apart(text)) for role, text in messages], True)

    def response(self, messages: Sequence[Message], text: str) -> str:
        """What the template makes of a response to messages: without what stands around it, and it may trim it.

        Raises NotRendered where the template refuses, or writes the response elsewhere.
        """
        messages = [(role, self.apart(text)) for role, text in messages]
        before, behind, end, rest = self.form
        whole, prompt = self._rendered([*messages, ("assistant", self.apart(text))]), self._rendered(messages, True)
        tail = whole.removeprefix(prompt)
        around = before, behind + end + rest
        if not whole.startswith(prompt) or not (tail.startswith(before) and tail.endswith(around[1])):
            raise NotRendered("it writes this response elsewhere than behind its prompt")
        said = tail[len(before) : len(tail) - len(around[1])]
        if any(marker in said for marker in self.markers):
            raise NotRendered("it writes special tokens within this response")
        return said.replace(APART, "")

    def apart(self, text: str) -> str:
        """A text in which no marker can be read. Raises NotRendered if it holds `APART` itself."""
        if APART in text:
            raise NotRendered(f"a text holds the control character U+{ord(APART):04X}; remove it")
        return text if self._inside is None else self._inside.sub(APART, text)

    @cached_property
    def _inside(self) -> re.Pattern[str] | None:
        """Behind the first character of each marker."""
        places = [f"(?<={re.escape(token[0])})(?={re.escape(token[1:])})" for token in self.markers if len(token) > 1]
        return re.compile("|".join(places)) if places else None

    @cached_property
    def form(self) -> Response:
        """What stands around a response. Raises InputError where that cannot be told."""
        return response_of(self._rendered, self.markers)

    @cached_property
    def turns(self) -> Turns:
        """What stands around the texts of a conversation. Raises InputError where that cannot be told."""
        return turns_of(self._rendered)

    @cached_property
    def heads(self) -> list[tuple[str, str]]:
        """What stands before the first question: before a system text and behind it, and without one."""
        return heads_of(self._rendered)

    def _rendered(self, messages: Sequence[Message], prompts: bool = False) -> str:
        return rendered(compiled(self.template), messages, prompts, {**self.tokens, "enable_thinking": self.enable_thinking})

    def to_json(self) -> dict[str, Any]:
        """The fields of `chat_template` in `task.json`."""
        about = {"template": self.template, "tokens": dict(self.tokens), "markers": list(self.markers)}
        return {**about, "enable_thinking": self.enable_thinking}

    @classmethod
    def from_json(cls, value: Any) -> "ChatTemplate":
        """The inverse of `to_json`. Raises TypeError for anything else, InputError for a template that cannot be rendered."""
        kinds = {"template": str, "tokens": dict, "markers": list, "enable_thinking": bool}
        found: dict[str, Any] = dict(value) if isinstance(value, dict) else {}
        right = found.keys() == kinds.keys() and all(type(found[name]) is kind for name, kind in kinds.items())
        if not right or not all(isinstance(text, str) for text in [*found["markers"], *found["tokens"].values()]):
            raise TypeError(f"chat_template is {value!r}"[:200])
        return cls(**{**found, "markers": tuple(found["markers"])})
