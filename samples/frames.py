"""Verb frames: what stands with which verb, a table typed in by hand; and sentences made from them.

    [food]を 食べる1          somebody does it; times, places, companions and numbers come beside it
    @town [festival]を 開く5   the subject is of the type town
    :past                      only in these tenses
    (…)                        may be left out

Everything in brackets is drawn anew each time (`values.py`), and may be asked for.
"""

import re
from dataclasses import dataclass, replace

from clauses import Clause, Element, Sentence, joined
from values import Drawer
from verbs import Verb
from words import ADJECTIVES, ADVERBS, Value

_ACTIONS = """
[food]を 食べる1 | [food]を [個|つ|杯] 食べる1 | [drink]を 飲む5 | [drink]を [杯|本] 飲む5 | [food]を 作る5 | [food]を [family|role]に 作る5
[produce]を 育てる1 | [produce]を [place]で 育てる1 | [produce]を [個|キロ] 収穫する | [goods]を 買う5 | [goods]を [円]で 買う5 | [goods]を [shop|place]で 買う5
[goods]を [個|つ] 買う5 | [produce]を [個|つ|キロ] 買う5 | [goods]を 忘れる1 | [goods]を なくす5 | [goods]を 見つける1 | [goods]を 探す5 | [goods]を 直す5
[family|role|person]に [goods]を 渡す5 | [family|role|person]に [goods]を 贈る5 | [family|role|person]に [goods]を 貸す5 | [family|role|person]に [goods]を 送る5
[family|role|person]から [goods]を もらう5 | [family|role|person]から [goods]を 借りる1 | [family|role|person]から [subject]を 学ぶ5 | [family|role|person]に [language|subject]を 教える1
[place|town|landmark]に 行く5 | [place|town|landmark]へ 行く5 | [place|town|landmark]に 来る | [place|town|landmark]を 訪れる1 | [place|town]へ 引っ越す5 | [place|town]に 着く5
[place|town|landmark]へ [vehicle]で 行く5 | [vehicle]で [place|school]に 通う5 | [place|school|organization]に 通う5:lasting,lasted,present | [place|town]から [place|town]まで 歩く5
[place|town]から [place|town]まで [vehicle]で 行く5 | [place|town]から [vehicle]で [時間|分]かけて 帰る5 | [vehicle]に 乗る5 | [place]で [vehicle]を 降りる1 | [vehicle]を 運転する
[landmark]に 登る5 | [landmark]に [回] 登る5 | [place|town]に 住む5:lasting,lasted,past | [place|town]に [年間] 住む5:past | [place|town]を 出発する | [place|town]に 泊まる5
[goods]を [place]に 置く5 | [goods]を [place]に 隠す5 | [goods]を [place]に 届ける1 | [material]で [product|goods|structure]を 作る5 | [tool]で [material]を 切る5 | [tool]で [food]を 切る5
[flower|tree|produce]を [place]に 植える1 | [flower]を [本|円]で 買う5 | [flower]を 育てる1 | [animal|bird|fish]を 飼う5:lasting,lasted,past | [animal]を [匹|頭] 飼う5:lasting,lasted
[animal|bird]を [place|landmark]で 見る1 | [fish]を [匹] 釣る5 | [fish]を [place|landmark]で 釣る5 | [animal|bird]を 助ける1 | [show]を 見る1 | [show]を [place]で 見る1 | [goods]を 見せる1
[instrument]を 弾く5 | [instrument]を 習う5 | [sport]を する | [sport]を 始める1 | [hobby]を 楽しむ5 | [subject]を 学ぶ5 | [subject]を [organization|school]で 学ぶ5 | [subject]を 研究する
[theme]を 研究する:lasting,lasted,past | [theme]について 話す5 | [theme]について 調べる1 | [theme]の本を 読む5 | [language]を 話す5 | [language]で [material_art]を 書く5 | [material_art]を 書く5 | [work]を 書く5:past
[work]を 発表する:past | [work]を [organization]から 出版する:past | [work]を 読む5 | [work]を [回] 読む5 | [work]を [language]に 翻訳する:past | [goods]を 読む5 | [material_art]を 発表する:past
[structure]を 建てる1:past | [town|place]に [structure]を 建てる1:past | [structure]を 築く5:past | [landmark]を 築く5:past | [institution]を 設立する:past | [organization]を 設立する:past | [organization|institution]を [town|place]に 作る5:past
[shop]を 開く5:past | [town|place]に [shop]を 開く5:past | [event|festival]を 開く5 | [event|festival]に 参加する | [event|festival]で 優勝する:past | [prize]を 受賞する:past | [organization]から [prize]を 受ける1:past
[thing]を 発明する:past | [thing]を 発見する:past | [landmark|place]で [thing]を 発見する:past | [thing]を 食べる1 | [thing]を 買う5 | [thing]を [個|本|枚] 集める1:lasting,past | [abstract]を 定める1:past | [abstract]を 作る5:past
[job]に なる5:past | [job]として 働く5:past,lasting,lasted | [organization|place]で 働く5:lasting,lasted,past | [organization]に 入る5:past | [organization]に 入社する:past | [school|organization]を 卒業する:past | [school]に 入学する:past
[person]と 結婚する:past | [person|family]と [place|town]で 会う5 | [person|role]を 訪ねる1 | [person|role]を 招く5 | [person|role]に 会う5 | [person]に 師事する:past | [person]に 弟子入りする:past | [person]を 破る5:past | [person|role]を 尊敬する:lasting
[place|town]で 生まれる1:past | [place|town]に 生まれる1:past | [place|town]で 育つ5:past | [place|town]で 亡くなる5:past | [disease]で 亡くなる5:past | [歳]で 亡くなる5:past | [歳]で [job]に なる5:past | [disease]で 休む5
[hour]に 起きる1 | [hour]に 寝る1 | [hour]に 出かける1 | [hour]に 帰る5 | [place]を 掃除する | [body]を けがする:past | [purpose]で [place|town]へ 行く5 | [purpose]のために [place|town]を 訪れる1 | [color]を 好む5 | [religion]を 伝える1:past
[place|town]に [religion]を 伝える1:past | [town|region]を 治める1:past | [town]に都を 移す5:past | [person]に [structure]を 建てさせる1:past | [goods]を [円]で 売る5 | [produce|product]を 売る5 | [food|drink]を 注文する | [food]を [つ|個] 注文する
[role|family]に [food|drink]を 出す5 | [goods]を 拾う5 | [goods]を 洗う5 | [goods]を [color]に 塗る5 | [place]の写真を 撮る5 | [landmark|place]を 描く5:past | [work|material_art]を 歌う5:past | [ページ]を 読む5 | [キロメートル|キロ]を 走る5
[キロメートル|キロ] 走る5 | [時間] 勉強する | [時間|日] 眠る5 | [円]を 払う5 | [円]を 寄付する:past | [structure|school]に [円]を 寄付する:past | [role|person]を [job]に 任命する:past | [family|role]を 手伝う5
[landmark|region]に 到達する:past | [region|place|town]に 上陸する:past | [region|town|place]へ 渡る5:past | [region|place|town]に 留学する:past | [region|place|town]へ 逃げる1:past | [place|town]に 移る5:past | [town|structure]を 攻める1:past | [region]を 支配する:past,lasted | [region]を 統一する:past
[person|role]を 倒す5:past | [person|role]に 敗れる1:past | [structure|place]を 設計する:past | [role|job]に 就任する:past | [year]に 即位する:past | [work|material_art]を 作曲する:past | [work]を 演出する:past | [person|role]を 演じる1:past | [work]の主人公を 演じる1:past | [abstract]を 廃止する:past | [abstract]を 提案する:past
[goods|animal|drink]を 禁止する:past | [produce]を 栽培する:lasting,lasted,past | [place|town]から [place|town]まで [vehicle]で [分|時間] かかる5:present,past | [place|town]から [分|時間] かかる5:present | [purpose|hobby|sport]に 行く5 | [family|role|person]と [hobby|purpose]に 行く5 | [place|town]へ [purpose|hobby]に 行く5
[place]で [family|role]を 待つ5 | [family|role]を [hour]に 迎えに行く5 | [goods]を [family|role]に 返す5 | [vehicle]を [円]で 借りる1 | [分|時間] 待つ5 | [分|時間] 練習する | [回] 飲む5 | 一日に[回] 飲む5 | 週に[回] [sport|instrument]を 練習する | 一日に[時間] 働く5 | [place]で [分|時間] 休む5 | [drink|food]を [family|role]と 分ける1
[body]を 洗う5 | [vehicle]で [place|town]へ 運ぶ5 | [goods]を [vehicle]で 運ぶ5 | [material|thing]を [place|region]から 運ぶ5:past | [flower|tree]に水を やる5 | [language|subject]を 勉強する | [school|organization]で [subject|language]を 教える1:lasting,lasted,past | [theme]に 興味を持つ5:lasting,past | [subject|theme]の研究で [prize]を 受賞する:past
[thing]と 名付ける1:past | [animal]を [thing]と 名付ける1:past | [person]の影響を 受ける1:past | [person]の下で 働く5:past | [person]から手紙を 受け取る5:past | [goods]を 三つ 持つ5:lasting | [goods]を [枚|本|冊|個] 持つ5:lasting,lasted | [place|town]で [shop|institution]を 営む5:lasting,lasted | [food|drink]を [place]で 売る5:lasting,lasted
"""

