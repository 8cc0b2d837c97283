"""generate.py --document: what is wrong is said before anything slow, then the whole way, and what came of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from toi.data.task_files import chosen_task, read_task
from toi.data.tasks import Task
from toi.documents.options import DocumentOptions
from toi.documents.reading import read_documents
from toi.models.place import check_model, is_model
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.system.files import check_name, check_writable
from toi.system.saying import say

if TYPE_CHECKING:
    from toi.decoding.decoder import Decoder
    from toi.documents.made import Made


def ask_documents(options: DocumentOptions, asking: AnsweringOptions) -> None:
    """Read the documents, ask about them, check, write, and print what was kept and what was dropped.

    Raises InputError for whatever cannot be read or written, and for models that do something else.
    """
    place = _place_of(options)
    asking.all_bad_words()
    documents = read_documents(options.document, options.max_document_mb)
    if options.entities == "ginza":
        from toi.documents.entities import check_entities

        check_entities()
    check_model(asking.model_name_or_path, asking.tokenizer_name_or_path)
    for name in (options.ae_model, options.qa_model):
        if name is not None:
            check_model(name)
    if is_model(Path(asking.model_name_or_path)):
        _refuse_other(chosen_task(read_task(asking.model_name_or_path), asking.task, asking.model_name_or_path), asking)
    from toi.decoding.decoder import Decoder
    from toi.documents.asking import forget
    from toi.documents.made import make_pairs, write_file, write_folder
    from toi.models.opening import open_model

    checkpoint = open_model(asking.model_name_or_path, asking.tokenizer_name_or_path, backend=asking.backend)
    task = chosen_task(checkpoint.task, asking.task, checkpoint.name)
    _refuse_other(task, asking)
    reader = _reader(options.qa_model) if options.qa_model is not None else None
    extractor = Decoder(open_model(options.ae_model)) if options.ae_model is not None else None
    decoder = Decoder(checkpoint)
    batch_size = asking.per_device_eval_batch_size
    made = make_pairs(
        documents, decoder, task, options, asking, batch_size, reader, place, asking.allow_answer, extractor=extractor
    )
    title = ", ".join(Path(document.name).name for document in documents[:3]) + (", ..." if len(documents) > 3 else "")
    if options.output_dir is not None:
        write_folder(Path(options.output_dir), made, options, title)
    else:
        write_file(Path(options.output_file or ""), made, title)
    forget(place, ("questions", "answers", "extracted answers"))
    print(account(made))
    print(f"wrote {options.output_dir or options.output_file}{'/' if options.output_dir else ''}")
    say("; ".join(filter(None, (decoder.report, f"reader: {reader.report}" if reader is not None else ""))))


def _place_of(options: DocumentOptions) -> Path:
    """Where the output goes. Raises InputError if it cannot be written, or holds something that may not be replaced."""
    place = Path(options.output_dir or options.output_file or "")
    check_name(place)
    if options.output_dir is None:
        if place.is_dir():
            raise InputError(f"{place}: a folder; --output_file is the name of a file")
        check_writable(place.parent, as_a_whole=False)
        return place
    check_writable(place)
    if place.is_dir() and any(place.iterdir()) and not options.overwrite_output_dir:
        raise InputError(f"{place}: is not empty; give another --output_dir or --overwrite_output_dir")
    return place


def _refuse_other(task: Task, asking: AnsweringOptions) -> None:
    if not task.asks and "pairs" not in task.target_template:
        wanted = "--document wants a model that asks questions (--qa_model answers them, --ae_model finds what to ask for)"
        raise InputError(f"{asking.model_name_or_path}: does not ask (task {task.name}); {wanted}")


def _reader(name: str) -> "Decoder":
    """The model that answers. Raises InputError if it asks."""
    from toi.decoding.decoder import Decoder
    from toi.models.opening import open_model
    from toi.scoring.roundtrip import qa_task

    checkpoint = open_model(name)
    qa_task(checkpoint)
    return Decoder(checkpoint)


def account(made: "Made") -> str:
    """What a user is told: how much there was, what was kept, and what was dropped for what."""
    report = made.report()
    lines = [
        ("documents", len(made.documents)), ("passages", report["passages"]), ("candidates", report["candidates"]),
        ("questions", report["questions"]), ("kept", report["kept"]),
    ]  # fmt: skip
    names = {
        "round_trip": "the reader answers otherwise", "asks_otherwise": "asks for another kind of answer",
        "broken_brackets": "brackets that are not closed",
        "made_up_words": "words that the passage does not have",
        "answer_leaked": "the answer is in the question", "vague": "only makes sense beside its passage",
        "log_prob": "below --min_log_prob", "same_question": "asked already", "max_pairs": "beyond --max_pairs",
    }  # fmt: skip
    lines += [(f"dropped: {said}", report[name]) for name, said in names.items() if report[name]]
    lines += [("left out: blocks not asked about", report["blocks_not_asked_about"])] * bool(report["blocks_not_asked_about"])
    lines += [("left out: sentences too long for the model", report["sentences_too_long"])] * bool(report["sentences_too_long"])
    return "\n".join(f"{name:<50}{count:>8,}" for name, count in lines)
