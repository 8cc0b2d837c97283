import random

import pytest

from toi.decoding.automaton import WordAutomaton
from toi.text.folding import skeleton


def read(automaton, text, node=0):
    for reached in automaton.walk(node, text):
        node = reached
    return node


@pytest.mark.parametrize(
    ("words", "text", "depth", "ends"),
    [
        (["山梨"], "", 0, False),
        (["山梨"], "山", 1, False),
        (["山梨"], "山梨", 2, True),
        (["山梨"], "山山梨", 2, True),
        (["山梨"], "山 梨", 2, True),  # a skeleton has no spaces
        (["山梨"], "山川梨", 0, False),
        (["山梨", "梨"], "梨", 1, True),
        (["山梨県", "梨"], "山梨", 2, True),  # 梨 ends in the middle of the longer one
        (["山梨県", "梨県庁"], "山梨県庁", 3, True),
        (["ABa", "bab"], "aabab", 3, True),
        ([], "山", 0, False),
        ([" "], "山", 0, False),  # a word without a skeleton ends nowhere
    ],
)
def test_what_is_read(words, text, depth, ends):
    automaton = WordAutomaton(words)
    node = read(automaton, text)
    assert (automaton.depth[node], automaton.ends[node]) == (depth, ends)


def test_words_of_nodes():
    automaton = WordAutomaton(["山梨", "山 梨", "山梨県", "梨"])
    node = read(automaton, "山梨")
    assert automaton.words_at[node] == ["山梨", "山 梨"]  # one skeleton
    assert list(automaton.words_begun(node)) == ["山梨県"]
    assert sorted(automaton.words_begun(0)) == sorted(["山梨", "山 梨", "山梨県", "梨"])
    assert [automaton.depth[n] for n in automaton.suffixes(node)] == [2, 1]
    assert list(automaton.suffixes(0)) == []
    assert list(automaton.words_begun(read(automaton, "山梨県"))) == []


def test_random_words_against_the_whole_text():
    generator = random.Random(0)
    for _ in range(300):
        words = ["".join(generator.choices("ab山", k=generator.randint(1, 4))) for _ in range(generator.randint(1, 6))]
        automaton, text, node = WordAutomaton(words), "", 0
        begins = {skeleton(word)[:n] for word in words for n in range(1, len(word) + 1)}
        for c in generator.choices("ab山 c", k=12):
            text += c
            node = read(automaton, c, node)
            seen = skeleton(text)
            ends = [seen[i:] for i in range(len(seen)) if seen[i:] in begins]  # the longest first
            assert [automaton.depth[n] for n in automaton.suffixes(node)] == [len(end) for end in ends]
            assert automaton.ends[node] == any(seen.endswith(skeleton(word)) for word in words)
