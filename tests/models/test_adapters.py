"""Adapters: what peft loads, what is written with, what is refused."""

import json
import shutil

import peft
import pytest
import torch
from conftest import make_model
from safetensors.torch import load_file, save_file
from tiny_causal import make_gpt2, make_llama
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from toi.models.adapters import Shape, adapt, weights_sha256
from toi.models.checkpoint import add_highlight, load, save
from toi.models.place import check_model
from toi.models.pretrained import Numbers
from toi.system.errors import InputError
from toi.system.optional import missing

MAKERS = {"t5": make_model, "gpt2": make_gpt2, "llama": make_llama}  # tied, tied and transposed, not tied
TEXT = "県庁は<hl>甲府市<hl>です。"


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return {kind: make(folder / kind) for kind, make in MAKERS.items()}


def adapted(base, targets="all-linear", numbers=None, seed=0):
    """A model with `<hl>` and an adapter that is not nothing any more."""
    checkpoint = load(str(base), adapting=True, numbers=numbers)
    new = add_highlight(checkpoint)
    torch.manual_seed(seed)
    checkpoint.adapter = adapt(checkpoint.model, checkpoint.base, Shape(4, None, 0.0, targets), new)
    with torch.no_grad():
        for parameter in checkpoint.model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape)
    return checkpoint


def kept(checkpoint, folder, merges=False):
    checkpoint.adapter.merges = merges
    save(folder, checkpoint.model, checkpoint.tokenizer, None, {}, {}, checkpoint.adapter)
    return folder


def logits(model, ids):
    ids = torch.tensor([ids])
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model.eval()(input_ids=ids, **more).logits.float()


@pytest.fixture(scope="module", params=MAKERS)
def made(request, bases, tmp_path_factory):
    """An adapted model, its base and its folder."""
    checkpoint = adapted(bases[request.param])
    return checkpoint, bases[request.param], kept(checkpoint, tmp_path_factory.mktemp("made") / "m")


def test_plain_peft_loads_it(made):
    """On a base that has the rows: those of new tokens come from the adapter, whatever stands there."""
    checkpoint, base, folder = made
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "base.json", "tokenizer.json", "run.json"} <= names
    assert not names & {"config.json", "model.safetensors", "README.md"}
    auto = AutoModelForSeq2SeqLM if checkpoint.model.config.is_encoder_decoder else AutoModelForCausalLM
    plain = auto.from_pretrained(base)
    plain.resize_token_embeddings(len(checkpoint.tokenizer), mean_resizing=False)
    ids = checkpoint.tokenizer.encode(TEXT)
    assert torch.allclose(logits(peft.PeftModel.from_pretrained(plain, folder), ids), logits(checkpoint.model, ids), atol=1e-5)


def test_it_is_added_to_the_weights_to_write_with(made):
    """On the base as it is: its embeddings have no row for `<hl>`."""
    checkpoint, _base, folder = made
    again = load(str(folder))
    ids = again.tokenizer.encode(TEXT)
    assert ids.count(again.tokenizer.id_of("<hl>")) == 2
    assert torch.allclose(logits(again.model, ids), logits(checkpoint.model, ids), atol=1e-5)
    assert again.adapter is None
    assert {type(module).__module__.split(".")[0] for module in again.model.modules()} <= {"torch", "transformers"}
    assert all(parameter.requires_grad for parameter in again.model.parameters())  # it may be trained as a whole
    again.fingerprint()


def test_it_goes_on_being_trained(made):
    checkpoint, _base, folder = made
    again = load(str(folder), adapting=True)
    pairs = [dict(c.model.named_parameters()) for c in (checkpoint, again)]
    assert {n for n, p in pairs[0].items() if p.requires_grad} == {n for n, p in pairs[1].items() if p.requires_grad}
    for name, parameter in pairs[0].items():
        if parameter.requires_grad:
            assert torch.equal(parameter, pairs[1][name])
    again.adapter.go_on("m", Shape(4, 8, 0.5, "all-linear"))
    assert {m.p for n, m in again.model.named_modules() if n.endswith("lora_dropout.default")} == {0.5}
    for shape, said in ((Shape(8, None, 0.0, "all-linear"), "--lora_r 4"), (Shape(4, 4, 0.0, "q"), "--lora_alpha 8, its own")):
        with pytest.raises(InputError, match=said):
            again.adapter.go_on("m", shape)


