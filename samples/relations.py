"""Sentences whose predicate is a noun, and all right questions for their parts.

A relation says what the attribute of a thing is; every way to ask goes with every way to say it:

    霧沢一の趣味は釣りです。  釣りは霧沢一の趣味である。
    霧沢一の趣味は何ですか?  何が霧沢一の趣味ですか?  この人の趣味は何でしょうか?  趣味は何ですか?
    釣りは誰の趣味ですか?  趣味が釣りなのは誰ですか?

An equation says what somebody is: 霧沢一は白浜市の出身です。
"""

import random
from dataclasses import dataclass

from clauses import COPULA, Sentence, Slot, Ways, add, subjects, variants
from values import Drawer
from words import Value

# How it is said: with the subject, and where the subject is left unsaid. {c} is です, だ or である.
SAID = (
    ("{x}の{n}は{v}{c}。", 9.0), ("{v}は{x}の{n}{c}。", 1.2), ("{v}が{x}の{n}{c}。", 1.0), ("{x}は{n}が{v}{c}。", 0.8), ("{n}が{v}なのは{x}{c}。", 0.5),
    ("{x}の{n}として知られるのは{v}{c}。", 0.5), ("{x}の{n}といえば{v}{c}。", 0.5), ("現在、{x}の{n}は{v}{c}。", 0.4), ("{n}について言えば、{x}は{v}{c}。", 0.3),
    ("辞典によると、{x}の{n}は{v}{c}。", 0.4), ("{x}の{n}は、{v}{c}。", 0.7), ("{x}では、{n}は{v}{c}。", 0.4),
)  # fmt: skip
UNSAID = (("{n}は{v}{c}。", 5.0), ("その{n}は{v}{c}。", 2.0), ("{v}が{n}{c}。", 0.6))
_TO_VALUE = (
    ("{x}{n}は{w}{e}", 9.0), ("{w}が{x}{n}{e}", 0.9), ("{x}{n}となっているのは{w}{e}", 0.3), ("{x}{n}として知られるのは{w}{e}", 0.3),
)  # fmt: skip
_TO_SUBJECT = (
    ("{n}が{v}なのは{w}{e}", 3.0), ("{v}は{w}の{n}{e}", 3.0), ("{w}の{n}が{v}{e}", 0.7), ("{v}が{n}なのは{w}{e}", 0.5),
    ("{v}を{n}とするのは{w}{e}", 0.7), ("{n}が{v}の{k}は{w}{e}", 1.0), ("{v}を{n}とする{k}は{w}{e}", 0.5),
)  # fmt: skip
_TOPIC_IS_SUBJECT = ("{x}は{n}が{w}{e}", 1.0)  # for numbers: 北岳は標高が何メートルですか?
_STYLES = (("です", True), ("です", True), ("です", True), ("だ", False), ("である", False))
_WAS = {"です": "でした", "だ": "だった", "である": "であった"}


@dataclass(frozen=True)
class Relation:
    """The attribute `noun` of `subject` is `value`."""

    subject: Value
    noun: str
    value: Value

    def ways(self, of_subject: bool, polite: bool = True, was: bool = False) -> Ways:
        """The right questions for the value, or for the subject."""
        ways: Ways = {}
        endings = (("でしたか?", 4.0), ("だったのですか?", 0.4), *COPULA[polite][:1]) if was else COPULA[polite]
        asked = self.subject if of_subject else self.value
        for w, usual in variants(asked):
            for e, weight in endings:
                if of_subject:
                    for form, how in _TO_SUBJECT:
                        if "{k}" not in form or self.subject.noun:
                            question = form.format(n=self.noun, v=self.value.text, w=w, e=e, k=self.subject.noun)
                            add(ways, question, usual * weight * how)
                    continue
                for name, named in subjects(self.subject):
                    for form, how in _TO_VALUE:
                        question = form.format(x="" if name is None else f"{name}の", n=self.noun, w=w, e=e)
                        add(ways, question, usual * weight * named * how)
                    if name is not None and self.value.text[0].isdigit():
                        question = _TOPIC_IS_SUBJECT[0].format(x=name, n=self.noun, w=w, e=e)
                        add(ways, question, usual * weight * named * _TOPIC_IS_SUBJECT[1])
        return ways

    def sentence(self, rng: random.Random, unsaid: bool = False) -> Sentence:
        """A statement, and slots for both."""
        forms = UNSAID if unsaid else SAID
        form = rng.choices([f for f, _ in forms], [w for _, w in forms])[0]
        copula, polite = rng.choice(_STYLES)
        was = rng.random() < 0.06
        end = form.format(x="{x}", n="{n}", v="{v}", c=_WAS[copula] if was else copula)
        return fill(end, self, polite, was)


