"""Pairs of a text and what a model might have written: sentences of the sample, perturbed."""

import json
import random
from pathlib import Path

SAMPLE = Path(__file__).parent.parent / "samples" / "train.json"


def perturb(text: str, draw: random.Random, edits: int = 4) -> str:
    """Up to `edits` characters left out, added or exchanged."""
    characters = list(text)
    for _ in range(draw.randrange(edits + 1)):
        if not characters:
            break
        at, kind = draw.randrange(len(characters)), draw.random()
        if kind < 0.4:
            del characters[at]
        elif kind < 0.7:
            characters.insert(at, draw.choice("あ山漢a1 。\u3000😀「(-."))
        else:
            characters[at] = draw.choice(characters)
    return "".join(characters)


def pairs(count: int, questions: list[str] | None = None, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """`count` predictions and their references, of which some rows have two; degenerate rows first."""
    draw = random.Random(seed)
    if questions is None:
        data = json.loads(SAMPLE.read_text(encoding="utf-8"))["data"]
        questions = [qa["question"] for article in data for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    predictions = ["", "桃", "😀😀", "x", "  今日は 天気だ　", "あ" * 300]
    references = [["桃は何ですか?"], ["桃"], ["😀", "😀😀!"], ["桃"], ["今日は天気だ"], ["あ" * 200 + "い"]]
    for question in draw.choices(questions, k=count - len(predictions)):
        predictions.append(perturb(question, draw))
        references.append([question, perturb(question, draw, 6) or "何"] if draw.random() < 0.3 else [question])
    return predictions, references
