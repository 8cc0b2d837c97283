"""Ask a question about an answer in a context, or answer a question.

    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --num_return_sequences 5 --diversity_penalty 1
    python generate.py --model_name_or_path model_qa --question 山梨県の県庁所在地はどこですか? --context ...
    python generate.py --model_name_or_path model_chat --prompt 山梨県の特産品は？
    python generate.py --input_file requests.jsonl --output_format json
    python generate.py --interactive

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

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toi.data.options import TaskName
from toi.decoding.options import NBestOptions
from toi.system.cli import checked, parse, run
from toi.system.options import at_least

if TYPE_CHECKING:
    from toi.data.requests import Request
    from toi.data.tasks import Task
    from toi.decoding.decoder import Decoder
    from toi.scoring.answered import Answered


@dataclass
class GenerateOptions(NBestOptions):
    """Ask a question about an answer in a context, or answer a question."""

    context: str = ""
    """The text that is asked about. <hl> on both sides of the answer says where it is."""
    answer: str | None = None
    """The answer of the wanted question, as it stands in the context."""
    question: str | None = None
    """The question to answer, for a QA model."""
    prompt: str | None = None
    """What a model that was taught with instructions shall do; --context is its input."""
    system: str = ""
    """The system text of --prompt."""
    title: str = ""
    """The title of the context, for models whose prompt has one."""
    answer_start: int | None = None
    """The character of the context at which the answer begins, from 0 on, where it occurs several times."""
    occurrence: int | None = None
    """Which occurrence of the answer is meant, from 1 on. [default: the first]"""
    input_file: str | None = None
    """Many requests: JSON Lines or TSV (answer and context, or a header); - for stdin."""
    interactive: bool = False
    """Ask for contexts and answers on the terminal; a line like --num_beams 4 changes an option."""
    output_format: Literal["text", "json", "tsv"] = "text"
    """Outputs alone, or with scores and verdicts."""
    task: TaskName | None = None
    """What the model does, for a model without task.json."""
    allow_answer: bool = False
    """Let the answer occur in its question."""
    per_device_eval_batch_size: int = 32
    """Sources per batch, at most. Changes the speed, not the outputs."""
    verbose: bool = False
    """Say on stderr which options hold, and each prompt as the model reads it."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems() + at_least(self, 1, "occurrence", "per_device_eval_batch_size")
        problems += at_least(self, 0, "answer_start")
        if self.answer_start is not None and self.occurrence is not None:
            problems.append("give --answer_start or --occurrence, not both")
        one = [
            f"--{name}"
            for name in ("answer", "question", "answer_start", "occurrence", "prompt")
            if getattr(self, name) is not None
        ]
        one += [f"--{name}" for name in ("context", "system") if getattr(self, name)]
        if self.input_file is not None or self.interactive:
            if self.input_file is not None and self.interactive:
                problems.append("give --input_file or --interactive, not both")
            if one:
                problems.append(f"{' and '.join(one)} cannot go with {'--interactive' if self.interactive else '--input_file'}")
            return problems
        from toi.data.requests import request_problems

        return problems + request_problems(vars(self))


def main(options: GenerateOptions) -> None:
    """Load the model; answer one request, those of a file, or those of the terminal."""
    from toi.data.requests import prompts_of
    from toi.data.task_files import chosen_task, read_task
    from toi.models.place import check_model, is_model
    from toi.system.errors import InputError

    if sys.stdin is None and (options.interactive or options.input_file == "-"):
        raise InputError("stdin is closed: there is nothing to read from")
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
        talk(decoder, task, options)
        return
    answered = answer(decoder, task, options, requests_of(options, text, task))
    if options.input_file is None:
        refuse_nothing(answered[0], options)
    show(answered, options, task, many=options.input_file is not None)
    print(f"generate.py: {decoder.report}", file=sys.stderr)


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


def answer(decoder: "Decoder", task: "Task", options: GenerateOptions, requests: "list[tuple[str, Request]]") -> "list[Answered]":
    """The outputs of requests, in their order, with verdicts. Raises InputError with the place of a request that cannot be met."""
    from tqdm import tqdm

    from toi.data.requests import prompts_of
    from toi.data.tasks import HIGHLIGHT
    from toi.decoding.decoder import limits_of
    from toi.scoring.answered import Answered
    from toi.scoring.verdicts import verdict
    from toi.text.holders import BannedAnswer

    checkpoint = decoder.checkpoint
    if options.verbose:
        say_options(options)
    examples, sources = prompts_of(task, requests, warn)
    limits = limits_of(checkpoint, options)
    encoded, mark = checkpoint.family.encode(sources, None, limits), checkpoint.tokenizer.encode(HIGHLIGHT)[0]
    for (place, _), source, row in zip(requests, sources, encoded, strict=True):
        at = f"{place}: " if place else ""
        if options.verbose:
            print(f"generate.py: {at}{source}", file=sys.stderr)
        if row.source_cut:
            lost = task.highlights and row.source.count(mark) < 2
            where = "in its context" if checkpoint.family.cuts_context else "at its end"
            what = "before the end of the answer, so the output is of no use" if lost else where
            length = len(row.source) + row.source_cut
            warn(f"the prompt has {length:,} tokens and is cut to {limits.source:,}, {what}; shorten the context", at)
    answers = [[BannedAnswer.of(a, example.context) for a in task.answers(example)] if task.asks else [] for example in examples]
    banned = [[] if options.allow_answer else words for words in answers]
    words = options.all_bad_words()
    answered: list[Answered | None] = [None] * len(requests)
    with tqdm(total=len(requests), unit=" examples", leave=False, disable=None if len(requests) > 1 else True) as bar:
        for i, output in decoder.decode(sources, options, options.per_device_eval_batch_size, banned):
            reference = f"{examples[i].context} {examples[i].question}"
            verdicts = [verdict(text.text, reference, [*words, *banned[i]], answers[i]) for text in output.texts]
            answered[i] = Answered(requests[i][1], output, verdicts)
            bar.update()
    return [one for one in answered if one is not None]


