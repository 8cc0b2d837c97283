"""Sentence patterns, and the question that belongs to each of their slots.

A pattern is Japanese text with slots: `{x}は{year}に{town}で生まれました。` A question keeps the words of
its sentence, puts the interrogative where the answer stood, and turns the ending into a question:

    霧沢一は1987年に白浜市で生まれました。  (answer 白浜市)  ->  霧沢一は1987年にどこで生まれましたか?
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import invented

ENDINGS = (("ました。", "ましたか?"), ("でした。", "でしたか?"), ("です。", "ですか?"), ("ます。", "ますか?"), ("である。", "であるか?"), ("だ。", "か?"))  # fmt: skip
LEADS = ("また、", "なお、", "そして、", "ちなみに、", "さらに、")

Draw = Callable[[random.Random], str]

# slot name -> (how a value is drawn, the interrogative that asks for it)
SLOTS: dict[str, tuple[Draw, str]] = {
    "year": (invented.year, "何年"),
    "month": (lambda r: f"{r.randint(1, 12)}月", "何月"),
    "hour": (lambda r: f"{r.choice(('午前', '午後'))}{r.randint(1, 12)}時", "何時"),
    "weekday": (lambda r: r.choice("月火水木金土日") + "曜日", "何曜日"),
    "town": (invented.town, "どこ"),
    "region": (invented.region, "どこ"),
    "landmark": (invented.landmark, "どこ"),
    "organization": (invented.organization, "どこ"),
    "shop": (invented.shop, "どの店"),
    "person": (invented.person, "誰"),
    "job": (lambda r: r.choice(invented.OCCUPATIONS), "何"),
    "hobby": (lambda r: r.choice(invented.HOBBIES), "何"),
    "food": (lambda r: r.choice(invented.FOODS), "何"),
    "product": (lambda r: r.choice(invented.PRODUCTS), "何"),
    "thing": (invented.thing, "何"),
    "festival": (invented.festival, "何"),
    "work": (invented.work, "何"),
    "people": (invented.counted("人", 1_000_000), "何人"),
    "metre": (invented.counted("メートル", 10_000), "何メートル"),
    "kilometre": (invented.counted("キロメートル", 10_000), "何キロメートル"),
    "minute": (invented.counted("分", 100), "何分"),
    "yen": (invented.counted("円", 100_000), "いくら"),
    "piece": (invented.counted("個", 10_000), "何個"),
    "times": (invented.counted("回", 100), "何回"),
}

# Patterns for a fact of a table: {x} entity, {n} attribute, {v} value.
FACT = (
    "{x}の{n}は{v}です。", "{x}の{n}は{v}である。", "{x}の{n}は{v}だ。", "{v}は{x}の{n}です。", "{v}が{x}の{n}である。",
    "{x}は{n}が{v}です。", "{x}の{n}として知られるのは{v}です。", "{x}では{n}は{v}とされています。",
    "{x}の{n}を調べると{v}でした。", "{x}の場合、{n}は{v}になります。", "{n}について言えば、{x}は{v}です。",
    "{n}が{v}なのは{x}です。", "現在、{x}の{n}は{v}です。",
    "辞典によると、{x}の{n}は{v}である。", "{x}、その{n}は{v}です。",
)  # fmt: skip
FACT_WITHOUT_TOPIC = ("{n}は{v}です。", "{n}は{v}である。", "{n}は{v}とされています。", "その{n}は{v}です。", "{n}は{v}だ。")  # fmt: skip
# Slots that are not asked for: the interrogative in their place would not be Japanese. Everywhere else it stands in their place,
# so that a statement has one question for each of its slots, and a model can know which.
NOT_ASKED = {
    "{n}が{v}なのは{x}です。": ("v",),
    "{x}は{n}が{v}です。": ("x",),
    "{x}の{n}として知られるのは{v}です。": ("x",),
    "{x}では{n}は{v}とされています。": ("x",),
    "{x}の{n}を調べると{v}でした。": ("x",),
    "{x}の場合、{n}は{v}になります。": ("x",),
    "現在、{x}の{n}は{v}です。": ("x",),
    "辞典によると、{x}の{n}は{v}である。": ("x",),
    "{x}、その{n}は{v}です。": ("x",),
}


@dataclass(frozen=True)
class Kind:
    """A kind of invented entity: how it is named, the interrogative for it, its patterns."""

    draw: Draw
    wh: str
    patterns: tuple[str, ...]
    without_topic: tuple[str, ...]


KINDS = {
    "person": Kind(invented.person, "誰", (
        "{x}は{year}に{town}で生まれました。", "{x}は{town}で生まれ、{town}で育ちました。", "{x}は{town}に住む{job}です。",
        "{x}の職業は{job}です。", "{x}の趣味は{hobby}です。", "{x}は毎朝{hour}に起きます。", "{x}の好物は{food}である。",
        "{x}は{organization}で{person}に学びました。", "{x}は{year}に{organization}に入りました。",
        "{x}は{landmark}で{thing}を見つけました。", "{x}は{person}と{town}で出会いました。", "{x}は{thing}を{piece}集めています。",
        "{x}の代表作は{work}です。", "{x}は{year}に{work}を発表しました。", "{x}の飼い犬の名前は{thing}である。",
        "{x}は{weekday}に{hobby}を教えています。", "{x}は{food}が苦手だ。", "{x}は{landmark}に{times}登りました。",
        "{x}は{town}から{town}まで{minute}かけて通っています。", "{x}が尊敬する人物は{person}です。",
        "{x}の妻は{person}です。", "{x}の師は{person}である。",
    ), (
        "趣味は{hobby}です。", "好物は{food}です。", "{year}に{town}へ移りました。", "{organization}で{job}として働きました。",
        "代表作は{work}です。", "{person}と{landmark}を訪れました。", "{weekday}には{hobby}をします。", "職業は{job}である。",
        "{year}に{work}を書きました。", "弟子は{people}でした。",
    )),
    "shop": Kind(invented.shop, "どの店", (
        "{x}は{town}にあります。", "{x}は{year}に{person}が開きました。", "{x}の名物は{food}です。", "{x}は{hour}に開店します。",
        "{x}の定休日は{weekday}である。", "{x}の店主は{person}です。", "{x}では{thing}を{yen}で売っています。",
        "{x}は{landmark}の近くにあります。", "{x}には席が{piece}あります。", "{x}は{month}に{town}へ移転しました。",
        "{x}では{person}が{product}を作っています。",
    ), (
        "名物は{food}です。", "店主は{person}である。", "定休日は{weekday}です。", "{hour}に閉店します。", "{thing}は{yen}です。",
        "創業は{year}だ。", "{town}から{product}を仕入れています。",
    )),
    "town": Kind(invented.town, "どこ", (
        "{x}は{region}にあります。", "{x}の人口は{people}です。", "{x}の特産品は{product}である。", "{x}の市長は{person}です。",
        "{x}では{month}に{festival}が開かれます。", "{x}は{year}に{town}と合併しました。", "{x}には{landmark}があります。",
        "{x}から{town}まで{kilometre}あります。", "{x}は{product}の産地として知られています。", "{x}の鳥は{thing}だ。",
        "{x}の旧名は{town}です。", "{x}では{person}が{thing}を広めました。",
    ), (
        "人口は{people}である。", "特産品は{product}です。", "町の花は{thing}です。", "{month}には{festival}が行われます。",
        "{year}に{organization}ができました。", "{landmark}まで{minute}かかります。", "町長は{person}です。",
    )),
    "organization": Kind(invented.organization, "どこ", (
        "{x}は{year}に{town}で設立されました。", "{x}の創立者は{person}です。", "{x}の本部は{town}にあります。",
        "{x}では{people}が働いています。", "{x}は{thing}の研究で知られています。", "{x}の代表は{person}である。",
        "{x}は{month}に{festival}を開きます。", "{x}は{person}に{thing}を贈りました。", "{x}の前身は{organization}だ。",
    ), (
        "創立者は{person}です。", "本部は{town}にあります。", "{year}に{work}を出版しました。", "所属するのは{people}です。",
        "記念日は{month}である。",
    )),
    "landmark": Kind(invented.landmark, "どこ", (
        "{x}は{region}にあります。", "{x}の高さは{metre}です。", "{x}の長さは{kilometre}である。", "{x}は{town}の名所です。",
        "{x}には{person}が建てた{thing}があります。", "{x}は{year}に{person}によって発見されました。",
        "{x}では{thing}が見られます。", "{x}を訪れる人は年に{people}です。", "{x}へは{town}から{minute}で着きます。",
    ), (
        "高さは{metre}です。", "{year}に公園になりました。", "入場料は{yen}です。", "{month}には{thing}が咲きます。",
        "名付けたのは{person}である。",
    )),
    "festival": Kind(invented.festival, "何", (
        "{x}は{town}で{month}に開かれます。", "{x}は{year}に{person}が始めました。", "{x}には{people}が集まります。",
        "{x}では{thing}が配られます。", "{x}の主役は{person}です。", "{x}の会場は{landmark}である。",
    ), ("会場は{landmark}です。", "参加費は{yen}です。", "始まりは{year}である。", "{hour}に始まります。")),
    "work": Kind(invented.work, "何", (
        "{x}の作者は{person}です。", "{x}は{year}に発表されました。", "{x}は{person}が{year}に書きました。",
        "{x}の舞台は{town}である。", "{x}の主人公は{person}という{job}です。", "{x}は{organization}から出版されました。",
        "{x}は{people}に読まれました。",
    ), ("作者は{person}である。", "舞台は{landmark}です。", "主人公は{person}です。", "値段は{yen}です。")),
    "thing": Kind(invented.thing, "何", (
        "{x}は{region}でとれます。", "{x}は{person}が{year}に発明しました。", "{x}の重さは{kilometre}の糸と同じです。",
        "{x}は{yen}で売られています。", "{x}の産地は{town}である。", "{x}は{thing}から作られます。",
        "{x}は{landmark}に{piece}あります。",
    ), ("産地は{region}です。", "発明したのは{person}です。", "原料は{thing}である。", "値段は{yen}です。")),
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """One filled slot of a sentence. `question` is None where it is not asked for."""

    text: str
    start: int  # character offset in the sentence
    question: str | None


@dataclass(frozen=True)
class Sentence:
    """A sentence and its slots, in order."""

    text: str
    slots: tuple[Slot, ...]


def ask(statement: str) -> str:
    """The ending of a statement as that of a question."""
    for ending, question in ENDINGS:
        if statement.endswith(ending):
            return statement[: -len(ending)] + question
    raise ValueError(f"no question ending for {statement}")


def build(pattern: str, values: dict[str, list[tuple[str, str]]], lead: str = "") -> Sentence:
    """Fill a pattern. `values`: slot name -> its (text, interrogative) pairs, used in order.

    The lead-in (`また、`) stands in the sentence and not in its questions.
    """
    parts = re.split(r"\{(\w+)\}", pattern)  # literal, slot, literal, slot, ..., literal
    supply = {name: iter(pairs) for name, pairs in values.items()}
    filled = [next(supply[part]) if i % 2 else (part, "") for i, part in enumerate(parts)]
    slots = []
    offset = len(lead)
    for i, (text, wh) in enumerate(filled):
        if i % 2:
            name = parts[i]
            question: str | None
            if name == "n" or name in NOT_ASKED.get(pattern, ()):
                question = None
            else:
                after = filled[i + 1][0]
                if after.startswith("は"):  # an interrogative is no topic: 誰が, not 誰は
                    after = "が" + after[1:]
                elif after.startswith(("では", "には", "へは")):
                    after = after[0] + after[2:]
                rest = [text for text, _ in filled[i + 2 :]]
                question = ask("".join([*(text for text, _ in filled[:i]), wh, after, *rest]))
            slots.append(Slot(text, offset, question))
        offset += len(text)
    return Sentence(lead + "".join(text for text, _ in filled), tuple(slots))


def invented_sentence(rng: random.Random, kind: Kind, name: str, pattern: str, lead: str = "") -> Sentence:
    """A sentence about an invented entity, every other slot drawn anew."""
    values: dict[str, list[tuple[str, str]]] = {"x": [(name, kind.wh)]}
    for slot in re.findall(r"\{(\w+)\}", pattern):
        if slot != "x":
            draw, wh = SLOTS[slot]
            values.setdefault(slot, []).append((draw(rng), wh))
    return build(pattern, values, lead)


def fact_sentence(entity: str, entity_wh: str, noun: str, value: str, value_wh: str, pattern: str, lead: str = "") -> Sentence:  # fmt: skip
    """A sentence that states one fact of a table."""
    return build(pattern, {"x": [(entity, entity_wh)], "n": [(noun, "")], "v": [(value, value_wh)]}, lead)


def invented_context(rng: random.Random, kind: Kind, name: str, length: int) -> list[Sentence]:
    """`length` sentences about one entity; from the second on the topic may be left unsaid."""
    patterns = rng.sample(kind.patterns, min(length, len(kind.patterns)))
    sentences = [invented_sentence(rng, kind, name, patterns[0])]
    without = rng.sample(kind.without_topic, len(kind.without_topic))
    for pattern in patterns[1:]:
        lead = rng.choice(LEADS) if rng.random() < 0.2 else ""
        if without and rng.random() < 0.5:
            pattern = without.pop()
        sentences.append(invented_sentence(rng, kind, name, pattern, lead))
    return sentences
