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
from toi.documents.passages import Passage
from toi.documents.reading import text_blocks
from toi.page.choice import Models
from toi.page.documents import DocumentWish, Progress, changed, is_number, make, read_uploaded, write_files
from toi.page.errors import Problem
from toi.page.options import PageOptions
from toi.page.questions import wrong
from toi.page.words import WORDS, Language
from toi.system.errors import InputError

_COLUMNS = ("toi.keep", "toi.question", "toi.answer", "toi.check", "toi.place")  # behind the number
_WIDTHS: list[str | int] = ["48px", "72px", "290px", "160px", "70px", "100px"]
_TYPES: list[Literal["str", "number", "bool"]] = ["number", "bool", "str", "str", "number", "str"]
# Of the checks.
_REASONS = ("round_trip", "asks_otherwise", "broken_brackets", "made_up_words", "answer_leaked", "vague", "same_question")
_UNDER_WAY = "<progress"


class DocumentTab:
    """Pairs stand in a table, beside it the passage of the row that was selected, its answer marked."""

    def __init__(self, models: Models, options: PageOptions, i18n: gradio.I18n, language: gradio.State, folder: str):
        """`folder` is where the files are written that users take away."""
        self._models, self._options, self._folder = models, options, folder
        asking, reading = models.names("asks", "pairs"), models.names("answers")
        if not asking:
            gradio.Markdown(i18n("toi.no_model"))
            return
        files = gradio.File(label=i18n("toi.files"), file_count="multiple", elem_id="document-files", height=160)
        with gradio.Row():
            model = gradio.Dropdown(asking, value=asking[0], label=i18n("toi.model"), min_width=280)
            reader = gradio.Dropdown(
                [("—", ""), *reading], value=reading[0] if reading else "", label=i18n("toi.reader"), elem_id="document-reader",
                min_width=280,
            )  # fmt: skip
        with gradio.Row():
            start = gradio.Button(i18n("toi.start"), variant="primary", elem_id="document-start", min_width=90)
            stop = gradio.Button(i18n("toi.stop"), elem_id="document-stop", min_width=90)
        progress = gradio.HTML(elem_id="document-progress", padding=True, min_height=60)
        made = gradio.State(None)
        with gradio.Column(visible=False) as results:
            with gradio.Row():
                with gradio.Column(scale=3, min_width=320):
                    table = gradio.Dataframe(
                        headers=["#", *_COLUMNS], datatype=_TYPES, type="array", column_count=len(_TYPES), interactive=True,
                        wrap=True, column_widths=_WIDTHS, static_columns=[0, 4, 5], max_height=520, label=i18n("toi.pairs"),
                        buttons=["fullscreen"], elem_id="document-pairs",
                    )  # fmt: skip
                with gradio.Column(scale=1, min_width=200):
                    passage = gradio.HTML(elem_id="document-passage", padding=True)
            save = gradio.Button(i18n("toi.download"), elem_id="document-save")
            saving = gradio.HTML(elem_id="document-saving", padding=True)
            saved = gradio.File(
                label=i18n("toi.files_ready"), file_count="multiple", interactive=False, visible=False, elem_id="document-saved"
            )
        how: dict[str, Any] = {"api_visibility": "private"}
        hidden: dict[str, Any] = {"show_progress": "hidden", **how}  # there is a bar of our own
        begun = start.click(self.waiting, language, progress, queue=False, **hidden)
        running = begun.then(
            self.run, [files, model, reader, language], [progress, made, table, passage, saved, saving, results],
            concurrency_id="models", concurrency_limit=1, **hidden,
        )  # fmt: skip
        stop.click(self.stopped, [progress, language], progress, cancels=[running], queue=False, **hidden)
        table.select(self.show, [made, language], passage, **hidden)
        save.click(self.save, [made, table, language], [saved, saving], show_progress_on=saving, **how)

    def run(self, files: list[str] | None, model: str, reader: str | None, language: Language) -> Iterator[tuple[Any, ...]]:
        """What is shown as it goes on: progress, what was made, the table; what was there before goes with the first news."""
        kept = (gradio.skip(),) * 6
        try:
            if not files:
                raise Problem("toi.no_files")
            yield (
                f"{_UNDER_WAY}></progress> {WORDS[language]['toi.waiting']}",
                None,
                None,
                "",
                _no_files(),
                "",
                gradio.Column(visible=False),
            )
            documents = read_uploaded(files, self._options.max_file_mb)
            wish = DocumentWish(model, reader or "")
            for found in make(self._models, documents, wish, self._options.max_seconds):
                if isinstance(found, Made):
                    table = {"headers": headers(language), "data": rows_of(found, language)}
                    yield account(found, language), found, table, "", _no_files(), "", gradio.Column(visible=bool(found.kept))
                else:
                    yield bar(found, language), *kept
        except InputError as error:
            yield wrong(error, language), *kept

    @staticmethod
    def waiting(language: Language) -> str:
        """What is shown until the model is free, and loaded."""
        return f"{_UNDER_WAY}></progress> {WORDS[language]['toi.waiting']}"

    @staticmethod
    def stopped(progress: str | None, language: Language) -> Any:
        """What stands in place of the progress when it was stopped."""
        return WORDS[language]["toi.stopped"] if _UNDER_WAY in (progress or "") else gradio.skip()

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
    def show(made: Made | None, language: Language, chosen: gradio.SelectData) -> str:
        """The passage of the selected row."""
        number: Any = chosen.row_value[0] if chosen.row_value else None
        if made is None or not is_number(number, len(made.kept)):
            return ""
        return in_its_passage(made.kept[int(number) - 1], language)

    def save(self, made: Made | None, rows: list[list[Any]], language: Language) -> tuple[Any, str]:
        """The files of the pairs as they stand in the table; where a row is wrong, there are none, and it is said."""
        try:
            if made is None:
                raise Problem("toi.no_rows")
            folder = Path(tempfile.mkdtemp(prefix="pairs-", dir=self._folder))
            title = ", ".join(document.name for document in made.documents[:3])
            paths = write_files(folder, made, changed(made.kept, rows), title)
            return gradio.File(list(map(str, paths)), visible=True), ""
        except InputError as error:
            return _no_files(), wrong(error, language)


