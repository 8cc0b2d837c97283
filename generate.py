"""Ask a question about an answer in a context, or answer a question.

    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。
    python generate.py --answer 甲府市 --context 山梨県の県庁所在地は甲府市です。 --bad_words 山梨 山梨県
    python generate.py --model_name_or_path model_qa --question 山梨県の県庁所在地はどこですか? --context ...

The prompt is made as in training, by the task.json of the model.
"""

import sys
from dataclasses import dataclass

from toi.cli import run
from toi.options import DecodingOptions, TaskName


@dataclass
class GenerateOptions(DecodingOptions):
    """Ask a question about an answer in a context, or answer a question."""

    context: str = ""
    """The text that is asked about."""
    answer: str | None = None
    """The answer of the wanted question, as it stands in the context."""
    question: str | None = None
    """The question to answer, for a QA model."""
    title: str = ""
    """The title of the context, for models whose prompt has one."""
    task: TaskName | None = None
    """What the model does, for a model without task.json."""
    allow_answer: bool = False
    """Let the answer occur in its question."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems()
        if not self.context.strip():
            found.append("--context is needed")
        if (self.answer is None) == (self.question is None):
            found.append("give --answer to get a question, or --question to get an answer")
        found += [
            f"--{name} is empty"
            for name in ("answer", "question")
            if getattr(self, name) is not None and not getattr(self, name).strip()
        ]
        return found


def main(options: GenerateOptions) -> None:
    """Make the prompt, decode, print."""
    from toi.checkpoint import load, quiet, task_of
    from toi.decoding import decode
    from toi.errors import InputError
    from toi.generation import example_of, prompt

    quiet()
    checkpoint = load(options.model_name_or_path)
    task = task_of(checkpoint, options.task)
    example = example_of(task, options.context, options.answer, options.question, options.title)
    banned = task.answers(example) if task.asks and not options.allow_answer else []
    source = prompt(task, example)
    tokens, limit = len(checkpoint.tokenizer.encode(source)), options.max_input_length or checkpoint.max_input_length
    if tokens > limit:
        print(f"generate.py: warning: the prompt has {tokens:,} tokens and is cut to {limit:,}; shorten --context", file=sys.stderr)
    _, output = next(decode(checkpoint, [source], options, banned=[banned]))
    if output.text is None:
        words = ", ".join([*options.bad_words, *banned])
        raise InputError(
            f"the model found nothing without {words}; give fewer --bad_words or more --num_beams"
            + (", or --allow_answer" if banned else "")
        )
    print(output.text)


if __name__ == "__main__":
    run(main, GenerateOptions)
