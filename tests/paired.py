"""Pairs to learn preferences from: of two answers the polite one is chosen."""

from dataclasses import replace
from pathlib import Path

from toi.data.pairs import Pair, write_pairs
from toi.data.task_files import write_task
from toi.data.tasks import Task

TASK = replace(Task.named("plain"), pairs=True)
PRODUCTS = ("桃", "釣り", "医師", "「テスト」")


def pairs(count: int, place: str) -> list[Pair]:
    """Two pairs of each town, so that some sources begin alike."""
    made = []
    for i in range(count):
        product = PRODUCTS[i % len(PRODUCTS)]
        facts = f"{place}{i // 2}の人口は{i // 2 * 7 + 3}人である。\n"
        asked = ("特産品は何ですか?", "趣味は何ですか?")[i % 2]
        made.append(Pair(f"{place}-{i}", facts + asked, f"{product}です。", f"{product}である。" + "何" * (i % 3)))
    return made


def pair_folder(folder: Path, train: int = 24, dev: int = 6) -> Path:
    """A data folder of so many pairs."""
    for split, count, place in (("train", train, "町"), ("dev", dev, "市"), ("test", 2, "県")):
        write_pairs(folder / f"{split}.tsv", pairs(count, place), line_breaks=True)
    write_task(folder, TASK, {"name": "pairs"})
    return folder
