"""What is wrong, in the language of the page.

The package says it in English, for a terminal. Below stands in Japanese what a user of the page can cause; a test causes each of
these errors. A line of the package that is not here stays English.
"""

import ast
import re

from toi.data.tasks import HIGHLIGHT
from toi.decoding.plan import NO_MEMORY, NOT_FINITE
from toi.page.words import WORDS, Language
from toi.system.errors import InputError

# The line of the package, {names} standing for what differs -> the line of the page.
JAPANESE = {
    # documents
    "{file}: is empty": "{file}：何も入っていません。",
    "{file}: there is no text in it": "{file}：文章がありません。",
    "{file}: {size} MB; at most {most} are read (--max_document_mb)": "{file}：{size} MBあります。読めるのは{most} MBまでです。",
    "{file}: is encrypted; save it without a password and give that file": (
        "{file}：パスワードがかかっています。パスワードなしで保存したものを入れてください。"
    ),
    "{file}: is a PDF, and not what its ending says; rename it": "{file}：中身はPDFです。名前の終わりを.pdfにしてください。",
    "{file}: is a zip file (a Word document?), and not what its ending says; rename it": (
        "{file}：中身はWordの文書のようです。名前の終わりを.docxにしてください。"
    ),
    "{file}: is no PDF, whatever its ending says": "{file}：PDFではありません。",
    "{file}: is no Word document, whatever its ending says": "{file}：Wordの文書（.docx）ではありません。",
    "{file}: is no Word document, whatever its ending says; save an old .doc as .docx": (
        "{file}：古いWordの文書です。.docxとして保存しなおしてください。"
    ),
    "{file}: a PDF that cannot be read ({why})": "{file}：PDFが壊れていて読めません（{why}）。",
    "{file}: a PDF without text (of pictures of pages?); let a program for OCR write the text into it": (
        "{file}：文字のないPDFです（ページの画像でしょうか）。文字認識（OCR）をしたものを入れてください。"
    ),
    "{file}: {pages} pages; at most {most} are read, so cut it into parts": (
        "{file}：{pages}ページあります。読めるのは{most}ページまでです。分けてください。"
    ),
    "{file}: a Word document that cannot be read ({why})": "{file}：Wordの文書が壊れていて読めません（{why}）。",
    "{file}: would be {size} bytes when unpacked, more than {most}; see --max_document_mb": (
        "{file}：展開すると{size}バイトになります。読めるのは{most}バイトまでです。"
    ),
    "{file}: no text (a NUL byte), whatever its ending says": "{file}：文章のファイルではありません。",
    "{file}:{line}: neither UTF-8 nor cp932 nor EUC-JP; convert it to UTF-8": (
        "{file}：{line}行目の文字コードがわかりません。UTF-8で保存しなおしてください。"
    ),
    "{kind} needs {package}, which is not installed: pip install -r requirements-documents.txt": (
        "このページではこの種類の文書を読めません（{package}が入っていません）。"
    ),
    "{file}: nothing to ask about was found in {passages} passages; see --ask_about": (
        "{file}：質問にできるところがありませんでした（{passages}か所を見ました）。"
    ),
    # answers and contexts
    "the answer {answer} is not in the context; the nearest is {nearest}": (
        "答え「{answer}」が文章の中にありません。いちばん近いのは「{nearest}」です。"
    ),
    "the answer {answer} is not in the context; give it as it stands there": (
        "答え「{answer}」が文章の中にありません。文章にあるとおりに書いてください。"
    ),
    "the answer {answer} does not begin at character {start} of the context, but at {places}": (
        "答え「{answer}」は文章の{start}文字目からではなく、{places}文字目から始まります。"
    ),
    f"nothing stands between the two {HIGHLIGHT} of the context; put them around the answer": (
        f"二つの{HIGHLIGHT}の間に何もありません。答えを挟んでください。"
    ),
    f"a marked context has {HIGHLIGHT} twice, around the answer; this one has it {{count}} times": (
        f"{HIGHLIGHT}は答えの前と後に一つずつ置きます。この文章には{{count}}個あります。"
    ),
    "the context marks {marked}, but the answer is {answer}; leave one out": (
        f"{HIGHLIGHT}で挟まれた「{{marked}}」と、答え「{{answer}}」が違います。どちらかを消してください。"
    ),
    f"the context is marked with {HIGHLIGHT}, but the model answers questions (task {{task}})": (
        f"このモデルは質問に答えるものです。文章の{HIGHLIGHT}を消してください。"
    ),
    "the answer is empty": "答えに、目に見える文字がありません。",
    "no prompt can be made: {why}": "モデルに読ませる文がつくれません（{why}）。",
    # conversations
    "the template of the task {task} has no {{system}}: it takes no system text": (
        "このモデルはシステムの文を読みません。空にしてください。"
    ),
    "the template of the task {task} has a {{system}}: give a system text": (
        "このモデルにはシステムの文が要ります。書いてください。"
    ),
    # models
    "no model is called {name}": "「{name}」というモデルはありません。",
    NO_MEMORY: "メモリーが足りません。文章を短くするか、数を減らしてください。",
    NOT_FINITE: "モデルが壊れています（計算の結果が数になりません）。",
    f"{{model}}: {NOT_FINITE}": "モデルが壊れています（計算の結果が数になりません）。",
}  # fmt: skip
_NAMES = re.compile(r"\\\{(\w+)\\\}")
_DOUBLED = re.compile(r"\\\{\\\{(\w+)\\\}\\\}")


def pattern_of(line: str) -> re.Pattern[str]:
    """What matches the errors that a line of the table stands for, with a group for each name."""
    doubled = _DOUBLED.sub(r"\\{(?:\1)\\}", re.escape(line))
    return re.compile(_NAMES.sub(r"(?P<\1>.+?)", doubled), re.DOTALL)


_PATTERNS = [(pattern_of(line), japanese) for line, japanese in JAPANESE.items()]


class Problem(InputError):
    """What is wrong with what a user typed, by its key among the words of the page."""

    def __init__(self, key: str, *values: object):
        super().__init__(WORDS["en"][key].format(*values))
        self.key, self.values = key, values


def said(error: InputError, language: Language) -> str:
    """What is wrong, in a language where the page knows it, else in English."""
    if isinstance(error, Problem):
        return WORDS[language][error.key].format(*error.values)
    if language == "ja":
        for pattern, japanese in _PATTERNS:
            if match := pattern.fullmatch(str(error)):
                return japanese.format(**{name: _unquoted(value) for name, value in match.groupdict().items()})
    return str(error)


def _unquoted(value: str) -> str:
    """What Python quoted, without its quotes and escapes; anything else as it is."""
    if value[:1] not in ("'", '"'):
        return value
    try:
        return str(ast.literal_eval(value))
    except (SyntaxError, ValueError):
        return value
