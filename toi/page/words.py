"""What the page says, in Japanese and English."""

from typing import Literal

Language = Literal["ja", "en"]

WORDS: dict[Language, dict[str, str]] = {
    "ja": {
        "title": "問い — 質問をつくる、答える",
        "ask": "質問をつくる", "read": "質問に答える", "documents": "文書から", "talk": "会話",
        "model": "モデル", "no_model": "このフォルダーには、これができるモデルがありません。",
        "context": "文章", "context_hint": "文章を貼り、答えにする言葉をマウスで選んでください。",
        "answer": "答え", "answer_hint": "文章の中で選ぶか、ここに書いてください。",
        "question": "質問", "count": "質問の数",
        "bad_words": "使わない言葉", "bad_words_hint": "空白で区切る", "make": "質問をつくる", "reply": "答える", "stop": "止める",
        "outputs": "結果", "score": "対数確率", "made_up": "文章にない言葉", "leaked": "答えが出ている",
        "nothing": "使わない言葉のない質問は見つかりませんでした。", "too_long": "文章が長すぎます（{0:,}字まで）。",
        "chosen": "答え：「{0}」（{1:,}字目から）", "example": "例",
        "files": "文書（テキスト、Markdown、HTML、PDF、Word）", "reader": "確かめるモデル（質問に答えるもの）", "without_reader": "確かめない",
        "start": "始める", "progress": "経過", "pairs": "質問と答え", "keep": "残す", "place": "場所", "check": "確かめた答え",
        "download": "保存", "passage": "文書の中の場所", "files_ready": "保存するファイル",
        "message": "話しかける", "send": "送る", "retry": "もう一度", "clear": "消す", "system": "システムの文", "temperature": "温度（0で最も確からしい答え）",
        "left_out": "会話が長くなったので、初めのほうは読まれません。",
    },
    "en": {
        "title": "Toi — ask and answer",
        "ask": "Ask", "read": "Answer", "documents": "Documents", "talk": "Talk",
        "model": "Model", "no_model": "No model in this folder can do this.",
        "context": "Text", "context_hint": "Paste a text, and select the answer in it with the mouse.",
        "answer": "Answer", "answer_hint": "Select it in the text, or write it here.",
        "question": "Question", "count": "How many questions",
        "bad_words": "Banned words", "bad_words_hint": "with spaces between them", "make": "Ask", "reply": "Answer", "stop": "Stop",
        "outputs": "Outputs", "score": "log-probability", "made_up": "not in the text", "leaked": "gives the answer away",
        "nothing": "No question without the banned words was found.", "too_long": "The text is too long ({0:,} characters at most).",
        "chosen": "Answer: “{0}” (from character {1:,})", "example": "Example",
        "files": "Documents (text, Markdown, HTML, PDF, Word)", "reader": "Model that checks (one that answers questions)", "without_reader": "do not check",
        "start": "Start", "progress": "Progress", "pairs": "Questions and answers", "keep": "keep", "place": "place", "check": "answer found",
        "download": "Download", "passage": "Where it stands", "files_ready": "Files",
        "message": "Message", "send": "Send", "retry": "Retry", "clear": "Clear", "system": "System text", "temperature": "Temperature (0: the likeliest answer)",
        "left_out": "The conversation is long: its beginning is not read any more.",
    },
}  # fmt: skip


def language_of(accepted: str | None) -> Language:
    """The language of a browser, by its Accept-Language: Japanese where that comes before English."""
    for part in (accepted or "").lower().split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("ja"):
            return "ja"
        if tag.startswith("en"):
            return "en"
    return "en"
