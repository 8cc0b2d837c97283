"""Conversations: what the model reads of them, what is kept, what is written to a file."""

import json
import signal
import sys

import pytest
from conftest import load_speaking
from tiny_causal import llama_pieces, make_gpt2

from toi.data.examples import read_rows
from toi.data.instructions import InstructionOptions, prepare_instructions
from toi.data.tasks import INSTRUCTIONS, Task
from toi.decoding.decoder import Decoder
from toi.models.family import Limits
from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.talking.conversation import Conversation, Turn, save_conversations
from toi.talking.interrupts import Interrupts

GREEDY = AnsweringOptions(num_beams=1, max_target_length=6, max_input_length=200)
WITH_SYSTEM = Task("own", "{system}\n{history}{instruction}:", "{response}", INSTRUCTIONS)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    return Decoder(load_speaking(make_gpt2(tmp_path_factory.mktemp("talk") / "m", llama_pieces, n_positions=256), seed=1))


@pytest.fixture
def read(decoder, monkeypatch):
    """The sources that the model reads, and how many tokens it has to read anew."""
    sources, family = [], decoder.checkpoint.family
    encode = type(family).encode
    monkeypatch.setattr(type(family), "encode", lambda self, *them: sources.append(them[0][0]) or encode(self, *them))
    return sources


def talk(decoder, task="plain", system="", name="m"):
    return Conversation(name, decoder, task if isinstance(task, Task) else Task.named(task), system)


def ask(conversation, text, options=GREEDY, number=0):
    return "".join(conversation.answer(text, options, number))


def test_the_model_reads_what_was_said_as_in_training(decoder, read):
    one = talk(decoder)
    first = ask(one, "山梨県は?")
    second = ask(one, "桃は?\n二行")
    ask(one, "釣りは?")
    assert read == [
        "山梨県は?",
        f"山梨県は?\n{first}\n\n桃は?\n二行",
        f"山梨県は?\n{first}\n\n桃は?\n二行\n{second}\n\n釣りは?",
    ]
    one.clear()
    assert ask(one, "山梨県は?") == first
    assert read[-1] == "山梨県は?"


def test_an_answer_is_what_a_single_prompt_finds(decoder):
    one = talk(decoder)
    ask(one, "山梨県は?")
    said = ask(one, "桃は?")
    ((_, output),) = decoder.decode([f"山梨県は?\n{one.turns[0].said}\n\n桃は?"], GREEDY)
    assert said == output.text


def test_answers_that_cannot_stream_come_whole(decoder):
    one = talk(decoder)
    options = AnsweringOptions(num_beams=3, max_target_length=6)
    parts = list(one.answer("山梨県は?", options))
    ((_, output),) = decoder.decode(["山梨県は?"], options)
    assert parts == [output.text]
    assert one.turns == [Turn("山梨県は?", output.text)]
    words = [piece for piece in decoder.checkpoint.tokenizer.pieces if isinstance(piece, str) and piece.strip()]
    with pytest.raises(InputError, match="the model found nothing without the banned words"):
        list(one.answer("桃", AnsweringOptions(num_beams=2, max_target_length=1, bad_words=words)))
    assert len(one.turns) == 1


def test_what_was_said_until_a_stop_stays_and_is_marked(decoder):
    one = talk(decoder)
    parts = one.answer("山梨県は?", GREEDY)
    said = next(parts) + next(parts)
    parts.close()
    assert one.turns == [Turn("山梨県は?", said, cut=True)]
    never = one.answer("桃", GREEDY)
    next(never)
    never.close()
    one.turns.pop()
    parts = one.answer("桃", GREEDY)
    parts.close()  # before a token came
    assert len(one.turns) == 1


