import random

import pytest

from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import split_run
from toi.text.folding import skeleton

PIECES = [
    "",
    "山",
    "山梨",
    " 山",
    "山 梨県",
    "ー",
    "か",
    "\u3099",
    "A",
    "ab",
    "梨",
    b"\xe5",
    b"\xb1\xb1",
    b"\x80",
    b"\xe5\xb1\xb1",
    b"\xff",
]


def texts(ids):
    return sorted(PIECES[i] for i in ids)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("山", [" 山", "山", "山 梨県", "山梨"]),  # spaces are no part of a skeleton
        ("山梨", ["山 梨県", "山梨"]),
        ("山梨県庁", []),
        ("a", ["A", "ab"]),
        ("県", []),
        ("", sorted(p for p in PIECES if isinstance(p, str) and skeleton(p))),
    ],
)
def test_tokens_that_start_with_a_prefix(prefix, expected):
    assert texts(Vocabulary(PIECES).starting_with(prefix)) == expected


@pytest.mark.parametrize(
    ("part", "expected"), [("梨", ["山 梨県", "山梨", "梨"]), ("梨県", ["山 梨県"]), ("b", ["ab"]), ("桃", []), ("山桃", [])]
)
def test_tokens_that_hold_a_part(part, expected):
    assert texts(Vocabulary(PIECES).holding(part)) == expected


def test_tokens_with_marks():
    vocabulary = Vocabulary(["か\u3099", "\u3099", " ー", "あー", "あ", "", b"\xe3"])
    assert vocabulary.with_marks == [0, 1, 2, 3]
    assert vocabulary.beginning_with_marks == [1, 2]
    assert (vocabulary.texts[6], vocabulary.skeletons[6], vocabulary.bytes) == ("", "", {6: b"\xe3"})


SHOWN = list(range(1, 11))
BREAKING = [
    # the run so far, the ids behind which it makes no character
    (b"", [12, 13, 15]),  # 0x80 and 0xB1 begin nothing; 0xFF never stands in UTF-8
    (b"\xe5", [*SHOWN, 11, 14, 15]),  # no text in the middle of a character
    (b"\xe5\xb1", [*SHOWN, 11, 12, 14, 15]),  # 0xB1 0xB1 is one too many
    (b"\xed", [*SHOWN, 11, 12, 14, 15]),  # 0xB1 would make a surrogate, 0x80 a character
    (b"\xe0", [*SHOWN, 11, 13, 14, 15]),  # 0x80 would be overlong
]


@pytest.mark.parametrize(("run", "expected"), BREAKING)
def test_tokens_that_break_a_run_of_bytes(run, expected):
    vocabulary = Vocabulary(PIECES)
    assert vocabulary.breaking(run).tolist() == expected
    assert vocabulary.breaking(run).tolist() == expected


def test_a_token_breaks_a_run_where_the_bytes_cannot_be_split():
    generator = random.Random(0)
    for _ in range(200):
        pieces = [bytes(generator.choices(range(0x70, 0x100), k=generator.randint(1, 3))) for _ in range(30)]
        pieces = [piece if piece[0] >= 0x80 else "a" for piece in pieces]
        run = generator.choice([b"", b"\xe5", b"\xf0\x90", b"\xc3"])
        expected = [i for i, piece in enumerate(pieces) if (run if isinstance(piece, str) else split_run(run + piece) is None)]
        assert Vocabulary(pieces).breaking(run).tolist() == expected
