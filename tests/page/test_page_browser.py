"""The page in a real browser, on tiny models of random weights: what they write says nothing, what the page does with it counts.

One page, one browser, and a visitor for each language, for all tests: each begins where another left off.
"""

import csv
import html
import io
import json
import os
import shutil
import tempfile
import threading
import zipfile
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from chromium import chromium
from conftest import load_speaking
from tiny_causal import MAKERS
from visitor import Visitor

from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.documents.options import DocumentOptions
from toi.models.checkpoint import save
from toi.page.choice import Models
from toi.page.options import PageOptions

SELECTED = "(t => t.value.slice(t.selectionStart, t.selectionEnd))(document.querySelector('#ask-context textarea'))"
TEXT = "山梨県の県庁所在地は<b>甲府市</b>です。特産品は桃です。"
DOCUMENT = "# 手引き\n\n山梨県の県庁所在地は<b>甲府市</b>です。人口は18万人である。\n\n霧沢一は1954年に白浜市で生まれた。\n"
VISITORS = {"ja": ("ja-JP", 1200), "en": ("en-US", 390)}  # every function in both languages, and on a narrow screen
KEPT = {"max_made_up_words": 99, "keep_vague": True, "max_similarity": 1.0}  # what a model of random weights asks


@pytest.fixture(scope="module")
def site(tiny, tmp_path_factory):
    """The page with a model of each kind, one of them under a name that is markup: its address, and its models."""
    pytest.importorskip("gradio", reason="gradio is not installed (requirements-app.txt)")
    import toi.page.documents
    from toi.page.serving import served

    place, change = tmp_path_factory.mktemp("page"), pytest.MonkeyPatch()
    folder, work, temp = place / "models", place / "work", place / "temp"
    speaking = load_speaking(tiny, 1)
    save(folder / "<i>ask", speaking.model, speaking.tokenizer, Task.named("aqg"), {}, {})
    shutil.copytree(tiny, folder / "read")
    write_task(folder / "read", Task.named("qa"), {})
    MAKERS["llama"](folder / "say")
    write_task(folder / "say", Task.named("plain"), {})
    shutil.copytree(folder / "read", place / "elsewhere")
    before = {path.name for path in folder.iterdir()}
    for path in (work, temp):
        path.mkdir()
    change.chdir(work)
    change.setattr(tempfile, "tempdir", str(temp))
    change.setattr(toi.page.documents, "DocumentOptions", partial(DocumentOptions, **KEPT))
    models = Models(str(folder), 3)
    with served(models, PageOptions(max_characters=200, max_file_mb=1)) as address:
        yield SimpleNamespace(address=address, models=models, folder=folder)
    change.undo()
    assert [*work.iterdir(), *temp.iterdir()] == []  # whatever the tests below did
    assert {path.name.removesuffix(".ctranslate2") for path in folder.iterdir()} == before
    assert sorted(path.name for path in place.iterdir()) == ["elsewhere", "models", "temp", "work"]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def visitors(browser, site):
    """A visitor for each language, who stays."""
    come = {}

    def visitor(name):
        if name not in come:
            come[name] = Visitor(browser, site.address, *VISITORS[name])
            come[name].come()
        return come[name]

    yield visitor
    for one in come.values():
        one.page.context.close()


@pytest.fixture(params=VISITORS)
def visitor(visitors, request):
    one = visitors(request.param)
    yield one
    assert one.page.evaluate("document.documentElement.scrollWidth") <= one.page.viewport_size["width"]
    assert one.wrong == []


@pytest.mark.parametrize(
    ("locale", "width", "tabs"),
    [("ja-JP", 390, ["質問", "答え", "文書", "会話"]), ("fr-FR", 1200, ["Ask", "Answer", "Documents", "Talk"])],
)
def test_every_tab_in_both_languages_on_wide_and_narrow_screens(browser, site, locale, width, tabs):
    visitor = Visitor(browser, site.address, locale, width)
    visitor.come()
    for name, field in zip(tabs, ("#ask-context", "#read-context", "#document-files", "#talk-message"), strict=True):
        visitor.page.get_by_role("tab", name=name, exact=True).first.click()
        visitor.page.wait_for_selector(field)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visitor.wrong == []
    visitor.page.context.close()


