import math
import shutil

import pytest
from conftest import load_speaking

from toi.data.requests import Request
from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.decoding.decoder import Decoder
from toi.decoding.jobs import Output, Text
from toi.page.choice import Models
from toi.page.errors import Problem
from toi.page.questions import Found, Wish, as_html, as_json, checked_count, fulfil, marked
from toi.page.words import WORDS
from toi.scoring.answered import Answered
from toi.scoring.answering import answer
from toi.scoring.options import AnsweringOptions
from toi.scoring.verdicts import Verdict
from toi.system.errors import InputError


@pytest.fixture(scope="module")
def models(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    for name, task in (("ask", "aqg"), ("read", "qa")):
        shutil.copytree(tiny, folder / name)
        write_task(folder / name, Task.named(task), {})
    return Models(str(folder), 2)


TEXT = "山梨県の県庁所在地は甲府市です。"


def test_wishes_of_several_users_are_each_answered_as_if_alone(models):
    wishes = [
        Wish("ask", Request(TEXT, "甲府市"), 2),
        Wish("ask", Request(TEXT, "東京"), 2),
        Wish("read", Request(TEXT, question="県庁所在地は?")),
        Wish("ask", Request(TEXT, "山梨県"), 2, ("甲", "山")),
        Wish("nobody", Request(TEXT, "甲府市")),
        Wish("ask", Request(TEXT, "甲府市"), 3),
    ]
    found = [as_json(one) for one in fulfil(models, wishes)]
    assert found == [as_json(one) for wish in wishes for one in fulfil(models, [wish])]
    assert "東京" in found[1]["error"]
    assert found[4] == {"outputs": [], "error": "no model is called 'nobody'"}
    assert [len(one["outputs"]) for one in found] == [2, 0, 1, len(found[3]["outputs"]), 0, 3]
    assert not any(word in text["text"] for text in found[3]["outputs"] for word in ("甲", "山"))


def test_words_of_one_request_bind_no_other(tiny):
    decoder, task, options = Decoder(load_speaking(tiny)), Task.named("aqg"), AnsweringOptions(max_target_length=6)
    decoder.checkpoint.family.follow(task)
    request = ("", Request(TEXT, "甲府市"))
    free = answer(decoder, task, options, [request])[0].output.text
    banned, other = answer(decoder, task, options, [request, request], [(free[:1],), ()])
    assert other.output.text == free
    assert free[:1] not in (banned.output.text or "")


@pytest.mark.parametrize("count", [0, 21, -1, 1.5, "3", None, True])
def test_numbers_of_outputs_have_limits(count):
    with pytest.raises(InputError, match="from 1 to 20"):
        checked_count(count)


@pytest.mark.parametrize(
    ("text", "parts", "wanted"),
    [
        ("山梨の桃", [], "山梨の桃"),
        ("山梨の桃", ["桃"], "山梨の<mark>桃</mark>"),
        ("桃と桃太郎", ["桃", "桃太郎"], "<mark>桃</mark>と<mark>桃太郎</mark>"),
        ("<b>桃</b>", ["b"], "&lt;<mark>b</mark>&gt;桃&lt;/<mark>b</mark>&gt;"),
        ("a&amp;b", ["amp"], "a&amp;<mark>amp</mark>;b"),
        ("桃", ["梨", ""], "桃"),
    ],
)
def test_marked_words_and_text_as_text(text, parts, wanted):
    assert marked(text, parts) == wanted


def test_errors_are_in_the_users_language_and_are_no_markup():
    assert as_html(Found(Problem("toi.answer_elsewhere", "<b>")), "ja") == (
        '<p class="toi-error">答え「&lt;b&gt;」が文章の中にありません。文章にあるとおりに書くか、文章の中で選んでください。</p>'
    )
    assert as_html(Found(InputError("<script>")), "ja") == '<p class="toi-error">&lt;script&gt;</p>'


def test_outputs_are_listed_with_what_is_to_be_said_of_them():
    texts = (Text("<b>桃</b>は何?", -1.5, -1.5), Text("山梨はどこ?", -2.25, -2.25))
    verdicts = [Verdict((), False, ("桃",)), Verdict((), True, ())]
    assert as_html(Found(Answered(Request(TEXT, "山梨"), Output(texts[0].text, -1.5, texts), verdicts)), "en") == (
        '<ol class="toi-outputs"><li>&lt;b&gt;<mark>桃</mark>&lt;/b&gt;は何? '
        "<small>log-probability -1.50 · not in the text: 桃</small></li>"
        "<li>山梨はどこ? <small>log-probability -2.25 · gives the answer away</small></li></ol>"
    )
    assert WORDS["ja"]["toi.nothing"] in as_html(Found(Answered(Request(TEXT, "山梨"), Output(None, -math.inf))), "ja")
