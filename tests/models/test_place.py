import pytest

from toi.models.place import check_model, local_folder
from toi.system.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    return tmp_path


WRONG = [
    ("file", "file: a file, not a model folder"),
    ("./nothing", "./nothing: no such model folder"),
    ("/nothing/at/all", "no such model folder"),
    ("~/nothing", "no such model folder"),
    ("a/b/c", "no such model folder"),
]


@pytest.mark.parametrize(("name", "message"), WRONG)
def test_names_that_are_neither_a_folder_nor_of_the_hub(here, name, message):
    for use in (lambda: local_folder(name), lambda: check_model(name), lambda: check_model("model", name)):
        with pytest.raises(InputError, match=message) as error:
            use()
        assert "\n" not in str(error.value)


def test_folders_and_names_of_the_hub(here):
    assert str(local_folder("model")) == "model"
    assert local_folder("someone/model") is local_folder("model-of-the-hub") is None
    check_model("model", "empty")  # a tokenizer has no config.json
    check_model("someone/model", "someone/tokenizer")
    with pytest.raises(InputError, match=r"empty: no config\.json, so this is not a model folder; train one"):
        check_model("empty")
