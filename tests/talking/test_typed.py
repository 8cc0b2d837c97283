"""What is typed on the terminal: commands, lines that go on, options that change."""

import builtins
from dataclasses import replace

import pytest

from toi.scoring.options import AnsweringOptions
from toi.system.errors import InputError
from toi.talking.typed import COMMANDS, Command, TypedOptions, command_of, help_text, read_text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("やあ", None),
        ("", None),
        (" /help", None),
        ("--num_beams 2", None),
        ("/help", Command("help")),
        ("/quit  ", Command("quit")),
        ("/system やさしく 答えて。", Command("system", "やさしく 答えて。")),
        ("/system 一\n二", Command("system", "一\n二")),
        ("/system", Command("system")),
        ("/save  a b.jsonl ", Command("save", "a b.jsonl")),
    ],
)
def test_commands(line, expected):
    assert command_of(line) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/sav x", "no command /sav; did you mean /save?"),
        ("/", "no command /; /help lists those there are"),
        ("/etc/passwdとは?", "To say a line that begins with /, put a space before it"),
        ("/Help", "no command /Help; did you mean /help?"),
        ("/save", "/save needs the name of a file"),
        ("/clear all", "/clear stands alone in its line"),
    ],
)
def test_what_is_no_command(line, message):
    with pytest.raises(InputError) as error:
        command_of(line)
    assert message in str(error.value)


def test_the_help_has_every_command():
    assert all(f"/{usage}" in help_text() for usage in COMMANDS)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["やあ"], "やあ"),
        (["一\\", "二"], "一\n二"),
        (["一\\", "\\", "三 "], "一\n\n三 "),
        (["終わり\\\\"], "終わり\\"),
        (["一\\\\\\", "二"], "一\\\n二"),
        (["\\n"], "\\n"),
        (["一\\"], "一"),  # the end of the input
        ([], None),
    ],
)
def test_lines_go_on_behind_a_backslash(typed, expected, monkeypatch, capsys):
    lines, asked = iter(typed), []

    def typing(ask):
        asked.append(ask)
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(builtins, "input", typing)
    assert read_text("you> ") == expected
    assert asked[0] == "you> "
    assert set(asked[1:]) <= {"... "}


def parsed(arguments):
    """`--num_beams N` and `--task NAME` alone."""
    options = AnsweringOptions()
    for argument in arguments:
        name, _, value = argument.lstrip("-").partition("=")
        if value == "bad":
            raise InputError("bad")
        options = replace(options, **{name.replace("-", "_"): int(value) if value.isdigit() else value})
    return options


def test_options_change_or_stay():
    typed = TypedOptions(parsed(["--seed=1"]), ["--seed=1"], parsed, greedy=True)
    assert (typed.now.num_beams, typed.now.seed) == (1, 1)
    typed.change("--top_k=7")
    assert (typed.now.num_beams, typed.now.seed, typed.now.top_k) == (1, 1, 7)
    for line, message in (
        ("--seed=bad", "bad"),
        ("--task=qa", "another start of generate.py"),
        ("--model_name_or_path=m", "another start of generate.py"),
        ("--seed='1", "No closing quotation"),
    ):
        with pytest.raises((InputError, ValueError), match=message):
            typed.change(line)
    typed.change("--seed=2")  # nothing of what was refused is left
    typed.change("--num-beams=3")
    assert (typed.now.num_beams, typed.now.seed, typed.now.top_k) == (3, 2, 7)
    typed.change("--seed=4")
    assert typed.now.num_beams == 3


@pytest.mark.parametrize(("arguments", "beams"), [([], 4), (["--num_beams=2"], 2)])
def test_beams_stay_where_nobody_talks(arguments, beams):
    assert TypedOptions(parsed(arguments), arguments, parsed).now.num_beams == beams
