"""The page as a whole: its tabs, its API, and what one user may ask for."""

from typing import Any

import gradio

from toi.page.ask import AskTab
from toi.page.choice import Models
from toi.page.document_tab import DocumentTab
from toi.page.options import PageOptions
from toi.page.talk import TalkTab
from toi.page.words import WORDS, language_of

STYLE = """
.toi-outputs li { margin: .4em 0; font-size: 1.1em; }
.toi-outputs small { opacity: .7; font-size: .75em; }
.toi-error { color: #b00020; }
@media (prefers-color-scheme: dark) { .toi-error { color: #ff8a80; } }
mark { background: #ffe08a; color: inherit; }
"""
# Browsers choose glyphs by it (直 is drawn otherwise in Chinese), and readers their voice.
_LANG = "() => { document.documentElement.lang = navigator.language; }"


def build(models: Models, options: PageOptions, folder: str) -> tuple[gradio.Blocks, gradio.I18n]:
    """The page, ready to be launched, and what it says in which language; files for users are written below `folder`."""
    say = gradio.I18n(**WORDS)
    with gradio.Blocks(title="Toi (問い)", analytics_enabled=False) as page:
        gradio.Markdown(say("toi.title"), elem_id="title")
        language = gradio.State("en")
        known = page.load(_language, None, language, api_visibility="private", show_progress="hidden")
        known.then(None, js=_LANG, api_visibility="private")
        with gradio.Tab(say("toi.ask"), id="ask"):
            ask = AskTab(models, options, say, language, asks=True)
        with gradio.Tab(say("toi.read"), id="read"):
            read = AskTab(models, options, say, language, asks=False)
        with gradio.Tab(say("toi.documents"), id="documents"):
            documents = DocumentTab(models, options, say, language, folder)
        with gradio.Tab(say("toi.talk"), id="talk"):
            talk = TalkTab(models, options, say, language)
        alone: dict[str, Any] = {"concurrency_id": "models", "concurrency_limit": 1}
        together: dict[str, Any] = {"batch": True, "max_batch_size": options.max_batch_size, **alone}
        gradio.api(ask.questions, api_name="questions", **together)
        gradio.api(read.replies, api_name="answers", **together)
        gradio.api(documents.pairs, api_name="pairs", **alone)
        gradio.api(talk.reply, api_name="reply", **alone)
        gradio.api(models.kinds, api_name="models")
    page.queue(max_size=options.max_queue_size)
    return page, say


def _language(request: gradio.Request) -> str:
    return language_of(request.headers.get("accept-language"))
