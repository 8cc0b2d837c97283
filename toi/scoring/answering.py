"""Requests -> outputs with verdicts, and what is printed of them."""

from tqdm import tqdm

from toi.data.requests import Request, prompts_of
from toi.data.tasks import HIGHLIGHT, Task
from toi.decoding.decoder import Decoder, limits_of
from toi.decoding.plan import SearchPlan
from toi.scoring.answered import Answered, lines_of
from toi.scoring.options import AnsweringOptions
from toi.scoring.verdicts import verdict
from toi.system.errors import InputError
from toi.system.saying import say, warn
from toi.text.holders import BannedAnswer
from toi.text.normalization import normalize, printable_lines


def answer(decoder: Decoder, task: Task, options: AnsweringOptions, requests: list[tuple[str, Request]]) -> list[Answered]:
    """The outputs of requests, in their order, with verdicts. Raises InputError with the place of a request that cannot be met."""
    checkpoint = decoder.checkpoint
    if options.verbose:
        say_options(options)
    examples, sources = prompts_of(task, requests, warn)
    limits = limits_of(checkpoint, options)
    encoded, mark = checkpoint.family.encode(sources, None, limits), checkpoint.tokenizer.encode(HIGHLIGHT)[0]
    for (place, _), source, row in zip(requests, sources, encoded, strict=True):
        at = f"{place}: " if place else ""
        if options.verbose:
            say(f"{at}{source}")
        if row.source_cut:
            lost = task.highlights and row.source.count(mark) < 2
            where = f"{'at' if checkpoint.family.cut == 'end' else 'in'} its {checkpoint.family.cut}"
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


def say_options(options: AnsweringOptions) -> None:
    """Print on stderr which options hold, and whether more beams are searched with."""
    say(str(options))
    wanted, asked, beams = options.num_return_sequences, options.num_beams, SearchPlan.of(options, 1).beams
    if wanted > asked and not options.do_sample:
        say(f"--num_beams {asked} is raised to {beams}, for --num_return_sequences {wanted}")


def refuse_nothing(one: Answered, options: AnsweringOptions) -> None:
    """Raise InputError for a request without an output."""
    if one.output.text is None:
        mend = "give fewer --bad_words or more --num_beams"
        raise InputError(
            f"the model found nothing without the banned words; {mend}" + ("" if options.allow_answer else ", or --allow_answer")
        )


def show(answered: list[Answered], options: AnsweringOptions, task: Task, many: bool) -> None:
    """Print the outputs, and on stderr which requests have fewer than were asked for.

    An output is a line, but for the only one of a single request: its line breaks are printed as they are.
    """
    if task.line_breaks and options.output_format == "text" and not many and len(answered[0].output.texts) == 1:
        print(printable_lines(answered[0].output.texts[0].text))
    else:
        several = many and options.num_return_sequences > 1
        for line in lines_of(answered, options.output_format, several, task.line_breaks):
            print(line)
    warn_of_fewer(answered, options, many)


def warn_of_fewer(answered: list[Answered], options: AnsweringOptions, many: bool, model: str = "") -> None:
    """Print on stderr which requests have fewer outputs than were asked for, or empty ones, of a model if its name is given."""
    for number, one in enumerate(answered, start=1):
        of = f"{model}: " * bool(model) + (f"request {one.request.id or number}: " if many else "")
        if one.output.text is None:
            warn(f"{of}nothing without a banned word was found")
        elif not normalize(one.output.text):
            warn(f"{of}the output is empty: the model wrote nothing that can be seen")
        elif len(one.output.texts) < options.num_return_sequences:
            warn(f"{of}the model found {len(one.output.texts)} different outputs, not {options.num_return_sequences}")
