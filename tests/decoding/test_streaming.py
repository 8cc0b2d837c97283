"""Outputs that are shown while they are written: what a search finds, in whole characters, never taken back."""

import contextlib

import pytest
import torch
from conftest import load_speaking
from tiny_causal import WITH_TOKENIZER

from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.decoding.streaming import Stream, streams
from toi.models.family import Limits
from toi.system.errors import InputError
from toi.text.folding import banned_words
from toi.text.normalization import normalize

SOURCES = ["山梨県の県庁所在地は?", "桃😀", "白浜市の人口は5321人である。特産品は桃です。趣味は釣りです。"]
LENGTH = 24


@pytest.fixture(scope="module", params=[*WITH_TOKENIZER, "t5"])
def decoder(request, tmp_path_factory, tiny):
    """A model that writes text, and bytes that are a part of characters, with each kind of tokenizer."""
    folder = tiny if request.param == "t5" else WITH_TOKENIZER[request.param](tmp_path_factory.mktemp("streaming") / "m")
    return Decoder(load_speaking(folder, seed=1))


def written(decoder, text, **options):
    stream = Stream(decoder)
    (row,) = decoder.checkpoint.family.encode([text], None, Limits(64, LENGTH))
    return list(stream.write(row.source, DecodingOptions(max_target_length=LENGTH, backend="torch", **options), LENGTH))


def decoded(decoder, text, **options):
    chosen = DecodingOptions(max_target_length=LENGTH, max_input_length=64, backend="torch", **options)
    ((_, output),) = decoder.decode([text], chosen)
    return output


WAYS = [
    {"num_beams": 1},
    {"num_beams": 1, "repetition_penalty": 1.5, "no_repeat_ngram_size": 2},
    {"do_sample": True, "temperature": 1.2, "seed": 3},
]


@pytest.mark.parametrize("options", WAYS, ids=["greedy", "penalties", "sampling"])
def test_the_parts_are_the_output_of_a_search(decoder, options):
    for text in SOURCES:
        expected = decoded(decoder, text, **options)
        parts = written(decoder, text, **options)
        if expected.constrained and "do_sample" in options:
            assert "\ufffd" not in "".join(parts)  # what was shown stays; a search would draw all of it anew
        else:
            assert "".join(parts) == expected.text
        assert len(parts) <= LENGTH


def test_banned_words_are_never_shown_and_the_rest_stays(decoder):
    text = SOURCES[0]
    free = "".join(written(decoder, text, num_beams=1))
    word = next(c for c in normalize(free)[1:] if c.isalnum())
    parts = written(decoder, text, num_beams=1, bad_words=[word])
    for count in range(len(parts) + 1):
        assert not banned_words("".join(parts[:count]), [word])
    assert "".join(parts) == decoded(decoder, text, num_beams=1, bad_words=[word]).text
    drawn = "".join(written(decoder, text, do_sample=True, bad_words=[word]))
    assert not banned_words(drawn, [word])


