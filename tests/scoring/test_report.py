"""The report page: what is in it, and, in a real browser, what it does."""

import json
import re

import pytest
from chromium import chromium
from perturbed import pairs

from toi.data.examples import Answer, Example
from toi.data.predictions import Prediction
from toi.scoring.options import ScoringOptions
from toi.scoring.report import differences, write_report
from toi.scoring.scored import score_rows, with_comparison, with_examples

NASTY = '</script><script>document.title="broken"</script><img src=x onerror="document.title=1">&lt;'


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("今日は天気だ", "今日は天気だ", (["今日は天気だ"], ["今日は天気だ"])),
        ("今日は天気だ", "今日はわるい天気だ", (["今日は天気だ"], ["今日は", "わるい", "天気だ"])),
        ("桃", "梨", (["", "桃"], ["", "梨"])),
        ("", "梨", ([""], ["", "梨"])),
        (" 桃 と 梨 ", "桃と柿", ([" 桃 と", " 梨 "], ["桃と", "柿"])),
        ("桃が", "梨が", (["", "桃", "が"], ["", "梨", "が"])),
    ],
)
def test_differences(one, other, expected):
    assert differences(one, other) == expected
    assert "".join(differences(one, other)[0]) == one


def make_report(path, rows=120, tokenizers=("mecab", "char"), *, compared=True):
    """A report of `rows` perturbed questions in two splits, with types, leaks and a comparison; the first row is nasty."""
    outputs, golds = pairs(rows, seed=5)
    predictions, examples = [], []
    for i, (output, (target, *_)) in enumerate(zip(outputs, golds, strict=True)):
        output = " ".join(output.split())
        predictions.append(Prediction(f"q{i:04}", f"answer: 桃 context: {target}", target, NASTY if i == 0 else output, -0.1))
        extra = {"question_type": f"type-{i % 3}", "answer_type": "Object"}
        examples.append(Example(f"q{i:04}", target, target, (Answer("桃", None),), "", extra))
    options = ScoringOptions(n_resamples=50, tokenizers=list(tokenizers))
    found = with_examples(score_rows(predictions, options), examples, options, asks=True, where="x")
    others = [prediction._replace(output=prediction.target) for prediction in predictions]
    if compared:
        found = with_comparison(found, others, "other <b>.tsv", options)
    dev = score_rows(predictions[:5], options)
    write_report(path, {"test": found, "dev": dev}, options, {"model": "model <x>", "data_dir": "data"})
    return predictions


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path):
    predictions = make_report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']?(?!data:)[^"' >]*[/.]""", page.split('<script type="application/json"')[0])
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<script") == 2
    assert NASTY not in page
    assert "Evaluation of model &lt;x&gt;" in page
    assert "other &lt;b&gt;.tsv" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    labels = [column["label"] for column in data[0]["columns"]]
    assert labels == [
        "id", "target", "output", "rougeL", "chrf", "not in the input", "answer leaked", "other output", "question type",
        "answer type", "input",
    ]  # fmt: skip
    for row, prediction in zip(data[0]["rows"], predictions, strict=True):
        assert (row[0], "".join(row[1]), "".join(row[2])) == (prediction.id, prediction.target, prediction.output)
    for part in ("Scores by question type", "Scores by tokenizer", "Comparison", "rougeL of an example", "tok:ja-mecab"):
        assert part in page
    assert "NaN" not in page.split('<script type="application/json"')[0]


def test_the_same_in_the_same_out(tmp_path):
    for name in ("a", "b"):
        make_report(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return path, make_report(path)


@pytest.fixture
def page(browser, report):
    """The page in the browser; what the browser complains of, and what it asks for beside the page, fails the test."""
    seen = []
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: seen.append(request.url) if request.url != report[0].as_uri() else None)
    page.goto(report[0].as_uri())
    yield page
    page.close()
    assert seen == []


def ids(page):
    return page.eval_on_selector_all("section:not([hidden]) td.id", "cells => cells.map(c => c.textContent)")


def test_pages_of_rows(page, report):
    _, predictions = report
    assert ids(page) == [p.id for p in predictions[:50]]
    section = page.locator("section:not([hidden])")
    assert "120 of 120 rows, page 1 of 3" in section.locator("[data-part=count]").inner_text()
    section.locator("[data-part=after]").click()
    section.locator("[data-part=after]").click()
    assert ids(page) == [p.id for p in predictions[100:]]
    assert section.locator("[data-part=after]").is_disabled()
    page.locator(".tabs button", has_text="dev").click()
    assert ids(page) == [p.id for p in predictions[:5]]


def test_sorting(page, report):
    _, predictions = report
    section = page.locator("section:not([hidden])")
    figures = "cells => cells.map(c => parseFloat(c.textContent))"
    column = "section:not([hidden]) td[data-label=rougeL]"
    head = section.locator("th[data-key=rougeL]")
    head.locator("button").click()
    found = page.eval_on_selector_all(column, figures)
    assert found == sorted(found)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    found = page.eval_on_selector_all(column, figures)
    assert found == sorted(found, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    section.locator("[data-part=order]").select_option("output")  # a text: by its length
    lengths = sorted((len(p.output) for p in predictions), reverse=True)
    assert [len(text) for text in page.eval_on_selector_all(
        "section:not([hidden]) td[data-label=output]", "cells => cells.map(c => c.textContent)"
    )] == lengths[:50]  # fmt: skip
    section.locator("[data-part=order]").select_option("")
    section.locator("[data-part=turn]").click()
    assert ids(page) == [p.id for p in predictions[:50]]


def test_searching(page, report):
    _, predictions = report
    section = page.locator("section:not([hidden])")
    section.locator("[data-part=search]").fill("何 TYPE-1")
    wanted = [p.id for i, p in enumerate(predictions) if i % 3 == 1 and "何" in p.source + p.output]
    assert len(wanted) > 5
    assert ids(page) == wanted[:50]
    section.locator("[data-part=search]").fill("no such text")
    assert ids(page) == []
    assert "0 of 120 rows, page 1 of 1" in section.locator("[data-part=count]").inner_text()
    section.locator("[data-part=search]").fill("")
    assert len(ids(page)) == 50


def test_texts_are_only_texts(page, report):
    assert page.title() == "Evaluation of model <x>"
    cell = page.locator("section:not([hidden]) td[data-label=output]").first
    assert cell.inner_text() == NASTY
    assert cell.locator("img").count() == 0
    assert cell.locator("mark").count() > 0
    more = page.locator("section:not([hidden]) button.more").first
    more.click()
    assert more.get_attribute("aria-expanded") == "true"
    assert page.locator("section:not([hidden]) td.soft").inner_text() == report[1][0].source
    more.click()
    assert page.locator("section:not([hidden]) td.soft").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(page, report, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cell = page.locator("section:not([hidden]) td[data-label=output]").nth(1)
    assert cell.bounding_box()["width"] > 300
    page.locator("section:not([hidden]) button.more").first.click()  # the input of a row
    assert page.locator("section:not([hidden]) td.soft").inner_text() == report[1][0].source
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ink, paper = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (ink, paper)]
    assert (light[0] < light[1]) == (scheme == "light")


def test_many_rows_stay_usable(browser, tmp_path):
    """4,442 rows: drawn, searched and sorted in well under a second each."""
    path = tmp_path / "many.html"
    make_report(path, 4442, ["char"], compared=False)
    page = browser.new_page()
    page.goto(path.as_uri())
    assert len(ids(page)) == 50
    elapsed = page.evaluate("""() => {
        const start = performance.now();
        const section = document.querySelector("section:not([hidden])");
        const search = section.querySelector("[data-part=search]");
        search.value = "どこ"; search.dispatchEvent(new Event("input"));
        section.querySelector("th[data-key=chrf] button").click();
        return performance.now() - start;
    }""")
    assert 0 < len(ids(page)) <= 50
    assert elapsed < 2000
    page.close()