def test_merged_it_is_an_ordinary_model(made, tmp_path):
    checkpoint, _base, _ = made
    ids = checkpoint.tokenizer.encode(TEXT)
    before = {name: tensor.clone() for name, tensor in checkpoint.model.state_dict().items()}
    folder = kept(checkpoint, tmp_path / "merged", merges=True)
    assert not list(folder.glob("adapter*"))
    assert not (folder / "base.json").exists()
    auto = AutoModelForSeq2SeqLM if checkpoint.model.config.is_encoder_decoder else AutoModelForCausalLM
    plain, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not any(info[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.allclose(logits(plain, ids), logits(checkpoint.model, ids), atol=1e-5)
    size = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    assert size == sum(parameter.numel() for parameter in plain.parameters())  # tied weights once
    after = checkpoint.model.state_dict()  # training goes on with what it had, to the last bit
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_rows_of_new_tokens_have_the_gradients_of_peft(made):
    checkpoint, base, folder = made
    auto = AutoModelForSeq2SeqLM if checkpoint.model.config.is_encoder_decoder else AutoModelForCausalLM
    plain = auto.from_pretrained(base)
    plain.resize_token_embeddings(len(checkpoint.tokenizer), mean_resizing=False)
    theirs = peft.PeftModel.from_pretrained(plain, folder, is_trainable=True).get_base_model()
    ids, found = torch.tensor([checkpoint.tokenizer.encode(TEXT)]), []
    for model in (checkpoint.model, theirs):
        model.eval().zero_grad()
        more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
        model(input_ids=ids, **more).logits.logsumexp(-1).sum().backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.requires_grad})
    assert any("trainable_tokens_delta" in name for name in found[0])
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-4), name


def test_the_same_adapter_is_written_byte_by_byte(bases, tmp_path):
    one, two = (kept(adapted(bases["llama"]), tmp_path / name) for name in "ab")
    for name in ("adapter_config.json", "adapter_model.safetensors", "base.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("numbers", [Numbers(bits=4), Numbers("bfloat16", 4), Numbers(bits=8)], ids=str)
def test_few_bits_on_a_cpu(kind, numbers, bases, tmp_path):
    """The frozen weights are rounded, the adapter is not; to write with, both stay as they were trained."""
    checkpoint = adapted(bases[kind], numbers=numbers)
    assert {p.dtype for p in checkpoint.model.parameters() if p.requires_grad} == {torch.float32}
    ids = checkpoint.tokenizer.encode(TEXT)
    again = load(str(kept(checkpoint, tmp_path / "m")))
    assert torch.equal(logits(again.model, ids), logits(checkpoint.model, ids))
    whole = adapted(bases[kind])
    assert not torch.equal(logits(checkpoint.model, ids), logits(whole.model, ids))
    rounded, exact = logits(checkpoint.model, ids), logits(whole.model, ids)
    assert (rounded - exact).std() < 0.5 * exact.std()
    assert again.fingerprint() == again.fingerprint()


def test_half_precision_is_for_frozen_weights(bases, tmp_path):
    checkpoint = adapted(bases["llama"], numbers=Numbers("bfloat16"))
    kinds = {(p.dtype, p.requires_grad) for p in checkpoint.model.parameters()}
    assert kinds == {(torch.bfloat16, False), (torch.float32, True)}
    assert json.loads((kept(checkpoint, tmp_path / "m") / "base.json").read_text())["numbers"] == {
        "dtype": "bfloat16",
        "bits": None,
    }
    assert load(str(tmp_path / "m")).model.dtype == (torch.bfloat16 if torch.accelerator.is_available() else torch.float32)


def test_the_sha256_is_that_of_the_model_not_of_its_files(bases, tmp_path):
    base = bases["llama"]
    known = weights_sha256(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    model.save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert weights_sha256(tmp_path / "shards") == known
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1e-3
    model.save_pretrained(tmp_path / "other")
    assert weights_sha256(tmp_path / "other") != known


@pytest.fixture
def broken(bases, tmp_path):
    """An adapter folder and its base, to be damaged."""
    base = shutil.copytree(bases["gpt2"], tmp_path / "base")
    return kept(adapted(base), tmp_path / "m"), base


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def another_base(folder, base):
    weights = load_file(base / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] + 1}, base / "model.safetensors", metadata={"format": "pt"})