def _no_files() -> gradio.File:
    return gradio.File(None, visible=False)


def headers(language: Language) -> list[str]:
    """The heads of the table's columns, which gradio does not translate."""
    return ["#", *(WORDS[language][key] for key in _COLUMNS)]


def rows_of(made: Made, language: Language) -> list[list[Any]]:
    """The rows of the table; the documents' names are left out where there is one."""
    several = len(made.documents) > 1
    return [
        [
            number, True, pair.question, pair.answer, None if pair.round_trip_f1 is None else round(pair.round_trip_f1, 2),
            place_of(pair.passage, language, named=several),
        ]
        for number, pair in enumerate(made.kept, start=1)
    ]  # fmt: skip


def place_of(passage: Passage, language: Language, *, named: bool = True) -> str:
    """Where a passage stands, for a reader."""
    words = WORDS[language]
    page = [] if passage.page is None else [words["toi.page"].format(passage.page)]
    return " ".join([*([passage.document] if named else []), *page, words["toi.paragraph"].format(passage.paragraph)])


def bar(progress: Progress, language: Language) -> str:
    """How far it is, as HTML."""
    what = WORDS[language][f"toi.{progress.what}"]
    return f'{_UNDER_WAY} max="{progress.total}" value="{progress.done}"></progress> {what} {progress.done:,} / {progress.total:,}'


def account(made: Made, language: Language) -> str:
    """How many pairs there are, and what became of the others."""
    report, words = made.report(), WORDS[language]
    counted = words["toi.counted"].format(**{name: report[name] for name in ("passages", "questions", "kept")})
    not_kept = words["toi.and"].join(f"{words[f'toi.{name}']} {report[name]:,}" for name in _REASONS if report[name])
    return html.escape(counted) + (f"<br>{html.escape(words['toi.not_kept'].format(not_kept))}" if not_kept else "")


def in_its_passage(pair: Pair, language: Language) -> str:
    """The passage as HTML, the answer marked, and where it stands."""
    context, candidate = pair.passage.context, pair.candidate
    before, answer, behind = context[: candidate.start], context[candidate.start : candidate.end], context[candidate.end :]
    text = f"{html.escape(before)}<mark>{html.escape(answer)}</mark>{html.escape(behind)}"
    return f"<p>{text}</p><small>{html.escape(place_of(pair.passage, language))}</small>"
