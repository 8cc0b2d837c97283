"""Long sentences and their questions."""

import random
import re

from clauses import usual
from values import Drawer
from wild import Group, Token, Wild
from words import Value

WILD = Wild(Drawer(random.Random(0)))
GROUPS = [
    Group([Token("に", Value("昨日", ("いつ",)))], aside=True),
    Group([Token("は", Value("妹", ("誰",)), "幼い", "が")], topic=True),
    Group([Token("を", Value("箱", ("何",)), "赤い"), Token("開けて、")]),
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


def test_sentences():
    for _ in range(500):
        sentence = WILD.sentence()
        assert sentence.text.endswith("。")
        for slot in sentence.slots:
            assert sentence.text[slot.start :].startswith(slot.text)
            assert all(question.endswith("か?") for question in usual(slot.ways))
            assert not [question for question in slot.ways if re.search("いつに(?!んじん)|なぜに|誰は|何は", question)]
