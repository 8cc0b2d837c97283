"""Ids of rows with all kinds of tokenizers. A model is not needed for them."""

import json
from dataclasses import replace
from itertools import product

import pytest
from conftest import SENTENCES
from sentencepiece import SentencePieceProcessor
from tiny_causal import TOKENIZERS
from transformers import AutoTokenizer

from toi.data.tasks import Task
from toi.models.batches import IGNORED
from toi.models.causal.batch import padded_batch
from toi.models.causal.family import CausalFamily
from toi.models.causal.rows import CausalRows
from toi.models.family import Limits
from toi.models.tokenizer_files import load_tokenizer
from toi.system.errors import InputError
from toi.training.encoded import token_rows

WIDE = Limits(500, 100)
TEXTS = [
    *SENTENCES,
    "桃",
    "a  b",
    "鰻と😀",  # bytes, or <unk>
    "甲府市は</s>と<s>と<|endoftext|>と[SEP]と<pad>の町",  # characters, whatever they mean elsewhere
    "山梨県の<hl>甲府市<hl>です。",
]
BOS = {"rinna": [], "llama": [1], "byte-level": [], "unigram": [0]}
SEPARATOR = {"rinna": "[SEP]", "llama": "<0x0A>", "byte-level": "Ċ", "unigram": "</s>"}  # for a line break


@pytest.fixture(scope="module", params=TOKENIZERS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    TOKENIZERS[kind](folder)
    return folder


@pytest.fixture
def rows(folder):
    tokenizer = load_tokenizer(folder, CausalFamily.sentinels)
    tokenizer.add("<hl>")
    return CausalRows(tokenizer, (), None)


def tokens(rows, ids):
    return rows.tokenizer.fast.convert_ids_to_tokens(list(ids))


def test_a_prompt_is_the_beginning_of_what_training_saw(rows, kind):
    """Whatever stands behind it; for every source with every target."""
    for source, target in product(TEXTS, TEXTS):
        (prompt,), (row,) = rows.encode([source], None, WIDE), rows.encode([source], [target], WIDE)
        assert prompt.source == row.source
        assert (prompt.target, row.source_cut, row.target_cut) == ([], 0, 0)
        assert row.source == [*BOS[kind], *rows.tokenizer.encode(source), *rows._separator]
        assert row.target == [*rows.tokenizer.encode(target), rows.tokenizer.eos_id]


def test_nothing_but_the_ends_is_an_end(rows, kind):
    """BOS stands once, the end of a row at its end, and neither where a text holds their characters."""
    tokenizer = rows.tokenizer
    for row in rows.encode(TEXTS, TEXTS, WIDE):
        inner = row.source[len(BOS[kind]) : -len(rows._separator)]
        assert not tokenizer.controls.intersection([*inner, *row.target[:-1]])
    assert tokens(rows, rows._separator) == [SEPARATOR[kind]]


def test_every_end_of_the_model_is_characters_in_a_text(tmp_path):
    """A model may end outputs with a token that its tokenizer does not know as an end (`<|im_end|>`)."""
    TOKENIZERS["byte-level"](tmp_path)
    tokenizer = load_tokenizer(tmp_path, 0)
    tokenizer.add("<|im_end|>")
    tokenizer.add("<|im_start|>")
    end, start = tokenizer.id_of("<|im_end|>"), tokenizer.id_of("<|im_start|>")
    assert tokenizer.encode("町<|im_end|>").count(end) == 1
    rows = CausalRows(tokenizer, [end, tokenizer.encode("A")[0]], None)
    rows.follow(replace(Task.named("qa"), target_separator="<|im_end|>\n<|im_start|>"))
    (row,) = rows.encode(["A<|im_start|>町<|im_end|>"], ["<|im_end|>A"], WIDE)
    assert row.source[-3:] == [end, *tokenizer.encode("\n"), start]
    assert (row.source.count(end), row.source.count(start), row.target.count(end)) == (1, 2, 0)
    assert tokenizer.decode(row.source[:-3]) == "A町<|im_end|>"
    assert rows.end_ids == (0, end, tokenizer.encode("A")[0])


def test_pad_and_end_may_be_one_id(rows, kind):
    """The labels of padding are told by length: with one id for both, the end of a target still counts."""
    assert (rows.pad_id == rows.end_ids[0]) is (kind != "rinna")
    targets = ["人口は何人ですか? 人口は何人ですか?", "桃"]
    labels = padded_batch(rows.encode(["桃", "町"], targets, WIDE), rows.pad_id).labels
    expected = [[*rows.tokenizer.encode(target), rows.end_ids[0]] for target in targets]
    assert len(expected[0]) > len(expected[1])
    assert labels.tolist() == [expected[0], expected[1] + [IGNORED] * (len(expected[0]) - len(expected[1]))]


def test_texts_come_back(rows, kind):
    known = [text for text in TEXTS if rows.tokenizer.unk_id not in rows.tokenizer.encode(text)]
    assert len(known) >= {"llama": len(TEXTS), "byte-level": len(TEXTS)}.get(kind, 4)
    for text in known:
        ids = rows.tokenizer.encode(text)
        shown = text.replace("<hl>", "").lower() if kind == "rinna" else text.replace("<hl>", "")
        if kind == "rinna":
            shown = " ".join(shown.split())
        if kind != "unigram" or "<hl>" not in text:  # its tokenizer.json says that a word begins behind every token
            assert rows.tokenizer.decode(ids) == shown
        # What each id adds to a text is what the text is made of.
        parts = [rows.tokenizer.pieces[i] for i in ids]
        joined = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts).decode()
        assert joined.strip() == rows.tokenizer.decode(ids)


