"""Make `preferences.csv`: two answers to a question about a text, and which of them somebody preferred, in the format of an arena.

    python samples/preferences.py

All of it is our own writing, and nobody voted: the votes follow a rule that the table does not say. An answer is good if it holds
the fact that is asked for and is in the tone that is asked for, polite or casual. The better one wins; where both are good, or
neither, it is a tie. Every prompt is asked once, so that a split by prompts is one by rows, and names are put together anew: what a
model can learn is to compare, not who lives where.
"""

import csv
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
SEED = 20261130
VOTES = 4000
HEADER = ("id", "model_a", "model_b", "prompt", "response_a", "response_b", "winner_model_a", "winner_model_b", "winner_tie")
MODELS = ("kiri-7b", "kiri-13b", "sawa-small", "sawa-large")

PEOPLE = "青木 石田 上田 江川 大野 加藤 木村 工藤 小林 佐藤 島田 杉山 関口 高橋 田中 土屋 中村 西村 野村 橋本 原田 平野 藤田 星野 前田 松本 三浦 村上 山本 横山 吉田 和田".split()
TOWNS = "青葉 赤坂 朝日 泉 梅田 大川 岡本 川口 北山 桜井 白石 鈴木 高松 竹内 千代田 中野 西原 花園 浜松 東山 福島 星川 松川 三島 緑川 南原 美里 山中 若宮 若松".split()
THINGS = "桃 梨 りんご みかん ぶどう いちご すいか まんじゅう 大福 せんべい パン うどん そば カレー すし 天ぷら 豆腐 味噌 お茶 コーヒー 紅茶 牛乳 チーズ 卵".split()
DAYS = "日曜日 月曜日 火曜日 水曜日 木曜日 金曜日 土曜日".split()
SHOPS = "店 会社 工場 食堂 喫茶店 旅館 病院 学校 花屋 本屋 八百屋 薬局".split()

# What a text says, what is asked, and what may be answered.
FACTS = (
    ("{x}さんの{y}は{z}町にあります。", "{x}さんの{y}はどこにありますか?", "{z}町", TOWNS),
    ("{x}さんの{y}は{z}が休みです。", "{x}さんの{y}の休みはいつですか?", "{z}", DAYS),
    ("{x}さんの{y}の名物は{z}です。", "{x}さんの{y}の名物は何ですか?", "{z}", THINGS),
    ("{x}さんの{y}の隣には{z}さんが住んでいます。", "{x}さんの{y}の隣に住んでいるのは誰ですか?", "{z}さん", PEOPLE),
)  # fmt: skip
TONES = {"polite": "丁寧に答えてください。", "casual": "くだけた言い方で答えて。"}
ENDINGS = {"polite": ("です。", "でございます。", "ですよ。"), "casual": ("だよ。", "だ。", "だね。")}
OTHER = {"polite": "casual", "casual": "polite"}


class Vote(NamedTuple):
    """A line of the table, and whether each answer is good."""

    prompt: str
    answers: tuple[str, str]
    good: tuple[bool, bool]

    @property
    def winner(self) -> int:
        """0 for the first, 1 for the second, 2 for neither."""
        return 2 if self.good[0] == self.good[1] else 0 if self.good[0] else 1


def votes(count: int, rng: random.Random) -> Iterable[Vote]:
    """As many votes, a third of them ties; no prompt twice."""
    known: set[str] = set()
    while len(known) < count:
        said, asked, answer, values = rng.choice(FACTS)
        tone = rng.choice(tuple(TONES))
        x, y, z = rng.choice(PEOPLE), rng.choice(SHOPS), rng.choice(values)
        wrong = rng.choice([value for value in values if value not in (x, z)])
        prompt = said.format(x=x, y=y, z=z) + asked.format(x=x, y=y) + TONES[tone]
        good = rng.choice(((True, False), (True, False), (False, True), (False, True), (True, True), (False, False)))
        if prompt in known or x == z:
            continue
        known.add(prompt)
        yield Vote(prompt, tuple(_answer(rng, answer, z, wrong, tone, is_good) for is_good in good), good)


def _answer(rng: random.Random, answer: str, right: str, wrong: str, tone: str, good: bool) -> str:
    """An answer that is good, or lacks the fact, the tone or both."""
    fact, tone_kept = (True, True) if good else rng.choice(((True, False), (False, True), (False, True), (False, False)))
    said = answer.format(z=right if fact else wrong)
    return said + rng.choice(ENDINGS[tone if tone_kept else OTHER[tone]])


def rows(count: int = VOTES) -> Iterable[list[object]]:
    """The lines of the table behind its header."""
    rng = random.Random(SEED)
    for number, vote in enumerate(votes(count, rng), start=1):
        models = rng.sample(MODELS, 2)
        texts = [json.dumps([text], ensure_ascii=False) for text in (vote.prompt, *vote.answers)]
        yield [number, *models, *texts, *(int(vote.winner == i) for i in range(3))]


def main() -> None:
    with open(HERE / "preferences.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEADER)
        table.writerows(rows())


if __name__ == "__main__":
    main()