def fill(form: str, relation: Relation, polite: bool, was: bool = False) -> Sentence:
    """A statement with its slots. `form` has {x}, {n} and {v}, in any order."""
    texts = {"x": relation.subject.text, "n": relation.noun, "v": relation.value.text}
    text, slots, rest = "", [], form
    while "{" in rest:
        literal, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        text += literal
        if name in ("x", "v") and (relation.subject if name == "x" else relation.value).asks:
            slots.append(Slot(texts[name], len(text), relation.ways(name == "x", polite, was)))
        text += texts[name]
    return Sentence(text + rest, tuple(slots))


@dataclass(frozen=True)
class Equation:
    """`subject` is `before` + value + `after`: 霧沢一は / 白浜市 / の出身 / です."""

    subject: Value
    before: str
    value: Value
    after: str

    def sentence(self, rng: random.Random, unsaid: bool = False) -> Sentence:
        """A statement, and slots for both."""
        copula, polite = rng.choice(_STYLES)
        head = "" if unsaid else f"{self.subject.text}は"
        predicate = self.before + self.value.text + self.after
        slots = []
        if not unsaid and self.after.startswith("の") and rng.random() < 0.2:  # 日本で一番高い山は富士山です
            where = Slot(self.value.text, len(self.before), self._to_value(polite))
            who = Slot(self.subject.text, len(predicate) + 1, self._to_subject(predicate, polite))
            asked = tuple(slot for slot, value in ((where, self.value), (who, self.subject)) if value.asks)
            return Sentence(f"{predicate}は{self.subject.text}{copula}。", asked)
        if not unsaid and self.subject.asks:
            slots.append(Slot(self.subject.text, 0, self._to_subject(predicate, polite)))
        if self.value.asks:
            slots.append(Slot(self.value.text, len(head) + len(self.before), self._to_value(polite)))
        return Sentence(f"{head}{predicate}{copula}。", tuple(slots))

    def _to_subject(self, predicate: str, polite: bool) -> Ways:
        ways: Ways = {}
        for w, usual in variants(self.subject):
            for e, weight in COPULA[polite]:
                for form, how in (("{p}は{w}{e}", 3.0), ("{w}が{p}{e}", 2.0), ("{p}なのは{w}{e}", 0.7)):
                    if form.startswith("{p}は") and not self.after.startswith("の"):  # 蜂蜜で有名なのは, not 蜂蜜で有名は
                        continue
                    add(ways, form.format(p=predicate, w=w, e=e), usual * weight * how)
        return ways

    def _to_value(self, polite: bool) -> Ways:
        ways: Ways = {}
        for name, named in subjects(self.subject):
            for w, usual in variants(self.value):
                for e, weight in COPULA[polite]:
                    add(ways, f"{'' if name is None else name + 'は'}{self.before}{w}{self.after}{e}", usual * weight * named)
        return ways


