"""A causal model that was trained on a few short rows ends every output by itself, with all kinds of tokenizers."""

from itertools import product

import pytest
from tiny_causal import WITH_TOKENIZER

from toi.data.examples import Row, write_rows
from toi.decoding.plan import SearchPlan
from toi.decoding.search import search
from toi.models.checkpoint import load
from toi.models.family import Limits
from train import TrainOptions, train

ASKED = {"の人口は?": "5321人", "の趣味は?": "釣り", "の職業は?": "医師です", "は何ですか?": "県"}
PLACES = "山白霧桃市"
ROWS = [
    Row(f"{number}", f"{place}{i}{asked}", ASKED[asked])
    for number, (place, i, asked) in enumerate(product(PLACES, range(10), ASKED))
]
LONGEST = 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    for split, rows in (("train", ROWS), ("dev", ROWS[::7])):
        write_rows(folder / f"{split}.tsv", rows)
    return folder


@pytest.mark.parametrize(("kind", "flat"), [*((kind, True) for kind in WITH_TOKENIZER), ("byte-level", False)])
def test_every_output_ends_by_itself(kind, flat, data, tmp_path, monkeypatch):
    """Where padding has the id of the end too: a loss that leaves padding out by its id never teaches to end."""
    if not flat:  # padded, as a model that knows no layouts
        monkeypatch.setattr("toi.models.causal.family.teach_layouts", lambda model: False)
    base = WITH_TOKENIZER[kind](tmp_path / "base")
    options = TrainOptions(
        model_name_or_path=str(base), data_dir=str(data), output_dir=str(tmp_path / "m"), do_train=True, num_train_epochs=8,
        per_device_train_batch_size=10, learning_rate=1e-2, precision="fp32",
    )  # fmt: skip
    train(options)
    loaded = load(str(tmp_path / "m"))
    family = loaded.family
    assert len(ROWS) == 200
    assert (family.pad_id == family.end_ids[0]) is (kind != "rinna")
    sources = [row.source for row in family.encode([row.source for row in ROWS], None, Limits(100, LONGEST))]
    for beams in (1, 4):
        found = [best.ids for best, *_ in search(family, loaded.model, sources, SearchPlan(beams=beams, max_length=LONGEST))]
        assert [ids for ids in found if ids[-1] not in family.end_ids or len(ids) == LONGEST] == []
        written = family.tokenizer.decode_batch(found)
        right = sum(text == row.target for text, row in zip(written, ROWS, strict=True))
        assert right > 100  # and it has learnt what to write
