"""Options of documents. Nothing heavy is imported here."""

from dataclasses import dataclass, field
from typing import Literal

from toi.system.options import Concern, at_least, at_most

Format = Literal["squad", "jsonl", "instructions", "csv", "anki", "sheet"]
FORMATS: tuple[Format, ...] = ("squad", "jsonl", "instructions", "csv", "anki", "sheet")
ENDINGS: dict[str, Format] = {".json": "squad", ".jsonl": "jsonl", ".csv": "csv", ".html": "sheet"}  # of --output_file


@dataclass
class DocumentOptions(Concern):
    """Documents in, checked questions out."""

    document: list[str] = field(default_factory=list)
    """Documents to ask about: text, Markdown, HTML, PDF, Word, folders of them; - for stdin."""
    output_dir: str | None = None
    """For --document: the folder that gets the pairs, what was dropped, and the text of the documents."""
    output_file: str | None = None
    """For --document: a file alone, by its ending .json (SQuAD), .jsonl, .csv or .html."""
    overwrite_output_dir: bool = False
    """Replace an --output_dir that has something in it."""
    formats: list[Format] = field(default_factory=lambda: list(FORMATS))
    """What --output_dir gets: squad, jsonl, instructions, csv (Excel), anki, sheet (to print)."""
    max_document_mb: int = 50
    """Megabytes of a document, at most; larger ones are refused before they are read."""
    max_passage_length: int = 300
    """Characters of a passage, at most; a longer sentence is a passage of its own."""
    ask_about: list[Literal["text", "list", "table", "footnote"]] = field(default_factory=lambda: ["text", "list"])
    """Which parts of documents are asked about."""
    max_candidates: int = 15
    """Possible answers of a passage, at most, the likeliest first."""
    entities: Literal["none", "ginza"] = "none"
    """Who finds more possible answers, beside the rules."""
    ae_model: str | None = None
    """A model that finds answers (prepare_jsquad_ae.py): its answers come before those of the rules."""
    qa_model: str | None = None
    """A model that answers the questions: what it does not answer as we do is dropped."""
    min_round_trip_f1: float = 0.9
    """For --qa_model: the character F1 of its answer with ours, at least; 0 keeps all."""
    max_made_up_words: int = 0
    """Words of a question that its passage does not have, at most."""
    min_log_prob: float | None = None
    """The log-probability of a question, at least. [default: any]"""
    max_similarity: float = 0.8
    """Of two questions with one answer, alike by more than this (F1 of character pairs), the better is kept."""
    keep_vague: bool = False
    """Keep questions that only make sense beside their passage (この, 同氏, no name)."""
    max_pairs: int | None = None
    """Keep so many pairs, the best ones. [default: all]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "max_document_mb", "max_passage_length", "max_candidates", "max_pairs")
        problems += at_least(self, 0, "max_made_up_words") + at_most(self, 4000, "max_document_mb")
        problems += [
            f"--{name} must be between 0 and 1, not {getattr(self, name)}"
            for name in ("min_round_trip_f1", "max_similarity")
            if not 0 <= getattr(self, name) <= 1
        ]
        if not self.document:
            given = [
                f"--{name}" for name in ("output_dir", "output_file", "ae_model", "qa_model") if getattr(self, name) is not None
            ]
            return problems + [f"{' and '.join(given)} {'go' if len(given) > 1 else 'goes'} with --document"] * bool(given)
        if (self.output_dir is None) == (self.output_file is None):
            problems.append("--document needs --output_dir or --output_file")
        if self.output_file is not None and not self.output_file.lower().endswith(tuple(ENDINGS)):
            problems.append(f"--output_file must end in {', '.join(ENDINGS)}, not {self.output_file!r}")
        problems += [f"--{name} is empty" for name in ("formats", "ask_about") if not getattr(self, name)]
        return problems