_OTHERS = """
@town|place|landmark [region]に ある5:present | @organization|shop|structure|landmark [town|place]に ある5:present | @shop|place [landmark|place]の近くに ある5:present | @shop|place [landmark|place]の隣に ある5:present
@person [produce|thing|material]から 生まれる1:past | @landmark|vehicle|animal [landmark|structure|thing]の周りを [分|時間|日間|日]かけて 回る5:present,past | @drink|material [度]で 沸騰する:present | @material|food [度]で 溶ける1:present
@organization|region|town [region|organization|town]と [abstract]を 結ぶ5:past | @region|town [year]に 独立する:past | @region|town [region]から 独立する:past | @region|town [region]に [product|produce]を 輸出する:lasting,past | @region|town [region]から [product|produce]を 輸入する:lasting,past
@landmark|structure [landmark|structure]より 高いi:present | @landmark [landmark]より 長いi:present | @vehicle [vehicle]より 速いi:present | @region|town [when]が 寒いi:present | @region|town [when]が 暑いi:present | @town [town]から 遠いi:present | @food|goods [produce]が 多いi:present | @town|region [animal|tree|flower]が 多いi:present,past
@town|organization [event]を 中止する:past | @event|festival [place|landmark|town]に 移される1:past | @vehicle [hour]まで 動く5:present | @shop|place [hour]から [hour]まで 開く5:lasting | @shop|school|organization [hour]に 始まる5:present | @animal|bird [month|when]に子を 産む5:present | @bird [tree|place]に巣を 作る5:present,past
@animal|fish [when]に 眠る5:present | @landmark [town|region]から [town|region]へ 流れる1:lasting,present | @landmark [place|town|region]に 注ぐ5:present,lasting | @landmark [year|century]に 噴火する:past | @work [event|place]で 上演される1:past | @work [prize]を 受賞する:past | @structure|organization [person]が 設計する:past
@product|goods [year|century]に 発明される1:past | @product [organization]が 販売する:lasting,past | @abstract [year]に 廃止される1:past | @incident [person|role]の死で 終わる5:past | @organization|shop [town|place]に 移転する:past | @town [town]と 合併する:past | @shop [food|drink]を 売る5:lasting,present | @shop [hour]に 開店する:present | @shop [hour]に 閉まる5:present
@shop|organization [weekday]に 休む5:present | @organization [product]を 作る5:lasting,past | @organization [product]を [個|台|トン] 生産する:lasting,past | @organization [town]に [structure]を 建てる1:past | @organization [thing]を 開発する:past
@organization [person]に [prize]を 贈る5:past | @organization [event|festival]を 開く5:present,past | @organization [theme]を 研究する:lasting | @organization [thing]で 知られる1:lasting | @town|region [produce|product]で 知られる1:lasting
@town [festival|event]を 開く5:past,present | @event|festival [place|town|landmark]で 開かれる1:present,past | @event|festival [place|town]で 行われる1:present,past | @event|festival [人]が 参加する:past
@event|festival [hour]に 始まる5:present,past | @event|festival [hour]に 終わる5:present,past | @event|festival [month|day|when]に 行われる1:present | @incident [year|era]に 起こる5:past | @incident [place|town|region]で 起こる5:past | @incident [year|century]に 始まる5:past
@incident [年間] 続く5:past | @incident [year]に 終わる5:past | @structure|landmark [person|role]が 建てる1:past | @structure|landmark [person]によって 建てられる1:past | @structure|landmark [year|century|era]に 建てられる1:past
@structure|landmark [year]に 完成する:past | @structure [material]で 作られる1:lasted,lasting | @structure [incident]で 焼ける1:past | @work|material_art [person]によって 書かれる1:past | @work [year]に 発表される1:past | @work [language]に 翻訳される1:lasting,past
@work [人]に 読まれる1:past | @work [organization]から 出版される1:past | @product|food|thing [material|produce]から 作られる1:present,lasting | @product|produce|thing [town|region|place]で 作られる1:lasting,present | @thing [person]が 発明する:past
@thing [person]によって 発明される1:past | @thing [円]で 売られる1:lasting | @animal|bird|fish [place|landmark|region]に 住む5:lasting,present | @animal|bird|fish [food|produce|thing]を 食べる1:present
@animal [place]で 眠る5:lasted,present | @bird [place|town]から 飛んで来る:present,past | @bird [when]に 渡って来る:present | @fish [place|landmark]で とれる1:present | @flower|tree [when|month]に 咲く5:present | @flower [place]に 咲く5:lasting,lasted
@flower [color]の花を つける1:present | @tree [メートル]に なる5:present,past | @weather [place|town|region]で 降る5:past | @weather [hour|relative_time]から 降る5:lasting | @weather [日間] 続く5:past | @landmark [place]に 流れる1:lasting
@vehicle [place|town]と [place|town]を 結ぶ5:lasting | @vehicle [hour]に [place]を 出発する:present,past | @vehicle [hour]に [place|town]に 着く5:present,past | @vehicle [分] 遅れる1:past | @vehicle [人]を 乗せる1:present,lasting
@goods|thing [place]に ある5:present | @goods|thing [place]で 見つかる5:past | @goods|thing [円] する:present,past | @goods|product [キログラム|グラム]の重さが ある5:present | @product [place|region]に 輸出される1:lasting | @religion [place|region]から [place|region]に 伝わる5:past
@religion [century|year]に 伝わる5:past | @abstract [person|role]によって 定められる1:past | @abstract [year|era]に 始まる5:past | @institution [person|role]が 作る5:past | @person [thing|work]で 知られる1:lasting | @person [subject|instrument]の名人として 知られる1:lasting
@person 『[thing]』と 呼ばれる1:lasting,lasted,past | @food|thing|flower|landmark 『[thing]』と 呼ばれる1:lasting | @town [thing]とも 呼ばれる1:lasting | @landmark [place|region]から [分]で 着く5:present | @landmark [人]が 訪れる1:past,present
"""
_EXISTENCE = """
[place|town|landmark] [structure|landmark|shop|organization] ある5 | [place|town|shop|organization] [個|軒|校|本|種類]の[goods|product|structure] ある5 | [place|landmark] [animal|bird|fish] いる1
[place|town] [role|person] いる1 | [place|landmark] [匹|頭]の[animal] いる1 | [place|landmark] [人]の[role] いる1 | [place|landmark] [羽]の[bird] いる1 | [place] [goods|thing] ある5 | [place] [animal] [匹|頭] いる1 | [place|town] [shop|structure] [軒|つ] ある5 | [place] [goods|vehicle] [台|個|本|つ] ある5 | [place|town] [role|family] [人] いる1 | [organization|school] [role] [人] いる1
"""
_TENSES = {"past": 6, "present": 3, "lasting": 2, "lasted": 1}
_LINKS = (("te", 3), ("stem", 3), ("が", 1), ("ので", 1), ("とき", 1))


