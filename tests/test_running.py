import logging
import os
import sys
import warnings

import pytest
from running import Forked, here, script


@pytest.mark.parametrize(
    "command",
    [
        ["train.py"],
        ["predict.py", "--help"],
        ["generate.py", "--no_such_option"],
        ["generate.py", "--answer", b"\xff", "--context", "文"],
        ["evaluate.py", "--predictions", "none.tsv"],
        ["prepare_jsquad.py", "--dev_ratio", "1"],
    ],
    ids=lambda command: command[0],
)
def test_a_script_here_is_as_one_in_its_own_process(command, tmp_path):
    command = [os.fsdecode(argument) if isinstance(argument, bytes) else argument for argument in command]
    there = script(*command, cwd=tmp_path)
    found = here(*command, cwd=tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (there.returncode, there.stdout, there.stderr)
    assert not list(tmp_path.iterdir())


def test_a_fork_is_as_a_process():
    command = ["predict.py", "--per_device_eval_batch_size", "0"]
    there, found = script(*command), Forked(*command, first=lambda: print("first")).wait()
    assert (found.returncode, found.stdout, found.stderr) == (2, "first\n" + there.stdout, there.stderr)


NOISY = """
import logging, os, sys, warnings
os.environ["TOI_TEST"] = "1"
print(sys.stdin.readline().strip(), os.getcwd(), sys.argv[1:], sys.stdout.isatty())
os.write(2, b"from C\\n")
warnings.warn("a warning")
logging.getLogger("noisy").error("a log")
sys.exit(int(sys.argv[1]))
"""


def test_all_that_is_said_here_is_caught_and_nothing_stays(tmp_path):
    (tmp_path / "noisy.py").write_text(NOISY, encoding="utf-8")
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("noisy").addHandler(handler)
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr, handler.stream, os.getcwd(), dict(os.environ), warnings.showwarning
    try:
        for code in (0, 3):
            result = here(tmp_path / "noisy.py", code, cwd=tmp_path, stdin="typed\nmore\n")
            assert result.returncode == code
            assert result.stdout == f"typed {tmp_path} ['{code}'] False\n"
            for said in ("from C\n", "noisy.py:6: UserWarning: a warning\n", "a log\n"):
                assert said in result.stderr
        after = sys.argv, sys.stdin, sys.stdout, sys.stderr, handler.stream, os.getcwd(), dict(os.environ), warnings.showwarning
        assert after == before
        (tmp_path / "noisy.py").write_text("raise KeyError('a traceback')")
        with pytest.raises(KeyError):
            here(tmp_path / "noisy.py")
    finally:
        logging.getLogger("noisy").removeHandler(handler)
