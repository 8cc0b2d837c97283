"""What each script imports, and that it says the same where it has to import more. No times: those are of a machine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, here, settle

CONTEXT = "山梨県の県庁所在地は甲府市です。"
# Packages that a script may import beside Python's own, by what it does.
OPTIONS = {"docstring_parser", "tyro", "typeguard", "typing_extensions"}
TEXT = {"cython_runtime", "neologdn", "numpy", "regex"}
WORDS = {"fugashi", "ipadic"}
WRITING = OPTIONS | TEXT | WORDS | {"ctranslate2", "sentencepiece", "tqdm"}

NOTED = """
import runpy, sys
sys.path.insert(0, {root!r})
try:
    runpy.run_path({script!r}, run_name="__main__")
except SystemExit as stop:
    code = stop.code or 0
else:
    code = 0
packages = {{name.split(".")[0] for name in sys.modules}}
known = set(sys.stdlib_module_names) | {{"toi", "__main__", "__mp_main__"}}
print("\\n" + " ".join(sorted(name for name in packages - known if not name.startswith("_"))), file=sys.stderr)
sys.exit(code)
"""


def imported(script, *arguments):
    """The packages that a script has imported when it is done, those of Python and our own left out."""
    code = NOTED.format(root=str(ROOT), script=str(ROOT / script))
    command = [sys.executable, "-c", code, *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split()), result


@pytest.fixture
def no_accelerator(tiny_ready, monkeypatch):
    """The scripts run in processes of their own, which look for themselves."""
    from toi.system.machine import may_have_accelerator

    if may_have_accelerator():
        pytest.skip("with an accelerator torch searches")
    settle(tiny_ready.with_name("model.ctranslate2"))
    return tiny_ready


SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help(name):
    packages, result = imported(name, "--help")
    assert packages <= (OPTIONS | {"cython_runtime", "neologdn"} if name.startswith("prepare_") else OPTIONS)
    assert "usage: " in result.stdout


ONE = ["--answer", "甲府市", "--context", CONTEXT, "--max_target_length", "6"]


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ([], "ctranslate2 float32"),
        (["--bad_words"], "1 searched again by numpy float32, for banned words"),
        (["--num_return_sequences", "3", "--diversity_penalty", "1"], "numpy float32 (CTranslate2 does not search so)"),
    ],
    ids=["one question", "banned words", "several outputs"],
)
def test_a_question(no_accelerator, options, engine):
    if options == ["--bad_words"]:  # a letter that it would write
        free = here("generate.py", "--model_name_or_path", no_accelerator, *ONE).stdout
        options = [*options, next(c for c in free if c.isalnum())]
    packages, result = imported("generate.py", "--model_name_or_path", no_accelerator, *ONE, *options)
    assert packages <= WRITING
    assert engine in result.stderr


def test_few_requests_and_few_rows(no_accelerator, tmp_path):
    lines = [json.dumps({"answer": answer, "context": CONTEXT}) for answer in ("甲府市", "山梨県")]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = f"a\tanswer: 甲府市 context: {CONTEXT}\t県庁所在地は?\nb\tanswer: 桃 context: 桃です。\t何?\n"
    (tmp_path / "in.tsv").write_text(rows, encoding="utf-8")
    for script, *options in (
        ("generate.py", "--input_file", tmp_path / "in.jsonl", "--output_format", "json"),
        (
            "predict.py",
            "--input_file",
            tmp_path / "in.tsv",
            "--output_file",
            tmp_path / "out.tsv",
            "--bad_words",
            *"県市山梨はのでい",
        ),
    ):
        packages, _ = imported(script, "--model_name_or_path", no_accelerator, "--max_target_length", "6", *options)
        assert packages <= WRITING
    packages, result = imported("evaluate.py", "--predictions", tmp_path / "out.tsv", "--output_dir", tmp_path / "scores")
    assert packages <= OPTIONS | TEXT | WORDS
    assert "exact_match" in result.stdout


REQUESTS = [
    (*ONE,),
    (*ONE, "--bad_words", *"県市山梨はのでい", "--output_format", "json"),
    (*ONE, "--allow_answer", "--output_format", "tsv", "--verbose"),
    (*ONE, "--num_return_sequences", "3", "--output_format", "json"),
    (*ONE, "--num_return_sequences", "3", "--diversity_penalty", "1"),
    (*ONE, "--do_sample", "--seed", "5"),
    (*ONE, "--compute_type", "int8"),
    (*ONE, "--backend", "torch"),
    (*ONE, "--max_input_length", "4"),
    (*ONE, "--task", "qa"),
    (*ONE, "--answer_start", "3"),
    (*ONE, "--bad_words", *map(chr, range(0x3041, 0x3097)), *map(chr, range(0x21, 0x7F)), *map(chr, range(0x4E00, 0x9FFF))),
    ("--answer", "乙府市", "--context", CONTEXT),
    ("--question", "何?", "--context", CONTEXT),
    (*ONE, "--num_beams", "0"),
    (*ONE, "--compute_type", "int8", "--num_return_sequences", "2"),
    ("--input_file", "no_such_file"),
]


def told(result, folder: Path):
    """What a user sees, but for who computed it and digits behind the fourth."""
    text = f"{result.returncode}\n{result.stdout}\n{result.stderr}".replace("numpy float32", "torch float32")
    text = re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda match: f"{float(match[0]):.3f}", text)
    return text.replace(str(folder), "model")


def test_the_same_is_told_on_both_ways(tiny_ready, monkeypatch):
    found = []
    for accelerator in (False, True):  # as if torch might find one: then it is imported
        monkeypatch.setattr("toi.models.ready.may_have_accelerator", lambda accelerator=accelerator: accelerator)
        found.append([told(here("generate.py", "--model_name_or_path", tiny_ready, *r), tiny_ready) for r in REQUESTS])
    for request, quick, slow in zip(REQUESTS, *found, strict=True):
        assert quick == slow, request[:12]
    assert {text[0] for text in found[0]} == {"0", "2"}


def test_damage_is_told_the_same_on_both_ways(tiny_ready, monkeypatch):
    """One line, exit code 2."""
    damage = [("config.json", "{"), ("model.safetensors", "cut"), ("spiece.model", ""), ("task.json", "[]"), ("run.json", "[]")]
    damage += [("generation_config.json", "[]"), ("tokenizer.json", "{"), ("tokenizer_config.json", "[]")]
    for name, content in damage:
        before = (tiny_ready / name).read_bytes()
        (tiny_ready / name).write_text(content)
        found = []
        for accelerator in (False, True):
            monkeypatch.setattr("toi.models.ready.may_have_accelerator", lambda accelerator=accelerator: accelerator)
            found.append(told(here("generate.py", "--model_name_or_path", tiny_ready, *ONE), tiny_ready))
        assert found[0] == found[1]
        named = "" if name == "model.safetensors" else re.escape(name)
        assert re.fullmatch(rf"2\n\ngenerate\.py: .*{named}.*\n", found[0])
        (tiny_ready / name).write_bytes(before)
