"""Invented rows of the tables of facts."""

import random
from collections import Counter

import facts
from clauses import usual
from dictionary import real_words
from tables import InventedTables
from values import Drawer


def test_every_table_and_every_column_is_drawn():
    tables = InventedTables(Drawer(random.Random(0)))
    seen = Counter()
    for _ in range(300):
        sentences = tables.context()
        text = "".join(sentence.text for sentence in sentences)
        seen.update(attribute.noun for domain in facts.DOMAINS for attribute in domain.attributes if attribute.noun in text)
        for sentence in sentences:
            for slot in sentence.slots:
                assert sentence.text[slot.start :].startswith(slot.text)
                assert usual(slot.ways)
    assert set(seen) == {attribute.noun for domain in facts.DOMAINS for attribute in domain.attributes}


def test_nobody_has_the_names():
    tables = InventedTables(Drawer(random.Random(0), real_words(0)))
    known = {entity for domain in facts.DOMAINS for entity in domain.rows}
    assert not {tables.entity(domain) for domain in facts.DOMAINS for _ in range(300)} & known
    tables._columns["元素"] = iter(["酸素", "水素", "萵素"]).__next__
    assert tables.entity(facts.ELEMENTS) == "萵素"
