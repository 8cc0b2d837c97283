from pathlib import Path

import pytest
from huggingface_hub.errors import LocalTokenNotFoundError

from toi.system.errors import InputError
from toi.training import hub


class FakeHub:
    """What we call of the hub, and what it was told."""

    def __init__(self, error=None):
        self.error, self.told = error, []

    def __call__(self):
        return self

    def whoami(self):
        if self.error:
            raise self.error

    def create_repo(self, name, exist_ok):
        if self.error:
            raise self.error
        self.told.append(name)

        class Address(str):
            repo_id = f"me/{name}"

        return Address(f"https://huggingface.co/me/{name}")

    def upload_folder(self, folder_path, repo_id, commit_message):
        self.told.append((repo_id, sorted(p.name for p in Path(folder_path).iterdir())))


@pytest.mark.parametrize(
    ("error", "message"),
    [(LocalTokenNotFoundError("no token"), "not logged in; run `hf auth login`"), (OSError("no route\nto host"), r"\(no route\)")],
)
def test_the_hub_is_asked_first(error, message, monkeypatch):
    monkeypatch.setattr(hub, "HfApi", FakeHub(error))
    with pytest.raises(InputError, match=message):
        hub.check_hub()


@pytest.mark.parametrize(("name", "expected"), [(None, "my_model"), ("other", "other")])
def test_push(name, expected, monkeypatch, tmp_path):
    fake = FakeHub()
    monkeypatch.setattr(hub, "HfApi", fake)
    hub.check_hub()
    (tmp_path / "my_model").mkdir()
    (tmp_path / "my_model" / "README.md").write_text("card")
    assert hub.push(tmp_path / "my_model", name) == f"https://huggingface.co/me/{expected}"
    assert fake.told == [expected, (f"me/{expected}", ["README.md"])]


def test_a_push_that_fails_says_that_the_model_is_there(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "HfApi", FakeHub(OSError("broken pipe")))
    with pytest.raises(InputError, match="trained, but the Hugging Face hub did not take it"):
        hub.push(tmp_path)
