"""Sentences about one subject."""

import random
import re

from contexts import KINDS, Contexts
from frames import ACTIONS, EXISTENCE, OTHERS


def test_every_kind_makes_sentences_whose_slots_can_be_asked_for():
    contexts = Contexts(random.Random(0))
    for kind in KINDS:
        for _ in range(60):
            for sentence in contexts.context(3, kind):
                assert sentence.text.endswith("。")
                for slot in sentence.slots:
                    assert sentence.text[slot.start :].startswith(slot.text)
                    assert slot.ways
                    assert all(re.search("か[?]$", question) for question in slot.ways), slot


def test_every_frame_can_be_said():
    contexts = Contexts(random.Random(0))
    for frame in (*ACTIONS, *OTHERS):
        for tense in frame.tenses:
            assert contexts.sentences.clause(frame, tense=tense).sentence().slots
    assert all(len(frame.elements) in (2, 3) for frame in EXISTENCE)
    for _ in range(200):
        assert re.search("(ある|あり|あっ|いる|いま|いた)[^。]*。$", contexts.sentences.existence().sentence().text)


def test_tables_have_invented_nouns():
    contexts = Contexts(random.Random(1))
    assert all(slot.ways for _ in range(100) for sentence in contexts.table(3) for slot in sentence.slots)