def fewer_tensors(folder, base):
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {name: tensor for name, tensor in weights.items() if "h.0.mlp.c_fc.lora_B" not in name},
        folder / "adapter_model.safetensors",
    )


def other_sizes(folder, base):
    change(folder / "adapter_config.json", r=2)


DAMAGE = [
    (another_base, "an adapter of another model than .*base is now"),
    (
        lambda folder, base: shutil.rmtree(base),
        "an adapter, whose base_model_name_or_path is not there: .*base: no such model folder",
    ),
    (
        lambda folder, base: (folder / "adapter_model.safetensors").unlink(),
        r"no weights of the adapter \(adapter_model.safetensors\)",
    ),
    (lambda folder, base: (folder / "adapter_model.safetensors").write_bytes(b"cut"), "the adapter does not fit"),
    (fewer_tensors, "the adapter lacks tensors"),
    (other_sizes, "the adapter does not fit"),
    (lambda folder, base: change(folder / "adapter_config.json", peft_type="IA3"), "a IA3 adapter; only LORA is known"),
    (lambda folder, base: change(folder / "adapter_config.json", megatron_config={}, megatron_core="x"), "megatron_config"),
    (lambda folder, base: change(folder / "adapter_config.json", base_model_name_or_path=None), "no base_model_name_or_path"),
    (lambda folder, base: change(folder / "adapter_config.json", base_model_name_or_path=str(folder)), "of another adapter"),
    (lambda folder, base: (folder / "adapter_config.json").write_text("{"), "adapter_config.json:1: not JSON"),
    (lambda folder, base: change(folder / "base.json", sha256=5), "base.json: does not say"),
    (lambda folder, base: change(folder / "base.json", numbers={"bits": 3}), "base.json: does not say"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
def test_damage_is_told(damage, said, broken):
    damage(*broken)
    with pytest.raises(InputError, match=said) as error:
        load(str(broken[0]))
    assert "\n" not in str(error.value)


def test_an_adapter_from_elsewhere(bases, tmp_path):
    """No base.json, no tokenizer: those of the base."""
    plain = AutoModelForCausalLM.from_pretrained(bases["llama"])
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], init_lora_weights=False)
    theirs = peft.get_peft_model(plain, config)
    theirs.save_pretrained(tmp_path / "m")
    checkpoint = load(str(tmp_path / "m"))
    ids = checkpoint.tokenizer.encode("桃です。")
    assert torch.allclose(logits(checkpoint.model, ids), logits(theirs.get_base_model(), ids), atol=1e-5)
    assert load(str(tmp_path / "m"), adapting=True).base.sha256 == weights_sha256(bases["llama"])


def test_layers_that_are_not_there(bases):
    with pytest.raises(InputError, match="--lora_target_modules q,nothing_proj"):
        adapted(bases["gpt2"], "q,nothing_proj")


def test_without_peft(broken, monkeypatch):
    monkeypatch.setattr("toi.system.optional.find_spec", lambda package: None)
    with pytest.raises(InputError, match=r"an adapter needs peft, which is not installed: pip install -r requirements-lora.txt"):
        check_model(str(broken[0]))
    assert missing("--load_in_4bit", "bitsandbytes") == [
        "--load_in_4bit needs bitsandbytes, which is not installed: pip install -r requirements-lora.txt"
    ]
