import pytest
from sentencepiece import SentencePieceProcessor

from toi.models.piece_encoder import PieceEncoder
from toi.system.errors import InputError

ADDED = {"<hl>": 900, "<a>": 901, "<a>b": 902, "(.*)": 903}


@pytest.fixture(scope="module")
def file(tiny):
    return tiny / "spiece.model"


def inner(file, text):
    """The ids of a text that goes on behind something: without the mark that SentencePiece puts before every text."""
    pieces = SentencePieceProcessor(model_file=str(file))
    if len(text) == 1:  # `▁山` is a piece, too
        return [pieces.piece_to_id(text)]
    first, *ids = pieces.encode(text)
    assert pieces.id_to_piece(first) == "▁"
    return ids


@pytest.mark.parametrize("text", ["", " ", "山梨県の県庁所在地は甲府市です。", "question: 何ですか?", "ＡＢＣ　ｄ", "😀鬱", "<hl"])
def test_without_added_tokens_the_ids_are_those_of_sentencepiece(file, text):
    expected = SentencePieceProcessor(model_file=str(file)).encode(text)
    encoder = PieceEncoder(file)
    assert encoder.encode(text) == expected
    encoder.split_at(ADDED)
    assert encoder.encode(text) == expected


CASES = [
    # a text, its parts: an id, a text at the beginning, a text behind an added token (in a list)
    ("<hl>", [900]),
    ("<hl><hl>", [900, 900]),
    ("山<hl>", ["山", 900]),
    ("<hl>甲府市", [900, ["甲府市"]]),
    ("山<hl>甲府市<hl>です", ["山", 900, ["甲府市"], 900, ["です"]]),
    ("山 <hl>　甲府市\n<hl> です", ["山", 900, ["甲府市"], 900, ["です"]]),  # it takes the spaces around it
    ("<a>b", [902]),  # the longest
    ("<a>a", [901, ["a"]]),
    ("山(.*)山", ["山", 903, ["山"]]),
    ("<HL>", ["<HL>"]),
]


@pytest.mark.parametrize(("text", "parts"), CASES)
def test_added_tokens_stand_between_pieces(file, text, parts):
    encoder, expected = PieceEncoder(file), []
    for part in parts:
        if isinstance(part, int):
            expected.append(part)
        else:
            expected += encoder.encode(part) if isinstance(part, str) else inner(file, part[0])
    encoder.split_at(ADDED)
    assert encoder.encode(text) == expected


def test_added_tokens_may_be_taken_back(file):
    encoder = PieceEncoder(file)
    before = encoder.encode("山<hl>県")
    encoder.split_at({"<hl>": 900})
    assert 900 in encoder.encode("山<hl>県")
    encoder.split_at({})
    assert encoder.encode("山<hl>県") == before


@pytest.mark.parametrize("content", [None, b"", b"\x99not protobuf"])
def test_not_a_model(tmp_path, content):
    if content is not None:
        (tmp_path / "spiece.model").write_bytes(content)
    with pytest.raises(InputError) as error:
        PieceEncoder(tmp_path / "spiece.model")
    assert str(error.value) == f"{tmp_path}/spiece.model: not a SentencePiece model; copy the file anew"
