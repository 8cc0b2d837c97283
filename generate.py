"""Ask a question about an answer in a context, or answer a question.

    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --num_return_sequences 5 --diversity_penalty 1
    python generate.py --model_name_or_path model_qa --question 山梨県の県庁所在地はどこですか? --context ...
    python generate.py --model_name_or_path model_chat --prompt 山梨県の特産品は？
    python generate.py --model_name_or_path model_chat --prompt 山梨県の特産品は？ --compare samples/base-causal
    python generate.py --input_file requests.jsonl --output_format json
    python generate.py --model_name_or_path model_chat --choices 賛成 反対 --prompt 週休三日に賛成ですか?
    python generate.py --model_name_or_path model_judge --prompt 首都は? --response_a 東京です。 --response_b 京都です。
    python generate.py --interactive
    python generate.py --model_name_or_path model_chat --interactive     a conversation
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

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from toi.data.options import RequestOptions
from toi.decoding.choice_options import ChoicesOption
from toi.decoding.options import NBestOptions
from toi.documents.options import DocumentOptions
from toi.scoring.options import AnsweringOptions
from toi.system.cli import checked, parse, run
from toi.talking.options import ConversationOptions

if TYPE_CHECKING:
    from toi.data.requests import Request
    from toi.data.tasks import Task
    from toi.scoring.asked import Asked


@dataclass
class GenerateOptions(ChoicesOption, AnsweringOptions, DocumentOptions, ConversationOptions, RequestOptions, NBestOptions):
    """Ask a question about an answer in a context, or answer a question."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems, one = super().problems(), self.of_one_request()
        if self.interactive and "--system" in one:  # of a conversation
            one.remove("--system")
        ways = {"--input_file": self.input_file is not None, "--interactive": self.interactive, "--document": bool(self.document)}
        problems += ["--compare cannot go with --document"] * bool(self.compare and self.document)
        chosen = [way for way, is_given in ways.items() if is_given]
        if len(chosen) > 1:
            problems.append(f"give {' or '.join(chosen)}, not both")
        alone = {
            "--interactive": self.interactive,
            "--compare": self.compare,
            "--num_return_sequences": self.num_return_sequences > 1,
            "--document": self.document,
        }
        of_choices = "--choices" if self.choices else "--swap_average"
        if (self.choices or self.swap_average) and any(alone.values()):
            problems.append(f"{of_choices} cannot go with {' and '.join(name for name, is_given in alone.items() if is_given)}")
        if not chosen:
            from toi.data.requests import request_problems

            return problems + request_problems(vars(self))
        return problems + [f"{' and '.join(one)} cannot go with {chosen[-1]}"] * bool(one)


def main(options: GenerateOptions) -> None:
    """Load the model; answer one request, those of a file, or those of the terminal."""
    from toi.models.place import check_model
    from toi.system.errors import InputError

    if sys.stdin is None and (options.interactive or options.input_file == "-" or "-" in options.document):
        raise InputError("stdin is closed: there is nothing to read from")
    if options.document:
        from toi.documents.command import ask_documents

        return ask_documents(options, options)
    options.all_bad_words()  # what is wrong with them is said before the model is loaded
    names = [name for name in (options.model_name_or_path, options.compare) if name is not None]
    for i, name in enumerate(names):
        check_model(name, None if i else options.tokenizer_name_or_path)
    text = read_input(options.input_file) if options.input_file is not None else ""
    if not options.interactive:
        check_requests(options, text, names)
    from toi.scoring.asked import open_asked

    asked = open_asked(names, options.task, options)
    if options.interactive:
        interact(options, asked)
    else:
        answer_all(options, text, asked)


def check_requests(options: GenerateOptions, text: str, names: list[str]) -> None:
    """Raise InputError for requests that cannot be met, where the tasks are known before the models are loaded."""
    from toi.data.requests import prompts_of
    from toi.data.task_files import chosen_tasks, read_task
    from toi.models.place import is_model

    folders = [Path(name) for name in names]
    if all(map(is_model, folders)):
        own = list(map(read_task, folders))
        if options.task == "chat" and None in own:  # it is in the tokenizer
            return
        for task in chosen_tasks(names, own, options.task):
            prompts_of(task, requests_of(options, text, task), lambda text, place: None)


def answer_all(options: GenerateOptions, text: str, asked: "list[Asked]") -> None:
    """Answer the request of the options, or those of `text`, and print the outputs."""
    from toi.decoding.choose import choices_of
    from toi.scoring.answer_choices import answer_with_choices
    from toi.scoring.answering import answer, refuse_nothing, show
    from toi.system.saying import say
    from toi.talking.side_by_side import compare

    many = options.input_file is not None
    requests = [requests_of(options, text, one.task) for one in asked]
    if len(asked) > 1:
        compare(asked, options, requests, many=many)
        return
    _, decoder, task = asked[0]
    if choices := choices_of(decoder.checkpoint, options):
        answer_with_choices(asked[0], choices, options, requests[0], swap=options.swap_average)
        return
    answered = answer(decoder, task, options, requests[0])
    if not many:
        refuse_nothing(answered[0], options)
    show(answered, options, task, many=many)
    say(decoder.report)


def interact(options: GenerateOptions, asked: "list[Asked]") -> None:
    """Answer what is typed: in a conversation, where the model does what an instruction says."""
    from toi.data.compared import compares
    from toi.system.errors import InputError
    from toi.talking.talk import check_talk, talk
    from toi.talking.terminal import ask
    from toi.talking.typed import TypedOptions

    instructs = asked[0].task.instructs
    if compares(asked[0].task):
        raise InputError(f"{asked[0].name}: compares two answers: give --prompt, --response_a and --response_b, or --input_file")
    if any(one.task.instructs != instructs for one in asked):
        raise InputError(f"--compare {asked[1].name}: one of the models does what an instruction says, and one does not")
    if options.system and not instructs:
        raise InputError(f"--system is for models of instructions, not for the task {asked[0].task.name}; leave it out")

    def parsed(arguments: list[str]) -> GenerateOptions:
        new = checked(parse(GenerateOptions, arguments))
        if instructs:
            check_talk(new)
        return new

    if instructs:
        check_talk(options)
    typed = TypedOptions(options, sys.argv[1:], parsed, greedy=instructs)
    if instructs:
        talk(asked, typed, options.system)
    else:
        ask(asked, typed)


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
    from toi.data.compared import compares
    from toi.data.requests import Request, parse_requests

    if options.input_file is not None:
        name = "stdin" if options.input_file == "-" else options.input_file
        return parse_requests(text, name, task.asks, task.line_breaks, instructs=task.instructs or compares(task))
    names = {field.name for field in fields(Request)} - {"id", "turns"}  # which only files have
    return [("", Request(**{name: getattr(options, name) for name in names}))]


if __name__ == "__main__":
    run(main, GenerateOptions)
