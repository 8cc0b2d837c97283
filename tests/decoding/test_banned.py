import random
import time

import pytest

from toi.decoding.banned import BannedText
from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import unfinished
from toi.models.tokenizer_files import load_tokenizer
from toi.text.folding import banned_words, clean, fold, skeleton

# Characters that act on their neighbours, or that others act on.
TRICKY = [*" ーｰ-—゛゜ﾞﾟ\u3099\u309a\u0301かがハバ山梨県a ABｂﾊ㍿(é\u200b!д한ß\u3000々、\ufffd"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ﾊﾞﾅﾅ　ＡＢＣ", "バナナabc"),
        ("Straße", "strasse"),
        ("山 梨", "山梨"),
        ("New  York", "new york"),
        ("スキーーー", "スキー"),
        ("5〜7月", "5~7月"),
        ("  ", ""),
    ],
)
def test_fold(text, expected):
    assert fold(text) == expected == fold(expected)


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("山梨県", ["山梨"], {"山梨"}),
        ("山 梨", ["山梨"], {"山梨"}),
        ("ﾔﾏﾅｼ", ["ヤマナシ"], {"ヤマナシ"}),
        ("ヤマナシ", ["ﾔﾏﾅｼ"], {"ﾔﾏﾅｼ"}),
        ("ＡＩとは", ["ai"], {"ai"}),
        ("aiとは", ["ＡＩ"], {"ＡＩ"}),
        ("か\u3099く", ["がく"], {"がく"}),
        ("山", ["山梨"], set()),
        ("", ["山"], set()),
    ],
)
def test_banned_words_are_compared_after_normalization(text, words, found):
    assert banned_words(text, words) == found
    assert clean([text], words) == [not found]


def test_a_skeleton_is_what_folding_leaves_alone():
    assert all(skeleton(fold(c)) == skeleton(c) for c in map(chr, range(0x3000, 0x3200)))
    generator = random.Random(0)
    for _ in range(20_000):
        text = "".join(generator.choices(TRICKY, k=generator.randint(1, 6)))
        assert skeleton(fold(text)) == skeleton(text), ascii(text)


def written(pieces, ids):
    """What ids say, as bytes."""
    return b"".join(pieces[i] if isinstance(pieces[i], bytes) else pieces[i].encode() for i in ids)


def is_broken(run):
    """Whether bytes make no characters, whatever may follow."""
    run = run[: len(run) - unfinished(run)]
    return "\ufffd" in run.decode("utf-8", "replace")


def forbidden(banned, state):
    return {*banned.always.tolist(), *banned.forbidden(state).tolist()}


def random_pieces(generator, alphabet):
    """Characters and, in every other vocabulary, bytes: single ones, and runs that are a part of characters."""
    pieces = ["".join(generator.choices(alphabet, k=generator.randint(1, 4))) for _ in range(generator.randint(5, 40))] + [""]
    if generator.random() < 0.5:
        pieces += [bytes([b]) for b in sorted({b for c in alphabet[:3] for b in c.encode()} | {generator.randrange(256)})]
    if generator.random() < 0.3:
        for _ in range(20):
            text = "".join(generator.choices(alphabet, k=3)).encode()
            run = text[generator.randint(0, 2) : len(text) - generator.randint(0, 2)]
            try:
                pieces.append(run.decode())
            except UnicodeDecodeError:
                pieces.append(run)
    return pieces


def test_forbidden_is_exactly_what_would_hold_a_word_or_break():
    """Random vocabularies, words and walks: the automaton against folding the whole text with every token."""
    generator = random.Random(1)
    states = refused = broken = 0
    while states < 3_000:
        alphabet = generator.sample(TRICKY, generator.randint(2, 12))
        pieces = random_pieces(generator, alphabet)
        words = ["".join(generator.choices(alphabet, k=generator.randint(1, 4))) for _ in range(generator.randint(1, 5))]
        folded = [fold(word) for word in words if fold(word)]
        banned = BannedText(Vocabulary(pieces), words)
        ids, state = [], banned.start
        for _ in range(10):
            states += 1
            runs = [written(pieces, [*ids, i]) for i in range(len(pieces))]
            breaking = {i for i, run in enumerate(runs) if is_broken(run)}
            texts = [fold(run[: len(run) - unfinished(run)].decode("utf-8", "replace")) for run in runs]
            expected = breaking | {i for i, text in enumerate(texts) if any(word in text for word in folded)}
            assert forbidden(banned, state) == expected, (words, written(pieces, ids))
            refused += len(expected)
            broken += len(breaking)
            open_ = [i for i in range(len(pieces)) if i not in expected]
            if not open_:
                break
            ids.append(generator.choice(open_))
            state = banned.advance(state, ids[-1])
    assert refused > 10_000, "the words are too rare to show anything"
    assert broken > 1_000, "the bytes are too rare to show anything"


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize("words", [["県"], ["で", "す"], ["の", "山梨", "は", "い"], ["甲府市", "A"], ["unk"]])
def test_no_walk_over_a_real_vocabulary_leaks(model, words, request):
    """Random walks find what no search would; the text is what the tokenizer itself makes of the ids."""
    tokenizer = load_tokenizer(request.getfixturevalue(model))
    banned = BannedText(Vocabulary(tokenizer.pieces), words)

    def walk(generator, free):
        ids, state = [], banned.start
        for _ in range(30):
            open_ = [i for i in range(len(tokenizer)) if free or i not in forbidden(banned, state)]
            ids.append(generator.choice(open_))
            state = banned.advance(state, ids[-1])
        return tokenizer.decode(ids)

    assert any(banned_words(walk(random.Random(i), True), words) for i in range(200)), "too rare to show anything"
    assert not [text for text in (walk(random.Random(i), False) for i in range(20)) if banned_words(text, words)]


def test_ten_thousand_words_are_usable(tiny):
    generator = random.Random(0)
    letters = [chr(c) for c in range(0x4E00, 0x5200)] + [*"アイウエオカキクケコー"]
    words = ["".join(generator.choices(letters, k=generator.randint(2, 5))) for _ in range(10_000)]
    texts = ["".join(generator.choices(letters, k=generator.randint(1, 3))) for _ in range(8_000)]
    started = time.perf_counter()
    banned = BannedText(Vocabulary(texts), words)
    state = banned.start
    for i in range(100):
        banned.forbidden(state)
        state = banned.advance(state, i * 7)
    assert time.perf_counter() - started < 5  # half a second here
