import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from test_cli import SCRIPTS

BEGIN = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from toi.system import start
start.begin()

def wait():
    print("ready", flush=True)
    time.sleep(30)
"""
RUN = """
from dataclasses import dataclass
from toi.system.cli import run

@dataclass
class Options:
    def problems(self):
        return []

run(main, Options)
"""
IN_THE_MIDDLE = """
def main(options):
    try:
        wait()
    finally:
        print("tidied", flush=True)
"""
WHILE_TIDYING = IN_THE_MIDDLE.replace('print("tidied", flush=True)', "wait()")
IN_AN_IMPORT = """
def main(options):
    try:
        import slow
    except BaseException as error:  # as libraries do
        raise ImportError("something went wrong") from error
"""
AT_THE_END = """
import atexit
atexit.register(wait)

def main(options):
    pass
"""
INTERRUPTED = "try.py: interrupted\n"
CASES = [
    # the script, signals, what stands on stdout and stderr, exit codes (a signal's own is 130 to a shell)
    ("import slow", 1, "ready\n", INTERRUPTED, 130),
    (IN_THE_MIDDLE + RUN, 1, "ready\ntidied\n", INTERRUPTED, 130),
    (IN_AN_IMPORT + RUN, 1, "ready\n", INTERRUPTED, 130),
    (WHILE_TIDYING + RUN, 2, "ready\nready\n", "", -signal.SIGINT),
    (AT_THE_END + RUN, 1, "ready\n", "", -signal.SIGINT),
]


@pytest.mark.parametrize(("code", "signals", "stdout", "stderr", "exit_code"), CASES)
def test_ctrl_c_shows_no_traceback(code, signals, stdout, stderr, exit_code, tmp_path):
    (tmp_path / "try.py").write_text(BEGIN + code)
    (tmp_path / "slow.py").write_text("from __main__ import wait\nwait()\n")
    command = [sys.executable, str(tmp_path / "try.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        shown = ""
        for _ in range(signals):
            shown += process.stdout.readline()
            process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=30)
    assert (shown + rest, said, process.returncode) == (stdout, stderr, exit_code)


def test_ctrl_c_stays_ignored_where_it_is(tmp_path):
    """As nohup and a shell's background want it."""
    (tmp_path / "try.py").write_text(f"{BEGIN}import os\nos.kill(os.getpid(), 2)\nprint('done')")
    command = f"trap '' INT; exec {sys.executable} {tmp_path / 'try.py'}"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (result.stdout, result.stderr, result.returncode) == ("done\n", "", 0)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_python_that_does_not_find_what_is_needed(name):
    """`-P` and `-I` leave our folder out, `-S` the packages, as a Python outside of the environment does."""
    for flag, said in (("-P", "leave out -P, -I"), ("-I", "leave out -P, -I"), ("-S", " is not installed for ")):
        result = subprocess.run([sys.executable, flag, str(ROOT / name), "--help"], cwd=ROOT, capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
        assert result.stderr.startswith(f"{name}: the package ")
        assert said in result.stderr


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("import nothing_like_this.at_all", "try.py: the package nothing_like_this is not installed for "),
        ("import toi.nothing", "ModuleNotFoundError: No module named 'toi.nothing'"),  # our own mistake
        ("import json.nothing", "ModuleNotFoundError: No module named 'json.nothing'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_only_missing_packages_are_explained(code, last, tmp_path):
    (tmp_path / "try.py").write_text(BEGIN + code)
    result = subprocess.run([sys.executable, str(tmp_path / "try.py")], capture_output=True, text=True, cwd=tmp_path)
    assert result.stderr.splitlines()[-1].startswith(last)
    assert ("Traceback" in result.stderr) == (result.returncode == 1)


def test_what_to_do_for_a_missing_package(tmp_path):
    (tmp_path / "try.py").write_text(f"{BEGIN}import nothing_like_this")

    def said(cwd):
        return subprocess.run([sys.executable, str(tmp_path / "try.py")], capture_output=True, text=True, cwd=cwd).stderr

    assert said(tmp_path).endswith(": make .venv/installed, then . .venv/bin/activate\n")
    (tmp_path / ".venv").mkdir()
    assert said(tmp_path).endswith(": . .venv/bin/activate\n")
    (tmp_path / "below").mkdir()
    assert said(tmp_path / "below").endswith(": . ../.venv/bin/activate\n")
    (tmp_path / ".venv").rmdir()
    os.symlink(sys.prefix, tmp_path / ".venv")  # it is active
    assert said(tmp_path).endswith(": pip install -r requirements.txt\n")