def test_an_answer_is_selected_and_questions_are_asked(visitor):
    from toi.page.ask import EXAMPLE

    page = visitor.page
    visitor.tab("toi.ask")
    visitor.click("ask-example")
    visitor.holds("ask-context", EXAMPLE[0])
    visitor.write("ask-context", TEXT)
    box = page.locator("#ask-context textarea").bounding_box()
    page.mouse.move(box["x"] + 24, box["y"] + 18)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 18, steps=5)
    page.mouse.up()
    chosen = page.evaluate(SELECTED)
    assert chosen
    assert chosen in TEXT
    visitor.holds("ask-answer", chosen)
    visitor.write("ask-answer", "甲府市")
    page.fill("#ask-count input[type=number]", "3")
    page.press("#ask-count input[type=number]", "Tab")
    visitor.write("ask-bad-words", "山 県")
    visitor.click("ask-go")
    visitor.sees("ask-outputs", visitor.said("toi.score"))
    lines = [line.split(visitor.said("toi.score"))[0] for line in visitor.text("ask-outputs").splitlines()]
    assert len(lines) == 3
    assert not any(word in line for word in "山県" for line in lines)
    assert page.query_selector("#ask-context b, #ask-outputs b") is None
    visitor.write("ask-answer", "<b>東京")
    visitor.press_enter("ask-answer")
    visitor.sees("ask-outputs", visitor.said("toi.answer_elsewhere", "<b>東京"))


def test_a_question_is_answered_and_texts_have_limits(visitor):
    from toi.page.ask import EXAMPLE

    visitor.tab("toi.read")
    visitor.write("read-context", "")
    visitor.click("read-go")
    visitor.sees("read-outputs", visitor.said("toi.no_context"))
    visitor.click("read-example")
    visitor.holds("read-question", EXAMPLE[2])
    visitor.click("read-go")
    visitor.sees("read-outputs", visitor.said("toi.score"))
    visitor.write("read-context", "長" * 201)
    visitor.press_enter("read-question")
    visitor.sees("read-outputs", visitor.said("toi.too_long", 200))
    visitor.write("read-context", f"{EXAMPLE[0]}<hl>")
    visitor.press_enter("read-question")
    visitor.sees("read-outputs", "<hl>")
    japanese = "このモデルは質問に答えるものです。文章の<hl>を消してください。"
    assert (visitor.text("read-outputs") == japanese) == (visitor.words["toi.stop"] == "止める")
    visitor.write("read-context", "鬱" * 190)  # three bytes each, which are more tokens than the model reads
    visitor.press_enter("read-question")
    visitor.sees("read-outputs", visitor.words["toi.cut"].partition("{")[0])


@contextmanager
def stopped_in_the_middle(monkeypatch, place, name):
    """Work that waits behind its first part until the test lets it go on: whether it was begun, and what ended it."""
    begun, go_on, ended = threading.Event(), threading.Event(), []
    work = getattr(place, name)

    def waiting(*arguments, progress, **options):
        def told(what, done, total):
            progress(what, done, total)
            if not begun.is_set():
                begun.set()
                assert go_on.wait(30)

        try:
            return work(*arguments, progress=told, **options)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        finally:
            ended.append("over")

    monkeypatch.setattr(place, name, waiting)
    yield begun, go_on, ended
    monkeypatch.undo()


def test_a_job_that_runs_is_stopped(visitor, monkeypatch, tmp_path):
    import toi.page.documents

    page = visitor.page
    (tmp_path / "a.txt").write_text(DOCUMENT, encoding="utf-8")
    visitor.tab("toi.documents")
    drop(visitor, tmp_path / "a.txt")
    with stopped_in_the_middle(monkeypatch, toi.page.documents, "make_pairs") as (begun, go_on, ended):
        visitor.click("document-start")
        assert begun.wait(30)
        visitor.sees("document-progress", visitor.said("toi.questions"))
        visitor.click("document-stop")
        visitor.sees("document-progress", visitor.said("toi.stopped"))
        go_on.set()
        visitor.tab("toi.read")  # the next job has the models
        visitor.write("read-context", "")
        visitor.click("read-go")
        visitor.sees("read-outputs", visitor.said("toi.no_context"))
        assert ended == ["_Cancelled", "over"]
    visitor.tab("toi.documents")
    assert visitor.text("document-progress") == visitor.said("toi.stopped")
    assert not page.is_visible("#document-pairs")


CLEAR = "#document-files button[aria-label=Clear], #document-files button[aria-label=クリア]"