# Type of the subject -> noun and type of the value.
ATTRIBUTES: dict[str, tuple[tuple[str, str], ...]] = {}
for _line in """
person 職業 job 趣味 hobby 好物 food 出身地 town|region 年齢 歳 身長 センチ|センチメートル 誕生日 day 師 person 妻 person 夫 person 弟子 person 父 person 母校 school|organization 代表作 work 専門 subject|theme 好きな色 color 好きな食べ物 food 好きな動物 animal 苦手な食べ物 food|produce 苦手な科目 subject 飼い犬の名前 thing 得意な楽器 instrument 生まれた年 year 没年 year 勤務先 organization|place 住まい town|place 愛読書 work 研究テーマ theme 得意な料理 food 得意なスポーツ sport 特技 hobby|sport 年収 円 移動手段 vehicle 息子の名前 person 恩師 person 尊敬する人 person|role 親友 person|role 誕生月 month 朝食 food 好きな季節 when 好きな飲み物 drink
family 職業 job 趣味 hobby 好物 food 年齢 歳 誕生日 day 好きな色 color 好きな食べ物 food 好きな動物 animal 仕事 job 特技 hobby|sport 出身地 town|place 好きな飲み物 drink 勤め先 place|organization 得意料理 food 部屋 place 車の色 color 給料 円 宝物 goods 夢 job 起きる時間 hour
role 名前 person 年齢 歳 趣味 hobby 出身地 town|place 好物 food 仕事 job 給料 円 専門 subject|theme
town 人口 人 面積 平方キロメートル 特産品 produce|product 名物 food 市長 person 花 flower 木 tree 鳥 bird 旧名 town 姉妹都市 town 名所 landmark 標高 メートル 名産 produce 最高気温 度 中心駅 town 誕生 year 世帯数 戸 主な産業 product 小学校の数 校 創設者 person 隣 town 住民の足 vehicle 開基 person
region 人口 人 面積 平方キロメートル 特産品 produce|product 中心都市 town 花 flower 鳥 bird 最高峰 landmark 一番大きな川 landmark 言語 language 気温 度 名物 food 知事 person
shop 名物 food 店主 person 定休日 weekday 開店時間 hour 閉店時間 hour 創業 year 席の数 席 看板商品 food|product 一番人気 food|drink 所在地 town 創業者 person 値段 円 店員の数 人 営業時間 時間 最寄り駅 town
organization 創立者 person 創業者 person 代表 person 社長 person 本部 town|place 本社 town 設立 year|date 社員数 人 会員数 人 主な製品 product 前身 organization 定員 人 理事長 person 敷地面積 平方キロメートル 売上高 円 創立記念日 day 建物の色 color 校長 person
landmark 高さ メートル 長さ メートル|キロメートル 深さ メートル 面積 平方キロメートル 所在地 region|town 入場料 円 完成 year 設計者 person 最寄り駅 town 名付け親 person 幅 メートル 発見者 person 持ち主 person|role 源 landmark 標高 メートル 管理者 organization 広さ 平方キロメートル 年間の来訪者 人 材料 material
festival 会場 landmark|place|town 参加費 円 主催者 organization 始まり year|hour 開催日 day 主役 person 参加者 人 目玉 show 司会 person 賞品 goods|food 起源 century|year 場所 place|town
work 作者 person 舞台 town|place 主人公 person|animal 出版社 organization 発表年 year 値段 円 ページ数 ページ 言語 language 題材 incident|theme 監督 person 編集者 person 主題 theme 初版 year 挿絵 person
thing 産地 region|town 原料 material|produce 発明者 person 値段 円 重さ グラム|キログラム|トン 長さ メートル|センチ 色 color 用途 purpose 発見者 person 名前の由来 thing 持ち主 person|family 主成分 material 製造元 organization
goods 持ち主 person|family|role 値段 円 色 color 重さ グラム|キログラム 材料 material 作り手 person|role 送り主 person|family 産地 town|region
food 値段 円 材料 produce|material 発祥の地 town|place 作り方の考案者 person|role 人気の店 shop 賞味期限 日間
animal 体長 センチ|メートル 体重 キログラム 寿命 年間 主食 food|produce 生息地 region|place 天敵 animal|bird 色 color 名前 thing 好物 produce|food
event 会場 place|landmark 参加者 人 日程 date|day 開始時刻 hour 主催者 organization|role 参加費 円 優勝者 person 司会 person|role 賞品 goods 目的 purpose 優勝賞品 food|goods
vehicle 定員 人 最高速度 キロ 運賃 円 行き先 place|town 発車時刻 hour 運転手 person|role 色 color 始発駅 town
incident 原因 weather|disease|abstract 死者 人 指導者 person 始まり year 終わり year 舞台 town|region 期間 年間
structure 高さ メートル 完成 year 設計者 person 材料 material 建設費 円 長さ メートル|キロメートル 持ち主 person|organization 場所 place|town
""".strip().splitlines():  # fmt: skip
    _kind, *_pairs = _line.split(" ")
    ATTRIBUTES[_kind] = tuple(zip(_pairs[::2], _pairs[1::2], strict=True))

