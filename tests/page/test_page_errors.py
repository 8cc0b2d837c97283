"""Each error of the package that a user of the page can cause is caused here, and said in Japanese."""

import io
import shutil
import zipfile

import pytest

import toi.documents.pdf
from toi.data.requests import Request, example_of, prompt
from toi.data.task_files import write_task
from toi.data.tasks import Task
from toi.decoding.options import NBestOptions
from toi.decoding.plan import NO_MEMORY, NOT_FINITE
from toi.documents.document import Document
from toi.documents.made import make_pairs
from toi.documents.options import DocumentOptions
from toi.documents.reading import text_blocks
from toi.page.choice import Models
from toi.page.documents import read_uploaded
from toi.page.errors import JAPANESE, Problem, pattern_of, said
from toi.page.words import WORDS
from toi.system.errors import InputError


def pdf(pages: int, password: str = "") -> bytes:
    """A PDF of empty pages."""
    pypdf = pytest.importorskip("pypdf")
    writer, file = pypdf.PdfWriter(), io.BytesIO()
    for _ in range(pages):
        writer.add_blank_page(100, 100)
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    writer.write(file)
    return file.getvalue()


def zipped(size: int) -> bytes:
    """A zip file of so many zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(size))
    return file.getvalue()


FILES = [
    ("a.txt", lambda: b"", "a.txt：何も入っていません。"),
    ("a.txt", lambda: b" \n\n", "a.txt：文章がありません。"),
    ("a.txt", lambda: bytes(3 << 20), "a.txt：3 MBあります。読めるのは1 MBまでです。"),
    ("a.txt", lambda: b"%PDF-1.7", "a.txt：中身はPDFです。名前の終わりを.pdfにしてください。"),
    ("a.md", lambda: b"PK\x03\x04", "a.md：中身はWordの文書のようです。名前の終わりを.docxにしてください。"),
    ("a.pdf", lambda: b"abc", "a.pdf：PDFではありません。"),
    ("a.docx", lambda: b"abc", "a.docx：Wordの文書（.docx）ではありません。"),
    ("a.docx", lambda: b"\xd0\xcf\x11\xe0", "a.docx：古いWordの文書です。.docxとして保存しなおしてください。"),
    ("a.pdf", lambda: b"%PDF-1.7 nothing", "a.pdf：PDFが壊れていて読めません（"),
    ("a.pdf", lambda: pdf(1), "a.pdf：文字のないPDFです（ページの画像でしょうか）。文字認識（OCR）をしたものを入れてください。"),
    ("a.pdf", lambda: pdf(3), "a.pdf：3ページあります。読めるのは2ページまでです。分けてください。"),
    ("a.pdf", lambda: pdf(1, "x"), "a.pdf：パスワードがかかっています。パスワードなしで保存したものを入れてください。"),
    ("a.docx", lambda: b"PK\x03\x04 nothing", "a.docx：Wordの文書が壊れていて読めません（"),
    ("a.docx", lambda: zipped(9 << 20), "a.docx：展開すると9,437,184バイトになります。読めるのは8,388,608バイトまでです。"),
    ("a.txt", lambda: b"a\0b", "a.txt：文章のファイルではありません。"),
    ("a.txt", lambda: "桃\n".encode() + b"\xff\xa0\xff", "a.txt：2行目の文字コードがわかりません。UTF-8で保存しなおしてください。"),
]

ASKS, ANSWERS, SAYS = Task.named("aqg"), Task.named("qa"), Task.named("plain")
TITLED, TOLD = Task("x", "{title} {context}", "{question}"), Task("x", "{system}{instruction}", "{response}")
REQUESTS = [
    (ASKS, Request("東京です。", "東京都"), "答え「東京都」が文章の中にありません。いちばん近いのは「東京で」です。"),
    (ASKS, Request("桃です。", "It's"), "答え「It's」が文章の中にありません。文章にあるとおりに書いてください。"),
    (ASKS, Request("桃と桃。", "桃", answer_start=1), "答え「桃」は文章の1文字目からではなく、0, 2文字目から始まります。"),
    (ASKS, Request("桃<hl> <hl>です。"), "二つの<hl>の間に何もありません。答えを挟んでください。"),
    (ASKS, Request("桃<hl>です。"), "<hl>は答えの前と後に一つずつ置きます。この文章には1個あります。"),
    (ASKS, Request("<hl>桃<hl>です。", "梨"), "<hl>で挟まれた「桃」と、答え「梨」が違います。どちらかを消してください。"),
    (ASKS, Request("桃です。", "\u200b"), "答えに、目に見える文字がありません。"),
    (ANSWERS, Request("<hl>桃<hl>です。", question="何?"), "このモデルは質問に答えるものです。文章の<hl>を消してください。"),
    (TITLED, Request("桃です。", "桃"), "モデルに読ませる文がつくれません（"),
    (SAYS, Request(prompt="やあ", system="短く"), "このモデルはシステムの文を読みません。空にしてください。"),
    (TOLD, Request(prompt="やあ"), "このモデルにはシステムの文が要ります。書いてください。"),
]  # fmt: skip


def errors_of_files(folder, monkeypatch):
    monkeypatch.setattr(toi.documents.pdf, "_MOST_PAGES", 2)
    for name, content, japanese in FILES:
        (folder / name).write_bytes(content())
        with pytest.raises(InputError) as error:
            read_uploaded([str(folder / name)], 1)
        yield error.value, japanese
    monkeypatch.setattr("toi.system.optional.find_spec", lambda package: None)
    (folder / "a.md").write_text("桃です。", encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_uploaded([str(folder / "a.md")], 1)
    monkeypatch.undo()
    yield error.value, "このページではこの種類の文書を読めません（markdown_itが入っていません）。"


def errors_of_requests():
    for task, request, japanese in REQUESTS:
        with pytest.raises(InputError) as error:
            prompt(task, example_of(task, request))
        yield error.value, japanese


def errors_of_models(tiny, folder):
    from toi.decoding.decoder import Decoder
    from toi.models.checkpoint import load

    documents = [Document.of("a.txt", text_blocks("あああああああああ。"))]
    with pytest.raises(InputError) as error:
        make_pairs(documents, Decoder(load(str(tiny))), ASKS, DocumentOptions(), NBestOptions())
    yield error.value, "a.txt：質問にできるところがありませんでした（1か所を見ました）。"
    shutil.copytree(tiny, folder / "model")
    write_task(folder / "model", ASKS, {})
    with pytest.raises(InputError) as error, Models(str(folder), 1).use("<b>'"):
        pass
    yield error.value, "「<b>'」というモデルはありません。"
    yield InputError(NO_MEMORY), "メモリーが足りません。文章を短くするか、数を減らしてください。"
    for line in (NOT_FINITE, f"model: {NOT_FINITE}"):
        yield InputError(line), "モデルが壊れています（計算の結果が数になりません）。"


def test_every_line_of_the_table_is_an_error_of_the_package(tiny, tmp_path, monkeypatch):
    found = set()
    for error, japanese in [
        *errors_of_files(tmp_path, monkeypatch), *errors_of_requests(), *errors_of_models(tiny, tmp_path),
    ]:  # fmt: skip
        assert said(error, "ja").startswith(japanese)
        assert said(error, "en") == str(error)
        found |= {line for line in JAPANESE if pattern_of(line).fullmatch(str(error))}
    assert found == set(JAPANESE)


def test_what_is_unknown_stays_english_and_problems_of_the_page_are_in_both_languages():
    assert said(InputError("something else"), "ja") == "something else"
    assert said(Problem("toi.too_long", 20_000), "ja") == WORDS["ja"]["toi.too_long"].format(20_000)
    assert said(Problem("toi.too_long", 20_000), "en") == "The text is too long (20,000 characters at most)."
