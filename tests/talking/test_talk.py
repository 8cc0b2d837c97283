"""Conversations on a terminal, as a user has them: a session on a pseudo-terminal, and lines from a pipe."""

import fcntl
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import termios
import time

import pytest
from conftest import ROOT, here, load_speaking, refused
from tiny_causal import llama_pieces, make_gpt2

from toi.data.tasks import INSTRUCTIONS, Task
from toi.decoding.decoder import Decoder
from toi.models.checkpoint import load, save
from toi.scoring.options import AnsweringOptions
from toi.talking.conversation import Conversation


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny causal model of instructions that never ends an answer."""
    folder = tmp_path_factory.mktemp("talking")
    checkpoint = load_speaking(make_gpt2(folder / "base", llama_pieces, n_positions=2048), seed=1)
    save(folder / "model", checkpoint.model, checkpoint.tokenizer, Task.named("plain"), {}, {})
    return folder / "model"


class Terminal:
    """A script that runs on a pseudo-terminal of its own."""

    def __init__(self, *command):
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8", "INPUTRC": "/dev/null"}
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(theirs)
        self._unread = ""

    def until(self, text: str) -> str:
        """What is shown, up to this text. Fails where it does not come."""
        end = time.monotonic() + 120
        raw = b""
        while text not in self._unread:
            ready, _, _ = select.select([self._ours], [], [], end - time.monotonic())
            assert ready, f"{text!r} did not come behind {self._unread!r}"
            try:
                raw += os.read(self._ours, 1 << 16)
            except OSError:  # the other end is closed
                raise AssertionError(f"it ended before {text!r}: {self._unread!r}") from None
            whole = raw.decode(errors="ignore")  # a read may end within a character
            self._unread, raw = self._unread + whole, raw[len(whole.encode()) :]
        shown, _, self._unread = self._unread.partition(text)
        return shown.replace("\r\n", "\n")

    def type(self, text: str) -> None:
        """Type this."""
        os.write(self._ours, text.encode())

    def interrupt_line(self) -> None:
        """Ctrl-C at the prompt, until the next prompt comes.

        One that comes just before readline waits for a key is heeded at the next key only, so it is typed again where nothing
        happens (CPython's `readline_until_enter_or_signal`).
        """
        for _ in range(10):
            self.type("\x03")
            if select.select([self._ours], [], [], 5)[0]:
                break
        self.until("you> ")

    def say(self, line: str) -> str:
        """Type a line; what is shown until the next prompt, without the line."""
        self.type(f"{line}\n")
        return self.until("you> ").partition("\n")[2]


def said(model, asked, before=(), **options):
    """What the model answers behind some questions, whose answers have five tokens."""
    one = Conversation("m", Decoder(load(str(model))), Task.named("plain"))
    for text in before:
        list(one.answer(text, AnsweringOptions(num_beams=1, max_target_length=5)))
    return "".join(one.answer(asked, AnsweringOptions(num_beams=1, **options)))


def test_a_session(model, tmp_path):
    short = {"max_target_length": 5}
    terminal = Terminal("generate.py", "--model_name_or_path", model, "--interactive", "--max_target_length", 5)
    assert "Talking with" in terminal.until("you> ")

    # Questions, one of two lines.
    first = terminal.say("山梨県は?")
    assert first.startswith(said(model, "山梨県は?", **short) + "\n")
    assert "the answer came to its limit of tokens" in first
    terminal.type("桃は\\\n")
    terminal.until("... ")
    assert terminal.say("二行?").startswith(said(model, "桃は\n二行?", ["山梨県は?"], **short) + "\n")

    # Ctrl-C while a line is typed: it is gone.
    terminal.type("消える")
    terminal.until("消える")
    terminal.interrupt_line()

    # An answer is shown while it is written, and Ctrl-C stops it. The whole would have a thousand tokens.
    assert terminal.say("--max_target_length 1000") == ""
    whole = said(model, "止めて", ["山梨県は?", "桃は\n二行?"], max_target_length=40)
    terminal.type("止めて\n")
    terminal.until("\n")
    terminal.until(whole[:3])
    terminal.type("\x03")
    shown = terminal.until("you> ")
    assert "stopped" in shown
    assert "limit of tokens" not in shown

    # What was said stays, marked; a retry replaces it.
    assert "wrote 3 answers" in terminal.say(f"/save {tmp_path / 'one.jsonl'}")
    messages = json.loads((tmp_path / "one.jsonl").read_text(encoding="utf-8"))["messages"]
    assert [m["content"] for m in messages if m["role"] == "user"] == ["山梨県は?", "桃は\n二行?", "止めて"]
    assert messages[-1]["cut"]
    assert messages[-1]["content"].startswith(whole[:3])
    assert len(messages[-1]["content"]) < 2000
    terminal.say("--max_target_length 5")
    again = terminal.say("/retry")
    assert again.startswith(said(model, "止めて", ["山梨県は?", "桃は\n二行?"], **short) + "\n")
    assert "the same options" in terminal.say("/retry")
    terminal.say("--do_sample --temperature 2.0")
    drawn = {terminal.say("/retry").split("\n")[0] for _ in range(3)}
    assert len(drawn) == 3

    # Commands that are wrong end nothing.
    assert "is there already; give another name" in terminal.say(f"/save {tmp_path / 'one.jsonl'}")
    assert "did you mean /retry?" in terminal.say("/rety")
    assert "has no {system}" in terminal.say("/system やさしく")
    assert "did you mean --num_beams?" in terminal.say("--num_bems 3")
    assert "leave out --num_return_sequences" in terminal.say("--num_return_sequences 3")
    assert "/save FILE" in terminal.say("/help")
    assert "usage: generate.py" in terminal.say("--help")
    assert terminal.say("") == ""

    # Beams come whole; the history has room for some turns only, and is forgotten.
    terminal.say("/clear")
    assert "nothing has been said yet" in terminal.say(f"/save {tmp_path / 'two.jsonl'}")
    assert "nothing has been asked yet" in terminal.say("/retry")
    assert terminal.say(" /桃").split("\n")[0]
    assert "left out from now on" in terminal.say("--max_input_length 12") + terminal.say("白浜市の人口は?")
    terminal.type("\x04")
    assert terminal.process.wait(timeout=60) == 0


def talk(model, lines, *options):
    return here("generate.py", "--model_name_or_path", model, "--interactive", *options, stdin="\n".join(lines) + "\n")


def test_quit_and_the_end_of_the_input(model):
    for lines in (["桃", "/quit", "県"], ["桃"]):
        result = talk(model, lines, "--max_target_length", "3")
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("you> ") == 2


def test_beams_are_said_to_come_whole(model):
    result = talk(model, ["--num_beams 2", "桃"], "--max_target_length", "3")
    assert "from now on answers are shown when they are whole" in result.stderr
    shown = result.stdout.split("you> ")[2]
    ((_, output),) = Decoder(load(str(model))).decode(["桃"], AnsweringOptions(num_beams=2, max_target_length=3))
    assert shown == f"{output.text}\n"


def test_a_t5_answers_each_line_alone(tiny, tmp_path):
    checkpoint = load_speaking(tiny)
    save(tmp_path / "t5", checkpoint.model, checkpoint.tokenizer, Task.named("plain"), {}, {})
    result = talk(tmp_path / "t5", ["桃", "県", "桃"], "--max_target_length", "4")
    assert result.returncode == 0, result.stderr
    assert "answers each line alone: a model of its kind takes no earlier turns" in result.stdout
    first, second, third, _ = (shown.split("\n")[0] for shown in result.stdout.split("you> ")[1:])
    assert first == third != second
    one = here(
        "generate.py", "--model_name_or_path", tmp_path / "t5", "--prompt", "桃", "--max_target_length", "4", "--num_beams", "1"
    )
    assert one.stdout == f"{first}\n"


def test_a_task_without_history_answers_each_line_alone(model, tmp_path):
    own = shutil.copytree(model, tmp_path / "own")
    task = Task("own", "{instruction}", "{response}", INSTRUCTIONS)
    (own / "task.json").write_text(json.dumps(task.to_json()), encoding="utf-8")
    result = talk(own, ["桃", "桃"], "--max_target_length", "4")
    assert "answers each line alone: the task own has no earlier turns." in result.stdout
    first, second, _ = (shown.split("\n")[0] for shown in result.stdout.split("you> ")[1:])
    assert first == second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num_return_sequences", "2"], "a conversation goes on from one answer; leave out --num_return_sequences"),
        (["--output_format", "json"], "a conversation is printed as text, not as json; /save FILE writes JSON Lines"),
        (["--allow_answer"], "--allow_answer is for models that ask questions"),
        (["--system", "やさしく"], "the template of the task plain has no {system}"),
        (["--prompt", "桃"], "--prompt cannot go with --interactive"),
    ],
)
def test_options_that_a_conversation_cannot_have(model, options, message):
    assert message in refused(talk(model, ["桃"], *options))


def test_two_models_talk_side_by_side(model, tmp_path):
    base = shutil.copytree(model, tmp_path / "base", ignore=shutil.ignore_patterns("task.json"))
    result = talk(model, ["桃", "--num_beams 2", f"/save {tmp_path / 'x.jsonl'}"], "--compare", base, "--max_target_length", "3")
    assert result.returncode == 0, result.stderr
    assert f"{base} has no task.json: it is asked with the task plain of the other model" in result.stderr
    answer = said(model, "桃", max_target_length=3)
    assert f"you> [{model}]\n{answer}\n[{base}]\n{answer}\nyou> " in result.stdout
    names = [json.loads(line)["model"] for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    assert names == [str(model), str(base)]
