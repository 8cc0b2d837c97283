import json
import os
import shutil
import threading

import pytest

from toi.data.task_files import read_task, write_task
from toi.data.tasks import Task
from toi.page.choice import Models
from toi.system.errors import InputError


@pytest.fixture
def folder(tiny, tmp_path):
    """Three models of several kinds, one of them deeper, and what is none."""
    for name, task in (("ask", "aqg"), ("more/read", "qa"), ("say", "plain")):
        shutil.copytree(tiny, tmp_path / "models" / name)
        write_task(tmp_path / "models" / name, Task.named(task), {})
    (tmp_path / "models" / "data").mkdir()
    write_task(tmp_path / "models" / "data", Task.named("aqg"), {})  # a data folder
    shutil.copytree(tiny, tmp_path / "models" / "without_task")
    shutil.copytree(tiny, tmp_path / "models" / "broken")
    (tmp_path / "models" / "broken" / "task.json").write_text("{")
    shutil.copytree(tmp_path / "models" / "ask", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", tmp_path / "models" / "link")
    return tmp_path / "models"


def test_models_are_found_by_what_they_do(folder):
    models = Models(str(folder), 2)
    assert models.kinds() == {"ask": "asks", "more/read": "answers", "say": "instructs"}
    assert [models.names(kind) for kind in ("asks", "answers", "instructs")] == [["ask"], ["more/read"], ["say"]]
    assert Models(str(folder / "ask"), 2).names() == ["."]  # a model folder itself


@pytest.mark.parametrize("name", ["", "link", "../elsewhere", "without_task", "/etc", "ask/../ask", "data", "nobody"])
def test_only_models_of_the_folder_can_be_used(folder, name):
    with pytest.raises(InputError, match=r"^no model is called"), Models(str(folder), 2).use(name):
        pass


def test_the_one_used_longest_ago_makes_room(folder):
    models = Models(str(folder), 2)
    kept = {}
    for name in ("ask", "more/read", "ask", "say", "ask", "more/read"):
        with models.use(name) as asked:
            kept.setdefault(name, []).append(id(asked.decoder))
            assert asked.name.endswith(name)
    assert len(set(kept["ask"])) == 1
    assert len(models._loaded) == 2


def test_a_model_is_used_by_one_thread_at_a_time(folder):
    models, order = Models(str(folder), 2), []

    def later():
        with models.use("ask"):
            order.append("later")

    with models.use("ask"):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "later"]


@pytest.mark.parametrize(("name", "message"), [("nowhere", "no such folder"), ("data", "no model folder with a task.json in it")])
def test_folders_without_models_are_refused(folder, name, message):
    with pytest.raises(InputError, match=message):
        Models(str(folder / name), 2)


def test_what_a_folder_holds_is_read_again_only_when_it_has_changed(folder, monkeypatch):
    read = []
    monkeypatch.setattr("toi.page.choice.read_task", lambda place: read.append(place.name) or read_task(place))
    models = Models(str(folder), 2)
    before = len(read)
    assert len(models.names()) == 3
    with models.use("ask") as first, models.use("say"):
        pass
    assert len(read) == before
    write_task(folder / "ask", Task.named("aqg-cf"), {})
    shutil.copytree(folder / "ask", folder / "new")
    assert models.names("asks") == ["ask", "new"]
    assert read[before:] == ["ask", "new"]
    with models.use("ask") as again:  # a model that was trained again is loaded again
        assert (first.task.name, again.task.name) == ("aqg", "aqg-cf")
    shutil.rmtree(folder / "new")
    assert models.names("asks") == ["ask"]


def test_kinds_of_models_that_find_by_themselves(folder):
    write_task(folder / "ask", Task.named("qag"), {})
    write_task(folder / "more" / "read", Task.named("ae"), {})
    assert Models(str(folder), 2).kinds() == {"ask": "pairs", "more/read": "extracts", "say": "instructs"}


def test_files_of_a_model_that_are_elsewhere(folder, tmp_path):
    """A link in a model folder, and the base of an adapter, may not lead out of the folder that was given."""
    adapter = folder / "adapter"
    adapter.mkdir()
    write_task(adapter, Task.named("aqg"), {})
    for base, usable in ((folder / "ask", True), (tmp_path / "elsewhere", False), ("someone/model", False), (None, False)):
        (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base and str(base)}))
        assert ("adapter" in Models(str(folder), 2).names()) == usable
    weights = folder / "ask" / "model.safetensors"
    weights.rename(folder / "more" / "weights")
    weights.symlink_to(folder / "more" / "weights")
    assert "ask" in Models(str(folder), 2).names()
    weights.unlink()
    weights.symlink_to(tmp_path / "elsewhere" / "model.safetensors")
    assert "ask" not in Models(str(folder), 2).names()
    assert Models(str(folder), 2).backend("more/read") == "auto"
    assert Models(str(folder / "more" / "read"), 2).backend(".") == "torch"  # its converted form would stand outside
