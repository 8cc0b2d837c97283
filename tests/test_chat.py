"""Conversations from a file to answers: what a chat template puts is learnt, saved, gone on with and asked in the same words."""

import json
import shutil
from dataclasses import replace

import pytest
from running import here, refused
from tiny_causal import byte_level, make_gpt2

from toi.data.examples import Example, read_rows
from toi.data.pairs import read_pairs
from toi.data.task_files import read_task
from toi.models.checkpoint import load

SAID = {"名物は？": "霧そば\nです", "人口は？": "5321人", "県は？": "ない", "県": "ない"}  # the last one for dev


def conversation(system, *asked):
    messages = [{"role": "system", "content": system}] if system else []
    for question in asked:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": SAID[question]}]
    return {"messages": messages}


@pytest.fixture(scope="module")
def prepared_chat(tmp_path_factory):
    """A tiny base without markers, and a data folder of conversations in ChatML."""
    folder = tmp_path_factory.mktemp("chat")
    names = list(SAID)[:3]
    records = [conversation("短く。" if i % 2 else "", *(names[(i + j) % 3] for j in range(1 + i % 2))) for i in range(12)]
    (folder / "c.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    base = make_gpt2(folder / "base", n_positions=128)
    data = folder / "data"
    (folder / "dev.jsonl").write_text(json.dumps(conversation("", "県"), ensure_ascii=False), encoding="utf-8")
    files = ("--train_file", folder / "c.jsonl", "--dev_file", folder / "dev.jsonl", "--output_dir", data)
    template = ("--template", "chat", "--chat_template", "chatml", "--tokenizer_name_or_path", base)
    result = here("prepare_instructions.py", *files, *template)
    assert result.returncode == 0, result.stderr
    first = json.loads((data / "report.json").read_text(encoding="utf-8"))["first_row"]
    assert first == "<|im_start|>user\\n名物は？<|im_end|>\\n<|im_start|>assistant\\n⟦霧そば\\nです<|im_end|>⟧"
    assert f"the first row, as the model reads it, the loss on what stands in ⟦⟧: {first}\n" in result.stdout
    return base, data


def train(base, data, to, *more):
    common = ("--do_train", "--model_name_or_path", base, "--data_dir", data, "--output_dir", to, "--precision", "fp32")
    result = here("train.py", *common, "--per_device_train_batch_size", 4, "--learning_rate", "1e-2", *more)
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def chat_model(prepared_chat, tmp_path_factory):
    base, data = prepared_chat
    to = tmp_path_factory.mktemp("model") / "m"
    train(base, data, to, "--num_train_epochs", 30, "--save_steps", 10)
    return to


def test_a_chat_model_of_others_is_asked_by_its_own_template(chat_model, prepared_chat, tmp_path):
    """What a folder of the hub holds: a tokenizer with a chat template, and no task.json."""
    model = tmp_path / "m"
    shutil.copytree(chat_model, model, ignore=shutil.ignore_patterns("task.json", "run.json", ".*"))
    asked = ("--prompt", "人口は？", "--system", "短く。", "--backend", "torch")
    known = here("generate.py", "--model_name_or_path", chat_model, *asked)
    found = here("generate.py", "--model_name_or_path", model, "--task", "chat", *asked)
    assert found.returncode == 0, found.stderr
    assert found.stdout == known.stdout == "5321人\n"
    assert "--task qa, aqg, aqg-hl or aqg-cf (chat," in refused(here("generate.py", "--model_name_or_path", model, *asked))
    base, _ = prepared_chat
    without = here("generate.py", "--model_name_or_path", base, "--task", "chat", *asked)
    assert refused(without) == (
        f"generate.py: {base}: the tokenizer has no chat template, which --task chat needs; --task plain asks without one"
    )


def test_the_rows_of_a_conversation(prepared_chat):
    rows = {row.id: row for row in read_rows(prepared_chat[1] / "train.tsv", line_breaks=True)}
    second = rows["c.jsonl:2#2"]
    assert second.source == (
        "<|im_start|>system\n短く。<|im_end|>\n<|im_start|>user\n人口は？<|im_end|>\n<|im_start|>assistant\n5321人<|im_end|>\n"
        "<|im_start|>user\n県は？<|im_end|>\n<|im_start|>assistant\n"
    )
    assert second.target == "ない"
    assert read_task(prepared_chat[1]).chat_template.markers == ("<|endoftext|>", "<|im_end|>", "<|im_start|>")[1:]


def test_a_model_learns_to_answer_and_to_end(prepared_chat, chat_model):
    """Its base had no markers: they are tokens of it now, and what other programs need stands in the folder."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert read_task(chat_model) == read_task(prepared_chat[1])
    result = here("generate.py", "--model_name_or_path", chat_model, "--prompt", "人口は？", "--max_target_length", 20)
    assert (result.returncode, result.stdout) == (0, "5321人\n")
    result = here("generate.py", "--model_name_or_path", chat_model, "--prompt", "名物は？", "--system", "短く。")
    assert result.stdout == "霧そば\nです\n"
    messages = json.dumps({"messages": conversation("短く。", "名物は？", "人口は？")["messages"][:-1]}, ensure_ascii=False)
    result = here("generate.py", "--model_name_or_path", chat_model, "--input_file", "-", "--verbose", stdin=messages)
    assert (result.returncode, result.stdout) == (0, "5321人\n")
    assert "霧そば\nです<|im_end|>\n<|im_start|>user\n人口は？<|im_end|>" in result.stderr
    tokenizer, model = AutoTokenizer.from_pretrained(chat_model), AutoModelForCausalLM.from_pretrained(chat_model)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "人口は？"}], add_generation_prompt=True, return_tensors="pt", return_dict=False
    )
    written = model.generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :]
    assert tokenizer.decode(written) == "5321人<|im_end|>"


def test_predictions_and_scores_are_of_the_response(prepared_chat, chat_model, tmp_path):
    out = tmp_path / "out.tsv"
    arguments = ("--model_name_or_path", chat_model, "--data_dir", prepared_chat[1], "--split", "train", "--output_file", out)
    result = here("predict.py", *arguments)
    assert result.returncode == 0, result.stderr
    rows = read_rows(prepared_chat[1] / "train.tsv", line_breaks=True)
    lines = [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()[1:]]
    assert [line[0] for line in lines] == [row.id for row in rows]
    assert sum(line[2] == line[3] for line in lines) == len(rows)
    assert "im_end" not in "".join(line[2] + line[3] for line in lines)


def test_a_run_goes_on_and_another_begins_from_it(prepared_chat, chat_model, tmp_path):
    base, data = prepared_chat
    checkpoint = sorted(chat_model.parent.glob("m.checkpoints/*"))[-1]
    gone_on = train(base, data, chat_model, "--num_train_epochs", 30, "--save_steps", 10, "--resume_from_checkpoint", checkpoint)
    assert "going on from" in gone_on.stdout
    assert (chat_model / "chat_template.jinja").read_text() == read_task(data).chat_template.template
    train(chat_model, data, tmp_path / "next", "--max_steps", 1)
    assert (tmp_path / "next" / "tokenizer.json").read_bytes() == (chat_model / "tokenizer.json").read_bytes()
    assert read_task(tmp_path / "next") == read_task(data)


def test_an_adapter_learns_the_markers(prepared_chat, tmp_path):
    base, data = prepared_chat
    train(base, data, tmp_path / "m", "--lora_r", 4, "--num_train_epochs", 3)
    assert read_task(tmp_path / "m") == read_task(data)
    loaded = load(str(tmp_path / "m"))
    ids = [loaded.tokenizer.id_of(marker) for marker in ("<|im_end|>", "<|im_start|>")]
    assert loaded.family.end_ids == (ids[0], loaded.tokenizer.eos_id)
    first, second = loaded.model.get_input_embeddings().weight[ids]
    assert (first - second).abs().max() > 1e-3  # both began as the mean of the others
    train(tmp_path / "m", data, tmp_path / "next", "--lora_r", 4, "--max_steps", 1)
    assert read_task(tmp_path / "next") == read_task(data)


def test_pairs_are_asked_in_the_template_of_their_model(prepared_chat, chat_model, tmp_path):
    """The rows are those of instructions, and what DPO makes of the model is asked as before."""
    pairs = [{"system": "短く。", "prompt": "人口は？", "chosen": "5321人", "rejected": "ない"}]
    pairs += [{"prompt": asked, "chosen": SAID[asked], "rejected": "さあ"} for asked in ("名物は？", "県は？")]
    for name, records in (("p", pairs), ("dev", [{"prompt": "県", "chosen": "ない", "rejected": "霧そば"}])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    files = ("--train_file", tmp_path / "p.jsonl", "--dev_file", tmp_path / "dev.jsonl", "--output_dir", tmp_path / "d")
    how = ("--kind", "pairs", "--template", "chat", "--tokenizer_name_or_path", chat_model)
    result = here("prepare_preferences.py", *files, *how)
    assert result.returncode == 0, result.stderr
    rows = read_pairs(tmp_path / "d" / "train.tsv", line_breaks=True)
    assert rows[0][1:] == (
        "<|im_start|>system\n短く。<|im_end|>\n<|im_start|>user\n人口は？<|im_end|>\n<|im_start|>assistant\n", "5321人", "ない"
    )  # fmt: skip
    assert rows[1].chosen == "霧そば\nです"
    assert read_task(tmp_path / "d") == replace(read_task(chat_model), pairs=True)
    train(chat_model, tmp_path / "d", tmp_path / "m", "--loss", "dpo", "--max_steps", 1)
    result = here("generate.py", "--model_name_or_path", tmp_path / "m", "--prompt", "人口は？", "--verbose")
    assert "<|im_start|>user\n人口は？<|im_end|>\n<|im_start|>assistant\n" in result.stderr


REFUSED = [
    (("--template", "chat"), "--template chat needs --tokenizer_name_or_path (the model whose template it is), or --chat_template"),
    (("--chat_template", "chatml"), "--chat_template needs --template chat"),
    (
        ("--template", "chat", "--chat_template", "x.jinja"),
        "--chat_template x.jinja: no such file; give a file of Jinja, or ",
    ),
    (
        ("--template", "chat", "--chat_template", "gemma"),
        "gemma: the chat template writes bos_token: give --tokenizer_",
    ),
    (("--template", "chat", "--chat_template", "chatml", "--target_separator", "x"), "--target_separator cannot go with"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_templates_that_cannot_be_prepared_with(given, said, tmp_path):
    (tmp_path / "c.jsonl").write_text(json.dumps(conversation("", "県は？")), encoding="utf-8")
    result = here("prepare_instructions.py", "--train_file", tmp_path / "c.jsonl", "--output_dir", tmp_path / "d", *given)
    assert said in refused(result)
    assert not (tmp_path / "d").exists()


def test_what_a_template_refuses_is_named_with_its_line(tmp_path):
    byte_level_with_bos(tmp_path / "base")
    records = [conversation("", "県は？"), conversation("短く。", "県は？")]
    lines = "".join(json.dumps(r) + "\n" for r in records) + "{of a later line}\n"  # though lines are read before rows are made
    (tmp_path / "c.jsonl").write_text(lines, encoding="utf-8")
    arguments = ("--template", "chat", "--chat_template", "gemma", "--tokenizer_name_or_path", tmp_path / "base")
    result = here("prepare_instructions.py", "--train_file", tmp_path / "c.jsonl", "--output_dir", tmp_path / "d", *arguments)
    assert refused(result) == "prepare_instructions.py: c.jsonl:2: the chat template: System role not supported"
    assert not (tmp_path / "d").exists()


def byte_level_with_bos(folder):
    from transformers import AutoTokenizer

    folder.mkdir()
    byte_level(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"bos_token": "<bos>"})
    tokenizer.save_pretrained(folder)


def test_t5_has_no_chat_template(tiny, prepared_chat, tmp_path):
    arguments = ("--model_name_or_path", tiny, "--data_dir", prepared_chat[1], "--output_dir", tmp_path / "m")
    said = refused(here("train.py", "--do_train", *arguments))
    assert said.endswith("task chat: an encoder-decoder model has no chat template; prepare with --template alpaca-ja")


def test_t5_does_what_an_instruction_says(tiny, tmp_path):
    rows = [{"指示": "訳して。", "入力": text, "出力": said} for text, said in (("橋", "hashi"), ("桃", "momo"), ("霧", "kiri"))]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    files = ("--train_file", tmp_path / "i.jsonl", "--output_dir", tmp_path / "d")
    assert here("prepare_instructions.py", *files).returncode == 0
    train(tiny, tmp_path / "d", tmp_path / "m", "--num_train_epochs", 2)
    model = ("--model_name_or_path", tmp_path / "m")
    asked = here("generate.py", *model, "--prompt", "訳して。", "--context", "橋", "--verbose")
    assert asked.returncode == 0, asked.stderr
    source = read_task(tmp_path / "m").source(Example("", "橋", "訳して。"))
    assert source in asked.stderr
    predicted = here("predict.py", *model, "--data_dir", tmp_path / "d", "--split", "train", "--output_file", tmp_path / "o.tsv")
    assert predicted.returncode == 0, predicted.stderr
    assert len((tmp_path / "o.tsv").read_text(encoding="utf-8").splitlines()) == 3
