"""Several right questions of an answer -> several Examples to learn from."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from toi.data.examples import Example
from toi.data.tasks import QUESTIONS


def paraphrased(examples: Iterable[Example], count: int, seed: int) -> Iterator[Example]:
    """Each Example, and behind it up to `count` - 1 others that ask for the same in another right way (ids `a#2`, `a#3`).

    Which ones depends on the seed and the id alone; those that are listed first are a little likelier. Only where an Example lists
    its right questions under `questions` there are others; these list none.
    """
    for example in examples:
        yield example
        rng = random.Random(f"{seed} {example.id}")
        others = [question for question in example.extra.get(QUESTIONS, ()) if question != example.question]
        extra = {name: value for name, value in example.extra.items() if name != QUESTIONS}
        for number in range(2, min(count, len(others) + 1) + 1):
            weights = [1 / (place + 12) for place in range(len(others))]
            chosen = others.pop(rng.choices(range(len(others)), weights)[0])
            yield replace(example, id=f"{example.id}#{number}", question=chosen, extra=extra)
