from dataclasses import replace

import pytest
from conftest import load_speaking

from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Output, Text
from toi.documents.candidates import Candidate
from toi.documents.pairs import Pair
from toi.documents.passages import Passage
from toi.documents.reading_back import read_back
from toi.system.errors import InputError

CONTEXT = "霧沢一は『海の歌』を書いた医師です。"


@pytest.fixture(scope="module")
def speaking(tiny):
    return load_speaking(tiny)


def pair(answer):
    start = CONTEXT.index(answer)
    passage = Passage("a.txt", 1, CONTEXT, 0, len(CONTEXT))
    return Pair("1", passage, Candidate(answer, start, start + len(answer), "term", "a noun", 0.0), "何ですか?", -1.0, -1.0)


@pytest.mark.parametrize(
    ("answer", "read", "f1"),
    [
        ("医師", "医師", 1.0),
        ("医師", "医", 2 / 3),
        ("医師", "", 0.0),
        ("『海の歌』", "海の歌", 1.0),  # quotation marks belong to an answer, or not
        ("海の歌", "『海の歌", 1.0),
        ("海の歌", "『", 0.0),
        ("『", "『", 1.0),
    ],
)
def test_what_a_reader_answers_is_held_against_our_answer(speaking, monkeypatch, answer, read, f1):
    sources = []

    def told(self, of_batch, *arguments):
        sources.extend(of_batch)
        yield from ((i, Output(read, -1.0, (Text(read, -1.0, -1.0),))) for i in range(len(of_batch)))

    monkeypatch.setattr(Decoder, "decode", told)
    (found,) = read_back(Decoder(replace(speaking, task=Task.named("qa"))), [pair(answer)], 32)
    assert (found.read, found.round_trip_f1) == (read, pytest.approx(f1))
    assert sources == [f"question: 何ですか? context: {CONTEXT}"]


def test_nothing_to_read(speaking):
    assert read_back(Decoder(replace(speaking, task=Task.named("qa"))), [], 32) == []


def test_a_model_that_asks_is_no_reader(speaking):
    with pytest.raises(InputError, match="asks questions"):
        read_back(Decoder(replace(speaking, task=Task.named("aqg"))), [pair("医師")], 32)
