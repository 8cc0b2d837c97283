"""Long sentences and their questions."""

import random
import re

import pytest
from clauses import usual
from values import Drawer
from verbs import Verb
from wild import Group, Token, Wild
from words import Value

WILD = Wild(Drawer(random.Random(0)))
GROUPS = [
    Group([Token("に", Value("昨日", ("いつ",)))], aside=True),
    Group([Token("は", Value("妹", ("誰",)), "幼い", "が")], topic=True),
    Group([Token("を", Value("箱", ("何",)), "赤い"), Token("開けて、")], verb=Verb("開ける1")),
    Group([Token("を", Value("人形", ("何",)))]),
]
ENDINGS = (("出しましたか?", 1.0),)


def ways(group, token=0):
    return set(WILD._ways(GROUPS, group, token, ENDINGS, "出した", True, "past"))


def test_questions():
    assert ways(0) >= {"いつ幼い妹は赤い箱を開けて、人形を出しましたか?", "幼い妹が赤い箱を開けて、人形を出したのはいつですか?"}
    assert ways(1) >= {
        "昨日に誰が赤い箱を開けて、人形を出しましたか?",
        "誰が赤い箱を開けて、人形を出しましたか?",
        "赤い箱を開けて、人形を出したのは誰ですか?",
    }
    assert ways(2) >= {"昨日に幼い妹は何を開けて、人形を出しましたか?", "何を開けて、人形を出しましたか?"}
    assert ways(3) >= {"幼い妹は赤い箱を開けて、何を出しましたか?", "幼い妹が赤い箱を開けて、出したのは何ですか?"}
    assert not [question for question in ways(2) if "のは" in question]  # it belongs to another verb


def test_a_clause_is_asked_about_alone():
    assert ways(2) >= {"幼い妹は何を開けましたか?", "何を開けましたか?"}
    assert not [question for question in ways(2) | ways(3) if question.startswith("この人")]
    one = [Group([Token("城の高さは"), Token("で、", Value("38メートル", ("何メートル",)))], True, tense="is"), *GROUPS[1:]]
    found = WILD._ways(one, 0, 1, ENDINGS, "出した", True, "past")
    assert found.keys() == {f"城の高さは何メートル{end}" for end in ("ですか?", "でしょうか?", "か?", "なのですか?")} & found.keys()
    assert "城の高さは何メートルですか?" in found


def test_each_thing_beside_the_verb_may_be_left_out():
    groups = [GROUPS[0], Group([Token("庭で")], aside=True), *GROUPS[1:]]
    found = WILD._ways(groups, 4, 0, ENDINGS, "出した", True, "past")
    for beside in ("昨日に庭で", "昨日に", "庭で", ""):
        assert f"{beside}幼い妹は赤い箱を開けて、何を出しましたか?" in found


LIMITED = [
    (Token("だけを", Value("箱", ("何",)), "", "を"), "何", "何を"),
    (Token("」を", Value("花", ("何",)), "「", "を"), "何", "何を"),
    (Token("、", Value("1987年", ("何年", "いつ"))), "何年", "何年に"),
    (Token("、", Value("1987年", ("何年", "いつ"))), "いつ", "いつ"),
    (Token("の日、", Value("運動会", ("何",))), "何", "何の日、"),
    (Token("に", Value("六時", ("何時",))), "何時", "何時に"),
    (Token("ため、", Value("熱を出した", ("なぜ",))), "なぜ", "なぜ"),
]


@pytest.mark.parametrize(("token", "ask", "asked"), LIMITED)
def test_what_stands_behind_an_interrogative(token, ask, asked):
    assert token.asked(ask) == asked


def test_two_things_are_asked_for_as_one_or_as_two():
    found = {WILD._pair(Value("水", ("何", "何という水")), "landmark").asks for _ in range(50)}
    assert found == {("何と何", "何"), ("何",)}
    assert Token("の間で", Value("新橋と横浜", ("どことどこ", "どこ"))).asked("どことどこ") == "どことどこの間で"


def test_the_most_of_many():
    for _ in range(100):
        sentence = WILD._superlative()
        behind = [sentence.text[slot.start + len(slot.text) :] for slot in sentence.slots]
        second = bool(re.match("で(?!す|ある)|の中で", behind[1]))
        where, subject = sentence.slots[second], sentence.slots[not second]
        assert any(question.startswith(where.text) for question in subject.ways)
        assert any(question.startswith(f"{subject.text}はどこ") for question in where.ways)


def test_any_verb_of_a_dictionary_is_used():
    words = {"verb": ["打ち砕く5"], "counter": ["隻"], "adverb": ["ひっそり"], "adjective": ["いじらしい"]}
    wild = Wild(Drawer(random.Random(0), words))
    text = "".join(wild.sentence().text for _ in range(300))
    assert all(word in text for word in ("打ち砕いた", "隻", "ひっそり", "いじらしい"))


def test_sentences():
    for _ in range(500):
        sentence = WILD.sentence()
        assert sentence.text.endswith("。")
        for slot in sentence.slots:
            assert sentence.text[slot.start :].startswith(slot.text)
            assert all(question.endswith("か?") for question in usual(slot.ways))
            assert not [question for question in slot.ways if re.search("いつに(?!んじん)|なぜに|誰は|何は", question)]