def drop(visitor, path):
    """Take away what was dropped, and drop this."""
    page = visitor.page
    if page.query_selector(CLEAR):
        page.click(CLEAR)
        page.wait_for_selector(CLEAR, state="detached")
    page.set_input_files("#document-files input[type=file]", path)
    visitor.sees("document-files", path.stem)


def cell(visitor, row, column):
    return visitor.page.locator(f"#document-pairs [data-testid=cell-{row}-{column}]")


def edit(visitor, row, column, text):
    """Write into a cell of the table; a click that comes while the table is drawn anew is lost, and repeated."""
    page, place = visitor.page, cell(visitor, row, column)
    for _ in range(5):
        place.dblclick()
        with suppress(page_timeout()):
            page.wait_for_selector("#document-pairs textarea", timeout=3000)
            break
    page.fill("#document-pairs [role=gridcell] textarea", text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#document-pairs textarea", state="detached")


def page_timeout():
    from playwright.sync_api import TimeoutError

    return TimeoutError


def downloaded(visitor, name):
    """The content of a file that the page offers."""
    with visitor.page.expect_download() as download:
        visitor.page.click(f"#document-saved a[download='{name}']")
    return download.value.path().read_bytes()


def check_files(visitor, rows, dropped):
    """Open each file that the page offers: it has what stands in the table, and not what was dropped."""
    question, answer = "<b>手</b>で書いた質問は何ですか?", "県庁"
    squad = json.loads(downloaded(visitor, "squad.json"))
    pairs = [(qa["question"], qa["answers"][0]["text"]) for one in squad["data"] for p in one["paragraphs"] for qa in p["qas"]]
    assert (question, answer) in pairs
    assert len(pairs) == rows
    assert dropped not in [text for _, text in pairs]
    lines = [json.loads(line) for line in downloaded(visitor, "pairs.jsonl").decode().splitlines()]
    assert [(line["question"], line["answer"]) for line in lines] == pairs
    assert (lines[0]["question"], lines[0]["why"]) == (question, "chosen by a person")
    assert lines[0]["context"][lines[0]["answer_start"] :].startswith(answer)
    for name in ("instructions.csv", "pairs.csv", "anki.csv"):
        content = downloaded(visitor, name)
        table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        shown = html.escape(question) if name == "anki.csv" else question  # whose fields are HTML
        assert any({shown, answer} <= set(row) for row in table), name
        assert not any(dropped in row for row in table), name
    assert downloaded(visitor, "pairs.csv").startswith(b"\xef\xbb\xbf")  # for Excel
    for name, shown in (("sheet.html", False), ("sheet_answers.html", True)):
        sheet = downloaded(visitor, name).decode()
        assert "&lt;b&gt;手&lt;/b&gt;で書いた質問は何ですか?" in sheet
        assert (f">{answer}<" in sheet) == shown
    with zipfile.ZipFile(io.BytesIO(downloaded(visitor, "pairs.zip"))) as archive:
        names = set(archive.namelist())
        assert {"squad.json", "pairs.jsonl", "anki.csv", "sheet.html", "report.json"} < names
        assert json.loads(archive.read("squad.json")) == squad


def test_pairs_of_a_document_are_mended_and_downloaded(visitor, tmp_path):
    page = visitor.page
    visitor.tab("toi.documents")
    (tmp_path / "手引き.md").write_text(DOCUMENT, encoding="utf-8")
    drop(visitor, tmp_path / "手引き.md")
    visitor.choose("document-reader", "—")
    visitor.click("document-start")
    page.wait_for_selector("#document-pairs [data-testid=cell-1-2]")
    heads = [page.inner_text(f"#document-pairs [data-testid=header-{i}] .header-content").strip() for i in (2, 3, 5)]
    assert heads == [visitor.words[key] for key in ("toi.question", "toi.answer", "toi.place")]
    rows = page.locator("#document-pairs [data-testid$='-0'][role=gridcell]").count()
    answer = cell(visitor, 1, 3).inner_text().strip()
    cell(visitor, 1, 5).click()
    page.wait_for_selector("#document-passage mark")
    assert page.inner_text("#document-passage mark") == answer
    assert visitor.said("toi.paragraph", 2) in visitor.text("document-passage") or rows > 1
    edit(visitor, 0, 2, "<b>手</b>で書いた質問は何ですか?")
    edit(visitor, 0, 3, "この文章にない")
    visitor.click("document-save")
    visitor.sees("document-saving", visitor.said("toi.row_elsewhere", 1, "この文章にない"))
    edit(visitor, 0, 3, "県庁")
    cell(visitor, 1, 1).locator("input").click()
    visitor.click("document-save")
    page.wait_for_selector("#document-saved a[download='pairs.zip']")
    assert visitor.text("document-saving").strip() == ""
    check_files(visitor, rows - 1, dropped=answer)
    assert page.query_selector("#document-pairs b, #document-passage b") is None


def test_documents_that_cannot_be_read_are_said_in_a_line(visitor, tmp_path):
    page = visitor.page
    visitor.tab("toi.documents")
    (tmp_path / "絵.png").write_bytes(b"x")
    (tmp_path / "空.txt").write_bytes(b"")
    (tmp_path / "大.txt").write_bytes(b"a" * (2 << 20))
    drop(visitor, tmp_path / "絵.png")
    visitor.click("document-start")
    visitor.sees("document-progress", visitor.words["toi.no_document"].partition("{1}")[0].format("絵.png"))
    drop(visitor, tmp_path / "空.txt")
    visitor.click("document-start")
    japanese = visitor.words["toi.stop"] == "止める"
    visitor.sees("document-progress", "空.txt：何も入っていません。" if japanese else "空.txt: is empty")
    drop(visitor, tmp_path / "大.txt")
    visitor.click("document-start")
    visitor.sees(
        "document-progress", "大.txt：2 MBあります。読めるのは1 MBまでです。" if japanese else "大.txt: 2 MB; at most 1 are read"
    )
    page.click(CLEAR)
    page.wait_for_selector(CLEAR, state="detached")
    visitor.click("document-start")
    visitor.sees("document-progress", visitor.said("toi.no_files"))


def answers(visitor):
    return [one.inner_text() for one in visitor.page.locator("#talk-said [data-testid=bot]").all()]


def test_a_conversation(visitor, monkeypatch):
    page = visitor.page
    visitor.tab("toi.talk")
    visitor.write("talk-message", "<b>やあ</b>")
    visitor.asks("talk-send", "talk-problem")
    assert "<b>やあ</b>" in visitor.text("talk-said")
    assert page.query_selector("#talk-said b") is None
    (first,) = answers(visitor)
    for temperature in ("1.5", "0"):
        page.fill("#talk-temperature input[type=number]", temperature)
        page.press("#talk-temperature input[type=number]", "Tab")
        visitor.asks("talk-retry", "talk-problem")
        (again,) = answers(visitor)
        assert (again == first) == (temperature == "0")  # the likeliest answer is the same
    visitor.write("talk-message", "もう一つ")
    visitor.press_enter("talk-message")
    page.wait_for_function("document.querySelectorAll('#talk-said [data-testid=bot]').length === 2")
    visitor.rests("talk-problem")
    visitor.write("talk-system", "短く")
    visitor.write("talk-message", "三つ目")
    visitor.asks("talk-send", "talk-problem")
    japanese = "このモデルはシステムの文を読みません。空にしてください。"
    visitor.sees("talk-problem", japanese if visitor.words["toi.stop"] == "止める" else "leave out --system")
    visitor.holds("talk-message", "三つ目")
    assert len(answers(visitor)) == 2
    visitor.write("talk-system", "長" * 201)
    visitor.asks("talk-send", "talk-problem")
    visitor.sees("talk-problem", visitor.said("toi.too_long", 200))
    visitor.write("talk-system", "")
    visitor.click("talk-clear")
    visitor.holds("talk-message", "")
    page.wait_for_function("document.querySelectorAll('#talk-said [data-testid=user]').length === 0")
    stop_an_answer(visitor, monkeypatch)


def stop_an_answer(visitor, monkeypatch):
    """Stop an answer behind its first part: it stays as it is, and is written no further."""
    from toi.talking.conversation import Conversation

    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def answer(self, asked, options, number=0):
        try:
            yield "はい"
            begun.set()
            assert go_on.wait(30)
            yield "、いいえ"
            yield "、もう一つ"
        finally:
            closed.set()

    monkeypatch.setattr(Conversation, "answer", answer)
    visitor.write("talk-message", "やあ")
    visitor.click("talk-send")
    assert begun.wait(30)
    visitor.sees("talk-said", "はい")
    visitor.click("talk-stop")
    go_on.set()
    assert closed.wait(30)
    monkeypatch.undo()
    visitor.rests("talk-problem")
    assert "もう一つ" not in visitor.text("talk-said")


def test_only_who_is_named_comes_in(browser, site):
    import httpx
    from gradio_client import Client

    from toi.page.serving import served

    with served(site.models, PageOptions(auth=["山田:秘密:と", "suzuki:secret"])) as address:
        visitor = Visitor(browser, address, "ja-JP", 390)
        page = visitor.page
        page.goto(address)
        for name, password in (("山田", "違う"), ("山田", "秘密:と")):
            page.locator("input").nth(0).fill(name)
            page.locator("input").nth(1).fill(password)
            with page.expect_response(lambda response: response.url.endswith("/login")) as answer:
                page.get_by_role("button").first.click()
            assert answer.value.ok == (password != "違う")
            if password == "違う":
                page.wait_for_selector("text=/パスワード|credentials/i")
                assert page.query_selector("#ask-go") is None
        page.wait_for_selector("#ask-go")
        assert visitor.wrong == []
        page.context.close()
        for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=x"):
            assert httpx.get(address + path).status_code == 401, path
        for path in ("queue/join", "call/models", "run/models", "upload"):
            assert httpx.post(f"{address}gradio_api/{path}", json={"data": []}).status_code == 401, path
        with pytest.raises(Exception, match=r"(?i)auth|log|401"):
            Client(address, verbose=False).predict(api_name="/models")
        assert Client(address, auth=("suzuki", "secret"), verbose=False).predict(api_name="/models")["read"] == "answers"


def test_nothing_outside_of_the_folders_is_read(site):
    import httpx
    from gradio_client import Client

    secret = site.folder.parent / "work" / "secret.txt"
    secret.write_text("秘密です。", encoding="utf-8")
    uploads = os.environ["GRADIO_TEMP_DIR"]
    paths = [secret, "secret.txt", f"{uploads}/../../../work/secret.txt", f"{site.folder}/read/config.json", "/etc/passwd", "."]
    try:
        for path in map(str, paths):
            for form in (path, path.replace("..", "%2e%2e"), path.replace("/", "%2F")):
                assert httpx.get(f"{site.address}gradio_api/file={form}").status_code in (403, 404), form
            found = direct(site.address, "run", [[{"path": path, "meta": {"_type": "gradio.FileData"}}], "<i>ask", "", None])
            assert "秘密" not in found
            assert json.loads(found)["success"] is False, path
    finally:
        secret.unlink()
    client = Client(site.address, verbose=False)
    for name in ("../elsewhere", "read/../../elsewhere", str(site.folder.parent / "elsewhere"), "/etc", "", "."):
        assert client.predict(name, TEXT, "何?", api_name="/answers")["error"] == f"no model is called {name!r}"
        with pytest.raises(Exception, match="no model is called"):
            client.predict(TEXT, "<i>ask", name or "/", 0.8, api_name="/pairs")
        with pytest.raises(Exception, match="no model is called"):
            client.predict([{"role": "user", "content": "やあ"}], name, "", 0, api_name="/reply")
    answer = httpx.post(f"{site.address}gradio_api/upload", files={"files": ("../../大.txt", b"a" * (5 << 20))})
    assert answer.status_code == 413


def direct(address, name, data):
    """What the server says when it is asked as the page asks it, whatever the data: a line of JSON."""
    import httpx

    functions = httpx.get(f"{address}config").json()["dependencies"]
    number = next(one["id"] for one in functions if one["api_name"] == name)
    asked = {"data": data, "fn_index": number, "session_hash": "direct"}
    httpx.post(f"{address}gradio_api/queue/join", json=asked).raise_for_status()
    with httpx.stream("GET", f"{address}gradio_api/queue/data?session_hash=direct", timeout=60) as lines:
        return next(line.removeprefix("data: ") for line in lines.iter_lines() if "process_completed" in line)


def test_users_of_the_api_at_once_get_each_their_own_answer(site):
    from gradio_client import Client

    client = Client(site.address, verbose=False)
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
    assert client.predict("read", "鬱" * 190, "何?", api_name="/answers")["cut"] > 0
    said = client.predict([{"role": "user", "content": "やあ"}], "say", "", 0, api_name="/reply")
    assert said == client.predict([{"role": "user", "content": "やあ"}], "say", "", 0, api_name="/reply")
    for messages, temperature in (([{"role": "assistant", "content": "やあ"}], 0), ([{"role": "user", "content": "やあ"}], -1)):
        with pytest.raises(Exception, match=r"the last is a user's|temperature must be"):
            client.predict(messages, "say", "", temperature, api_name="/reply")
