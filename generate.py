"""Ask a question about an answer in a context, or answer a question.

    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --num_return_sequences 5 --diversity_penalty 1
    python generate.py --model_name_or_path model_qa --question 山梨県の県庁所在地はどこですか? --context ...
    python generate.py --model_name_or_path model_chat --prompt 山梨県の特産品は？
    python generate.py --input_file requests.jsonl --output_format json
    python generate.py --interactive
    python generate.py --document handbook.pdf --output_dir pairs --qa_model model_qa

The prompt is made as in training, by the task.json of the model.
"""

import sys

if __name__ == "__main__":  # first: what goes wrong in the other imports is said in a line
    try:
        from toi.system import start
    except ImportError:
        print("generate.py: the package toi is not found: leave out -P, -I and PYTHONSAFEPATH", file=sys.stderr)
        sys.exit(2)
    start.begin()

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toi.data.options import RequestOptions
from toi.decoding.options import NBestOptions
from toi.documents.options import DocumentOptions
from toi.scoring.options import AnsweringOptions
from toi.system.cli import checked, parse, run
from toi.talking.options import ConversationOptions

if TYPE_CHECKING:
    from toi.data.requests import Request
    from toi.data.tasks import Task


@dataclass
class GenerateOptions(AnsweringOptions, DocumentOptions, ConversationOptions, RequestOptions, NBestOptions):
    """Ask a question about an answer in a context, or answer a question."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems, one = super().problems(), self.of_one_request()
        ways = {"--input_file": self.input_file is not None, "--interactive": self.interactive, "--document": bool(self.document)}
        chosen = [way for way, is_given in ways.items() if is_given]
        if len(chosen) > 1:
            problems.append(f"give {' or '.join(chosen)}, not both")
        if not chosen:
            from toi.data.requests import request_problems

            return problems + request_problems(vars(self))
        return problems + [f"{' and '.join(one)} cannot go with {chosen[-1]}"] * bool(one)


def main(options: GenerateOptions) -> None:
    """Load the model; answer one request, those of a file, or those of the terminal."""
    from toi.data.requests import prompts_of
    from toi.data.task_files import chosen_task, read_task
    from toi.models.place import check_model, is_model
    from toi.system.errors import InputError
    from toi.system.saying import say

    if sys.stdin is None and (options.interactive or options.input_file == "-" or "-" in options.document):
        raise InputError("stdin is closed: there is nothing to read from")
    if options.document:
        from toi.documents.command import ask_documents

        return ask_documents(options, options)
    options.all_bad_words()  # what is wrong with them is said before the model is loaded
    check_model(options.model_name_or_path, options.tokenizer_name_or_path)
    text = read_input(options.input_file) if options.input_file is not None else ""
    folder = Path(options.model_name_or_path)
    if is_model(folder) and not options.interactive:  # the task is known before the model is loaded
        task = chosen_task(read_task(folder), options.task, options.model_name_or_path)
        prompts_of(task, requests_of(options, text, task), lambda text, place: None)
    from toi.decoding.decoder import Decoder
    from toi.models.opening import open_model

    checkpoint = open_model(options.model_name_or_path, options.tokenizer_name_or_path, backend=options.backend)
    task = chosen_task(checkpoint.task, options.task, checkpoint.name)
    checkpoint.family.follow(task)
    decoder = Decoder(checkpoint)
    if options.interactive:
        from toi.talking.terminal import ask

        ask(decoder, task, options, sys.argv[1:], lambda arguments: checked(parse(GenerateOptions, arguments)))
        return
    from toi.scoring.answering import answer, refuse_nothing, show

    answered = answer(decoder, task, options, requests_of(options, text, task))
    if options.input_file is None:
        refuse_nothing(answered[0], options)
    show(answered, options, task, many=options.input_file is not None)
    say(decoder.report)


def read_input(name: str) -> str:
    """The text of a file, or of stdin."""
    from toi.system.errors import InputError
    from toi.system.files import read_text

    if name != "-":
        return read_text(name)
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"stdin: not UTF-8 (byte 0x{error.object[error.start]:02x}); convert it to UTF-8") from None


def requests_of(options: GenerateOptions, text: str, task: "Task") -> "list[tuple[str, Request]]":
    """What is asked for, each with its place in the file: on the command line, or in `text`, what the input file holds."""
    from toi.data.requests import Request, parse_requests

    if options.input_file is not None:
        name = "stdin" if options.input_file == "-" else options.input_file
        return parse_requests(text, name, task.asks, task.line_breaks, instructs=task.instructs)
    fields = ("context", "answer", "question", "title", "answer_start", "occurrence", "prompt", "system")
    return [("", Request(**{name: getattr(options, name) for name in fields}))]


if __name__ == "__main__":
    run(main, GenerateOptions)
