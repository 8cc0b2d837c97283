"""The tab for conversations with a model that was taught with instructions."""

import html
import itertools
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import gradio

from toi.page.choice import Models
from toi.page.errors import Problem
from toi.page.options import PageOptions
from toi.page.questions import line, wrong
from toi.page.words import WORDS, Language
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.talking.conversation import Conversation, Turn

_HOTTEST = 1.5
Messages = list[dict[str, Any]]  # role and content, of user and assistant in turn
Shown = tuple[str, Messages, str]  # what stands in the field, in the conversation, and what is wrong as HTML


class TalkTab:
    """A conversation whose answers are shown while they are written. Each user's stands in the user's browser."""

    def __init__(self, models: Models, options: PageOptions, i18n: gradio.I18n, language: gradio.State):
        self._models, self._options = models, options
        names = models.names("instructs")
        if not names:
            gradio.Markdown(i18n("toi.no_model"))
            return
        model = gradio.Dropdown(names, value=names[0], label=i18n("toi.model"))
        with gradio.Row():
            system = gradio.Textbox(label=i18n("toi.system"), scale=2, min_width=280, elem_id="talk-system")
            temperature = gradio.Slider(
                0, _HOTTEST, 0, step=0.1, label=i18n("toi.temperature"), info=i18n("toi.temperature_hint"), min_width=280,
                elem_id="talk-temperature",
            )  # fmt: skip
        # Texts are shown as they are, whatever markup they hold: gradio takes a message for HTML, so it is escaped there.
        said = gradio.Chatbot(label=i18n("toi.talk"), render_markdown=False, height=420, buttons=["copy"], elem_id="talk-said")
        message = gradio.Textbox(label=i18n("toi.message"), elem_id="talk-message")
        with gradio.Row():
            send = gradio.Button(i18n("toi.send"), variant="primary", elem_id="talk-send", min_width=140)
            stop = gradio.Button(i18n("toi.stop"), elem_id="talk-stop", min_width=140)
            retry = gradio.Button(i18n("toi.retry"), elem_id="talk-retry", min_width=140)
            clear = gradio.Button(i18n("toi.clear"), elem_id="talk-clear", min_width=140)
        problem = gradio.HTML(elem_id="talk-problem")
        how: dict[str, Any] = {"concurrency_id": "models", "concurrency_limit": 1, "api_visibility": "private"}
        inputs, outputs = [model, system, temperature, said, language], [message, said, problem]
        answering = gradio.on(
            [send.click, message.submit], self.answer, [message, *inputs], outputs, show_progress_on=problem, **how
        )
        again = retry.click(self.again, inputs, outputs, show_progress_on=problem, **how)
        stop.click(None, None, None, cancels=[answering, again])
        clear.click(lambda: ("", [], ""), None, outputs, cancels=[answering, again], api_visibility="private")

    def answer(
        self, message: str, model: str, system: str, temperature: float, said: Messages, language: Language
    ) -> Iterator[Shown]:
        """The field, the conversation and what is wrong, part by part. A message that cannot be answered stays in the field."""
        if not message.strip():
            yield message, said, ""
            return
        before, said = said, [*said, shown("user", message)]
        yield "", said, ""  # the first answer of a model waits for it to be loaded
        text, until = "", time.monotonic() + self._options.max_seconds
        try:
            with closing(self.parts(message, turns_of(before), model, system, temperature)) as parts:
                for text in parts:
                    yield "", [*said, shown("assistant", text)], ""
        except InputError as error:
            yield message, before, wrong(error, language)
            return
        if time.monotonic() > until:
            yield "", [*said, shown("assistant", text)], line(WORDS[language]["toi.out_of_time"])

    def again(self, model: str, system: str, temperature: float, said: Messages, language: Language) -> Iterator[Shown]:
        """Another answer to the last question: the same one at temperature 0."""
        asked = [i for i, message in enumerate(said) if message["role"] == "user"]
        if not asked:
            yield "", said, ""
            return
        yield from self.answer(text_of(said[asked[-1]]), model, system, temperature, said[: asked[-1]], language)

    def reply(self, messages: list[dict[str, str]], model: str, system: str, temperature: float) -> str:
        """The answer to the last of the messages (role and content, user and assistant in turn, a user's last)."""
        try:
            roles = [one.get("role") for one in messages if isinstance(one, dict) and isinstance(one.get("content"), str)]
            if len(roles) < len(messages) or roles[-1:] != ["user"]:
                raise InputError("messages have role and content, and the last is a user's")
            turns = turns_of([shown(one["role"], one["content"]) for one in messages[:-1]])
            *_, text = "", *self.parts(messages[-1]["content"], turns, model, system, temperature)
        except InputError as error:
            raise gradio.Error(str(error)) from None
        return text

    def parts(self, message: str, turns: list[Turn], model: str, system: str, temperature: float) -> Generator[str, None, None]:
        """The answer so far, again and again. Raises InputError for what is beyond the limits, or cannot be answered."""
        most = self._options.max_characters
        if max(len(message), len(system)) > most:
            raise Problem("toi.too_long", most)
        if not 0 <= temperature <= _HOTTEST:
            raise InputError(f"the temperature must be from 0 to {_HOTTEST}, not {temperature!r}")
        sampling: dict[str, Any] = {"do_sample": True, "temperature": float(temperature)} if temperature else {"num_beams": 1}
        until, text = time.monotonic() + self._options.max_seconds, ""
        with self._models.use(model) as asked:
            conversation = Conversation(asked.name, asked.decoder, asked.task, system.strip())
            conversation.turns = turns
            options = AnsweringOptions(seed=len(turns), **sampling)
            with closing(conversation.answer(message, options)) as parts:
                for part in parts:
                    text += part
                    yield text
                    if time.monotonic() > until:
                        return


def shown(role: str, text: str) -> dict[str, Any]:
    """A message whose text is shown as it is."""
    return {"role": role, "content": html.escape(text, quote=False)}


def text_of(message: dict[str, Any]) -> str:
    """What a message that is shown says: its content is a text, or a list of parts with texts."""
    content = message["content"]
    return html.unescape(content if isinstance(content, str) else "".join(part.get("text", "") for part in content))


def turns_of(said: Messages) -> list[Turn]:
    """The questions that were answered, each with its answer."""
    turns = []
    for before, message in itertools.pairwise(said):
        if (before["role"], message["role"]) == ("user", "assistant"):
            turns.append(Turn(text_of(before), text_of(message)))
    return turns
