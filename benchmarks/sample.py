"""How good the sample's model asks: shares of questions that are right by the grammar of the sample.

    python benchmarks/sample.py --model_name_or_path model --data_dir data_sample

Right is what the test file lists as a right question of the answer (samples/make.py). Three figures: the best question of every
test row, five questions each (diverse beam search) for 200 rows, and the best question without the name of its subject.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from toi.data.examples import Example, read_examples
from toi.data.task_files import read_task
from toi.data.tasks import Task, right_targets
from toi.decoding.decoder import Decoder
from toi.decoding.options import NBestOptions
from toi.models.opening import open_model
from toi.text.holders import BannedAnswer


def ask(
    decoder: Decoder, task: Task, examples: Sequence[Example], options: NBestOptions, words: list[list[str]]
) -> list[list[str]]:
    """The outputs for each Example, its answer banned as `generate.py` bans it, and the words of its own."""
    banned = [
        [*(BannedAnswer.of(answer, example.context) for answer in task.answers(example)), *own]
        for example, own in zip(examples, words, strict=True)
    ]
    outputs: list[list[str]] = [[] for _ in examples]
    for i, output in decoder.decode([task.source(example) for example in examples], options, 64, banned):
        outputs[i] = [text.text for text in output.texts]
    return outputs


def share(name: str, outputs: list[list[str]], right: list[list[str]], shown: int, sources: Sequence[Example]) -> None:
    """Print the share of right questions, and some that are not."""
    flags = [[text in golds for text in texts] for texts, golds in zip(outputs, right, strict=True)]
    count = sum(map(len, flags))
    print(f"{name}: {sum(map(sum, flags)) / count:.4f} of {count:,} questions for {len(outputs):,} rows")
    wrong = [(i, text) for i, texts in enumerate(outputs) for text, is_right in zip(texts, flags[i], strict=True) if not is_right]
    for i, text in wrong[:: max(1, len(wrong) // max(1, shown))][:shown]:
        print(f"    {sources[i].answers[0].text} | {sources[i].context} -> {text}")


def main() -> None:
    """Load, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model_name_or_path", default="model")
    parser.add_argument("--data_dir", type=Path, default=Path("data_sample"))
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--show", type=int, default=0, help="print so many of the wrong ones")
    args = parser.parse_args()
    task = read_task(args.data_dir)
    assert task is not None, "a data folder of samples/"
    examples = read_examples(args.data_dir / "test.jsonl")
    decoder = Decoder(open_model(args.model_name_or_path))
    right = [right_targets(task, example) for example in examples]
    nothing: list[list[str]] = [[] for _ in examples]
    share("best question", ask(decoder, task, examples, NBestOptions(), nothing), right, args.show, examples)

    some = examples[:: max(1, len(examples) // args.rows)][: args.rows]
    of_some = [right_targets(task, example) for example in some]
    diverse = NBestOptions(num_return_sequences=5, diversity_penalty=1.0)
    share("five questions", ask(decoder, task, some, diverse, nothing[: len(some)]), of_some, args.show, some)

    titles = [example.title.removesuffix("、別の話") for example in examples]
    about = [
        i
        for i, (example, title) in enumerate(zip(examples, titles, strict=True))
        if title in example.context and title not in example.answers[0].text
    ]
    hidden = [examples[i] for i in about]
    outputs = ask(decoder, task, hidden, NBestOptions(), [[titles[i]] for i in about])
    share("subject banned", outputs, [right[i] for i in about], args.show, hidden)


if __name__ == "__main__":
    main()
