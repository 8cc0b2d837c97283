"""Predictions for the tests of scoring."""

import json

from conftest import prepare_folder

from toi.data.examples import read_examples, read_rows
from toi.data.predictions import Prediction

ROWS = [
    Prediction("a", "answer: 桃 context: 町の特産品は桃です。", "町の特産品は何ですか?", "町の特産品は何ですか?", -0.1),
    Prediction(
        "b", "answer: 甲府市 context: 県庁所在地は甲府市です。", "県庁所在地はどこですか?", "県庁所在地は甲府市ですか?", -0.2
    ),
    Prediction("c", "answer: 釣り context: 趣味は釣りです。", "趣味は何ですか?", "特技は何ですか?", -0.3),
    Prediction("d", "answer: 3人 context: 人口は3人です。", "人口は何人ですか?", "", -0.4),
]


def with_outputs(*outputs):
    return [row._replace(output=output) for row, output in zip(ROWS, outputs, strict=True)]


def examples_of(tmp_path, squad_files):
    """A data folder with question types, its Examples, and predictions on it."""
    data = json.loads(squad_files[1].read_text(encoding="utf-8"))
    for article in data["data"]:
        for i, qa in enumerate(article["paragraphs"][0]["qas"]):
            qa["question_type"] = ("Logical reasoning", "Syntactic variation")[i]
            qa["answers"][0]["answer_type"] = "Object"
    squad_files[1].write_text(json.dumps(data), encoding="utf-8")
    folder = prepare_folder(tmp_path / "aqg", squad_files, "aqg")
    rows = read_rows(folder / "test.tsv")
    predictions = [Prediction(*row, row.target if i % 2 else row.target.replace("何", "桃"), 0.0) for i, row in enumerate(rows)]
    return folder, read_examples(folder / "test.jsonl"), predictions
