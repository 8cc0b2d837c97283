from itertools import product

import pytest
from tokenizers.decoders import ByteLevel
from tokenizers.pre_tokenizers import ByteLevel as ByteLevelSplit

from toi.models.pieces import pieces_of, split_run, unfinished, without_unfinished

SENTENCEPIECE = [
    ("▁山", " 山"),
    ("a▁b▁", "a b "),
    ("▁", " "),
    ("<0xE7>", b"\xe7"),
    ("<0x0A>", b"\n"),
    ("<0x41>", b"A"),
    ("<0xe7>", "<0xe7>"),  # SentencePiece writes capitals
    ("<0xE70>", "<0xE70>"),
    ("a<0xE7>", "a<0xE7>"),
    ("<unk>", "<unk>"),
]


def test_tokens_of_sentencepiece():
    tokens, pieces = zip(*SENTENCEPIECE, strict=True)
    for decoder in (None, {"type": "Metaspace"}, {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}):
        assert pieces_of(tokens, (), decoder) == list(pieces)
    assert pieces_of(["▁山", "</s>", "<0x00>"], {1, 2}, None) == [" 山", "", ""]


def byte_level(run):
    """Bytes in the letters of GPT-2, by the library: a letter for each byte of `run`, which is a part of some text."""
    letters = {}
    for character in map(chr, (*range(0x80), *range(0x80, 0x110000, 61))):
        if not 0xD800 <= ord(character) < 0xE000:
            ((written, _),) = ByteLevelSplit(add_prefix_space=False, use_regex=False).pre_tokenize_str(character)
            letters.update(zip(character.encode(), written, strict=True))
    return "".join(letters[byte] for byte in run)


def test_tokens_of_byte_level_bpe():
    runs = [b" the", "県".encode(), "県".encode()[:2], "県".encode()[2:], b"\n\t", "é".encode(), b"\xf0\x9f", "。a".encode()]
    tokens = [byte_level(run) for run in runs]
    assert tokens[0] == "Ġthe"
    expected = [" the", "県", b"\xe7\x9c", b"\x8c", "\n\t", "é", b"\xf0\x9f", "。a"]
    for decoder in ({"type": "ByteLevel"}, {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteLevel"}]}):
        assert pieces_of(tokens, (), decoder) == expected
    assert pieces_of(["<|endoftext|>", "県", "▁", "<0xE7>"], {0}, {"type": "ByteLevel"}) == ["", "県", "▁", "<0xE7>"]
    whole = "".join(tokens[i] for i in (0, 2, 3, 7))
    assert ByteLevel().decode([whole]) == " the県。a"


UNFINISHED = [
    (b"", 0),
    (b"a", 0),
    ("県".encode(), 0),
    (b"\xe7", 1),
    (b"\xe7\x9c", 2),
    (b"a\xe7\x9c", 2),
    (b"\xf0\x9f\x98", 3),
    ("😀".encode(), 0),
    (b"\xe7\xe7", 1),  # the first makes no character, the second may
    (b"\x80", 0),  # nothing begins with it
    (b"\x80\x80\x80\x80", 0),
    (b"\xc0", 0),  # only overlong forms
    (b"\xc1", 0),
    (b"\xe0", 1),
    (b"\xe0\x80", 0),  # overlong
    (b"\xe0\xa0", 2),
    (b"\xed\x9f", 2),
    (b"\xed\xa0", 0),  # surrogates
    (b"\xed\xbf", 0),
    (b"\xf0\x8f", 0),  # overlong
    (b"\xf0\x90", 2),
    (b"\xf4\x8f", 2),
    (b"\xf4\x90", 0),  # behind U+10FFFF
    (b"\xf5", 0),
    (b"\xff", 0),
]


@pytest.mark.parametrize(("run", "count"), UNFINISHED)
def test_unfinished(run, count):
    assert unfinished(run) == count


def test_unfinished_is_what_some_character_begins_with():
    """All runs of one and two bytes, and of more at the borders of what UTF-8 allows."""
    characters = [chr(c) for c in range(0x80, 0x110000, 64) if not 0xD800 <= c < 0xE000]  # all beginnings stand in 64 characters
    begins = {encoded[:n] for encoded in map(str.encode, characters) for n in range(1, len(encoded))}
    border = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF)
    for run in map(bytes, (*product(range(256), repeat=1), *product(range(256), repeat=2), *product(border, repeat=3))):
        assert unfinished(run) == next((n for n in (3, 2, 1) if run[-n:] in begins and n <= len(run)), 0), run


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (b"", ("", b"")),
        (b"ab", ("ab", b"")),
        ("県".encode(), ("県", b"")),
        (b"\xe7\x9c", ("", b"\xe7\x9c")),
        ("県a".encode() + b"\xe7", ("県a", b"\xe7")),
        (b"\x00", ("\x00", b"")),
        (b"\x80", None),
        (b"\xe7\x9ca", None),
        (b"\xe7\xe7", None),
        (b"\xc0\x80", None),
        (b"\xe0\x80\x80", None),
        (b"\xed\xa0\x80", None),
        (b"\xed\xa0", None),
        (b"\xf4\x90\x80\x80", None),
        (b"a\xff", None),
    ],
)
def test_split_run(run, expected):
    assert split_run(run) == expected


PIECES = ["", "県", b"\xe7", b"\x9c", b"\x8c", b"\x80", "a", b"\xe7\x9c", b"\x8c\xe7", b"\xed\xa0"]
E7, X9C, X8C, X80, A, TWO, ENDS_AND_BEGINS, SURROGATE = range(2, 10)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], []),
        ([1], [1]),
        ([1, E7], [1]),
        ([1, E7, X9C], [1]),
        ([1, E7, X9C, X8C], [1, E7, X9C, X8C]),
        ([E7, X9C, X8C, E7], [E7, X9C, X8C]),
        ([TWO], []),
        ([A, TWO, X8C], [A, TWO, X8C]),
        ([TWO, ENDS_AND_BEGINS], []),  # a token is kept or not: with the one behind it, 県 goes
        ([E7, A], [E7, A]),  # not at the end
        ([X80], [X80]),  # begins nothing
        ([SURROGATE], [SURROGATE]),
        ([1, 99], [1, 99]),  # a spare id of the model
        ([99, E7], [99]),
        ([E7, 0], [E7, 0]),
    ],
)
def test_without_unfinished(ids, expected):
    given = list(ids)
    assert without_unfinished(ids, PIECES) == expected
    assert ids == given
