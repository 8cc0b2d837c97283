import random

import pytest
from conftest import SENTENCES

from toi.models.piece_tokenizer import PieceTokenizer
from toi.models.tokenizer_files import load_tokenizer


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
@pytest.mark.parametrize("highlight", [False, True])
def test_the_same_ids_and_texts_as_with_transformers(model, highlight, request, tmp_path):
    folder = request.getfixturevalue(model)
    whole = load_tokenizer(folder)
    if highlight:
        whole.add("<hl>")
    light = PieceTokenizer(folder / "spiece.model", whole.facts())
    assert (len(light), list(light.pieces), light.around) == (len(whole), list(whole.pieces), whole.around)
    assert (light.eos_id, light.pad_id, light.unk_id, light.bos_id) == (whole.eos_id, whole.pad_id, whole.unk_id, whole.bos_id)
    texts = [*SENTENCES, "", " ", "山<hl>梨 <hl> 県", "<extra_id_3>桃", "</s><pad><unk>", "㍿ｱｲｳ　ﾊﾞ", "𩸽😀", "▁甲 府"]
    assert light.encode_batch(texts) == whole.encode_batch(texts)
    assert [light.is_unknown(c) for c in "山鬱😀"] == [whole.is_unknown(c) for c in "山鬱😀"]
    draw = random.Random(0)
    ids = [*range(len(whole) + 9), *range(3, 99)]  # bytes often: several make a character
    several = [draw.choices(ids, k=draw.randrange(9)) for _ in range(4000)]
    for added in (False, True):
        assert light.decode_batch(several, added=added) == whole.decode_batch(several, added=added)
    assert light.decode(whole.encode("甲府市")) == "甲府市"
    if highlight:
        assert light.id_of("<hl>") == whole.id_of("<hl>")


def test_other_tokenizers_have_no_facts(tiny):
    tokenizer = load_tokenizer(tiny)
    assert tokenizer.facts() is not None
    tokenizer._own = None  # as of a tokenizer.json of others
    assert tokenizer.facts() is None
    from tokenizers import decoders

    tokenizer = load_tokenizer(tiny)
    tokenizer.fast.backend_tokenizer.decoder = decoders.Metaspace()
    assert tokenizer.facts() is None