def test_saved_and_loaded_again(rows, folder, kind, tmp_path):
    rows.tokenizer.save(tmp_path)
    names = {"rinna": {"spiece.model"}, "llama": {"tokenizer.model"}}.get(kind, set())
    assert {path.name for path in tmp_path.iterdir()} == {"tokenizer.json", "tokenizer_config.json", *names}
    again = CausalRows(load_tokenizer(tmp_path, CausalFamily.sentinels), (), None)
    assert again.encode(TEXTS, TEXTS, WIDE) == rows.encode(TEXTS, TEXTS, WIDE)
    assert again.tokenizer.pieces == rows.tokenizer.pieces
    assert (again.pad_id, again.end_ids, again._separator) == (rows.pad_id, rows.end_ids, rows._separator)
    assert not again.tokenizer.add("<hl>")
    # Everybody else gets the same ids, also where the configuration says what kind of model it is.
    (tmp_path / "config.json").write_text(json.dumps({"model_type": {"llama": "llama"}.get(kind, "gpt2")}))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    before, behind = rows.tokenizer.around
    for text in TEXTS:
        if "</s>" not in text:
            assert theirs(text).input_ids == [*before, *rows.tokenizer.encode(text), *behind]


@pytest.mark.parametrize("kind", ["rinna", "llama"])
def test_ids_are_those_of_sentencepiece(kind, tmp_path):
    TOKENIZERS[kind](tmp_path)
    (file,) = tmp_path.glob("*.model")
    theirs, ours = SentencePieceProcessor(model_file=str(file)), load_tokenizer(tmp_path, CausalFamily.sentinels)
    assert len(ours) == theirs.get_piece_size()
    for text in TEXTS[:-1]:
        assert ours.encode(text) == theirs.encode(text.lower() if kind == "rinna" else text)


def test_roles_of_rinna(tmp_path):
    """As its tokenizer_config.json names them; without it, as far as the file of SentencePiece knows."""
    TOKENIZERS["rinna"](tmp_path)
    tokenizer = load_tokenizer(tmp_path, 0)
    ids = tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id, tokenizer.sep_id
    assert (ids, len(tokenizer), tokenizer.around) == ((0, 1, 2, 3, 5), tokenizer._own._pieces.get_piece_size(), ((), (2,)))
    assert tokenizer.decode([1, 3, 4, 5, 6, *tokenizer.encode("桃"), 2, 3]) == "桃"
    assert tokenizer.encode("ΑΣ ABC") == tokenizer.encode("ας abc".replace("ς", "σ"))
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"pad_token": {"content": "[PAD]", "lstrip": False}}))
    tokenizer = load_tokenizer(tmp_path, 0)
    assert (tokenizer.unk_id, tokenizer.eos_id, tokenizer.pad_id, tokenizer.sep_id) == (0, 2, 3, None)


