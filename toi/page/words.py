"""What the page says, in Japanese and English.

Gradio takes any text of a component that is a key for one to be translated, the name of a model too: so keys begin with a mark.
"""

from typing import Literal

Language = Literal["ja", "en"]

WORDS: dict[Language, dict[str, str]] = {
    "ja": {
        "toi.title": "# 問い\n質問をつくる、答える、話す",
        "toi.ask": "質問をつくる",
        "toi.read": "質問に答える",
        "toi.documents": "文書から",
        "toi.talk": "会話",
        "toi.model": "モデル",
        "toi.no_model": "このフォルダーには、これができるモデルがありません。",
        "toi.context": "文章",
        "toi.context_hint": "文章を貼り、答えにする言葉をマウスで選んでください。",
        "toi.answer": "答え",
        "toi.answer_hint": "文章の中で選ぶか、ここに書いてください。",
        "toi.question": "質問",
        "toi.count": "質問の数",
        "toi.bad_words": "使わない言葉",
        "toi.bad_words_hint": "空白で区切る",
        "toi.make": "質問をつくる",
        "toi.reply": "答える",
        "toi.stop": "止める",
        "toi.outputs": "結果",
        "toi.score": "対数確率",
        "toi.made_up": "文章にない言葉",
        "toi.leaked": "答えが出ている",
        "toi.nothing": "使わない言葉のない質問は見つかりませんでした。",
        "toi.too_long": "文章が長すぎます（{0:,}字まで）。",
        "toi.no_context": "文章がありません。貼るか書くかしてください。",
        "toi.no_answer": "答えがありません。文章の中で選ぶか、書いてください。",
        "toi.no_question": "質問がありません。書いてください。",
        "toi.answer_elsewhere": "答え「{0}」が文章の中にありません。文章にあるとおりに書くか、文章の中で選んでください。",
        "toi.example": "例",
        "toi.files": "文書（テキスト、Markdown、HTML、PDF、Word）",
        "toi.reader": "確かめるモデル（質問に答えるもの）",
        "toi.without_reader": "確かめない",
        "toi.start": "始める",
        "toi.progress": "経過",
        "toi.pairs": "質問と答え",
        "toi.keep": "残す",
        "toi.place": "場所",
        "toi.check": "確かめた答え",
        "toi.download": "保存",
        "toi.passage": "文書の中の場所",
        "toi.files_ready": "保存するファイル",
        "toi.message": "話しかける",
        "toi.send": "送る",
        "toi.retry": "もう一度",
        "toi.clear": "消す",
        "toi.system": "システムの文",
        "toi.temperature": "温度（0で最も確からしい答え）",
        "toi.left_out": "会話が長くなったので、初めのほうは読まれません。",
    },
    "en": {
        "toi.title": "# Toi (問い)\nAsk, answer, talk",
        "toi.ask": "Ask",
        "toi.read": "Answer",
        "toi.documents": "Documents",
        "toi.talk": "Talk",
        "toi.model": "Model",
        "toi.no_model": "No model in this folder can do this.",
        "toi.context": "Text",
        "toi.context_hint": "Paste a text, and select the answer in it with the mouse.",
        "toi.answer": "Answer",
        "toi.answer_hint": "Select it in the text, or write it here.",
        "toi.question": "Question",
        "toi.count": "How many questions",
        "toi.bad_words": "Banned words",
        "toi.bad_words_hint": "with spaces between them",
        "toi.make": "Ask",
        "toi.reply": "Answer",
        "toi.stop": "Stop",
        "toi.outputs": "Outputs",
        "toi.score": "log-probability",
        "toi.made_up": "not in the text",
        "toi.leaked": "gives the answer away",
        "toi.nothing": "No question without the banned words was found.",
        "toi.too_long": "The text is too long ({0:,} characters at most).",
        "toi.no_context": "There is no text; paste or write one.",
        "toi.no_answer": "There is no answer; select it in the text, or write it.",
        "toi.no_question": "There is no question; write one.",
        "toi.answer_elsewhere": "The answer “{0}” is not in the text; write it as it stands there, or select it in the text.",
        "toi.example": "Example",
        "toi.files": "Documents (text, Markdown, HTML, PDF, Word)",
        "toi.reader": "Model that checks (one that answers questions)",
        "toi.without_reader": "do not check",
        "toi.start": "Start",
        "toi.progress": "Progress",
        "toi.pairs": "Questions and answers",
        "toi.keep": "keep",
        "toi.place": "place",
        "toi.check": "answer found",
        "toi.download": "Download",
        "toi.passage": "Where it stands",
        "toi.files_ready": "Files",
        "toi.message": "Message",
        "toi.send": "Send",
        "toi.retry": "Retry",
        "toi.clear": "Clear",
        "toi.system": "System text",
        "toi.temperature": "Temperature (0: the likeliest answer)",
        "toi.left_out": "The conversation is long: its beginning is not read any more.",
    },
}


def language_of(accepted: str | None) -> Language:
    """The language of a browser, by its Accept-Language: Japanese where that comes before English."""
    for part in (accepted or "").lower().split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("ja"):
            return "ja"
        if tag.startswith("en"):
            return "en"
    return "en"
