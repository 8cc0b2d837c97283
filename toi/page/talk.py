"""The tab for conversations with a model that was taught with instructions."""

import html
import itertools
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio

from toi.page.choice import Models
from toi.page.options import PageOptions
from toi.page.questions import Problem
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.talking.conversation import Conversation, Turn

Messages = list[dict[str, Any]]  # role and content, of user and assistant in turn


class TalkTab:
    """A conversation whose answers are shown while they are written. Each user's stands in the user's browser."""

    def __init__(self, models: Models, options: PageOptions, i18n: gradio.I18n):
        self._models, self._options = models, options
        names = models.names("instructs")
        if not names:
            gradio.Markdown(i18n("toi.no_model"))
            return
        model = gradio.Dropdown(names, value=names[0], label=i18n("toi.model"))
        with gradio.Row():
            system = gradio.Textbox(label=i18n("toi.system"), max_length=options.max_characters, scale=3)
            temperature = gradio.Slider(0, 1.5, 0, step=0.1, label=i18n("toi.temperature"))
        # Texts are shown as they are, whatever markup they hold: gradio takes a message for HTML, so it is escaped there.
        said = gradio.Chatbot(label=i18n("toi.talk"), render_markdown=False, height=420, elem_id="talk-said")
        message = gradio.Textbox(label=i18n("toi.message"), max_length=options.max_characters, elem_id="talk-message")
        with gradio.Row():
            send = gradio.Button(i18n("toi.send"), variant="primary", elem_id="talk-send")
            stop = gradio.Button(i18n("toi.stop"), elem_id="talk-stop")
            retry = gradio.Button(i18n("toi.retry"), elem_id="talk-retry")
            clear = gradio.Button(i18n("toi.clear"), elem_id="talk-clear")
        how: dict[str, Any] = {"concurrency_id": "models", "concurrency_limit": 1, "api_visibility": "private"}
        inputs = [model, system, temperature, said]
        answering = gradio.on([send.click, message.submit], self.answer, [message, *inputs], [message, said], **how)
        again = retry.click(self.again, inputs, [message, said], **how)
        stop.click(None, None, None, cancels=[answering, again])
        clear.click(lambda: ("", []), None, [message, said], cancels=[answering, again], api_visibility="private")

    def answer(self, message: str, model: str, system: str, temperature: float, said: Messages) -> Iterator[tuple[str, Messages]]:
        """What stands in the field and in the conversation, part by part."""
        if not message.strip():
            yield message, said
            return
        said = [*said, shown("user", message)]
        yield "", said  # the first answer of a model waits for it to be loaded
        try:
            for text in self.parts(message, turns_of(said[:-1]), model, system, temperature):
                yield "", [*said, shown("assistant", text)]
        except InputError as error:
            raise gradio.Error(str(error)) from None

    def again(self, model: str, system: str, temperature: float, said: Messages) -> Iterator[tuple[str, Messages]]:
        """Another answer to the last question: the same one at temperature 0."""
        asked = [i for i, message in enumerate(said) if message["role"] == "user"]
        if not asked:
            yield "", said
            return
        yield from self.answer(text_of(said[asked[-1]]), model, system, temperature, said[: asked[-1]])

    def reply(self, messages: list[dict[str, str]], model: str, system: str, temperature: float) -> str:
        """The answer to the last of the messages (role and content, user and assistant in turn, a user's last)."""
        try:
            if not messages or messages[-1].get("role") != "user" or not all("content" in message for message in messages):
                raise InputError("messages have role and content, and the last is a user's")
            *_, text = (
                "",
                *self.parts(
                    messages[-1]["content"],
                    turns_of([shown(one["role"], one["content"]) for one in messages[:-1]]),
                    model,
                    system,
                    temperature,
                ),
            )
        except InputError as error:
            raise gradio.Error(str(error)) from None
        return text

    def parts(self, message: str, turns: list[Turn], model: str, system: str, temperature: float) -> Iterator[str]:
        """The answer so far, again and again. Raises InputError for what is beyond the limits, or cannot be answered."""
        most = self._options.max_characters
        if max(len(message), len(system)) > most:
            raise Problem("toi.too_long", most)
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