@pytest.mark.parametrize("options", [GREEDY, AnsweringOptions(num_beams=3, max_target_length=6)], ids=["streamed", "beams"])
def test_an_answer_that_is_stopped_anywhere_leaves_the_model_whole(decoder, options):
    one, interrupts = talk(decoder), Interrupts()
    question = "山梨県は?" * 12
    expected = ask(one, question, options)
    calls = 0

    def stopping_at(last):
        def count(*_):
            nonlocal calls
            calls += 1
            if calls == last:
                signal.raise_signal(signal.SIGINT)

        return count

    def stopped_at(call):
        nonlocal calls
        calls = 0
        one.clear()
        with interrupts.listening():
            sys.setprofile(stopping_at(call))
            try:
                return "".join(interrupts.until_asked(one.answer(question, options)))
            finally:
                sys.setprofile(None)

    assert stopped_at(0) == expected
    every, stopped = calls, 0
    for tenth in range(1, 10):
        said = stopped_at(every * tenth // 10)
        stopped += interrupts.asked
        assert expected.startswith(said)
        assert interrupts.asked or said == expected  # it was whole before it could be stopped
        assert [turn.said for turn in one.turns] == [said] * bool(said)
        one.clear()
        assert ask(one, question, options) == expected
    assert stopped > 5


def test_whether_an_answer_ended_by_itself(decoder, monkeypatch):
    one = talk(decoder)
    ask(one, "山梨県は?")
    assert one.cut
    assert one.turns[-1].cut
    monkeypatch.setattr(
        "toi.decoding.streaming.tokens",
        lambda *_: iter([*decoder.checkpoint.tokenizer.encode("桃"), decoder.checkpoint.tokenizer.eos_id]),
    )
    ask(one, "桃")
    assert not one.cut
    assert not one.turns[-1].cut


def test_an_answer_that_cannot_be_seen_is_no_turn(decoder, monkeypatch):
    one = talk(decoder)
    monkeypatch.setattr("toi.decoding.streaming.tokens", lambda *_: iter([decoder.checkpoint.tokenizer.eos_id]))
    assert ask(one, "桃") == ""
    assert one.turns == []


def test_a_question_is_taken_back_once(decoder):
    one = talk(decoder)
    ask(one, "山梨県は?")
    ask(one, "桃")
    one.take_back()
    one.take_back()
    assert [turn.asked for turn in one.turns] == ["山梨県は?"]


def test_history_is_cut_at_whole_turns_and_it_says_so(decoder, read, capsys):
    one = talk(decoder, WITH_SYSTEM, "やさしく")
    options = AnsweringOptions(num_beams=1, max_target_length=6, max_input_length=40)
    for number in range(6):
        ask(one, f"{number}の桃は何ですか?", options)
    said = capsys.readouterr().err.splitlines()
    kept = [source for source in read if source.endswith("5の桃は何ですか?:")][-1]
    assert kept.startswith("やさしく\n")
    first = one._first
    assert 0 < first < 5
    turns = [f"{turn.asked}:\n{turn.said}\n\n" for turn in one.turns[first:5]]
    assert kept == f"やさしく\n{''.join(turns)}5の桃は何ですか?:"
    (row,) = decoder.checkpoint.family.encode([kept], None, Limits(40, 6))
    assert not row.source_cut
    longer = f"やさしく\n{one.turns[first - 1].asked}:\n{one.turns[first - 1].said}\n\n{''.join(turns)}5の桃は何ですか?:"
    (row,) = decoder.checkpoint.family.encode([longer], None, Limits(40, 6))
    assert row.source_cut  # no more turns are left out than have to be
    assert any("m: the conversation has no room in 40 tokens: the first turn is left out from now on" in line for line in said)
    assert len(one.turns) == 6  # all are kept to be saved
    ask(one, "桃?", GREEDY)  # where there is room again they are read again
    assert one._first == 0
    ask(one, "とても長い質問です。" * 30, options)
    assert "the question has" in capsys.readouterr().err
    assert one._first == 7


def test_a_task_without_history_answers_each_line_alone(decoder, read, tmp_path):
    one = talk(decoder, Task("own", "問: {instruction}", "{response}", INSTRUCTIONS))
    assert not one.remembers
    for text in ("山梨県は?", "桃は?"):
        ask(one, text)
    assert read == ["問: 山梨県は?", "問: 桃は?"]
    save_conversations(str(tmp_path / "a.jsonl"), [one])
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert [len(json.loads(line)["messages"]) for line in lines] == [2, 2]


def test_the_system_text(decoder, read):
    one = talk(decoder, WITH_SYSTEM, "やさしく")
    one.set_system("短く")
    ask(one, "桃?")
    assert read == ["短く\n桃?:"]
    with pytest.raises(InputError, match=r"has a \{system\}"):
        one.set_system("")
    assert one.system == "短く"
    with pytest.raises(InputError, match=r"has no \{system\}"):
        talk(decoder, "plain", "短く")


def test_control_characters_are_neither_shown_nor_kept(decoder, monkeypatch):
    one = talk(decoder)
    monkeypatch.setattr(type(one._stream), "write", lambda *_: (part for part in ["桃\x1b[2J", "\u2028", "\n\x07県\t"]))
    assert ask(one, "何\x1b?") == "桃[2J \n県\t"
    assert one.turns[0].said == "桃[2J \n県\t"
    assert "\x1b" not in one.turns[0].asked


def test_a_saved_conversation_is_prepared_again(decoder, tmp_path):
    one, other = talk(decoder, WITH_SYSTEM, "短く"), talk(decoder, name="other")
    for text in ("山梨県は?", "桃は?\n二行", "釣り\x1b?"):
        ask(one, text)
        ask(other, f"{text}?")
    path = tmp_path / "talk.jsonl"
    assert save_conversations(str(path), [one, other]) == 6
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [record["model"] for record in records] == ["m", "other"]
    assert records[0]["messages"][:3] == [
        {"role": "system", "content": "短く"},
        {"role": "user", "content": "山梨県は?"},
        {"role": "assistant", "content": one.turns[0].said, "cut": True},
    ]
    before = path.read_bytes()
    with pytest.raises(InputError, match="is there already; give another name"):
        save_conversations(str(path), [one])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["talk.jsonl"]
    options = InstructionOptions(train_file=str(path), validation_size=0.5, output_dir=str(tmp_path / "data"), template="plain")
    prepare_instructions(options, options.task())
    rows = [row for split in ("train", "dev") for row in read_rows(tmp_path / "data" / f"{split}.tsv", line_breaks=True)]
    assert sorted(row.target for row in rows) == sorted(turn.said for turn in [*one.turns, *other.turns])


def test_nothing_to_save_and_nowhere_to_write(decoder, tmp_path):
    with pytest.raises(InputError, match="nothing has been said yet"):
        save_conversations(str(tmp_path / "x"), [talk(decoder)])
    one = talk(decoder)
    ask(one, "桃")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        save_conversations(str(tmp_path / "file" / "x"), [one])
