"""Names, times and numbers."""

import random

import pytest
from values import TIMES, UNITS, Drawer, kanji_number, kind_of
from words import TYPES

NUMBERS = [
    (1, "一"), (10, "十"), (15, "十五"), (20, "二十"), (100, "百"), (180, "百八十"), (1_000, "千"), (1_001, "千一"),
    (2_345, "二千三百四十五"), (10_000, "一万"), (23_456, "二万三千四百五十六"),
]  # fmt: skip
KINDS = [("青空株式会社", "会社"), ("霧沢県", "県"), ("音羽小学校", "学校"), ("夢見ヶ崎", "場所"), ("鮎滝", "滝")]
NAMES = ("person", "town", "region", "landmark", "organization", "shop", "festival", "work", "thing")


@pytest.mark.parametrize(("number", "text"), NUMBERS)
def test_numbers_in_kanji(number, text):
    assert kanji_number(number) == text


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_the_kind_of_a_name(name, kind):
    assert kind_of(name, "場所") == kind


def test_what_is_drawn_can_be_asked_for():
    draw = Drawer(random.Random(0))
    for kind in (*TYPES, *TIMES, *UNITS, *NAMES):
        for _ in range(20):
            value = draw(kind)
            assert value.text
            assert value.asks
            assert all(value.asks)


def test_a_dictionary_is_drawn_from_beside_invented_names():
    draw = Drawer(random.Random(0), {"person": ["青木"]})
    drawn = [draw("person").text for _ in range(100)]
    assert 40 < drawn.count("青木") < 80


def test_the_same_seed_draws_the_same():
    assert [Drawer(random.Random(3))("town|person|day") for _ in range(2)] == [Drawer(random.Random(3))("town|person|day")] * 2
