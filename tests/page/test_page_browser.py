"""The page in a real browser, on tiny models of random weights: what they write says nothing, what the page does with it counts."""

import shutil
import threading

import numpy as np
import pytest
from chromium import chromium
from tiny_causal import MAKERS

from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.page.choice import Models
from toi.page.options import PageOptions

SELECTED = "(t => t.value.slice(t.selectionStart, t.selectionEnd))(document.querySelector('#ask-context textarea'))"
TEXT = "山梨県の県庁所在地は<b>甲府市</b>です。特産品は桃です。"


@pytest.fixture(scope="module")
def address(tiny, tmp_path_factory):
    """The page with a model of each kind, one of them under a name that is markup."""
    pytest.importorskip("gradio", reason="gradio is not installed (requirements-app.txt)")
    from toi.page.serving import served

    folder = tmp_path_factory.mktemp("page")
    for name, task in (("<i>ask", "aqg"), ("read", "qa")):
        shutil.copytree(tiny, folder / name)
        write_task(folder / name, Task.named(task), {})
    MAKERS["llama"](folder / "say")
    write_task(folder / "say", Task.named("plain"), {})
    with served(Models(str(folder), 3), PageOptions(max_characters=200, max_file_mb=1)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, address):
    """Opens the page in a language and a width; what it asks for elsewhere, and errors of its scripts, are errors of the test."""
    pages, wrong = [], []

    def open_(locale="ja-JP", width=1200):
        page = browser.new_context(locale=locale, viewport={"width": width, "height": 900}).new_page()
        page.on("request", lambda request: wrong.append(request.url) if elsewhere(request.url) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#ask-go")
        pages.append(page)
        for _ in range(100):  # what is typed before the page has come alive is lost
            page.click("#ask-example")
            page.wait_for_timeout(100)
            if page.input_value("#ask-context textarea"):
                break
        return page

    def elsewhere(url):
        return not url.startswith((address, address.replace("127.0.0.1", "localhost"), "data:", "blob:"))

    yield open_
    for page in pages:
        page.context.close()
    assert wrong == []


def settled(page, place):
    """The text of a place when it has stopped growing."""
    before = None
    while (text := page.inner_text(place)) != before:
        before = text
        page.wait_for_timeout(400)
    return text


@pytest.mark.parametrize(
    ("locale", "width", "tabs"),
    [
        ("ja-JP", 1200, ["質問", "答え", "文書", "会話"]),
        ("en-US", 1200, ["Ask", "Answer", "Documents", "Talk"]),
        ("ja-JP", 390, ["質問", "答え", "文書", "会話"]),
        ("fr-FR", 390, ["Ask", "Answer", "Documents", "Talk"]),
    ],
)
def test_every_tab_in_both_languages_on_wide_and_narrow_screens(opened, locale, width, tabs):
    page = opened(locale, width)
    for name, field in zip(tabs, ("#ask-context", "#read-context", "#document-files", "#talk-message"), strict=True):
        page.get_by_role("tab", name=name, exact=True).first.click()
        page.wait_for_selector(field)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_answer_is_selected_with_the_mouse_and_markup_is_text(opened):
    page = opened()
    page.fill("#ask-context textarea", TEXT)
    page.wait_for_timeout(500)  # a person is not faster
    box = page.locator("#ask-context textarea").bounding_box()
    page.mouse.move(box["x"] + 24, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 18, steps=5)
    page.mouse.up()
    chosen = page.evaluate(SELECTED)
    assert chosen
    assert chosen in TEXT
    page.wait_for_function(f"document.querySelector('#ask-answer input, #ask-answer textarea').value === '{chosen}'")
    page.fill("#ask-answer input, #ask-answer textarea", "甲府市")
    page.fill("#ask-bad-words input, #ask-bad-words textarea", "山 県")
    page.click("#ask-go")
    page.wait_for_selector("#ask-outputs li")
    outputs = page.inner_text("#ask-outputs")
    assert "対数確率" in outputs
    assert not any(word in line.split("対数確率")[0] for word in "山県" for line in outputs.splitlines())
    assert page.query_selector("#ask-context b, #ask-outputs b") is None
    page.fill("#ask-answer input, #ask-answer textarea", "<b>東京")
    page.click("#ask-go")
    page.wait_for_selector("#ask-outputs .toi-error")
    assert page.inner_text("#ask-outputs .toi-error") == (
        "答え「<b>東京」が文章の中にありません。文章にあるとおりに書くか、文章の中で選んでください。"
    )


def test_a_question_is_answered(opened):
    page = opened("en-US")
    page.get_by_role("tab", name="Answer", exact=True).first.click()
    page.click("#read-go")
    page.wait_for_selector("#read-outputs .toi-error")
    assert page.inner_text("#read-outputs .toi-error") == "There is no text; paste or write one."
    page.click("#read-example")
    page.wait_for_function("document.querySelector('#read-context textarea').value.length > 0")
    page.click("#read-go")
    page.wait_for_selector("#read-outputs li")


def test_a_document_is_dropped_and_what_cannot_be_read_is_said(opened, tmp_path):
    page = opened()
    page.get_by_role("tab", name="文書", exact=True).first.click()
    page.click("#document-start")
    page.wait_for_selector("#document-progress .toi-error")
    assert page.inner_text("#document-progress") == "文書がありません。上に入れてください。"
    (tmp_path / "手引き.md").write_text("# 手引き\n\n山梨県の県庁所在地は甲府市です。特産品は桃です。\n", encoding="utf-8")
    page.set_input_files("#document-files input[type=file]", tmp_path / "手引き.md")
    page.wait_for_selector("#document-files >> text=手引き")
    page.click("#document-start")
    page.wait_for_function("document.querySelector('#document-progress').innerText.includes('残しました')")


def test_a_conversation(opened):
    page = opened("en-US")
    page.get_by_role("tab", name="Talk", exact=True).first.click()
    page.fill("#talk-message textarea", "<b>やあ</b>")
    page.click("#talk-send")
    page.wait_for_function("document.querySelectorAll('#talk-said [data-testid=bot]').length === 1")
    assert "<b>やあ</b>" in page.inner_text("#talk-said")
    assert page.query_selector("#talk-said b") is None
    said = settled(page, "#talk-said [data-testid=bot]")
    page.click("#talk-retry")
    page.wait_for_timeout(300)
    assert settled(page, "#talk-said [data-testid=bot]") == said  # the likeliest answer is the same
    page.click("#talk-clear")
    page.wait_for_function("document.querySelectorAll('#talk-said [data-testid=user]').length === 0")


def test_users_of_the_api_at_once_get_each_their_own_answer(address):
    from gradio_client import Client

    client = Client(address, verbose=False)
    assert client.predict(api_name="/models") == {"<i>ask": "asks", "read": "answers", "say": "instructs"}
    wanted = ["山梨県", "甲府市", "桃", "東京", "県庁所在地"]
    found: dict[str, dict] = {}

    def ask(answer):
        found[answer] = client.predict("<i>ask", TEXT, answer, None, 2, ["梨"], api_name="/questions")

    threads = [threading.Thread(target=ask, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = {one: client.predict("<i>ask", TEXT, one, None, 2, ["梨"], api_name="/questions") for one in wanted}
    for one, result in found.items():
        outputs = [[text.pop("score"), text.pop("log_prob")] for asked in (result, alone[one]) for text in asked["outputs"]]
        half = len(outputs) // 2
        assert np.allclose(outputs[:half], outputs[half:], rtol=1e-5)
        assert result == alone[one]
    assert {one: result.get("answer") for one, result in alone.items() if one != "東京"} == {
        one: one for one in wanted if one != "東京"
    }
    assert "東京" in alone["東京"]["error"]
    assert client.predict("read", "長" * 201, "何?", api_name="/answers")["error"] == (
        "The text is too long (200 characters at most)."
    )
    said = client.predict([{"role": "user", "content": "やあ"}], "say", "", 0, api_name="/reply")
    assert said == client.predict([{"role": "user", "content": "やあ"}], "say", "", 0, api_name="/reply")
