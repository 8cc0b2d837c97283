import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Literal

import pytest
from conftest import ROOT, here, refused

from toi.system.cli import checked, parse
from toi.system.errors import InputError

SCRIPTS = [
    "prepare_jsquad.py",
    "prepare_jsquad_aqg.py",
    "prepare_quiz_aqg.py",
    "train.py",
    "predict.py",
    "generate.py",
    "evaluate.py",
]


@dataclass
class Options:
    """Some options."""

    bad_words: list[str] = field(default_factory=list)
    do_train: bool = False
    num_beams: int = 4
    kind: Literal["a", "b"] = "a"
    name: str | None = None

    def problems(self):
        return ["one", "two"] if self.num_beams == 0 else []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Options()),
        (["--bad_words", "山梨", "山梨県", "--do_train"], Options(["山梨", "山梨県"], True)),
        (["--num_beams", "2", "--kind", "b", "--name", "x y"], Options(num_beams=2, kind="b", name="x y")),
    ],
)
def test_options(arguments, expected):
    assert parse(Options, arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bad_word", "山梨"], "Unrecognized options: --bad_word, 山梨; did you mean --bad_words?"),
        (["--num_beams", "x"], "--num_beams: invalid literal for int"),
        (["--num_beams"], "--num_beams"),
        (["--kind", "c"], "--kind"),
        (["--completely-unknown-thing"], "Unrecognized options: --completely-unknown-thing"),
        (["stray"], "stray"),
    ],
)
def test_bad_options_are_said_in_one_line(arguments, message):
    with pytest.raises(InputError) as error:
        parse(Options, arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_problems_are_said_together():
    assert checked(Options()) == Options()
    with pytest.raises(InputError, match="one; two"):
        checked(Options(num_beams=0))


HEAVY = {"torch", "transformers", "accelerate", "tokenizers", "numpy", "sacrebleu"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_and_option_errors_import_nothing_heavy(name):
    """So they answer at once. What is imported is told by Python itself."""
    for arguments in (["--help"], ["--no_such_option_at_all"]):
        code = (
            f"import sys, runpy; sys.argv = {[name, *arguments]!r}\n"
            f"try: runpy.run_path({str(ROOT / name)!r}, run_name='__main__')\n"
            f"except SystemExit as stop: print('exit', stop.code, {HEAVY!r} & set(sys.modules))"
        )
        result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert f"exit {0 if arguments == ['--help'] else 2} set()" in result.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_importing_a_script_does_nothing(name, tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {name[:-3]}; print({HEAVY!r} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("set()\n", "")
    assert not list(tmp_path.iterdir())


BAD_COMBINATIONS = [
    (["train.py"], "nothing to do: give --do_train, --do_eval or both"),
    (["train.py", "--do_train", "--num_train_epochs", "0"], "--num_train_epochs must be at least 1, not 0"),
    (["train.py", "--do_train", "--learning_rate", "-1"], "--learning_rate must be above 0"),
    (["train.py", "--do_train", "--seed", "-1"], "--seed must be at least 0"),
    (["train.py", "--do_train", "--warmup_ratio", "2"], "--warmup_ratio must be between 0 and 1"),
    (["train.py", "--do_trian"], "did you mean --do_train"),
    (
        ["train.py", "--do_train", "--loss", "hinge"],
        "--loss must be cross_entropy, label_smoothing, focal, unlikelihood, dpo, ipo, choice or FILE.py:FUNCTION",
    ),
    (["generate.py"], "--context is needed; give --answer"),
    (["generate.py", "--context", "文", "--answer", ""], "--answer is empty"),
    (
        ["generate.py", "--context", "文", "--answer", "文", "--bad_words", ""],
        "--bad_words has a word without visible characters: ''",
    ),
    (["generate.py", "--context", "文", "--answer", "文", "--num_beams", "0"], "--num_beams must be at least 1"),
    (["generate.py", "--input_file", "no_such_file"], "no_such_file: no such file"),
    (["predict.py", "--bad_words_file", "no_such_file"], "no_such_file: no such file"),
    (["predict.py", "--input_file", "x"], "--input_file needs --output_file"),
    (["predict.py", "--input_file", "x", "--data_dir", "y", "--output_file", "z"], "not both"),
    (["evaluate.py", "--split", "valid"], "--split"),
    (["prepare_jsquad.py", "--dev_ratio", "1"], "--dev_ratio must be between 0 and 0.5"),
    (["prepare_jsquad_aqg.py", "--test_file", "x"], "--test_file needs --train_file"),
    (["prepare_quiz_aqg.py", "--max_passages", "0"], "--max_passages must be at least 1"),
    (["prepare_quiz_aqg.py", "--dev_file", "x"], "--dev_file needs --train_file"),
]


@pytest.mark.parametrize(("command", "message"), BAD_COMBINATIONS)
def test_bad_combinations(command, message):
    assert message in refused(here(*command))


SAYS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from dataclasses import dataclass
from toi.system.cli import run

@dataclass
class Options:
    text: str = "問い☃"

    def problems(self):
        return []

def main(options):
    print(options.text)
    print(options.text, file=sys.stderr)
    print(input())

run(main, Options)
"""
ENCODINGS = [
    # PYTHONIOENCODING, the encoding that is spoken, how a snowman and a broken byte of the input come out
    ("ascii", "utf-8", "☃", "\ufffd"),
    ("latin-1", "utf-8", "☃", "\ufffd"),
    ("utf-8", "utf-8", "☃", "\ufffd"),
    ("cp932", "cp932", "\\u2603", "\\ufffd"),
    ("cp932:ignore", "cp932", "", ""),
]


@pytest.mark.parametrize(("asked", "spoken", "snowman", "broken"), ENCODINGS)
def test_any_encoding_of_the_terminal(asked, spoken, snowman, broken):
    environment = {**os.environ, "PYTHONIOENCODING": asked}
    typed = "問\n".encode(spoken).replace(b"\n", b"\x81\n")
    result = subprocess.run([sys.executable, "-c", SAYS], input=typed, capture_output=True, env=environment)
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode(spoken) == f"問い{snowman}\n問{broken}\n"
    assert result.stderr.decode(spoken) == f"問い{snowman or chr(92) + 'u2603'}\n"  # Python never lets stderr ignore anything


def test_a_closed_stderr_is_not_mixed_into_stdout(tmp_path):
    (tmp_path / "says.py").write_text(SAYS)
    command = f"echo 答え | {sys.executable} {tmp_path}/says.py 2>&-"
    assert subprocess.run(command, shell=True, capture_output=True, text=True).stdout == "問い☃\n答え\n"


@pytest.mark.parametrize("arguments", [("--input_file", "-"), ("--interactive",)])
def test_a_closed_stdin(arguments):
    command = f"{sys.executable} {ROOT / 'generate.py'} {' '.join(arguments)} <&-"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert refused(result) == "generate.py: stdin is closed: there is nothing to read from"


LONG = "x" * 300
TOO_LONG = [
    ["train.py", "--do_train", "--data_dir", LONG],
    ["predict.py", "--output_file", LONG, "--input_file", "x"],
    ["predict.py", "--output_file", "x" * 250, "--input_file", "x"],  # no room for what stands beside it for a while
    ["predict.py", "--model_name_or_path", LONG],
    ["generate.py", "--context", "文", "--answer", "文", "--model_name_or_path", LONG],
    ["evaluate.py", "--output_dir", LONG],
    ["prepare_jsquad.py", "--train_file", LONG],
    ["prepare_quiz_aqg.py", "--train_file", LONG],
]


@pytest.mark.parametrize("command", TOO_LONG)
def test_names_too_long_for_the_file_system(command):
    line = refused(here(*command))
    assert f"{'x' * 50}" in line
    assert "the name is too long for the file system" in line
    assert len(line) < 250
