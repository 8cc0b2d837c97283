import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import ROOT, make_model
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from toi.data.task_files import chosen_task
from toi.data.tasks import Task
from toi.models.checkpoint import add_highlight, load, refuse_other_run, save, update_run
from toi.scoring.segmentation import segmentation
from toi.system.errors import InputError


def test_a_saved_model_is_an_ordinary_one(tiny, tmp_path):
    checkpoint = load(str(tiny))
    add_highlight(checkpoint)
    task = Task.named("aqg-hl")
    save(tmp_path / "m", checkpoint.model, checkpoint.tokenizer, task, {"name": "x"}, {"best_epoch": 1})
    names = {p.name for p in (tmp_path / "m").iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "run.json", "spiece.model", "task.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    assert model.get_input_embeddings().weight.shape[0] >= len(tokenizer)
    again = load(str(tmp_path / "m"))
    assert again.task == task
    text = "県庁は<hl>甲府市<hl>です。"
    assert again.tokenizer.encode(text) == checkpoint.tokenizer.encode(text) == tokenizer(text).input_ids[:-1]
    for a, b in zip(checkpoint.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("model", ["tiny", "tiny_without_bytes"])
def test_the_highlight_starts_as_the_mean(model, request):
    checkpoint = load(str(request.getfixturevalue(model)))
    before = checkpoint.model.get_input_embeddings().weight.clone()
    known = len(checkpoint.tokenizer)
    add_highlight(checkpoint)
    after = checkpoint.model.get_input_embeddings().weight
    new = checkpoint.tokenizer.id_of("<hl>")
    assert torch.allclose(after[new], before[:known].mean(0))
    assert torch.equal(after[:known], before[:known])
    assert len(after) == max(len(before), known + 1)
    assert checkpoint.model.config.vocab_size == len(after)


def test_a_trained_highlight_of_the_vocabulary_stays():
    """A bare spiece.model does not say that <hl> is more than a piece: it was taken for new, and lost what it had learnt."""
    checkpoint = load(str(ROOT / "samples" / "base"))
    before = checkpoint.model.get_input_embeddings().weight.clone()
    id = checkpoint.tokenizer.fast.convert_tokens_to_ids("<hl>")
    assert add_highlight(checkpoint) == []
    assert torch.equal(checkpoint.model.get_input_embeddings().weight, before)
    assert checkpoint.tokenizer.encode("県庁は <hl> 甲府市<hl>です。").count(id) == 2


def test_a_hub_model_with_nothing_but_pytorch_model_bin(tiny, tmp_path):
    for name in ("config.json", "spiece.model"):
        shutil.copy(tiny / name, tmp_path)
    torch.save(AutoModelForSeq2SeqLM.from_pretrained(tiny).state_dict(), tmp_path / "pytorch_model.bin")
    found = load(str(tmp_path)).model
    assert torch.equal(found.get_input_embeddings().weight, load(str(tiny)).model.get_input_embeddings().weight)


def test_a_tokenizer_of_another_folder(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "m", ignore=shutil.ignore_patterns("spiece.model", "tokenizer*"))
    with pytest.raises(InputError, match="no tokenizer"):
        load(str(tmp_path / "m"))
    found = load(str(tmp_path / "m"), tokenizer_name=str(tiny))
    assert found.tokenizer.encode("甲府市") == load(str(tiny)).tokenizer.encode("甲府市")
    with pytest.raises(InputError, match="nowhere: no such model folder"):
        load(str(tiny), tokenizer_name=str(tmp_path / "nowhere"))


def test_from_scratch_depends_on_the_seed(tmp_path):
    folder = make_model(tmp_path / "m", weights=False)
    weights = [load(str(folder), from_scratch=True, seed=seed).model.get_input_embeddings().weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    with pytest.raises(InputError, match=r"no weights .* --from_scratch"):
        load(str(folder))


def test_half_precision_weights_are_loaded_in_single(tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "m")
    AutoModelForSeq2SeqLM.from_pretrained(tiny).half().save_pretrained(tmp_path / "m")
    assert {p.dtype for p in load(str(tmp_path / "m")).model.parameters()} == {torch.float32}


def broken(tiny, tmp_path, name, content):
    folder = tmp_path / "m"
    shutil.copytree(tiny, folder)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    return str(folder)


TASK = {**Task.named("aqg").to_json(), "data": {}}
BROKEN = [
    ("config.json", None, "no config.json"),
    ("config.json", b"{", "config.json:1: not JSON"),
    ("config.json", b'{"model_type": "nothing"}', "config.json: not the configuration"),
    ("config.json", b'{"model_type": "bert"}', "a bert model does not write"),
    ("spiece.model", None, "no tokenizer"),
    ("model.safetensors", None, "no weights"),
    ("model.safetensors", b"cut", "the weights cannot be read"),
    ("config.json", b'{"model_type": "t5", "d_model": "thirty-two"}', "config.json: "),
    ("config.json", b'{"model_type": "t5", "num_heads": null, "d_model": -3}', "config.json"),
    ("config.json", b"[]", "config.json: not the configuration"),
    ("config.json", b'{"model_type": 5}', "config.json: not the configuration"),
    ("spiece.model", b"", "spiece.model: not a SentencePiece model"),
    ("spiece.model", b"\x0a", "spiece.model: not a SentencePiece model"),
    ("tokenizer_config.json", b'{"model_max_length": "long"}', "tokenizer_config.json: model_max_length is not a number of tokens"),
    ("tokenizer_config.json", b'{"model_max_length": -1}', "tokenizer_config.json: model_max_length is not a number of tokens"),
    ("tokenizer_config.json", b'{"extra_ids": "hundred"}', "tokenizer_config.json: extra_ids is not a number of tokens"),
    ("tokenizer_config.json", b"[]", "tokenizer_config.json: not the configuration of a tokenizer"),
    ("tokenizer_config.json", b"{", "tokenizer_config.json:1: not JSON"),
    ("added_tokens.json", b"[1]", "added_tokens.json: not a list of added tokens"),
    ("added_tokens.json", b'{"<hl>": "five"}', "added_tokens.json: not a list of added tokens"),
    ("generation_config.json", b'{"max_length": "long"', "generation_config.json:1: not JSON"),
    ("generation_config.json", b"[]", "generation_config.json: not a configuration"),
    ("run.json", b"[]", "run.json: not the description of a training run"),
    ("run.json", b"{", "run.json:1: not JSON"),
    ("run.json", b'{"options": 5}', "run.json: not the description of a training run"),
    ("run.json", b'{"options": {"max_input_length": -512}}', "run.json: max_input_length is not a number of tokens: -512"),
    ("run.json", b'{"options": {"max_target_length": "64"}}', "run.json: max_target_length is not a number of tokens: '64'"),
    ("run.json", b'{"options": {"max_target_length": true}}', "run.json: max_target_length is not a number of tokens: True"),
    ("task.json", b"[]", "task.json: not a task description"),
    ("task.json", b'{"task": 1}', "task.json: not a task description"),
    (
        "task.json",
        json.dumps({**TASK, "max_context_length": "x"}).encode(),
        "not a task description (max_context_length is 'x'",
    ),
    (
        "task.json",
        json.dumps({**TASK, "max_context_length": 0}).encode(),
        "not a task description (max_context_length is 0",
    ),
    ("task.json", json.dumps({**TASK, "normalization": {"lowercase": "no"}}).encode(), "(lowercase is 'no'"),
    ("task.json", json.dumps({**TASK, "source_template": "{x}"}).encode(), "task.json: template '{x}': unknown field"),
    ("generation_config.json", b'{"decoder_start_token_id": "x"}', "decoder_start_token_id is not the id of a token: 'x'"),
    ("generation_config.json", b'{"eos_token_id": [1, -2]}', "eos_token_id is not the id of a token: [1, -2]"),
    ("run.json", b'{"options": {"max_target_length": 1000000000000}}', "run.json: max_target_length is not a number of tokens"),
    ("config.json", b'{"model_type": "t5", "attn_implementation": "evil/kernel"}', "is code of the hub, which is never run"),
    (
        "config.json",
        b'{"model_type": "t5", "_attn_implementation": "evil/kernel:f"}',
        "is code of the hub, which is never run",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_broken_models(tiny, tmp_path, name, content, message):
    with pytest.raises(InputError) as error:
        load(broken(tiny, tmp_path, name, content))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_lack_tensors(tiny, tmp_path):
    """They would be drawn at random, and nothing said."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny, tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    tensors = load_file(path)
    for lost in (["decoder.block.0.layer.0.SelfAttention.q.weight"], list(tensors)):
        kept = {name: tensor for name, tensor in tensors.items() if name not in lost}
        save_file(kept, path, metadata={"format": "pt"})
        with pytest.raises(InputError, match=r"the weights lack [0-9]+ tensors of the model") as error:
            load(str(tmp_path / "m"))
        assert lost[0] in str(error.value) or len(lost) > 1


def test_a_pickle_with_code_is_not_run(tiny, tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "marker",))

    for name in ("config.json", "spiece.model"):
        shutil.copy(tiny / name, tmp_path)
    torch.save({"shared.weight": Payload()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"the file holds code, which is never run; give model\.safetensors"):
        load(str(tmp_path))
    assert not (tmp_path / "marker").exists()


def test_a_cut_spiece_model_everywhere(tiny, tmp_path):
    """Alone, beside our own tokenizer.json, as the tokenizer of another model, and as a segmentation of scores."""
    whole = (tiny / "spiece.model").read_bytes()
    for size in (0, 1, 7, 100, len(whole) // 2, len(whole) - 1):
        for ours in (False, True):
            folder = tmp_path / f"{size}{ours}"
            shutil.copytree(tiny, folder)
            if ours:
                load(str(tiny)).tokenizer.save(folder)
            (folder / "spiece.model").write_bytes(whole[:size])
            for use in (
                lambda folder=folder: load(str(folder)),
                lambda folder=folder: load(str(tiny), tokenizer_name=str(folder)),
                lambda folder=folder: segmentation(f"t5:{folder}"),
            ):
                with pytest.raises(InputError, match=r"spiece\.model: not a") as error:
                    use()
                assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sonoisa/t5-base-japanese", "the Hugging Face hub did not give it"),
        ("./nothing", "no such model folder"),
        ("/nothing/at/all", "no such model folder"),
        ("a b", "neither a folder here nor a name"),
    ],
)
def test_models_that_are_not_there(name, message):
    with pytest.raises(InputError, match=message) as error:
        load(name)
    assert "\n" not in str(error.value)
    if "hub did not" in message:
        assert "make demo" in str(error.value)


def test_a_model_in_the_cache_of_the_hub_needs_no_network(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository, commit = tmp_path / "models--someone--t5", "0" * 40
    shutil.copytree(tiny, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    checkpoint = load("someone/t5")
    assert checkpoint.name == "someone/t5"
    assert torch.equal(checkpoint.model.get_input_embeddings().weight, load(str(tiny)).model.get_input_embeddings().weight)


def test_chosen_task(tiny):
    checkpoint = load(str(tiny))
    with pytest.raises(InputError, match="--task qa, aqg, aqg-hl or aqg-cf"):
        chosen_task(checkpoint.task, None, checkpoint.name)
    assert chosen_task(checkpoint.task, "qa", checkpoint.name) == Task.named("qa")
    checkpoint.task = Task.named("aqg")
    assert (
        chosen_task(checkpoint.task, None, checkpoint.name)
        == chosen_task(checkpoint.task, "aqg", checkpoint.name)
        == Task.named("aqg")
    )
    with pytest.raises(InputError, match="was trained for the task aqg, not qa"):
        chosen_task(checkpoint.task, "qa", checkpoint.name)


def test_other_runs_are_not_overwritten(tmp_path):
    refuse_other_run(tmp_path / "none", False)
    (tmp_path / "mine.txt").write_text("")
    refuse_other_run(tmp_path, False)
    update_run(tmp_path, best_epoch=3)
    assert json.loads((tmp_path / "run.json").read_text()) == {"best_epoch": 3}
    with pytest.raises(InputError, match=r"holds another run .* --overwrite_output_dir"):
        refuse_other_run(tmp_path, False)
    refuse_other_run(tmp_path, True)
    with pytest.raises(InputError, match=r"cannot be written .* is a file"):
        refuse_other_run(tmp_path / "mine.txt", True)
