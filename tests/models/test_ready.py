import json
import os
import shutil
import sys
import threading

import pytest
import torch
from conftest import ROOT, load_speaking, settle
from test_checkpoint import BROKEN

from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.options import DecodingOptions
from toi.models import ready as readiness
from toi.models.checkpoint import Checkpoint, load, save
from toi.models.opening import open_model
from toi.models.ready import STAMP, ReadyModel, load_noted, ready_model
from toi.system.errors import InputError

SOURCES = [f"answer: {a} context: 山梨県の県庁所在地は{a}です。" for a in ("甲府市", "白浜市", "霧沢一", "桃")]


def write(model):
    """What a model writes for the sources when it must not write what it wants to."""
    decoder, options = Decoder(model), DecodingOptions(max_target_length=6)
    free = dict(decoder.decode(SOURCES, options))
    options.bad_words = [next(c for c in free[i].text if c.isalnum()) for i in range(2)]
    found = dict(decoder.decode(SOURCES, options))
    return [(found[i].text, round(found[i].score, 3)) for i in range(len(SOURCES))], decoder.report


def stamp_of(folder):
    return folder.with_name(f"{folder.name}.ctranslate2") / STAMP


def test_the_same_is_written_without_torch(tiny_ready):
    model = open_model(str(tiny_ready))
    assert isinstance(model, ReadyModel)
    loaded = load(str(tiny_ready))
    assert (model.task, model.max_input_length, model.max_target_length) == (loaded.task, 512, 64)
    assert model.fingerprint() == loaded.fingerprint()
    assert list(model.tokenizer.pieces) == list(loaded.tokenizer.pieces)
    (texts, report), (expected, by_torch) = write(model), write(loaded)
    assert texts == expected
    assert report.replace("numpy", "torch") == by_torch
    assert "numpy" in report
    assert isinstance(model.loaded, Checkpoint)
    assert write(load_noted(str(tiny_ready))) == (texts, report), "the first time it is as it will be the next time"


def test_where_torch_is_wanted(tiny_ready, tiny, monkeypatch):
    assert isinstance(open_model(str(tiny_ready), backend="torch"), Checkpoint)
    assert isinstance(open_model(str(tiny_ready), str(tiny)), Checkpoint)
    monkeypatch.setattr(readiness, "may_have_accelerator", lambda: True)
    assert isinstance(open_model(str(tiny_ready)), Checkpoint)


def test_nothing_is_read_while_nothing_changes(tiny_ready, monkeypatch):
    """Only the first time behind the conversion, whose files had only just been written."""
    converted = stamp_of(tiny_ready).parent
    settle(converted)
    assert ready_model(str(tiny_ready)) is not None
    before = stamp_of(tiny_ready).read_bytes()
    monkeypatch.setattr("toi.system.states.sha256", lambda path: pytest.fail(f"{path} was read"))
    assert ready_model(str(tiny_ready)) is not None
    assert stamp_of(tiny_ready).read_bytes() == before


def test_files_of_another_time_are_compared_and_noted(tiny_ready, tmp_path):
    settle(stamp_of(tiny_ready).parent)
    os.utime(tiny_ready / "model.safetensors", ns=(10**18, 10**18))
    before = stamp_of(tiny_ready).read_bytes()
    assert ready_model(str(tiny_ready)) is not None
    after = json.loads(stamp_of(tiny_ready).read_bytes())
    assert after != json.loads(before)
    assert after["model"]["model.safetensors"][1] == 10**18
    copy = tmp_path / "copy"
    for name in ("model", "model.ctranslate2"):
        shutil.copytree(tmp_path / name, copy / name)
    assert ready_model(str(copy / "model")) is not None


def test_other_weights_are_converted_anew(tiny_ready):
    texts, _ = write(open_model(str(tiny_ready)))
    other = load_speaking(tiny_ready, 5)
    other.model.save_pretrained(tiny_ready)
    assert ready_model(str(tiny_ready)) is None
    again, _ = write(open_model(str(tiny_ready)))
    assert again == write(load(str(tiny_ready)))[0] != texts
    assert isinstance(open_model(str(tiny_ready)), ReadyModel)
    assert write(open_model(str(tiny_ready)))[0] == again


STAMPS = ["", "{", "[]", "{}", "null", '{"versions": {}}', "5", '"x"']


