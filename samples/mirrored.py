"""Both answers of every test row the other way round, and whether that changes a decision.

python samples/mirrored.py data_choice data_choice_mirrored
python samples/mirrored.py --compare one.tsv mirrored.tsv
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from toi.data.dialogues import swapped
from toi.data.examples import Answer, read_examples, write_examples, write_rows
from toi.data.predictions import choices_of, read_predictions
from toi.data.task_files import read_task


def turned(choices: tuple[str, ...]) -> dict[str, str]:
    """What each choice is the other way round."""
    return dict(zip(choices, (choices[1], choices[0], *choices[2:]), strict=True))


def mirror(folder: Path, to: Path) -> None:
    """Write the test split of a data folder of choices the other way round."""
    task, rows, examples = read_task(folder), [], []
    assert task is not None
    for example in read_examples(folder / "test.jsonl"):
        other = swapped(example)
        answer = Answer(turned(task.choices)[example.answers[0].text])
        examples.append(type(other)(other.id, other.context, other.question, (answer,), other.title, other.extra))
        rows.append(task.row(examples[-1]))
    to.mkdir(exist_ok=True)
    shutil.copy(folder / "task.json", to)
    write_rows(to / "test.tsv", rows, line_breaks=True)
    write_examples(to / "test.jsonl", examples)


def changed(one: str, mirrored: str) -> int:
    """How many decisions differ."""
    other = turned(choices_of(one))
    outputs = {prediction.id: prediction.output for prediction in read_predictions(mirrored)}
    return sum(other[prediction.output] != outputs[prediction.id] for prediction in read_predictions(one))


def main() -> None:
    if sys.argv[1] != "--compare":
        mirror(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    count = changed(*sys.argv[2:4])
    print(json.dumps({"decisions changed by a swap": count}))
    sys.exit(count > 0)


if __name__ == "__main__":
    main()
