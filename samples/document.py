"""Make `samples/document.md`: two pages about a town that does not exist, for `make demo-document`.

    python samples/document.py

The facts are typed in below, and said by the grammar of the sample; so all right questions for each of their parts are known
(`right_questions`). Every paragraph is about one subject, and names it at its beginning. No name of it is in the data set or among the facts.

    雨宮町@town の 人口 = 8,420人@人                            an attribute
    雨宮町@town/は 1954年@year/に* 桐野村@town/と 合併する:past     a clause; * marks what may be left out

With --check it says how many of the pairs that generate.py made of it are right, and fails unless there are 50 and 17 in 20 are.
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from clauses import Clause, Element, Sentence, slots_of, usual
from relations import Relation
from values import NAMED, TIMES, UNITS, named, time
from verbs import Verb
from words import TYPES, Value

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # for toi
SEED = 16
RAREST = 20_000  # as in the test file of the sample
# Of the pairs that are kept. The aim is nine in ten; on a machine that rounds otherwise other models are trained, and a pair more or less is right.
LEAST_PAIRS, LEAST_RIGHT = 50, 0.85
_CASES = {"は": "が", "には": "に", "では": "で"}  # of topics
_NAMED_AGAIN = 0.6  # how often a paragraph names its subject in a later sentence

TITLE = "雨宮町のしおり"
SECTIONS = """
# 町のあらまし
雨宮町@town の 人口 = 8,420人@人; 雨宮町@town の 面積 = 147平方キロメートル@平方キロメートル; 雨宮町@town の 特産品 = 落花生@produce
雨宮町@town/は 1954年@year/に* 桐野村@town/と 合併する:past; 雨宮町@town の 旧名 = 下浜村@town; 雨宮町@town の 町長 = 唐沢芳江@person
雨宮町@town の 花 = りんどう@flower; 雨宮町@town の 木 = 楓@tree; 雨宮町@town の 鳥 = ひばり@bird
桐野村@town の 世帯数 = 310戸@戸; 桐野村@town の 名物 = 栗ご飯@food; 桐野村@town の 名所 = 蛍滝@landmark
蛍滝@landmark の 高さ = 36メートル@メートル; 蛍滝@landmark の 年間の来訪者 = 2万5千人@人
柏葉湖@landmark の 深さ = 58メートル@メートル; 柏葉湖@landmark の 面積 = 12平方キロメートル@平方キロメートル
# 人々
唐沢芳江@person の 出身地 = 桐野村@town; 唐沢芳江@person の 趣味 = 編み物@hobby; 唐沢芳江@person の 年齢 = 61歳@歳
唐沢芳江@person/は 1988年@year/に* 雨宮町@town/で 喫茶店@place/を 開く5:past
三輪堂平@person の 職業 = 時計職人@job; 三輪堂平@person の 師 = 野々垣鉄也@person; 三輪堂平@person の 好物 = 肉じゃが@food
三輪堂平@person/は 2003年@year/に* 柱時計@thing/を 直す5:past
野々垣鉄也@person の 専門 = 天文学@subject; 野々垣鉄也@person の 誕生日 = 11月3日@day; 野々垣鉄也@person の 没年 = 1979年@year
塩見波留@person の 職業 = 翻訳家@job; 塩見波留@person の 代表作 = 『夜汽車』@work; 塩見波留@person の 飼い犬の名前 = ポルカ@thing
塩見波留@person/は 2011年@year/に* 柏葉湖@landmark/で 古い地図@goods/を 見つける1:past
# 本と祭り
『夜汽車』@work の 主人公 = 灯台守@person; 『夜汽車』@work の 発表年 = 2015年@year; 『夜汽車』@work の 値段 = 1,600円@円
『夜汽車』@work/は 2018年@year/に* フランス語@language/に 翻訳される1:past
舟灯し祭り@festival の 開催日 = 8月16日@day; 舟灯し祭り@festival の 会場 = 柏葉湖@landmark; 舟灯し祭り@festival の 目玉 = 花火@show
舟灯し祭り@festival/は 1972年@year/に* 柏葉湖@landmark/で 開かれる1:past
落花生まつり@festival の 参加費 = 500円@円; 落花生まつり@festival の 主催者 = 雨宮農業高校@organization; 落花生まつり@festival の 賞品 = 自転車@goods
# 店と学校
喫茶あまおと@shop の 店主 = 唐沢芳江@person; 喫茶あまおと@shop の 定休日 = 水曜日@weekday; 喫茶あまおと@shop の 席の数 = 24席@席
喫茶あまおと@shop の 一番人気 = プリン@food; 喫茶あまおと@shop の 開店時間 = 午前10時@hour
三輪時計店@shop の 創業 = 1968年@year; 三輪時計店@shop の 看板商品 = 鳩時計@product; 三輪時計店@shop の 店員の数 = 4人@人
雨宮農業高校@organization の 校長 = 久我山光@person; 雨宮農業高校@organization の 定員 = 240人@人; 雨宮農業高校@organization の 設立 = 1949年@year
雨宮農業高校@organization/は 2020年@year/に* 新しい温室@structure/を 建てる1:past
久我山光@person の 出身地 = 楢原市@town; 久我山光@person の 得意なスポーツ = 弓道@sport; 久我山光@person の 身長 = 172センチ@センチ
# 乗り物と建物
雨宮鉄道@organization の 社員数 = 87人@人; 雨宮鉄道@organization の 本社 = 楢原市@town; 雨宮鉄道@organization の 社長 = 真砂井辰夫@person
雨宮鉄道@organization/は 1931年@year/に* 柏葉湖線@thing/を 開発する:past
湖畔号@vehicle の 定員 = 52人@人; 湖畔号@vehicle の 運賃 = 380円@円; 湖畔号@vehicle の 行き先 = 楢原市@town
渡良橋@landmark の 長さ = 215メートル@メートル; 渡良橋@landmark の 完成 = 1962年@year; 渡良橋@landmark の 設計者 = 真砂井辰夫@person
渡良橋@landmark/は 1959年@year/に* 大火事@incident/で 焼ける1:past
岬見灯台@structure の 高さ = 29メートル@メートル; 岬見灯台@structure の 材料 = 石@material; 岬見灯台@structure の 建設費 = 7,200円@円
岬見灯台@structure/は 明治31年@era/に* 漁師@role/によって 建てられる1:past
"""
TABLE = """| 場所 | 開く時間 | 休み |
| --- | --- | --- |
| 町役場 | 8時30分 | 土曜日、日曜日 |
| 図書室 | 10時 | 月曜日 |
"""


def value(written: str) -> Value:
    """`8,420人@人`: a text and its type."""
    text, _, kind = written.rpartition("@")
    if kind in NAMED:
        return named(kind, text)
    if kind in UNITS:
        return Value(text, tuple(UNITS[kind][0].split(",")))
    if kind in TIMES:
        return Value(text, time(random.Random(0), kind).asks)
    return Value(text, TYPES[kind].asks, TYPES[kind].noun)


def sentence(fact: str, rng: random.Random, unsaid: bool) -> Sentence:
    """One way to say a fact; its subject may be left unsaid."""
    if " = " in fact:
        said, _, of_value = fact.partition(" = ")
        subject, noun = said.split(" の ")
        return Relation(value(subject), noun, value(of_value)).sentence(rng, unsaid)
    *phrases, verb = fact.split(" ")
    elements = []
    for i, phrase in enumerate(phrases):
        written, _, particle = phrase.partition("/")
        after = particle.removesuffix("*")
        elements.append(
            Element(value(written), after, topic=i == 0, aside=particle.endswith("*"), case=_CASES.get(after, "") if i == 0 else "")
        )
    written, _, tense = verb.partition(":")
    return Clause(tuple(elements), Verb(written), tense, rng.random() < 0.65, unsaid).sentence()


def sections() -> list[tuple[str, list[list[Sentence]]]]:
    """The headings, and the sentences of the paragraphs under each."""
    rng = random.Random(SEED)
    found: list[tuple[str, list[list[Sentence]]]] = []
    for line in SECTIONS.strip().splitlines():
        if line.startswith("# "):
            found.append((line[2:], []))
            continue
        facts = line.split("; ")
        found[-1][1].append([sentence(fact, rng, i > 0 and rng.random() > _NAMED_AGAIN) for i, fact in enumerate(facts)])
    return found


def paragraphs() -> list[tuple[str, list[Sentence]]]:
    """The paragraphs as they stand in the document, and their sentences."""
    return [("".join(s.text for s in found), found) for _, of_section in sections() for found in of_section]


def right_questions() -> dict[str, dict[tuple[int, str], set[str]]]:
    """By paragraph: the offset and the text of what may be asked for, and all right questions for it."""
    found: dict[str, dict[tuple[int, str], set[str]]] = {}
    for text, of_paragraph in paragraphs():
        found[text] = {(slot.start, slot.text): set(usual(slot.ways, RAREST)) for slot in slots_of(of_paragraph)}
    return found


def make() -> str:
    """The document."""
    parts = [f"# {TITLE}"]
    for heading, of_section in sections():
        parts += [f"## {heading}", *("".join(s.text for s in found) for found in of_section)]
    return "\n\n".join([*parts, "## 開く時間", TABLE])


def check(folder: Path) -> tuple[list[dict[str, Any]], list[bool]]:
    """The pairs that `generate.py --document` wrote into a folder, the dropped ones too, and whether each is right by the grammar."""
    right, spans = right_questions(), {}
    text = (folder / "text" / "001.txt").read_text(encoding="utf-8")
    for paragraph, of_paragraph in right.items():
        at = text.index(paragraph)
        spans |= {(at + start, answer): questions for (start, answer), questions in of_paragraph.items()}
    files = [(folder / name).read_text(encoding="utf-8") for name in ("pairs.jsonl", "dropped.jsonl")]
    pairs = [json.loads(line) for text in files for line in text.splitlines()]
    return pairs, [pair["question"] in spans.get((pair["start"], pair["answer"]), ()) for pair in pairs]


def is_enough(right: list[bool]) -> bool:
    """Whether there are enough pairs, and enough of them right."""
    return len(right) >= LEAST_PAIRS and sum(right) >= LEAST_RIGHT * len(right)


def main() -> None:
    """Write the document, or say how many of the pairs that were made of it are right."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", type=Path, help="a folder that generate.py --document made of it")
    args = parser.parse_args()
    if args.check is None:
        (HERE / "document.md").write_text(make(), encoding="utf-8")
        asked = [slot for _, found in paragraphs() for slot in slots_of(found)]
        print(f"document.md: {len(paragraphs())} paragraphs, {len(asked)} parts that may be asked for, {len(make()):,} characters")
        return
    from toi.scoring.check_yields import check_yields, yields_table

    pairs, right = check(args.check)
    kept = [(pair, is_right) for pair, is_right in zip(pairs, right, strict=True) if not pair["dropped"]]
    count = sum(is_right for _, is_right in kept)
    print(
        f"{count:,} of {len(kept):,} pairs that were kept are right by the grammar of the sample: {count / max(1, len(kept)):.1%}"
    )
    for pair, is_right in kept:
        if not is_right:
            print(f"not right: {pair['question']} {pair['answer']}")
    print(yields_table(check_yields([pair["dropped"] for pair in pairs], right)))
    if not is_enough([is_right for _, is_right in kept]):
        print(f"document.py: wanted are at least {LEAST_PAIRS} pairs, and {LEAST_RIGHT:.0%} of them right", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