# Type of the subject, and what it is: the value in brackets.
_EQUATIONS = """
person|family|role [job] | person|family [town|place]の出身 | person|family [歳] | person [organization]の社長 | person [organization]の校長 | person [organization]の教授 | person [work]の作者
person [town]の市長 | person [person]の弟子 | person [person]の妻 | person [person]の父 | person [structure]の設計者 | person [thing]の発明者 | person [job]の息子 | person [region]の領主 | person [century]の[job]
landmark [region]で一番高い山 | landmark [region]で最も長い川 | landmark [region|town]の名所 | landmark [person]の城 | landmark 日本で[番目]に大きな湖 | landmark 世界で[番目]に高い山
thing|food|product [town|region]の名物 | food|product [produce|material]の加工品 | town [product|produce]の産地 | town [region]の中心 | town [person]の故郷 | organization [town]の会社 | animal|bird [food|produce]が好物
shop|place [hour]まで | shop [weekday]が休み | event|festival [month|day|weekday] | event|festival [relative_time] | event|festival [hour]から | event|festival [place|town]で | vehicle [hour]発 | goods|food|product [円] | food 一つ[円] | goods|produce 一個[円]
goods|thing [family|person]のもの | goods [material]製 | incident [year|era]のこと | flower|tree|bird|animal [town|region]の象徴 | work [person]の作品 | work [century]の作品 | work [language]の小説 | landmark|structure [century|year]のもの
school|organization [人]が通う学校 | person|family|role [instrument|sport|subject]が得意 | person|family|role [food|animal|subject|vehicle]が好き | person|family|role [food|animal|subject]が苦手 | place|town ここから[キロメートル|分]
town|region|shop|organization|landmark [product|food|produce|thing]で有名 | town|region [festival|landmark]で有名 | landmark [region]にある大きな湖 | landmark [town]にある城 | landmark [region]にある山 | person|family|role [place|organization]の[job] | family 若いころ[job] | family|role 三人兄弟の[番目]
place|shop [place|landmark]の隣 | place|shop [place]から[分] | person [place|region]の[job] | organization|shop [year]の創業 | animal|fish|bird [animal|fish|bird]の仲間 | flower|tree [flower|tree]の仲間 | goods [family|role]からの贈り物 | work [prize]の受賞作 | language [region]の公用語 | prize [organization]の賞 | institution [person]の会社 | sport [region]の国技 | color [town|organization]の色 | role [人] | family [人]家族
"""


def _equations() -> tuple[tuple[str, str, str, str], ...]:
    found = []
    for line in _EQUATIONS.strip().replace(" | ", "\n").splitlines():
        kinds, _, predicate = line.partition(" ")
        before, _, rest = predicate.partition("[")
        value, _, after = rest.partition("]")
        found.append((kinds, before, value, after))
    return tuple(found)


EQUATIONS = _equations()


def relation(draw: Drawer, kind: str, subject: Value, noun: str = "") -> Relation:
    """An attribute of a subject of a type, with a value drawn."""
    name, value = draw.rng.choice(ATTRIBUTES[kind])
    return Relation(subject, noun or name, draw(value))


def equation(draw: Drawer, kind: str = "", subject: Value | None = None) -> Equation:
    """What a subject of a type is."""
    kinds, before, value, after = draw.rng.choice([e for e in EQUATIONS if not kind or kind in e[0].split("|")])
    if "[" in after:
        literal, _, rest = after.partition("[")
        inner, _, end = rest.partition("]")
        after = literal + draw(inner).text + end
    return Equation(subject or draw(kinds), before, draw(value), after)