def say_options(options: GenerateOptions) -> None:
    """Print on stderr which options hold, and whether more beams are searched with."""
    from toi.decoding.plan import SearchPlan

    print(f"generate.py: {options}", file=sys.stderr)
    wanted, asked, beams = options.num_return_sequences, options.num_beams, SearchPlan.of(options, 1).beams
    if wanted > asked and not options.do_sample:
        print(
            f"generate.py: --num_beams {asked} is raised to {beams}, for --num_return_sequences {wanted}",
            file=sys.stderr,
        )


def warn(text: str, place: str = "") -> None:
    """Print a warning on stderr."""
    print(f"generate.py: warning: {place}{text}", file=sys.stderr)


def refuse_nothing(one: "Answered", options: GenerateOptions) -> None:
    """Raise InputError for a request without an output."""
    from toi.system.errors import InputError

    if one.output.text is None:
        mend = "give fewer --bad_words or more --num_beams"
        raise InputError(
            f"the model found nothing without the banned words; {mend}" + ("" if options.allow_answer else ", or --allow_answer")
        )


def show(answered: "list[Answered]", options: GenerateOptions, task: "Task", many: bool) -> None:
    """Print the outputs, and on stderr which requests have fewer than were asked for.

    An output is a line, but for the only one of a single request: its line breaks are printed as they are.
    """
    from toi.scoring.answered import lines_of
    from toi.text.normalization import normalize, printable

    if task.line_breaks and options.output_format == "text" and not many and len(answered[0].output.texts) == 1:
        print("\n".join(map(printable, answered[0].output.texts[0].text.split("\n"))))
    else:
        several = many and options.num_return_sequences > 1
        for line in lines_of(answered, options.output_format, several, task.line_breaks):
            print(line)
    for number, one in enumerate(answered, start=1):
        of = f"request {one.request.id or number}: " if many else ""
        if one.output.text is None:
            warn(f"{of}nothing without a banned word was found")
        elif not normalize(one.output.text):
            warn(f"{of}the output is empty: the model wrote nothing that can be seen")
        elif len(one.output.texts) < options.num_return_sequences:
            warn(f"{of}the model found {len(one.output.texts)} different outputs, not {options.num_return_sequences}")


def talk(decoder: "Decoder", task: "Task", options: GenerateOptions) -> None:
    """Ask for a context and then for answers (or questions) until an empty line; --options change the options; quit ends."""
    from toi.data.requests import Request
    from toi.system.errors import InputError

    wanted = "answer" if task.asks else "question"
    print(
        f"First the context, then each {wanted}. An empty line asks for another context, --num_beams 4 sets an option, quit ends."
    )
    arguments = sys.argv[1:]
    context = ""
    while (line := read_line(f"{wanted}> " if context else "context> ")) is not None and line != "quit":
        try:
            if line.startswith("--"):
                changed = arguments + shlex.split(line)
                new = checked(parse(GenerateOptions, changed))
                fixed = ("model_name_or_path", "tokenizer_name_or_path", "task")
                if any(getattr(new, name) != getattr(options, name) for name in fixed):
                    raise InputError("another model needs another start of generate.py")
                arguments, options = changed, new
            elif not context and "<hl>" not in line:
                context = line
            elif not line:
                context = ""
            else:
                request = Request(context, line) if task.asks else Request(context, question=line)
                request = Request(line) if "<hl>" in line else request
                one = answer(decoder, task, options, [("", request)])[0]
                refuse_nothing(one, options)
                show([one], options, task, many=False)
        except SystemExit:  # --help has been printed
            continue
        except (InputError, ValueError) as error:
            print(f"generate.py: {error}", file=sys.stderr)


def read_line(ask: str) -> str | None:
    """A line of the terminal without its spaces; None at the end of the input."""
    try:
        return input(ask).strip()
    except EOFError:
        print()
        return None


if __name__ == "__main__":
    run(main, GenerateOptions)
