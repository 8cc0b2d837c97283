"""The separator of a task, from the data folder to what is written."""

import json
import shutil

import pytest
from conftest import prepare_folder
from tiny_causal import make_gpt2

import generate
from toi.data.task_files import read_task
from toi.decoding.plan import SearchPlan
from toi.decoding.search import search
from toi.models.causal.family import CausalFamily
from toi.models.checkpoint import load
from toi.models.family import Limits
from train import TrainOptions, train

LIMITS = Limits(200, 40)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_gpt2(tmp_path_factory.mktemp("separator") / "gpt2", initializer_range=0.5)  # so that it writes several tokens


def test_what_was_trained_on_is_what_is_asked(base, raw_files, tmp_path, monkeypatch):
    """The task of the data says the separator, the folder of the model keeps it, and generation has it from there."""
    data = prepare_folder(tmp_path / "data", raw_files, "aqg-cf")
    task = json.loads((data / "task.json").read_text())
    (data / "task.json").write_text(json.dumps({**task, "target_separator": " 質問:"}))
    trained = []
    collate = CausalFamily.collate
    monkeypatch.setattr(CausalFamily, "collate", lambda self, rows: trained.extend(rows) or collate(self, rows))
    options = {"max_steps": 1, "per_device_train_batch_size": 4, "precision": "fp32"}
    train(TrainOptions(model_name_or_path=str(base), data_dir=str(data), output_dir=str(tmp_path / "m"), do_train=True, **options))
    family = load(str(base)).family
    assert family._separator == family.tokenizer.encode("\n")
    separator = family.tokenizer.encode(" 質問:")
    assert {tuple(row.source[-len(separator) :]) for row in trained} == {tuple(separator)}
    assert read_task(tmp_path / "m").target_separator == " 質問:"
    asked = []
    encode = CausalFamily.encode
    monkeypatch.setattr(CausalFamily, "encode", lambda self, *them: asked.extend(rows := encode(self, *them)) or rows)
    one = {"context": "村0の人口は3人である。", "answer": "3人", "max_target_length": 2}
    generate.main(generate.GenerateOptions(model_name_or_path=str(tmp_path / "m"), **one))
    source = family.tokenizer.encode("context: 村0の人口は3人である。 answer: 3人")
    assert [row.source for row in asked] == [[*source, *separator]] * len(asked)
    assert asked


def test_a_task_of_the_options_is_followed(base, tmp_path, monkeypatch):
    """A model without task.json: what it is asked for says where the context is."""
    asked = []
    encode = CausalFamily.encode
    monkeypatch.setattr(CausalFamily, "encode", lambda self, *them: asked.extend(rows := encode(self, *them)) or rows)
    context = "町の特産品は桃です。" * 30 + "市は甲府市です。"
    one = {"context": context, "answer": "甲府市", "max_input_length": 120, "max_target_length": 2}
    generate.main(generate.GenerateOptions(model_name_or_path=str(base), task="aqg-cf", **one))
    family = load(str(base)).family
    assert family.tokenizer.decode(asked[0].source).endswith("市は甲府市です。 answer: 甲府市")


@pytest.mark.parametrize("plan", [SearchPlan(beams=1, max_length=12), SearchPlan(beams=4, max_length=12)])
def test_any_end_of_the_generation_config_ends_an_output(base, tmp_path, plan):
    """A token that the model writes becomes an end of outputs: from then on these end there."""
    checkpoint = load(str(base))
    (row,) = checkpoint.family.encode(["桃"], None, LIMITS)
    ((free, *_),) = search(checkpoint.family, checkpoint.model.eval(), [row.source], plan)
    place = next(i for i, token in enumerate(free.ids) if i and token and token not in free.ids[:i])
    shutil.copytree(base, tmp_path / "m")
    config = json.loads((base / "generation_config.json").read_text())
    (tmp_path / "m" / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [0, free.ids[place]]}))
    checkpoint = load(str(tmp_path / "m"))
    assert checkpoint.family.end_ids == (0, free.ids[place])
    ((best, *_),) = search(checkpoint.family, checkpoint.model.eval(), [row.source], plan)
    assert best.ids[-1] in (0, free.ids[place])
    assert not {0, free.ids[place]}.intersection(best.ids[:-1])
    if plan.beams == 1:
        assert best.ids == free.ids[: place + 1]
    (row,) = checkpoint.family.encode(["桃"], ["何"], LIMITS)
    assert row.target[-1] == 0  # a target ends in the tokenizer's own