@dataclass(frozen=True)
class Frame:
    """A line of a table: type of the subject, elements, verb and tenses."""

    subject: str
    elements: tuple[str, ...]
    verb: Verb
    tenses: tuple[str, ...]

    @property
    def case(self) -> str:
        """The particle of what the sentence is about, were it no topic: を in この塔は市長が建てました, where another one is the subject."""
        if not any(element.endswith("が") for element in self.elements):
            return "が"
        return "に" if self.verb.base == "参加する" else "を"


def _frames(table: str) -> tuple[Frame, ...]:
    frames = []
    for line in re.split(r"\||\n", re.sub(r"\[[^\]]*\]|@\S+", lambda m: m[0].replace("|", "/"), table.strip())):
        *elements, verb = line.strip().split(" ")
        subject = elements.pop(0)[1:] if elements and elements[0].startswith("@") else "person/person/person/family/role"
        verb, _, tenses = verb.partition(":")
        chosen = tuple(tenses.split(",")) if tenses else ("past", "past", "present", "lasting")
        frames.append(Frame(subject.replace("/", "|"), tuple(e.replace("/", "|") for e in elements), Verb(verb), chosen))
    return tuple(frames)


ACTIONS, OTHERS, EXISTENCE = _frames(_ACTIONS), _frames(_OTHERS), _frames(_EXISTENCE)


