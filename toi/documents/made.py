"""Documents -> checked pairs -> files: the whole way, for a script and for a page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toi.data.tasks import Task
from toi.decoding.decoder import Decoder, limits_of
from toi.decoding.options import NBestOptions
from toi.documents import formats
from toi.documents.asking import Progress, asked_of, pairs_of
from toi.documents.checks import checked_pairs, counts_of, judged
from toi.documents.document import Document
from toi.documents.extracting import end_to_end, extracted
from toi.documents.options import ENDINGS, DocumentOptions
from toi.documents.pairs import Pair
from toi.documents.passages import Left, Passage, all_passages
from toi.documents.reading_back import read_back
from toi.documents.sheet import sheet_text
from toi.system.errors import InputError
from toi.system.files import replacing, replacing_folder, to_json

_OURS = (
    "squad.json",
    "pairs.jsonl",
    "dropped.jsonl",
    "instructions.csv",
    "pairs.csv",
    "anki.csv",
    "sheet*.html",
    "report.json",
    "text",
)


@dataclass(frozen=True)
class Made:
    """All pairs, those that are dropped too, in the order of the documents, and what they were made of."""

    documents: Sequence[Document]
    passages: Sequence[Passage]
    left: Left
    candidates: int
    pairs: Sequence[Pair]

    @property
    def kept(self) -> list[Pair]:
        """The pairs that passed all checks."""
        return [pair for pair in self.pairs if not pair.dropped]

    def report(self) -> dict[str, Any]:
        """What was counted."""
        kinds = Counter(pair.candidate.kind for pair in self.kept)
        return {
            "documents": [document.name for document in self.documents], "passages": len(self.passages),
            "blocks_not_asked_about": self.left.blocks, "sentences_too_long": self.left.sentences, "candidates": self.candidates,
            "questions": len(self.pairs), **counts_of(self.pairs), "kept_by_kind": dict(sorted(kinds.items())),
        }  # fmt: skip


def make_pairs(
    documents: Sequence[Document],
    decoder: Decoder,
    task: Task,
    options: DocumentOptions,
    decoding: NBestOptions,
    batch_size: int = 32,
    reader: Decoder | None = None,
    place: Path | None = None,
    allow_answer: bool = False,
    progress: Progress | None = None,
    extractor: Decoder | None = None,
) -> Made:
    """Ask about documents, and check what was asked. With a `place`, a killed run goes on.

    `reader` makes the round trip, `extractor` finds answers before the rules do. A model of the task `qag` finds both by itself.
    Passages are no longer than what both read around an answer (`max_context_length`): else the reader would be told where to look.

    Raises InputError for documents that hold nothing to ask about, and for models that do something else.
    """
    checkpoint = decoder.checkpoint
    checkpoint.family.follow(task)
    limit = limits_of(checkpoint, decoding)
    most = limit.source - 32  # an answer, and what a template says

    def fits(text: str) -> bool:
        return len(text) < most // 2 or len(checkpoint.tokenizer.encode(text)) <= most

    tasks = (task, reader.checkpoint.task if reader is not None else None)
    read = [one.max_context_length for one in tasks if one is not None]
    longest = min(filter(None, (options.max_passage_length, *read)))
    passages, left = all_passages(documents, longest, options.ask_about, fits)
    if task.extracts:
        pairs = end_to_end(decoder, passages, decoding, batch_size, place, progress)
        candidates = len(pairs)
    else:
        by_model = None if extractor is None else extracted(extractor, passages, batch_size, place, progress)
        asked = list(asked_of(task, passages, options.max_candidates, options.entities, by_model))
        candidates = len(asked)
        pairs = pairs_of(decoder, asked, decoding, batch_size, place, allow_answer, progress)
    if not candidates:
        names = ", ".join(document.name for document in documents[:3])
        raise InputError(f"{names}: nothing to ask about was found in {len(passages):,} passages; see --ask_about")
    if reader is not None:
        pairs = read_back(reader, pairs, batch_size, place, progress)
    pairs = checked_pairs([judged(pair) for pair in pairs], options, allow_answer)
    return Made(documents, passages, left, candidates, pairs)


def files_of(made: Made, options: DocumentOptions, title: str) -> dict[str, str]:
    """The texts of all files of an output folder, by their names."""
    kept, names = made.kept, formats.text_names(made.documents)
    texts = {
        "squad": {"squad.json": lambda: formats.squad_text(kept)},
        "jsonl": {"pairs.jsonl": lambda: formats.json_lines(kept)},
        "instructions": {"instructions.csv": lambda: formats.instructions_text(kept)},
        "csv": {"pairs.csv": lambda: formats.excel_text(kept)},
        "anki": {"anki.csv": lambda: formats.anki_text(kept)},
        "sheet": {
            "sheet.html": lambda: sheet_text(kept, title, names, answers=False),
            "sheet_answers.html": lambda: sheet_text(kept, title, names, answers=True),
        },
    }
    found = {name: text() for format in options.formats for name, text in texts[format].items()}
    found["dropped.jsonl"] = formats.json_lines(pair for pair in made.pairs if pair.dropped)
    about = {**made.report(), "text_files": names, "options": asdict_of(options)}
    found["report.json"] = to_json(about, indent=2) + "\n"
    return found | {names[document.name]: document.text + "\n" for document in made.documents}


def asdict_of(options: DocumentOptions) -> dict[str, Any]:
    """The options of documents alone, without the names of places, so that the same documents give the same bytes."""
    return {
        name: getattr(options, name)
        for name in asdict(DocumentOptions())
        if name not in ("document", "output_dir", "output_file", "overwrite_output_dir", "ae_model", "qa_model")
    }


def write_folder(folder: Path, made: Made, options: DocumentOptions, title: str) -> None:
    """Write an output folder as a whole. Raises InputError if it cannot be written."""
    with replacing_folder(folder, leaving=_OURS) as new:
        for name, text in files_of(made, options, title).items():
            (new / name).parent.mkdir(exist_ok=True)
            with open(new / name, "w", encoding="utf-8", newline="") as file:
                file.write(text)


def write_file(path: Path, made: Made, title: str) -> None:
    """Write one file of pairs, by its ending. Raises InputError if it cannot be written."""
    kept = made.kept
    text = {
        "squad": formats.squad_text,
        "jsonl": formats.json_lines,
        "csv": formats.excel_text,
        "sheet": lambda pairs: sheet_text(pairs, title, None, answers=True),
    }[ENDINGS[path.suffix.lower()]](kept)
    with replacing(path) as file:
        file.write(text)
