import itertools

import pytest
import torch

from toi.checkpoint import load
from toi.decoding import BannedText, Vocabulary, banned_words, decode, piece_bytes
from toi.options import DecodingOptions
from toi.text import normalize
from toi.tokenization import load_tokenizer

SOURCES = [f"answer: {a} context: 山梨県の県庁所在地は{a}です。" for a in ("甲府市", "白浜市", "霧沢一", "桃", "医師", "5321人")]


@pytest.mark.parametrize(
    ("piece", "expected"),
    [("▁山", " 山".encode()), ("<0xE5>", b"\xe5"), ("<0x0A>", b"\n"), ("<0xZZ", b"<0xZZ"), ("a", b"a"), ("▁", b" ")],
)
def test_piece_bytes(piece, expected):
    assert piece_bytes(piece) == expected


def random_outputs(tokenizer, count, length, processor_for):
    """Random walks over the vocabulary under a processor: what no search would find, a leak would."""
    generator = torch.Generator().manual_seed(0)
    texts = []
    for _ in range(count):
        ids = torch.zeros(1, 1, dtype=torch.long)
        processor = processor_for()
        for _ in range(length):
            scores = torch.randn(1, len(tokenizer), generator=generator)
            scores = processor(ids, scores) if processor else scores
            ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], dim=1)
        texts.append(tokenizer.decode(ids[0].tolist()))
    return texts


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize("words", [["県"], ["で", "す"], ["の", "山梨", "は", "い"], ["甲府市", "a"]])
def test_no_banned_word_leaks_however_it_is_cut(model, words, request):
    tokenizer = load_tokenizer(request.getfixturevalue(model))
    vocabulary = Vocabulary(tokenizer)
    free = random_outputs(tokenizer, 40, 30, lambda: None)
    held = random_outputs(tokenizer, 40, 30, lambda: BannedText(vocabulary, [words], 1))
    assert any(word in text for word in words for text in free), "the words are too rare to show anything"
    assert not [text for text in held if any(word in text for word in words)]


def test_every_cut_of_a_word_is_forbidden_and_nothing_else(tiny):
    """For each way to write 山梨県 in pieces or bytes, the last piece of it is forbidden behind the others."""
    tokenizer = load_tokenizer(tiny)
    vocabulary = Vocabulary(tokenizer)
    word = "山梨県"
    processor = BannedText(vocabulary, [[word]], 1)
    by_text = {}
    for i, text in enumerate(vocabulary.texts):
        if text:
            by_text.setdefault(text, i)

    def cuts(rest):
        if not rest:
            yield []
        for n in range(1, len(rest) + 1):
            if rest[:n] in by_text:
                for tail in cuts(rest[n:]):
                    yield [by_text[rest[:n]], *tail]

    ways = list(itertools.islice(cuts(word.encode()), 200))
    assert len(ways) > 3
    zeros = torch.zeros(1, len(tokenizer))
    for way in ways:
        masked = processor(torch.tensor([[0, *way[:-1]]]), zeros)
        assert masked[0, way[-1]] == -torch.inf
    start = processor(torch.tensor([[0]]), zeros)
    forbidden = {i for i in range(len(tokenizer)) if start[0, i] == -torch.inf}
    assert forbidden == {i for i, text in enumerate(vocabulary.texts) if word.encode() in text}


@pytest.mark.parametrize("num_beams", [1, 4])
def test_outputs_do_not_depend_on_the_batch(tiny, num_beams):
    checkpoint = load(str(tiny))
    options = DecodingOptions(num_beams=num_beams, max_target_length=12)
    found = {size: dict(decode(checkpoint, SOURCES, options, size)) for size in (1, 2, 6)}
    reverse = dict(decode(checkpoint, SOURCES[::-1], options, 4))
    for i in range(len(SOURCES)):
        assert found[1][i].text == found[2][i].text == found[6][i].text == reverse[len(SOURCES) - 1 - i].text
        assert found[1][i].score == pytest.approx(found[6][i].score, abs=1e-4)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_words_are_banned_for_all_and_for_each(tiny_without_bytes, num_beams):
    checkpoint = load(str(tiny_without_bytes))
    silent = [0, 1, 2, *(checkpoint.tokenizer.id_of(f"<extra_id_{i}>") for i in range(100))]
    with torch.no_grad():  # random weights would write little but tokens without text
        checkpoint.model.get_input_embeddings().weight[silent] = 0
        checkpoint.model.get_input_embeddings().weight[len(checkpoint.tokenizer) :] = 0
    options = DecodingOptions(num_beams=num_beams, max_target_length=12)
    free = {i: output.text for i, output in decode(checkpoint, SOURCES, options)}
    letters = [next(c for c in normalize(free[i]) if c.strip()) for i in range(len(SOURCES))]
    each = {i: output.text for i, output in decode(checkpoint, SOURCES, options, banned=[[c] for c in letters])}
    assert all(each[i] is None or letters[i] not in normalize(each[i]) for i in each)
    options.bad_words = sorted(set(letters))
    everywhere = {i: output.text for i, output in decode(checkpoint, SOURCES, options)}
    assert all(text is None or not banned_words(text, letters) for text in everywhere.values())
    assert any(each.values())
    assert any(everywhere.values())


def test_score_is_the_mean_log_probability(tiny):
    checkpoint = load(str(tiny))
    for num_beams in (1, 3):
        (_, output), *_ = decode(checkpoint, SOURCES[:1], DecodingOptions(num_beams=num_beams, max_target_length=6))
        tokenizer, model = checkpoint.tokenizer, checkpoint.model
        source = torch.tensor([tokenizer.encode(SOURCES[0])])
        with torch.no_grad():
            found = model.generate(input_ids=source, num_beams=num_beams, max_new_tokens=6, min_new_tokens=1)[0, 1:]
            logits = model(input_ids=source, labels=found[None]).logits[0].log_softmax(-1)
        ends = (found == tokenizer.eos_id).nonzero()
        written = found[: ends[0] + 1] if len(ends) else found
        expected = logits[range(len(written)), written].mean().item()
        assert output.text == tokenizer.decode(written.tolist())
        assert output.score == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("山梨県", ["山梨"], {"山梨"}),
        ("山 梨", ["山梨"], {"山梨"}),
        ("ﾔﾏﾅｼ", ["ヤマナシ"], {"ヤマナシ"}),
        ("ヤマナシ", ["ﾔﾏﾅｼ"], {"ﾔﾏﾅｼ"}),
        ("山", ["山梨"], set()),
        ("", ["山"], set()),
    ],
)
def test_banned_words_are_compared_after_normalization(text, words, found):
    assert banned_words(text, words) == found
