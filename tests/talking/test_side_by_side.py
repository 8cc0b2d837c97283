"""generate.py --compare: two models answer the same."""

import json

import pytest
from conftest import here, load_speaking, refused
from tiny_causal import llama_pieces, make_gpt2

from toi.data.tasks import Task
from toi.models.checkpoint import save


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model of instructions, a base without a task, a model with another template, and one that asks."""
    folder = tmp_path_factory.mktemp("compared")
    base = make_gpt2(folder / "base", llama_pieces)
    for name, task, seed in (("chat", "plain", 1), ("alpaca", "alpaca-ja", 2), ("asks", "aqg", 3)):
        checkpoint = load_speaking(base, seed=seed)
        save(folder / name, checkpoint.model, checkpoint.tokenizer, Task.named(task), {}, {})
    return folder


def generate(model, *options, stdin=""):
    return here("generate.py", "--model_name_or_path", model, "--max_target_length", "4", *options, stdin=stdin)


def alone(model, *options):
    return generate(model, *options).stdout


def test_a_prompt(models):
    chat, alpaca, base = models / "chat", models / "alpaca", models / "base"
    for other, as_task in ((alpaca, []), (base, ["--task", "plain"])):
        result = generate(chat, "--compare", other, "--prompt", "山梨県は?")
        assert result.returncode == 0, result.stderr
        before, after = alone(chat, "--prompt", "山梨県は?"), alone(other, "--prompt", "山梨県は?", *as_task)
        assert result.stdout == f"[{chat}]\n{before}[{other}]\n{after}"
        asked = f"{base} has no task.json: it is asked with the task plain of the other model" in result.stderr
        assert asked == (other == base)
        assert f"{other}: torch float32" in result.stderr


def test_requests_of_a_file_in_all_formats(models):
    chat, alpaca = models / "chat", models / "alpaca"
    stdin = '{"id": "一", "prompt": "山梨県は?"}\n{"prompt": "桃"}\n'
    both = ["--compare", alpaca, "--input_file", "-", "--num_return_sequences", "2", "--num_beams", "2"]
    shown = {form: generate(chat, *both, "--output_format", form, stdin=stdin).stdout for form in ("text", "tsv", "json")}
    records = [json.loads(line) for line in shown["json"].splitlines()]
    assert [(record["model"], record["prompt"]) for record in records] == [
        (str(model), text) for text in ("山梨県は?", "桃") for model in (chat, alpaca)
    ]
    header, *rows = (line.split("\t") for line in shown["tsv"].splitlines())
    assert header[:3] == ["id", "model", "output"]
    assert [row[:2] for row in rows] == [[id, str(model)] for id in ("一", "2") for model in (chat, alpaca) for _ in range(2)]
    texts = [[text["text"] for text in record["outputs"]] for record in records]
    assert [len(two) for two in texts] == [2] * 4
    blocks = shown["text"].split("\n\n")
    assert blocks[-1] == ""
    lines = [[line for line in block.splitlines() if line in (f"[{chat}]", f"[{alpaca}]")] for block in blocks[:-1]]
    assert lines == [[f"[{chat}]", f"[{alpaca}]"]] * 2
    assert "".join(texts[0][0].split()) in "".join(blocks[0].split())


def test_what_cannot_be_compared(models):
    chat = models / "chat"
    assert "--compare is the model itself" in refused(generate(chat, "--compare", chat, "--prompt", "桃"))
    assert "no such model folder" in refused(generate(chat, "--compare", models / "none" / "x", "--prompt", "桃"))
    message = refused(generate(chat, "--compare", models / "asks", "--prompt", "桃"))
    assert "the model asks questions (task aqg): give --answer, not --prompt" in message
    message = refused(generate(chat, "--compare", models / "asks", "--interactive"))
    assert "one of the models does what an instruction says, and one does not" in message


def test_questions_on_the_terminal(models):
    result = generate(models / "asks", "--compare", models / "base", "--interactive", stdin="町の人口は桃です。\n桃\nquit\n")
    assert result.returncode == 0, result.stderr
    assert f"answer> [{models / 'asks'}]\n" in result.stdout
    assert f"\n[{models / 'base'}]\n" in result.stdout