class Sentences:
    """Makes sentences: verb frames with what may stand beside them."""

    def __init__(self, draw: Drawer):
        self.draw = draw
        self.rng = draw.rng

    def clause(self, frame: Frame, subject: Value | None = None, *, unsaid: bool = False, polite: bool = True, tense: str = "", beside: bool = True) -> Clause:  # fmt: skip
        """A clause of a frame, about `subject` or one that is drawn."""
        subject = subject or self.draw(frame.subject)
        elements = [self._element(e) for e in frame.elements]
        tense = tense or self._tense(frame)
        topic = Element(subject, "は", topic=True, case=frame.case)
        if frame.subject.startswith("person") and subject.noun and self.rng.random() < 0.05:  # 画家の霧沢一は
            job = self.draw("job").text
            known_for = self.draw("when|place").text + "の" + job + "、"
            topic = replace(topic, before=self.rng.choice((job + "の", job + "の", known_for)))
        if not subject.noun and not unsaid and frame.case == "が" and self.rng.random() < 0.15:
            topic = Element(subject, "が")
        rest = [*self._beside(frame, tense), *elements] if beside else elements
        if self.rng.random() < 0.12:
            rest.insert(self.rng.randint(0, len(rest)), Element(None, self.rng.choice(ADVERBS), aside=True))
        if frame in ACTIONS and not unsaid and self.rng.random() < 0.12:
            found = self._otherwise(topic, rest, subject)
            if found is not None:
                return Clause(found, frame.verb, tense, polite)
        timed = any(e.aside and e.value for e in rest) or (tense in ("present", "lasting") and frame not in ACTIONS)
        if not unsaid and not timed and self.rng.random() < 0.15:  # the time first: 1987年、父は
            when = self._time(tense)
            return Clause((Element(when.value, "、" if when.after == "" else when.after + self.rng.choice(("、", "")), aside=True), topic, *rest), frame.verb, tense, polite)  # fmt: skip
        return Clause((topic, *rest), frame.verb, tense, polite, unsaid)

    def _otherwise(self, topic: Element, rest: list[Element], subject: Value) -> tuple[Element, ...] | None:
        """Not about the subject: without one, about the object (この薬は母が飲みます), or with a reason in front."""
        draw = self.rng.random()
        if draw < 0.35:
            return tuple(rest)
        if draw < 0.6:
            objects = [i for i, e in enumerate(rest) if e.after == "を" and e.value and e.value.asks]
            if not objects:
                return None
            moved = rest[objects[0]]
            others = [e for i, e in enumerate(rest) if i != objects[0]]
            about = Element(moved.value, "は", moved.before, topic=True, case="を")
            return (about, Element(subject, "が"), *others) if self.rng.random() < 0.6 else (about, *others)
        return (self.reason(), topic, *rest)

    def reason(self) -> Element:
        """Why: 大雨のため、 or 雨が降ったので、"""
        if self.rng.random() < 0.5:
            cause = self.draw("incident|weather|disease|event|purpose").text + "のため"
        else:
            frame = self.rng.choice(ACTIONS if self.rng.random() < 0.6 else OTHERS)
            clause = self.clause(frame, tense=frame.tenses[0], polite=False, beside=False)
            cause = "".join(e.subject for e in clause.elements) + clause.plain + self.rng.choice(("ため", "ので", "から"))
        return Element(Value(cause, ("なぜ", "どうして")), "、", aside=True)

    def described(self, kind: str, subject: Value, noun: str, *, polite: bool = True, unsaid: bool = False) -> Clause:
        """A predicate with a clause before it: 『風』は霧沢一が1987年に書いた小説です."""
        passive = [f for f in OTHERS if kind in f.subject.split("|") and f.case == "が"]
        acts = kind == "person"
        active = [
            f
            for f in ACTIONS
            if acts or (f.elements and f.elements[-1].endswith("を") and kind in re.split(r"[\[\]|]", f.elements[-1]))
        ]
        frame = self.rng.choice(active if active and (not passive or self.rng.random() < 0.6) else passive)
        subject_gap = acts or frame in passive
        elements = [self._element(e) for e in (frame.elements if subject_gap else frame.elements[:-1])]
        doer = [] if subject_gap else [Element(self.draw("person|person|family|role"), "が")]
        tense = frame.tenses[0] if frame in passive else "past"
        time = [self._time()] if tense == "past" and self.rng.random() < 0.5 else []
        topic = Element(subject, "は", topic=True, case="が")
        return Clause((topic, *doer, *time, *elements), frame.verb, tense, polite, unsaid, noun)

    def existence(self, subject: Value | None = None, polite: bool = True) -> Clause:
        """What is somewhere: 白浜市には古い城があります."""
        frame = self.rng.choice(EXISTENCE)
        where, what, *number = (self._element(e) for e in frame.elements)
        what = Element(what.value, what.after + "が", what.before)
        where_value = subject or where.value
        if subject is None and self.rng.random() < 0.3:
            return Clause((what, Element(where_value, "に"), *number), frame.verb, "present", polite)
        return Clause((Element(where_value, "には", topic=True, case="に"), what, *number), frame.verb, self.rng.choice(("present", "present", "past")), polite)  # fmt: skip

    def _element(self, pattern: str) -> Element:
        """`[food]を` with a value drawn, sometimes with a modifier, which may belong to the value."""
        parts = re.split(r"\[([^\]]+)\]", pattern)  # literal, type, literal, ...
        if len(parts) == 5:  # [匹]の[animal]: one of both is the value
            first, second = self.draw(parts[1]), self.draw(parts[3])
            if self.rng.random() < 0.5:
                return Element(first, parts[2] + second.text + parts[4], parts[0])
            return Element(second, parts[4], parts[0] + first.text + parts[2])
        if len(parts) == 1:
            return Element(None, pattern)
        before, kind, after = parts
        value = self.draw(kind)
        if value.asks[0] == "どこ" and self.rng.random() < 0.08:  # 隣町の学校
            value = Value(self.draw("place|town|region").text + "の" + value.text, value.asks)
        if value.asks[0] in ("何", "誰") and self.rng.random() < 0.06:
            value = Value(value.text + self.rng.choice(("と", "や", "、", "または")) + self.draw(kind).text, value.asks)
        if not before and value.asks[0] in ("何", "どこ") and not re.search("の", value.text) and self.rng.random() < 0.15:
            modifier = self._modifier()
            if self.rng.random() < 0.4:
                value = Value(modifier + value.text, value.asks, "")
            else:
                before = modifier
        if value.asks[0].startswith("何") and value.text[0].isdigit() and self.rng.random() < 0.1:
            before = self.rng.choice(("約", "およそ"))
        return Element(value, after, before)

    def _modifier(self) -> str:
        draw = self.rng.random()
        if draw < 0.6:
            return self.rng.choice(ADJECTIVES)
        if draw < 0.8:
            return self.draw("family|role|town|place|person").text + "の"
        frame = self.rng.choice([f for f in ACTIONS if f.elements and f.elements[-1].endswith("を")])
        verb = frame.verb.past
        inner = [self._time().text.removesuffix("、")] if self.rng.random() < 0.4 else []
        who = self.draw("family|role|person").text
        return who + self.rng.choice("がの" if not inner else "が") + "".join(inner) + verb

    def _tense(self, frame: Frame) -> str:
        """One of the frame; of actions of any time, now and then a rare one."""
        if len(frame.tenses) == 4 and self.rng.random() < 0.12:
            return self.rng.choice(("not", "was not", "wish", "can"))
        return self.rng.choices(frame.tenses, [_TENSES[t] for t in frame.tenses])[0]

    def _time(self, tense: str = "past") -> Element:
        kinds = ["relative_time", "relative_time", "when", "when", "month", "day", "hour", "weekday"]
        kinds += ["year", "year", "year", "date", "era", "century", "year_month"] if tense in ("past", "lasted") else []
        kind = self.rng.choice(kinds)
        particle = "" if kind == "relative_time" else "に"
        value = self.draw(kind)
        if kind in ("month", "day", "weekday", "hour", "when") and self.rng.random() < 0.15:  # 来年の四月に
            value = Value(self.rng.choice(("来年の", "去年の", "毎年", "今年の", "翌年の", "同じ年の")) + value.text, ("いつ",))
        return Element(value, particle, aside=True)

    def _beside(self, frame: Frame, tense: str) -> list[Element]:
        """Times, places and companions, where the frame has none."""
        kinds = " ".join(frame.elements)
        beside = []
        action = frame in ACTIONS
        timed = re.search("hour|year|month|when|weekday|century|歳", kinds) or (not action and tense in ("present", "lasting"))
        if not timed and self.rng.random() < 0.4:
            beside.append(self._time(tense))
        if action and self.rng.random() < 0.2 and not re.search("place|town|landmark|organization|school", kinds):
            beside.append(Element(self.draw("place|place|town|landmark|organization"), self.rng.choice(("で", "で", "で", "の近くで")), aside=True))  # fmt: skip
        if action and self.rng.random() < 0.1 and not re.search("person|role", kinds):
            beside.append(Element(self.draw("family|role|person"), "と", aside=True))
        return beside

    def joined(self, subject: Value | None = None, *, unsaid: bool = False, polite: bool = True) -> Sentence:
        """Two clauses in a sentence, about one subject or about two."""
        link = self.rng.choices([name for name, _ in _LINKS], [weight for _, weight in _LINKS])[0]
        one = subject or self.draw("person|person|family|role")
        frames = self.rng.sample(ACTIONS, 2)
        if link in ("te", "stem"):
            tense = "past" if self.rng.random() < 0.7 else "present"
            first = self.clause(frames[0], one, unsaid=unsaid, polite=polite, tense=tense)
            second = self.clause(frames[1], one, unsaid=True, polite=polite, tense=tense)
        else:
            first = self.clause(frames[0], one, unsaid=unsaid, polite=polite, tense="past")
            other = self.draw("person|family|role") if self.rng.random() < 0.6 else one
            second = self.clause(frames[1], other, unsaid=other is one, polite=polite, tense="past")
        if first.elements[0].topic is False or any(e.topic and e.value and not e.value.asks for e in first.elements):
            return first.sentence()
        return joined(first, second, link)
