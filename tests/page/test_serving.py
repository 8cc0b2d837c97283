import re

import pytest
from conftest import ROOT

from toi.page.options import PageOptions


@pytest.mark.parametrize(
    ("environment", "given", "wanted"),
    [
        ({}, {}, (None, None)),  # gradio's: this machine alone, the first free port from 7860 on
        ({}, {"host": "0.0.0.0", "port": 80}, ("0.0.0.0", 80)),
        ({"GRADIO_SERVER_NAME": "10.0.0.1"}, {}, (None, None)),  # gradio reads it
        ({"SPACE_ID": "me/toi"}, {}, ("0.0.0.0", 7860)),
        ({"SPACE_ID": "me/toi", "GRADIO_SERVER_NAME": "10.0.0.1", "GRADIO_SERVER_PORT": "7000"}, {}, ("10.0.0.1", 7000)),
        ({"SPACE_ID": "me/toi"}, {"host": "127.0.0.1", "port": 80}, ("127.0.0.1", 80)),
    ],
)
def test_where_the_page_listens(environment, given, wanted, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (requirements-app.txt)")
    from toi.page.serving import address_of

    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert address_of(PageOptions(**given)) == wanted


def test_what_docs_say_of_a_space_is_what_is_pinned():
    said = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^gradio==(.+)$", (ROOT / "requirements-app.txt").read_text(), re.MULTILINE)
    assert f"sdk_version: {pinned}\n" in said
    assert "app_file: app.py\n" in said
    assert (ROOT / "app.py").is_file()
    # A Space mounts requirements.txt alone: it may name no other file.
    assert "-r" not in (ROOT / "requirements.txt").read_text()