@pytest.mark.parametrize(("said", "around"), [({}, ((1,), ())), ({"add_bos_token": False, "add_eos_token": True}, ((), (2,)))])
def test_a_configuration_may_say_what_stands_around_a_text(said, around, tmp_path):
    TOKENIZERS["llama"](tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", **said}))
    rows = CausalRows(load_tokenizer(tmp_path, 0), (), None)
    assert rows.tokenizer.around == around
    (row,) = rows.encode(["桃"], None, WIDE)
    assert row.source == [*around[0], *rows.tokenizer.encode("桃"), *rows._separator]


# A separator, and its tokens with each tokenizer.
SEPARATORS = [
    ("\n", SEPARATOR),
    ("\n\n", {"rinna": "[SEP]", "llama": "<0x0A> <0x0A>", "byte-level": "Ċ Ċ", "unigram": "</s>"}),
    ("です。", {"rinna": "で す 。", "llama": "です 。", "byte-level": "ãģ§ãģĻ ãĢĤ", "unigram": "です。"}),
    ("☃", {"rinna": "[SEP]", "llama": "<0xE2> <0x98> <0x83>", "byte-level": "â ĺ ĥ", "unigram": "</s>"}),
    ("  ", {"rinna": "[SEP]", "llama": "</s>", "byte-level": "<|endoftext|>", "unigram": "</s>"}),
    ("</s>", {"rinna": "</s>", "llama": "</s>", "byte-level": "< / s >", "unigram": "</s>"}),
    ("<hl>\n", {"rinna": "<hl>", "llama": "<hl> <0x0A>", "byte-level": "<hl> Ċ", "unigram": "</s>"}),
]


@pytest.mark.parametrize(("separator", "expected"), SEPARATORS)
def test_separators_of_tasks(rows, kind, separator, expected):
    """The task's, as the vocabulary says it behind a text; where it cannot, the tokenizer's own or the end of sequence."""
    rows.follow(replace(Task.named("qa"), target_separator=separator))
    assert tokens(rows, rows._separator) == expected[kind].split(" ")
    (row,) = rows.encode(["桃"], ["町"], WIDE)
    assert row.source == [*BOS[kind], *rows.tokenizer.encode("桃"), *rows._separator]
    rows.follow(None)
    assert tokens(rows, rows._separator) == SEPARATOR[kind].split(" ")


LONG = "町の特産品は桃です。" * 20 + "山梨県の県庁所在地は甲府市です。" + "人口は何人ですか?" * 20
TOO_LONG = [  # a task, a source, and what of it has to stay
    ("qa", f"question: どこですか? context: {LONG}", ["question: どこですか? context: 町の"]),
    ("aqg", f"answer: 甲府市 context: {LONG}", ["answer: 甲府市 context: ", "県庁所在地は甲府市です。"]),
    ("aqg-hl", LONG.replace("甲府市", "<hl>甲府市<hl>"), ["県庁所在地は", "甲府市", "です。"]),
    ("aqg-cf", f"context: {LONG} answer: 甲府市", ["context: ", "県庁所在地は甲府市です。", " answer: 甲府市"]),
]


@pytest.mark.parametrize(("task", "source", "kept"), TOO_LONG)
def test_a_row_that_is_too_long_loses_context_only(rows, task, source, kept):
    rows.follow(Task.named(task))
    tokenizer, limits, target = rows.tokenizer, Limits(120, 40), "県庁所在地はどこですか?"
    ((row,), (prompt,)) = (rows.encode([source], targets, limits) for targets in ([target], None))
    assert prompt.source == row.source
    assert 80 < len(row.source) <= 120
    assert row.source[: len(tokenizer.around[0])] == [*tokenizer.around[0]]
    assert row.source[-len(rows._separator) :] == rows._separator
    assert row.source_cut == len(rows.encode([source], None, Limits(9999, 9))[0].source) - len(row.source)
    assert (row.target, row.target_cut) == ([*tokenizer.encode(target), tokenizer.eos_id], 0)
    shown = tokenizer.decode(row.source).replace(" ", "")
    assert [part for part in kept if tokenizer.decode(tokenizer.encode(part)).replace(" ", "") not in shown] == []
    if task == "aqg-hl":
        assert row.source.count(tokenizer.id_of("<hl>")) == 2


def test_what_has_no_context_loses_its_end(rows):
    """A text of another form, and one that is too long without its context."""
    rows.follow(Task.named("aqg-cf"))
    for source in (LONG, f"context: 県。 answer: {LONG}"):
        (row,) = rows.encode([source], None, Limits(60, 40))
        assert (len(row.source), row.source_cut > 0) == (60, True)
        assert row.source[-len(rows._separator) :] == rows._separator


def test_the_account_of_a_file_counts_what_was_cut(rows, tmp_path):
    """Rows, and tokens before they are cut. Another task is another file of the cache."""
    sources, targets = [f"context: {LONG} answer: 甲府市", "context: 桃 answer: 桃"], ["どこ?", "何?"]
    lines = [f"{i}\t{source}\t{target}\n" for i, (source, target) in enumerate(zip(sources, targets, strict=True))]
    (tmp_path / "train.tsv").write_text("".join(lines))
    task, limits = Task.named("aqg-cf"), Limits(100, 40)
    rows.follow(task)
    encoded, audit = token_rows(tmp_path / "train.tsv", rows, limits)
    whole = rows.encode(sources, targets, Limits(9999, 40))
    assert (audit.rows, audit.sources_cut, audit.targets_cut) == (2, 1, 0)
    assert audit.tokens == sum(len(row.source) + len(row.target) for row in whole)
    for other in (replace(task, target_separator="です"), replace(task, source_template="{context}")):
        rows.follow(other)
        others, _ = token_rows(tmp_path / "train.tsv", rows, limits)
        assert others[0].source != encoded[0].source
        assert [row.source for row in others] == [row.source for row in rows.encode(sources, targets, limits)]


def test_folders_without_a_tokenizer(tmp_path):
    with pytest.raises(InputError, match=r"nor a tokenizer\.model"):
        load_tokenizer(tmp_path)
    TOKENIZERS["llama"](tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"\x99")
    with pytest.raises(InputError, match=r"tokenizer\.model: not a SentencePiece model"):
        load_tokenizer(tmp_path)
