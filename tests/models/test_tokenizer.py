import json
import shutil

import pytest
from conftest import SENTENCES, train_pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor
from transformers import AutoTokenizer

from toi.models.tokenizer_files import load_tokenizer
from toi.system.errors import InputError
from toi.text.normalization import normalize

TEXTS = [
    *SENTENCES,
    "",
    "鰻と😀と髙橋",  # not in the vocabulary: bytes, or <unk>
    "a  b",
    "山梨県",
    "ﾃｽﾄ",
    "<pad> と </s> と <unk>",
]


def pieces(folder):
    return SentencePieceProcessor(model_file=str(folder / "spiece.model"))


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
def test_ids_are_those_of_sentencepiece_and_of_the_saved_tokenizer(model, request, tmp_path):
    folder = request.getfixturevalue(model)
    tokenizer, reference = load_tokenizer(folder), pieces(folder)
    shutil.copy(folder / "config.json", tmp_path)
    tokenizer.save(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        expected = reference.encode(text)
        assert tokenizer.encode(text) == expected
        assert load_tokenizer(tmp_path).encode(text) == expected
        if "<" not in text:  # elsewhere <pad> in a text is the padding token
            assert saved(text).input_ids == [*expected, 1]
    assert tokenizer.around == load_tokenizer(tmp_path).around == ((), (1,))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20))
def test_any_normalized_text_has_the_same_ids_everywhere(tiny, tmp_path_factory, text):
    text = normalize(normalize(text).replace("<", ""))  # what stood behind a < may begin with a space
    tokenizer = load_tokenizer(tiny)
    assert tokenizer.encode(text) == pieces(tiny).encode(text)
    assert tokenizer.fast(text).input_ids == [*tokenizer.encode(text), 1]


def test_byte_fallback_leaves_nothing_unknown(tiny, tiny_without_bytes):
    for text in TEXTS[:-1]:
        assert load_tokenizer(tiny).unk_id not in load_tokenizer(tiny).encode(text)
    assert load_tokenizer(tiny_without_bytes).unk_id in load_tokenizer(tiny_without_bytes).encode("鰻")


@pytest.mark.parametrize("text", ["鰻と😀と髙橋", "山梨県の県庁所在地は甲府市です。", "a b", ""])
def test_decode_gives_the_text_back(tiny, text):
    tokenizer = load_tokenizer(tiny)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode([0, *tokenizer.encode(text), 0, 0]) == text


SAME = [
    ("山<hl>梨<hl>県", "山 <hl> 梨 <hl> 県"),
    ("<hl>山梨県<hl>", " <hl>山梨県 <hl> "),
    ("県庁は<hl>甲府市<hl>です。", "県庁は <hl>甲府市 <hl>です。"),
]


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize(("close", "spaced"), SAME)
def test_highlight_is_one_token_however_it_is_spaced(model, close, spaced, request, tmp_path):
    folder = request.getfixturevalue(model)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.add("<hl>")
    assert not tokenizer.add("<hl>")
    ids = tokenizer.encode(close)
    assert ids.count(tokenizer.id_of("<hl>")) == 2
    assert tokenizer.encode(spaced) == ids
    # The text between highlights is cut as it is in the middle of a text, without a word mark.
    without = [i for i in ids if i != tokenizer.id_of("<hl>")]
    assert tokenizer.decode(without) == close.replace("<hl>", "")
    assert all(not p.startswith("▁") for p in tokenizer.fast.convert_ids_to_tokens(ids[1:]) if p != "▁")
    shutil.copy(folder / "config.json", tmp_path)
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.encode(close) == ids
    assert not again.add("<hl>")
    assert AutoTokenizer.from_pretrained(tmp_path)(close).input_ids == [*ids, 1]


def test_sentinels_are_where_t5_has_them(tiny):
    tokenizer = load_tokenizer(tiny)
    size = pieces(tiny).get_piece_size()
    assert tokenizer.id_of("<extra_id_0>") == size + 99
    assert tokenizer.id_of("<extra_id_99>") == size
    assert tokenizer.encode("山<extra_id_0>県")[-2] == size + 99


def test_a_foreign_tokenizer_json_speaks_for_itself(tiny, tmp_path):
    shutil.copy(tiny / "config.json", tmp_path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert "toi_sentencepiece" not in config
    tokenizer = load_tokenizer(tmp_path)
    assert [*tokenizer.encode("山梨県"), *tokenizer.around[1]] == AutoTokenizer.from_pretrained(tmp_path)("山梨県").input_ids


def test_added_tokens_of_older_transformers(tiny, tmp_path):
    """A model that was trained with `<hl>` by others keeps its id."""
    shutil.copy(tiny / "spiece.model", tmp_path)
    size = pieces(tiny).get_piece_size()
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<hl>": size + 100, "<sep>": size + 101}))
    tokenizer = load_tokenizer(tmp_path)
    assert (tokenizer.id_of("<hl>"), tokenizer.id_of("<sep>"), len(tokenizer)) == (size + 100, size + 101, size + 102)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<hl>": 7}))
    with pytest.raises(InputError, match="the id of <hl> is 7, but would be"):
        load_tokenizer(tmp_path)


def test_models_without_sentinels(tiny, tmp_path):
    """mT5's vocabulary has its sentinels inside, and says so."""
    shutil.copy(tiny / "spiece.model", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"extra_ids": 0}')
    assert len(load_tokenizer(tmp_path)) == pieces(tiny).get_piece_size()


def test_a_cut_tokenizer_json(tiny, tmp_path):
    load_tokenizer(tiny).save(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", ')
    with pytest.raises(InputError, match=r"tokenizer\.json: cannot be read") as error:
        load_tokenizer(tmp_path)
    assert "\n" not in str(error.value)


def test_no_tokenizer_and_a_broken_one(tmp_path):
    with pytest.raises(InputError, match=r"neither spiece\.model nor tokenizer\.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"\x99not protobuf")
    with pytest.raises(InputError, match="not a SentencePiece model"):
        load_tokenizer(tmp_path)


def test_pieces_that_carry_the_word_mark(tmp_path):
    """`▁甲府市` may be one piece: behind a highlight the same text must not have its mark."""
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    train_pieces(tmp_path / "spiece.model", byte_fallback=True, vocab_size=200)
    reference = pieces(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    tokenizer.add("<hl>")
    merged = [p for i in range(reference.get_piece_size()) if (p := reference.id_to_piece(i)).startswith("▁") and len(p) > 1]
    assert merged, "the vocabulary has no piece with a word mark to test with"
    for piece in merged:
        text = piece[1:]
        ids = tokenizer.encode(f"山<hl>{text}")
        assert tokenizer.decode(ids) == "山" + text
        assert reference.piece_to_id(piece) not in ids[ids.index(tokenizer.id_of("<hl>")) :]