def test_a_part_is_there_before_the_next_step(decoder, monkeypatch):
    """What is written and what is computed take turns."""
    happened = []
    (row,) = decoder.checkpoint.family.encode([SOURCES[0]], None, Limits(64, LENGTH))
    begin = type(decoder.checkpoint.family).begin

    def noted(*arguments):
        steps = begin(*arguments)
        step = steps.step
        steps.step = lambda tokens: (happened.append("step"), step(tokens))[1]
        return steps

    monkeypatch.setattr(type(decoder.checkpoint.family), "begin", noted)
    for _ in Stream(decoder).write(row.source, DecodingOptions(num_beams=1, backend="torch"), LENGTH):
        happened.append("part")
    happened = happened[happened.index("part") :]  # T5 begins with a step
    assert happened == ["part", *["step", "part"] * (len(happened) // 2)]
    assert len(happened) > 4


def test_samples_of_other_numbers_are_others_and_the_same_number_is_the_same(decoder):
    (row,) = decoder.checkpoint.family.encode([SOURCES[0]], None, Limits(64, LENGTH))
    stream, options = Stream(decoder), DecodingOptions(do_sample=True, temperature=2.0, backend="torch")
    drawn = ["".join(stream.write(row.source, options, LENGTH, number)) for number in (0, 1, 2, 1)]
    assert len({*drawn}) == 3
    assert drawn[1] == drawn[3]


@pytest.mark.parametrize("stop", [1, 5, None])
def test_a_conversation_goes_on_from_what_was_read(decoder, stop):
    """The same is written whether the beginning of a source is known, wherever the last output was stopped."""
    options, family = DecodingOptions(num_beams=1, backend="torch"), decoder.checkpoint.family
    (row,) = family.encode([SOURCES[2]], None, Limits(64, LENGTH))
    stream = Stream(decoder)
    with contextlib.closing(stream.write(row.source, options, LENGTH)) as parts:
        for number, _ in enumerate(parts, start=1):
            if number == stop:
                break
    again = [*row.source, *row.source[:5]]
    for source in (again, row.source, [*row.source[:7], 9, 9], again[:3]):
        expected = "".join(Stream(decoder).write(source, options, LENGTH))
        assert "".join(stream.write(source, options, LENGTH)) == expected


def test_only_what_is_new_is_read(tmp_path):
    decoder = Decoder(load_speaking(WITH_TOKENIZER["llama"](tmp_path / "m"), seed=1))
    options, family, model = DecodingOptions(num_beams=1, backend="torch"), decoder.checkpoint.family, decoder.checkpoint.model
    (row,) = family.encode([SOURCES[2]], None, Limits(64, LENGTH))
    read = []
    hook = model.register_forward_pre_hook(lambda _, args, kwargs: read.append(kwargs["input_ids"].shape[1]), with_kwargs=True)
    stream = Stream(decoder)
    list(stream.write(row.source, options, 4))
    list(stream.write([*row.source, 9, 9], options, 2))
    list(stream.write([*row.source, 9, 9], DecodingOptions(num_beams=1, backend="auto"), 2))
    hook.remove()
    assert read == [len(row.source), 1, 1, 1, 2, 1, 1, 1]  # a source's last token is always read


def test_whether_the_model_ended_an_output(tmp_path):
    decoder = Decoder(load_speaking(WITH_TOKENIZER["byte-level"](tmp_path / "m"), seed=1))
    (row,) = decoder.checkpoint.family.encode(["桃"], None, Limits(64, LENGTH))
    stream = Stream(decoder)
    list(stream.write(row.source, DecodingOptions(num_beams=1), LENGTH))
    assert not stream.ended
    step = decoder.checkpoint.model.forward

    def ending(*arguments, **others):
        found = step(*arguments, **others)
        found.logits[..., decoder.checkpoint.tokenizer.eos_id] = 1e4
        return found

    decoder.checkpoint.model.forward = ending
    assert len(list(Stream(decoder).write(row.source, DecodingOptions(num_beams=1), LENGTH))) == 1  # an output is never empty
    list(stream.write(row.source, DecodingOptions(num_beams=1), LENGTH))
    assert stream.ended


def test_damaged_weights_and_short_memory_are_said(tmp_path, monkeypatch):
    decoder = Decoder(load_speaking(WITH_TOKENIZER["byte-level"](tmp_path / "m"), seed=1))
    with torch.no_grad():
        next(iter(decoder.checkpoint.model.parameters())).fill_(float("nan"))
    with pytest.raises(InputError, match="the model computes NaN; its weights are damaged"):
        list(Stream(decoder).write([5, 6], DecodingOptions(num_beams=1), LENGTH))
    monkeypatch.setattr(type(decoder.checkpoint.family), "begin", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(InputError, match="more memory than there is"):
        list(Stream(decoder).write([5, 6], DecodingOptions(num_beams=1), LENGTH))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_beams": 1}, True),
        ({"do_sample": True}, True),
        ({}, False),
        ({"num_beams": 1, "num_beam_groups": 2, "diversity_penalty": 1.0}, False),
        ({"num_beams": 1, "backend": "ctranslate2"}, False),
        ({"num_beams": 1, "compute_type": "int8"}, False),
        ({"num_beams": 1, "compute_type": "bfloat16"}, True),
    ],
)
def test_what_streams(options, expected):
    assert streams(DecodingOptions(**options)) == expected
