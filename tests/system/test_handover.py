"""Our evaluate.py and the library `evaluate` of Hugging Face, both from the root of the repository and from elsewhere."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

LIBRARY = [Path(entry) / "evaluate" for entry in sys.path if (Path(entry or ".") / "evaluate" / "__init__.py").is_file()]
needs_library = pytest.mark.skipif(
    not LIBRARY or find_spec("datasets") is None, reason="evaluate and datasets are not installed (requirements-dev.txt)"
)


def python(code, cwd, tmp_path, *options):
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


LOAD = """
import json, sys
import evaluate
metric = evaluate.load(sys.argv[1])
pair = dict(predictions=["今日はわるい天気だ"], references=["今日は天気だ"])
print(json.dumps(metric.compute(**pair, signatures=True)))
print(json.dumps(metric.compute(predictions=["甲府", "桃"], references=[["甲府市", "x"], ["桃"]], profile="jglue", n_resamples=50)))
print(evaluate.__version__, evaluate.Metric.__module__)
from toi.scoring.metrics import score
assert score(pair["predictions"], [pair["references"]])["rougeL"].value == metric.compute(**pair)["rougeL"]
"""


@needs_library
def test_the_metric_module(tmp_path):
    """`evaluate.load` gives the same figures from the root of the repository, where our script has the library's name.

    The second load finds in the library's cache what the first one, by a relative path, left there.
    """
    for cwd, path in ((ROOT, "metrics/toi_qg"), (tmp_path, str(ROOT / "metrics" / "toi_qg"))):
        result = python(LOAD.replace("sys.argv[1]", repr(path)), cwd, tmp_path)
        assert result.returncode == 0, result.stderr
        first, second, version = result.stdout.splitlines()
        assert json.loads(first)["bleu"] == pytest.approx(30.213753973567677, abs=1e-9)
        assert "tok:ja-mecab" in json.loads(first)["signatures"]["bleu"]
        found = json.loads(second)
        assert found["f1"] == pytest.approx(0.9)
        assert found["intervals"]["f1"] == pytest.approx([0.8, 1.0])
        assert version.split()[1] == "evaluate.module"


# The library looks for transformers, which takes seconds to load, and does without; the last way has both.
ALONE = "import sys; sys.modules['transformers'] = None\n"
WAYS = [
    "from evaluate import load, EvaluationModule; import evaluate; assert evaluate.load is load",
    "import evaluate.loading; assert evaluate.loading.load; import evaluate; assert evaluate.combine",
    "from evaluate import EvaluateOptions, main; import evaluate; assert evaluate.load",  # ours, then theirs
    "import train, accelerate, transformers, datasets; from evaluate.utils import logging; import evaluate; assert evaluate.load",
]


@needs_library
@pytest.mark.parametrize("code", WAYS)
def test_the_library_is_found_from_the_root(code, tmp_path):
    result = python(code if "transformers" in code else ALONE + code, ROOT, tmp_path)
    assert result.returncode == 0, result.stderr


def test_our_own_names_load_nothing(tmp_path):
    code = "from evaluate import EvaluateOptions; import sys, evaluate; print(evaluate.__file__, 'numpy' in sys.modules)"
    result = python(code, ROOT, tmp_path)
    assert result.stdout.split() == [str(ROOT / "evaluate.py"), "False"]


def test_without_the_library_the_error_says_so(tmp_path):
    code = """
import sys
sys.path = [entry for entry in sys.path if "site-packages" not in entry]
sys.modules["tyro"] = type(sys)("tyro"); sys.modules["tyro"].conf = type("c", (), {"FlagCreatePairsOff": None})
import evaluate
assert not hasattr(evaluate, "__path__")
evaluate.load
"""
    result = python(code, ROOT, tmp_path)
    assert "the library evaluate is not installed: pip install evaluate" in result.stderr.splitlines()[-1]