def test_a_stamp_that_is_not_whole_is_written_anew(tiny_ready):
    path = stamp_of(tiny_ready)
    whole = path.read_text(encoding="utf-8")
    texts, report = write(open_model(str(tiny_ready)))
    about = json.loads(whole)
    wrong = [{**about, name: None} for name in about] + [{k: v for k, v in about.items() if k != name} for name in about]
    wrong += [{**about, "versions": {**about["versions"], "torch": "1.0"}}, {**about, "converted": {"x": [1, 2, 3, "y"]}}]
    wrong += [{**about, "family": {**about["family"], "kind": "other"}}, {**about, "tokenizer": {"added": 5}}]
    for content in [*STAMPS, whole[: len(whole) // 2], *map(json.dumps, wrong)]:
        path.write_text(content, encoding="utf-8")
        assert ready_model(str(tiny_ready)) is None, content[:200]
    path.write_bytes(b"\xff\xfe")
    assert ready_model(str(tiny_ready)) is None
    assert write(open_model(str(tiny_ready))) == (texts, report)
    assert json.loads(path.read_text(encoding="utf-8"))["model"] == about["model"]
    path.unlink()
    path.mkdir()  # nothing can be written there
    assert write(open_model(str(tiny_ready)))[0] == texts


def test_a_folder_that_cannot_be_written_to(tiny_ready, monkeypatch):
    texts, _ = write(open_model(str(tiny_ready)))
    os.utime(tiny_ready / "model.safetensors", ns=(10**18, 10**18))
    before = stamp_of(tiny_ready).read_bytes()

    def refuse(path):
        raise InputError(f"{path}: cannot be written (Read-only file system)")

    monkeypatch.setattr(readiness, "replacing", refuse)
    assert write(open_model(str(tiny_ready)))[0] == texts
    assert stamp_of(tiny_ready).read_bytes() == before
    stamp_of(tiny_ready).unlink()
    for _ in range(2):
        model = open_model(str(tiny_ready))
        assert isinstance(model, Checkpoint)
        assert write(model)[0] == texts


def test_several_at_once(tiny_ready):
    settle(stamp_of(tiny_ready).parent)
    found, errors = [], []

    def use(number):
        try:
            for turn in range(5):
                os.utime(tiny_ready / "model.safetensors", ns=(10**18, 10**18 + 10 * number + turn))
                found.append(ready_model(str(tiny_ready)) is not None)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(found)
    assert len(found) == 20


def test_damaged_models_are_refused_as_if_they_were_loaded(tiny_ready, tmp_path):
    """All the damage of test_checkpoint.py, and what it says there."""
    write(open_model(str(tiny_ready)))
    refused = 0
    for number, (name, content, message) in enumerate(BROKEN):
        folder = tmp_path / f"{number}" / "model"
        for part in ("model", "model.ctranslate2"):
            shutil.copytree(tmp_path / part, folder.with_name(part))
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        found = []
        for use in (open_model, load):
            try:
                use(str(folder))
                found.append("nothing")  # what is in tokenizer.json goes before other files
            except InputError as error:
                found.append(str(error))
        assert found[0] == found[1]
        refused += message in found[0]
    assert refused > 30


def test_damage_with_the_old_time_and_size_shows_when_it_is_loaded(tiny_ready):
    """What nobody does by accident: the converted model is made anew, as ever."""
    texts, _ = write(open_model(str(tiny_ready)))
    path = stamp_of(tiny_ready).with_name("model.bin")
    settle(path.parent)
    assert isinstance(open_model(str(tiny_ready)), ReadyModel)
    times = path.stat()
    with open(path, "r+b") as file:  # the same inode
        file.write(b"\x00" * times.st_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    model = open_model(str(tiny_ready))
    assert isinstance(model, ReadyModel)
    assert write(model)[0] == texts


def test_a_damaged_conversion_is_made_anew(tiny_ready):
    sys.path.append(str(ROOT / "tests" / "decoding"))
    from test_ctranslate import DAMAGE

    texts, _ = write(open_model(str(tiny_ready)))
    folder = stamp_of(tiny_ready).parent
    whole = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != STAMP}
    for name, damage in DAMAGE:
        damage(folder / name)
        model = open_model(str(tiny_ready))
        assert isinstance(model, Checkpoint), (name, damage)
        assert write(model)[0] == texts
        assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != STAMP} == whole
        assert isinstance(open_model(str(tiny_ready)), ReadyModel)


def test_a_model_that_is_not_what_its_folder_says_is_not_remembered(tiny, tmp_path, monkeypatch):
    """As one that is being trained, or whose files changed while it was loaded."""
    monkeypatch.setattr(readiness, "may_have_accelerator", lambda: False)
    checkpoint = load_speaking(tiny)
    save(tmp_path / "model", checkpoint.model, checkpoint.tokenizer, Task.named("aqg"), {}, {})
    write(load(str(tmp_path / "model")))  # nobody says that it stays as it is
    assert not stamp_of(tmp_path / "model").exists()
    noted = load_noted(str(tmp_path / "model"))
    os.utime(tmp_path / "model" / "config.json", ns=(10**18, 10**18))
    write(noted)
    assert not stamp_of(tmp_path / "model").exists()
    noted = load_noted(str(tmp_path / "model"))
    with torch.no_grad():
        noted.model.shared.weight += 1  # numpy would read other weights from the file
    write(noted)
    stamp = json.loads(stamp_of(tmp_path / "model").read_text(encoding="utf-8"))
    assert stamp["family"]["settings"] is None


def test_tokenizers_of_others_are_loaded(tiny_ready):
    """A model with another tokenizer than a `spiece.model` writes as ever."""
    (tiny_ready / "spiece.model").unlink()
    assert "torch" in write(open_model(str(tiny_ready)))[1]
    assert isinstance(open_model(str(tiny_ready)), Checkpoint)
