import random
import re
import time

import pytest
from test_banned import TRICKY, forbidden, is_broken, random_pieces, written

from toi.decoding.banned import BannedText
from toi.decoding.held import HeldText
from toi.decoding.vocabulary import Vocabulary
from toi.models.pieces import unfinished
from toi.models.tokenizer_files import load_tokenizer
from toi.text.folding import fold
from toi.text.holders import BannedAnswer

ALPHABETS = [TRICKY, [*"山梨県 "], [*"13３,.年 "], [*"abé New ー"], [*"スキーヤバ゛ﾊﾟ桃"], [*"x하한\u1112\u1161\u11ab\u11a8y"]]


NUMBER = re.compile(r"[0-9]+([.,][0-9]+)*")


def stands(text, answer):
    """The definition: where the folded text has the answer, and no longer word around it."""
    word, found = answer.word, []
    for start in range(len(text) - len(word) + 1):
        end = start + len(word)
        around = [text[i:j] for i in range(start + 1) for j in range(end, len(text) + 1) if j - i > len(word)]
        held = any(one in answer.holders or (NUMBER.fullmatch(word) and NUMBER.fullmatch(one)) for one in around)
        if text[start:end] == word and not held:
            found.append(start)
    return found


def is_writable(pieces, text):
    """Whether each character of a text is a piece by itself, or in bytes that are."""
    texts = {fold(piece) for piece in pieces if isinstance(piece, str)}
    return all(c in {" ", *texts} or all(bytes([byte]) in pieces for byte in c.encode()) for c in text)


def is_lost(raw, answer, last, pieces):
    """The definition: whether the answer stands in a text, and no rest of a longer word, written behind it, changes that."""
    text = fold(raw)
    begun = [
        len(text) - count
        for holder in answer.holders
        if is_writable(pieces, holder)
        for count in range(1, len(holder))
        if text.endswith(holder[:count]) and fold(raw + holder[count:]) == text + holder[count:]
    ]
    return any(last or not any(first <= start for first in begun) for start in stands(text, answer))


def random_answer(generator, alphabet):
    """A word, and up to three longer ones that hold it."""
    pick = lambda low, high: "".join(generator.choices(alphabet, k=generator.randint(low, high)))  # noqa: E731
    word = pick(1, 2)
    longer = {fold(pick(0, 2) + word + pick(0, 3)) for _ in range(generator.randint(0, 3))}
    return BannedAnswer(word, tuple(sorted(one for one in longer if fold(word) in one and one != fold(word))))


def test_forbidden_is_exactly_what_leaves_the_answer_alone():
    """Random vocabularies, answers and walks, against the definition on the whole text with every token."""
    generator = random.Random(1)
    states = refused = opened = held = 0
    while states < 900:
        alphabet = generator.choice(ALPHABETS)
        alphabet = generator.sample(alphabet, generator.randint(2, min(len(alphabet), 10)))
        answer = random_answer(generator, alphabet)
        if not answer.word:
            continue
        pieces = [*random_pieces(generator, alphabet), answer.word, *answer.holders]
        pieces += sorted(set("".join(answer.holders))) if generator.random() < 0.8 else []
        banned, whole = HeldText(Vocabulary(pieces), answer), BannedText(Vocabulary(pieces), [])
        ids, state, breaks = [], banned.start, whole.start
        for _ in range(10):
            states += 1
            raw = written(pieces, ids)
            raw = raw[: len(raw) - unfinished(raw)].decode()
            opened += bool(stands(fold(raw), answer))
            held += answer.word in fold(raw) and not stands(fold(raw), answer)
            assert banned.may_end(state) == (not stands(fold(raw), answer)), (answer, raw)
            runs = [written(pieces, [*ids, i]) for i in range(len(pieces))]
            breaking = {i for i, run in enumerate(runs) if is_broken(run)} | forbidden(whole, breaks)
            texts = [run[: len(run) - unfinished(run)].decode("utf-8", "replace") for run in runs]
            for last in (True, False):
                expected = {i for i, text in enumerate(texts) if i not in breaking and is_lost(text, answer, last, pieces)}
                found = set(banned.forbidden(state, last).tolist()) - breaking
                assert found == expected, (answer, raw, last, [pieces[i] for i in found ^ expected])
                refused += len(expected)
            open_ = [i for i in range(len(pieces)) if i not in expected | breaking]
            if not open_:
                break
            wanted = [i for i in open_ if pieces[i] and answer.word in fold(texts[i])]
            ids.append(generator.choice(wanted if wanted and generator.random() < 0.5 else open_))
            state, breaks = banned.advance(state, ids[-1]), whole.advance(breaks, ids[-1])
    assert refused > 5_000, "the answers are too rare to show anything"
    assert opened > 100, "longer words are begun too rarely to show anything"
    assert held > 100, "longer words are too rare to show anything"


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize(
    ("answer", "context"), [("県", "山梨県の県庁所在地"), ("3", "3人と13人、1,300円"), ("山", "富士山は山、山梨の登山家")]
)
def test_no_walk_over_a_real_vocabulary_leaks(model, answer, context, request):
    """Walks that like the answer: it is written inside of longer words, and nowhere else."""
    tokenizer = load_tokenizer(request.getfixturevalue(model))
    answer = BannedAnswer.of(answer, context)
    vocabulary = Vocabulary(tokenizer.pieces)
    constraints = [BannedText(vocabulary, []), HeldText(vocabulary, answer)]
    liked = [i for i, text in enumerate(vocabulary.texts) if set(fold(text)) & set("".join(answer.holders))]

    def walk(generator):
        ids, states = [], [banned.start for banned in constraints]
        for left in reversed(range(20)):
            pairs = list(zip(constraints, states, strict=True))
            closed = {i for banned, state in pairs for i in [*banned.always.tolist(), *banned.forbidden(state, not left).tolist()]}
            open_ = [i for i in range(len(tokenizer)) if i not in closed]
            ids.append(generator.choice([i for i in liked if i not in closed] or open_))
            states = [banned.advance(state, ids[-1]) for banned, state in pairs]
        return tokenizer.decode(ids)

    texts = [walk(random.Random(i)) for i in range(20)]
    assert not [text for text in texts if answer.is_leaked(text)]
    assert [text for text in texts if answer.word in fold(text)], "no longer word was written: nothing was shown"


def test_the_search_is_as_fast_as_without_longer_words():
    generator = random.Random(0)
    letters = [chr(c) for c in range(0x4E00, 0x5200)] + [*"アイウエオカキクケコー"]
    texts = ["".join(generator.choices(letters, k=generator.randint(1, 3))) for _ in range(32_000)]
    word = letters[0]
    answer = BannedAnswer(word, tuple(sorted(generator.choice(letters) + word + generator.choice(letters) for _ in range(50))))
    started = time.process_time()
    banned = HeldText(Vocabulary(texts), answer)
    state = banned.start
    for i in range(100):
        banned.forbidden(state)
        state = banned.advance(state, i * 7)
    for holder in answer.holders:
        state = banned._feed(banned.start, holder[:2])
        assert len(banned.forbidden(state)) > 31_000
    assert time.process_time() - started < 5  # one second here
