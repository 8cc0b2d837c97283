from dataclasses import replace

import pytest
from conftest import load_speaking

from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import NBestOptions
from toi.documents.document import Block, Document
from toi.documents.made import make_pairs
from toi.documents.options import DocumentOptions

TEXT = "霧沢一は白浜市に住む医師です。趣味は釣りです。白浜市の人口は5321人である。"


@pytest.fixture(scope="module")
def speaking(tiny):
    return load_speaking(tiny)


@pytest.mark.parametrize(
    ("asks", "answers", "passages"),
    [
        (None, None, [TEXT]),
        (24, None, [TEXT[:23], TEXT[23:]]),  # characters that each model was trained to read
        (None, 24, [TEXT[:23], TEXT[23:]]),
        (24, 15, [TEXT[:15], TEXT[15:23], TEXT[23:]]),
        (300, 9, [TEXT[:15], TEXT[15:23], TEXT[23:]]),  # a longer sentence is a passage of its own
    ],
)
def test_a_passage_is_no_longer_than_what_models_read(speaking, asks, answers, passages):
    task = replace(Task.named("aqg-hl"), max_context_length=asks)
    reader = replace(speaking, task=replace(Task.named("qa"), max_context_length=answers))
    options = DocumentOptions(max_candidates=1)
    document = Document("a.txt", (Block(TEXT),))
    short = NBestOptions(num_beams=1)
    made = make_pairs([document], Decoder(speaking), task, options, short, reader=Decoder(reader))
    assert [passage.context for passage in made.passages] == passages
