"""Forms of verbs and adjectives."""

import pytest
from verbs import Verb

FORMS = [
    # written, continuative, te-form, past, polite past, negative
    ("食べる1", "食べ", "食べて", "食べた", "食べました", "食べない"),
    ("読む5", "読み", "読んで", "読んだ", "読みました", "読まない"),
    ("書く5", "書き", "書いて", "書いた", "書きました", "書かない"),
    ("行く5", "行き", "行って", "行った", "行きました", "行かない"),
    ("持って行く5", "持って行き", "持って行って", "持って行った", "持って行きました", "持って行かない"),
    ("泳ぐ5", "泳ぎ", "泳いで", "泳いだ", "泳ぎました", "泳がない"),
    ("話す5", "話し", "話して", "話した", "話しました", "話さない"),
    ("待つ5", "待ち", "待って", "待った", "待ちました", "待たない"),
    ("買う5", "買い", "買って", "買った", "買いました", "買わない"),
    ("死ぬ5", "死に", "死んで", "死んだ", "死にました", "死なない"),
    ("呼ぶ5", "呼び", "呼んで", "呼んだ", "呼びました", "呼ばない"),
    ("帰る5", "帰り", "帰って", "帰った", "帰りました", "帰らない"),
    ("ある5", "あり", "あって", "あった", "ありました", "ない"),
    ("発表する", "発表し", "発表して", "発表した", "発表しました", "発表しない"),
    ("来る", "来", "来て", "来た", "来ました", "来ない"),
]


@pytest.mark.parametrize(("written", "stem", "te", "past", "polite", "negative"), FORMS)
def test_forms(written, stem, te, past, polite, negative):
    verb = Verb(written)
    assert (verb.stem, verb.te, verb.past) == (stem, te, past)
    assert verb.form("past", True) == polite
    assert verb.form("not", False) == negative


TENSES = [
    ("present", "住む", "住みます"),
    ("lasting", "住んでいる", "住んでいます"),
    ("lasted", "住んでいた", "住んでいました"),
    ("was not", "住まなかった", "住みませんでした"),
    ("wish", "住みたい", "住みたいです"),
    ("can", "住むことができる", "住むことができます"),
]


@pytest.mark.parametrize(("tense", "plain", "polite"), TENSES)
def test_tenses(tense, plain, polite):
    assert [Verb("住む5").form(tense, is_polite) for is_polite in (False, True)] == [plain, polite]


VOICES = [
    ("読む5", "読まれる", "読ませる"),
    ("食べる1", "食べられる", "食べさせる"),
    ("発表する", "発表される", "発表させる"),
    ("来る", "来られる", "来させる"),
]


@pytest.mark.parametrize(("written", "passive", "causative"), VOICES)
def test_voices(written, passive, causative):
    verb = Verb(written)
    assert (verb.passive.base, verb.causative.base) == (passive, causative)
    assert verb.passive.past == passive.removesuffix("る") + "た"


def test_auxiliaries_bend_like_their_verb():
    assert Verb("通っていく5").past == "通っていった"
    assert Verb("見たことがある5").form("not", False) == "見たことがない"


def test_adjectives():
    assert Verb("高いi").form("present", True) == "高いです"
    assert Verb("高いi").form("past", True) == "高かったです"
    assert Verb("高いi").form("past", False) == "高かった"


def test_a_verb_without_a_class_is_refused():
    with pytest.raises(ValueError, match="neither 1, 5 nor i"):
        _ = Verb("食べる").stem
