"""The tabs for one request: a question about an answer, and an answer to a question."""

from typing import Any

import gradio

from toi.data.requests import Request
from toi.data.tasks import HIGHLIGHT
from toi.page.choice import Models
from toi.page.errors import Problem
from toi.page.options import PageOptions
from toi.page.questions import Found, Wish, as_html, as_json, checked_count, fulfil
from toi.page.words import Language
from toi.system.errors import InputError
from toi.text.normalization import normalize

EXAMPLE = ("山梨県の県庁所在地は甲府市です。", "甲府市", "山梨県の県庁所在地はどこですか?")


class AskTab:
    """Asks about an answer that was selected with the mouse, or answers a question.

    Requests of several users are answered together: the methods whose names end in `_all` get a list for each field.
    """

    def __init__(self, models: Models, options: PageOptions, i18n: gradio.I18n, language: gradio.State, *, asks: bool):
        self._models, self._options, self._asks, self._i18n = models, options, asks, i18n
        names = models.names("asks" if asks else "answers")
        self._build(names, language)

    def _build(self, names: list[str], language: gradio.State) -> None:
        say, batch, tab = self._i18n, self._options.max_batch_size, "ask" if self._asks else "read"
        if not names:
            gradio.Markdown(say("toi.no_model"))
            return
        model = gradio.Dropdown(names, value=names[0], label=say("toi.model"))
        context = gradio.Textbox(
            label=say("toi.context"), info=say("toi.context_hint") if self._asks else None, lines=8, max_lines=24,
            elem_id=f"{tab}-context",
        )  # fmt: skip
        start = gradio.State(None)
        if self._asks:
            wanted = gradio.Textbox(label=say("toi.answer"), info=say("toi.answer_hint"), elem_id="ask-answer")
            with gradio.Row():
                count: Any = gradio.Slider(1, 10, 5, step=1, label=say("toi.count"), elem_id="ask-count", min_width=280)
                bad_words: Any = gradio.Textbox(
                    label=say("toi.bad_words"), info=say("toi.bad_words_hint"), elem_id="ask-bad-words", min_width=280
                )
        else:
            wanted = gradio.Textbox(label=say("toi.question"), elem_id="read-question")
            count, bad_words = gradio.State(1), gradio.State("")
        with gradio.Row():
            go = gradio.Button(
                say("toi.make" if self._asks else "toi.reply"), variant="primary", elem_id=f"{tab}-go", min_width=128
            )
            stop = gradio.Button(say("toi.stop"), elem_id=f"{tab}-stop", min_width=90)
            example = gradio.Button(say("toi.example"), elem_id=f"{tab}-example", min_width=90)
        outputs = gradio.HTML(label=say("toi.outputs"), elem_id=f"{tab}-outputs")
        if self._asks:
            context.select(  # with the keyboard a selection grows: the last one counts
                self._select, None, [wanted, start], show_progress="hidden", api_visibility="private", trigger_mode="always_last"
            )
            wanted.input(lambda: None, None, start, show_progress="hidden", api_visibility="private")
        inputs = [model, context, wanted, start, count, bad_words, language]
        running = gradio.on(
            [go.click, wanted.submit], self.answer_all, inputs, outputs, batch=True, max_batch_size=batch,
            concurrency_id="models", concurrency_limit=1, api_visibility="private",
        )  # fmt: skip
        stop.click(None, None, None, cancels=[running])
        fields = EXAMPLE[0], EXAMPLE[1 if self._asks else 2]
        example.click(lambda: fields, None, [context, wanted], show_progress="hidden", api_visibility="private")

    @staticmethod
    def _select(chosen: gradio.SelectData) -> tuple[str, int]:
        return chosen.value, chosen.index[0]

    def answer_all(
        self, models: list[str], contexts: list[str], wanted: list[str], starts: list[int | None], counts: list[Any],
        bad_words: list[str], languages: list[Language],
    ) -> tuple[list[str]]:  # fmt: skip
        """The outputs of several users as HTML, each in the user's language."""
        starts = [
            start if start is not None and context[start : start + len(one)] == one else None
            for start, context, one in zip(starts, contexts, wanted, strict=True)
        ]
        found = self._found(models, contexts, wanted, starts, counts, [words.split() for words in bad_words])
        return (list(map(as_html, found, languages)),)

    def questions(
        self, model: list[str], context: list[str], answer: list[str], answer_start: list[int | None], count: list[int],
        bad_words: list[list[str]],
    ) -> tuple[list[dict[str, Any]]]:  # fmt: skip
        """Questions about an answer in a context, as `generate.py --output_format json` writes them.

        `answer_start` is the character at which the answer begins (null: its first occurrence), `count` how many questions are
        wanted, `bad_words` are words that none of them may hold.
        """
        return (list(map(as_json, self._found(model, context, answer, answer_start, count, bad_words))),)

    def replies(self, model: list[str], context: list[str], question: list[str]) -> tuple[list[dict[str, Any]]]:
        """The answer to a question in a context, as `generate.py --output_format json` writes it."""
        n = len(model)
        return (list(map(as_json, self._found(model, context, question, [None] * n, [1] * n, [[]] * n))),)

    def _found(
        self, models: list[str], contexts: list[str], wanted: list[str], starts: list[int | None], counts: list[Any],
        bad_words: list[list[str]],
    ) -> list[Found]:  # fmt: skip
        found: dict[int, Found] = {}
        wishes: dict[int, Wish] = {}
        for i, fields in enumerate(zip(models, contexts, wanted, starts, counts, bad_words, strict=True)):
            try:
                wishes[i] = self._wish(*fields)
            except InputError as error:
                found[i] = Found(error)
        found |= zip(wishes, fulfil(self._models, list(wishes.values())), strict=True)
        return [found[i] for i in range(len(models))]

    def _wish(self, model: str, context: str, wanted: str, start: int | None, count: Any, bad_words: list[str]) -> Wish:
        """What one user wants. Raises InputError for what is beyond the limits."""
        most = self._options.max_characters
        if max(len(context), len(wanted), sum(map(len, bad_words))) > most:
            raise Problem("toi.too_long", most)
        if not context.strip():
            raise Problem("toi.no_context")
        if not wanted.strip() and not (self._asks and HIGHLIGHT in context):
            raise Problem("toi.no_answer" if self._asks else "toi.no_question")
        if self._asks and HIGHLIGHT not in context and normalize(wanted) not in normalize(context):
            raise Problem("toi.answer_elsewhere", wanted)
        request = Request(context, answer=wanted or None, answer_start=start) if self._asks else Request(context, question=wanted)
        return Wish(model, request, checked_count(count), tuple(bad_words))
