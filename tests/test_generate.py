"""generate.py as a user runs it."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, here, refused

CONTEXT = "山梨県の県庁所在地は甲府市です。"


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    """A tiny model with a task, whose weights are random."""
    from conftest import load_speaking

    from toi.data.tasks import Task
    from toi.models.checkpoint import save

    folder = tmp_path_factory.mktemp("generate") / "model"
    checkpoint = load_speaking(tiny)
    save(folder, checkpoint.model, checkpoint.tokenizer, Task.named("aqg"), {}, {})
    return folder


def generate(model, *arguments, stdin=""):
    return here("generate.py", "--model_name_or_path", model, "--max_target_length", "6", *arguments, stdin=stdin)


def test_many_requests_from_stdin(model):
    lines = [
        {"id": "一", "answer": "甲府市", "context": CONTEXT},
        {"context": "桃と<hl>桃<hl>です"},
        {"answer": "桃", "context": "桃と桃"},
    ]
    stdin = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    options = ["--input_file", "-", "--output_format", "json", "--num_return_sequences", "3", "--num_beams", "2", "--verbose"]
    result = generate(model, *options, stdin=stdin)
    assert result.returncode == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one.get("id"), one.get("answer"), one["error"]) for one in found] == [
        ("一", "甲府市", None),
        (None, None, None),
        (None, "桃", None),
    ]
    for one, answer in zip(found, ("甲府市", "桃", "桃"), strict=True):
        assert len({output["text"] for output in one["outputs"]}) == 3
        assert all(output["answer_leaked"] is False and output["banned_words"] == [] for output in one["outputs"])
        assert not any(answer in output["text"] for output in one["outputs"])
    assert "generate.py: --num_beams 2 is raised to 3, for --num_return_sequences 3" in result.stderr.splitlines()
    assert "stdin:3: the answer '桃' occurs 2 times, at 0, 2; the first is taken" in result.stderr
    assert "torch float32" in result.stderr.splitlines()[-1]


def test_on_the_terminal(model):
    lines = [
        CONTEXT,
        "甲府市",
        "--num_beams 2 --num_return_sequences 2",
        "甲府市",
        "--num_bems 3",
        "--help",
        "乙府市",
        "",
        "桃と<hl>桃<hl>です",
        "quit",
        "x",
    ]
    command = [sys.executable, "generate.py", "--model_name_or_path", model, "--max_target_length", "6", "--interactive"]
    typed = "\n".join(lines) + "\n"
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, input=typed)
    assert result.returncode == 0, result.stderr
    assert "usage: generate.py" in result.stdout
    shown = "".join(re.split(r"usage:.*?╯\n(?=answer> )", result.stdout, flags=re.DOTALL))
    outputs = shown.replace("context> ", "").replace("answer> ", "").splitlines()
    assert len(outputs) == 1 + 1 + 2 + 2
    assert "did you mean --num_beams?" in result.stderr
    assert "the answer '乙府市' is not in the context; the nearest is '甲府市'" in result.stderr


def test_one_request(model, tmp_path):
    result = generate(model, "--answer", "甲府市", "--context", CONTEXT, "--output_format", "tsv")
    header, line = result.stdout.splitlines()
    assert header.split("\t")[:4] == ["id", "output", "score", "log_prob"]
    assert line.split("\t")[5] == "false"
    words = tmp_path / "words.txt"
    every = [*range(0x21, 0x7F), *range(0x3001, 0x30FF), *range(0x4E00, 0x9FFF), 0xFFFD]
    words.write_text("\n".join(map(chr, every)), encoding="utf-8")
    nothing = refused(generate(model, "--answer", "甲府市", "--context", CONTEXT, "--bad_words_file", str(words)))
    assert "the model found nothing without the banned words; give fewer --bad_words or more --num_beams" in nothing


def test_all_options_of_the_superseded_script(model, tiny, tmp_path):
    bare = shutil.copytree(model, tmp_path / "bare", ignore=shutil.ignore_patterns("spiece.model", "tokenizer*"))
    options = {
        "tokenizer_name_or_path": tiny, "seed": 42, "max_input_length": 512, "temperature": 1.0, "repetition_penalty": 1.5,
        "num_beams": 10, "diversity_penalty": 1.0, "num_beam_groups": 10, "num_return_sequences": 10, "answer": "甲府市",
        "context": CONTEXT,
    }  # fmt: skip
    command = [argument for name, value in options.items() for argument in (f"--{name}", str(value))]
    result = generate(bare, *command, "--bad_words", "山梨", "--verbose")
    assert result.returncode == 0, result.stderr
    assert len(set(result.stdout.splitlines())) == 10
    said = result.stderr.splitlines()
    assert "num_beam_groups=10" in said[0]
    assert "bad_words=['山梨']" in said[0]
    assert said[1] == f"generate.py: answer: 甲府市 context: {CONTEXT}"
    assert "no tokenizer" in refused(generate(bare, "--answer", "甲府市", "--context", CONTEXT))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--answer", "乙府市", "--context", CONTEXT], "the answer '乙府市' is not in the context; the nearest is '甲府市'"),
        (
            ["--answer", "甲府市", "--context", CONTEXT, "--occurrence", "2"],
            "occurs 1 times in the context: there is no occurrence 2",
        ),
        (["--question", "何?", "--context", CONTEXT], "the model asks questions (task aqg): give --answer, not --question"),
        (["--context", "<hl> <hl>甲府市です"], "nothing stands between the two <hl> of the context"),
        (["--answer", "甲府市", "--context", CONTEXT, "--num_beams", "0"], "generate.py: --num_beams must be at least 1, not 0"),
        (["--answer", b"\xff", "--context", CONTEXT], "--answer is not UTF-8"),
        (["--context", "<hl>甲府市です"], "a marked context has <hl> twice, around the answer; this one has it 1 times"),
    ],
)
def test_bad_requests(model, arguments, message):
    assert message in refused(generate(model, *arguments))


def test_bad_lines_of_a_file_are_said_before_the_model_is_loaded(model, tmp_path):
    answers = ("甲府市", "乙府市", "桃", "")
    lines = [json.dumps({"answer": answer, "context": CONTEXT}) for answer in answers]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    broken = shutil.copytree(model, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"")
    message = refused(generate(broken, "--input_file", str(tmp_path / "x.jsonl")))
    place = tmp_path / "x.jsonl"
    assert f"{place}:2: the answer '乙府市' is not in the context; the nearest is '甲府市' (and {place}:3, {place}:4)" in message


def test_a_prompt_without_its_answer_is_warned_of(tiny, tmp_path):
    from toi.data.tasks import Task
    from toi.models.checkpoint import add_highlight, load, save

    checkpoint = load(str(tiny))
    add_highlight(checkpoint)
    save(tmp_path / "m", checkpoint.model, checkpoint.tokenizer, Task.named("aqg-hl"), {}, {})
    long = "趣味は釣りです。" * 9 + CONTEXT
    result = generate(tmp_path / "m", "--answer", "甲府市", "--context", long, "--max_input_length", "20")
    assert "cut to 20, before the end of the answer, so the output is of no use; shorten the context" in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_an_output_that_cannot_be_written(model):
    command = [sys.executable, "generate.py", "--model_name_or_path", model, "--answer", "甲府市", "--context", CONTEXT]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == "generate.py: the output cannot be written (No space left on device)"
    assert "Traceback" not in result.stderr


def test_a_missing_file_is_said_at_once():
    assert "no_such_file: no such file" in refused(here("generate.py", "--input_file", "no_such_file"))
