"""The tab for documents: drop them, watch, mend the pairs, and take them away."""

import html
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import gradio

from toi.documents.document import Document
from toi.documents.made import Made
from toi.documents.pairs import Pair
from toi.documents.reading import text_blocks
from toi.page.choice import Models
from toi.page.documents import DocumentWish, changed, is_number, make, read_uploaded, write_files
from toi.page.options import PageOptions
from toi.page.questions import Problem, wrong
from toi.page.words import WORDS, Language
from toi.system.errors import InputError

_KEYS = ("toi.keep", "toi.question", "toi.answer", "toi.check", "toi.place")
_HEADERS = ["#", *(f"{WORDS['ja'][key]} {WORDS['en'][key]}" for key in _KEYS)]  # gradio translates no header
_WIDTHS: list[str | int] = ["50px", "80px", "38%", "22%", "80px", "18%"]
_TYPES: list[Literal["str", "number", "bool"]] = ["number", "bool", "str", "str", "number", "str"]


class DocumentTab:
    """Pairs stand in a table, beside it the passage of the row that was selected, its answer marked."""

    def __init__(self, models: Models, options: PageOptions, i18n: gradio.I18n, language: gradio.State, folder: str):
        """`folder` is where the files are written that users take away."""
        self._models, self._options, self._folder = models, options, folder
        asking, reading = models.names("asks"), models.names("answers")
        if not asking:
            gradio.Markdown(i18n("toi.no_model"))
            return
        files = gradio.File(label=i18n("toi.files"), file_count="multiple", elem_id="document-files")
        with gradio.Row():
            model = gradio.Dropdown(asking, value=asking[0], label=i18n("toi.model"))
            reader = gradio.Dropdown(["", *reading], value=reading[0] if reading else "", label=i18n("toi.reader"))
        with gradio.Row():
            start = gradio.Button(i18n("toi.start"), variant="primary", elem_id="document-start")
            stop = gradio.Button(i18n("toi.stop"), elem_id="document-stop")
        progress = gradio.HTML(elem_id="document-progress")
        made = gradio.State(None)
        with gradio.Row():
            table = gradio.Dataframe(
                headers=_HEADERS, datatype=_TYPES, type="array", row_count=0, column_count=len(_HEADERS),
                interactive=True, wrap=True, column_widths=_WIDTHS, static_columns=[0, 4, 5], max_height=520,
                label=i18n("toi.pairs"), elem_id="document-pairs", scale=3,
            )  # fmt: skip
            passage = gradio.HTML(label=i18n("toi.passage"), elem_id="document-passage", padding=True)
        save = gradio.Button(i18n("toi.download"), elem_id="document-save")
        saved = gradio.File(label=i18n("toi.files_ready"), file_count="multiple", interactive=False, elem_id="document-saved")
        how: dict[str, Any] = {"api_visibility": "private"}
        running = start.click(
            self.run, [files, model, reader, language], [progress, made, table, passage, saved],
            concurrency_id="models", concurrency_limit=1, **how,
        )  # fmt: skip
        stop.click(None, None, None, cancels=[running])
        table.select(self.show, [made], passage, show_progress="hidden", **how)
        save.click(self.save, [made, table, language], [saved, progress], **how)

    def run(self, files: list[str] | None, model: str, reader: str, language: Language) -> Iterator[tuple[Any, ...]]:
        """What is shown as it goes on: progress, what was made, the table."""
        words, kept = WORDS[language], gradio.skip()
        try:
            if not files:
                raise Problem("toi.no_files")
            documents = read_uploaded(files, self._options.max_file_mb)
            wish = DocumentWish(model, reader or "")
            for found in make(self._models, documents, wish, self._options.max_seconds):
                if isinstance(found, Made):
                    yield account(found, words), found, rows_of(found.kept), "", None
                else:
                    bar = f'<progress max="{found.total}" value="{found.done}"></progress>'
                    yield f"{bar} {words[f'toi.{found.what}']} {found.done:,} / {found.total:,}", kept, kept, kept, kept
        except InputError as error:
            yield wrong(error, words), kept, kept, kept, kept

    def pairs(self, text: str, model: str, reader: str, min_round_trip_f1: float) -> list[dict[str, Any]]:
        """Checked pairs of a text, the best first, as `pairs.jsonl` of `generate.py --document` has them.

        `reader` is the model that makes the round trip (empty: none), `min_round_trip_f1` the character F1 of its answer with ours.
        """
        try:
            if len(text) > self._options.max_characters:
                raise Problem("toi.too_long", self._options.max_characters)
            documents = [Document.of("text", text_blocks(text))]
            wish = DocumentWish(model, reader, min_round_trip_f1)
            *_, made = make(self._models, documents, wish, self._options.max_seconds)
        except InputError as error:
            raise gradio.Error(str(error)) from None
        assert isinstance(made, Made)
        return [pair.to_json() for pair in sorted(made.kept, key=lambda pair: pair.rank or 0)]

    @staticmethod
    def show(made: Made | None, chosen: gradio.SelectData) -> str:
        """The passage of the selected row."""
        number: Any = chosen.row_value[0] if chosen.row_value else None
        if made is None or not is_number(number, len(made.kept)):
            return ""
        return in_its_passage(made.kept[int(number) - 1])

    def save(self, made: Made | None, rows: list[list[Any]], language: Language) -> tuple[Any, Any]:
        """The files of the pairs as they stand in the table."""
        words = WORDS[language]
        try:
            if made is None:
                raise Problem("toi.no_rows")
            folder = Path(tempfile.mkdtemp(prefix="pairs-", dir=self._folder))
            title = ", ".join(document.name for document in made.documents[:3])
            return [str(path) for path in write_files(folder, made, changed(made.kept, rows), title)], gradio.skip()
        except InputError as error:
            return None, wrong(error, words)


def rows_of(pairs: list[Pair]) -> list[list[Any]]:
    """The rows of the table."""
    return [
        [number, True, pair.question, pair.answer, pair.round_trip_f1, pair.passage.place]
        for number, pair in enumerate(pairs, start=1)
    ]


def account(made: Made, words: dict[str, str]) -> str:
    """How many pairs there are, and what became of the others."""
    report = made.report()
    counted = words["toi.counted"].format(**{name: report[name] for name in ("passages", "questions", "kept")})
    dropped = {name: report[name] for name in ("round_trip", "made_up_words", "answer_leaked", "vague", "same_question")}
    not_kept = "、".join(f"{words[f'toi.{name}']} {count:,}" for name, count in dropped.items() if count)
    return html.escape(counted) + (f"<br>{html.escape(words['toi.not_kept'].format(not_kept))}" if not_kept else "")


def in_its_passage(pair: Pair) -> str:
    """The passage as HTML, the answer marked, and where it stands."""
    context, candidate = pair.passage.context, pair.candidate
    before, answer, behind = context[: candidate.start], context[candidate.start : candidate.end], context[candidate.end :]
    text = f"{html.escape(before)}<mark>{html.escape(answer)}</mark>{html.escape(behind)}"
    return f"<p>{text}</p><small>{html.escape(pair.passage.place)}</small>"
