import random
import time

import pytest

from toi.decoding.banned import BannedText, Vocabulary, _decoded
from toi.models.tokenizer import load_tokenizer
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


def written(vocabulary, ids):
    """What a tokenizer makes of ids: runs of bytes as a whole."""
    text, run = "", b""
    for i in ids:
        if i in vocabulary.bytes:
            run += bytes([vocabulary.bytes[i]])
        elif vocabulary.texts[i]:
            text, run = text + _decoded(run) + vocabulary.texts[i], b""
    return text + _decoded(run)


def forbidden(banned, state):
    return {*banned.always.tolist(), *banned.forbidden(state).tolist()}


def test_forbidden_is_exactly_what_would_hold_a_word():
    """Random vocabularies, words and walks: the automaton against folding the whole text with every token."""
    generator = random.Random(1)
    states = refused = 0
    while states < 3_000:
        alphabet = generator.sample(TRICKY, generator.randint(2, 12))
        texts = ["".join(generator.choices(alphabet, k=generator.randint(1, 4))) for _ in range(generator.randint(5, 40))] + [""]
        byte_tokens = {}
        if generator.random() < 0.5:
            for byte in sorted({b for c in alphabet[:3] for b in c.encode()} | {generator.randrange(256)}):
                byte_tokens[len(texts)] = byte
                texts.append("")
        words = ["".join(generator.choices(alphabet, k=generator.randint(1, 4))) for _ in range(generator.randint(1, 5))]
        folded = [fold(word) for word in words if fold(word)]
        vocabulary = Vocabulary(texts, byte_tokens)
        banned = BannedText(vocabulary, words)
        ids, state = [], banned.start
        for _ in range(10):
            states += 1
            expected = {i for i in range(len(texts)) if any(word in fold(written(vocabulary, [*ids, i])) for word in folded)}
            assert forbidden(banned, state) == expected, (words, written(vocabulary, ids))
            refused += len(expected)
            open_ = [i for i in range(len(texts)) if i not in expected]
            if not open_:
                break
            ids.append(generator.choice(open_))
            state = banned.advance(state, ids[-1])
    assert refused > 10_000, "the words are too rare to show anything"


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize("words", [["県"], ["で", "す"], ["の", "山梨", "は", "い"], ["甲府市", "A"], ["unk"]])
def test_no_walk_over_a_real_vocabulary_leaks(model, words, request):
    """Random walks find what no search would; the text is what the tokenizer itself makes of the ids."""
    tokenizer = load_tokenizer(request.getfixturevalue(model))
    vocabulary = Vocabulary.of(tokenizer)
    banned = BannedText(vocabulary, words)

    def walk(generator, free):
        ids, state = [], banned.start
        for _ in range(30):
            open_ = [i for i in range(len(tokenizer)) if free or i not in forbidden(banned, state)]
            ids.append(generator.choice(open_))
            state = banned.advance(state, ids[-1])
        return tokenizer.decode(ids)

    assert any(banned_words(walk(random.Random(i), True), words) for i in range(200)), "too rare to show anything"
    assert not [text for text in (walk(random.Random(i), False) for i in range(20)) if banned_words(text, words)]


def test_the_vocabulary_says_what_the_tokenizer_writes(tiny):
    tokenizer = load_tokenizer(tiny)
    vocabulary = Vocabulary.of(tokenizer)
    generator = random.Random(0)
    for _ in range(300):
        ids = generator.choices(range(len(tokenizer)), k=8)
        assert written(vocabulary, ids).strip() == tokenizer.decode(ids)


def test_ten_thousand_words_are_usable(tiny):
    generator = random.Random(0)
    letters = [chr(c) for c in range(0x4E00, 0x5200)] + [*"アイウエオカキクケコー"]
    words = ["".join(generator.choices(letters, k=generator.randint(2, 5))) for _ in range(10_000)]
    texts = ["".join(generator.choices(letters, k=generator.randint(1, 3))) for _ in range(8_000)]
    started = time.perf_counter()
    banned = BannedText(Vocabulary(texts, {}), words)
    state = banned.start
    for i in range(100):
        banned.forbidden(state)
        state = banned.advance(state, i * 7)
    assert time.perf_counter() - started < 5  # half a second here
