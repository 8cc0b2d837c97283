import io
import os
import sys

import pytest

from toi.documents.document import Block
from toi.documents.reading import read_documents
from toi.system.errors import InputError

MARKDOWN = """---
title: 題
---
# 町の<ruby>暮<rt>く</rt></ruby>らし

霧沢《きりさわ》一は[白浜市](https://example.org)の
**医師**です[^1]。`code` は残る。

霧沢二
------

- 朝は八時に開く。
- 月曜日に休む。

| 場所 | 時間 |
| --- | --- |
| 病院 | 八時 |

```
code()
```

    code()

[^1]: これは脚注で、
    二行あります。

<script>alert(1)</script>

最後の段落。
"""


def read(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_documents([str(path)], 1)[0].blocks


def test_markdown(tmp_path):
    assert list(read(tmp_path, "a.md", MARKDOWN)) == [
        Block("町の暮らし", "heading"),
        Block("霧沢一は白浜市の医師です。code は残る。"),
        Block("霧沢二", "heading"),
        Block("朝は八時に開く。", "list"),
        Block("月曜日に休む。", "list"),
        Block("場所 | 時間\n病院 | 八時", "table"),
        Block("最後の段落。"),
        Block("これは脚注で、二行あります。", "footnote"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp"])
def test_encodings(tmp_path, encoding):
    assert read(tmp_path, "a.txt", "霧沢一は医師です。".encode(encoding)) == (Block("霧沢一は医師です。"),)


def test_the_encoding_that_a_page_names(tmp_path):
    page = '<meta charset="{}"><p>霧沢一は医師です。'
    for name, encoding in (("iso-2022-jp", "iso2022_jp"), ("x-sjis", "cp932"), ("hex", "utf-8"), ("無", "utf-8")):
        assert read(tmp_path, "a.html", page.format(name).encode(encoding)) == (Block("霧沢一は医師です。"),)


def test_a_folder_and_its_order(tmp_path):
    for name in ("b/二.txt", "b/.git/三.txt", "a.md", "c.png", "~$a.docx", ".a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("霧沢一は医師です。")
    assert [document.name for document in read_documents([str(tmp_path)], 1)] == ["a.md", "b/二.txt"]
    assert [document.name for document in read_documents([str(tmp_path / "b/二.txt"), str(tmp_path / "a.md")], 1)] == [
        str(tmp_path / "b/二.txt"),
        str(tmp_path / "a.md"),
    ]


def test_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("霧沢一は\x0c医師です。".encode())))
    (document,) = read_documents(["-"], 1)
    assert (document.name, [block.page for block in document.blocks]) == ("stdin", [1, 2])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xls", b"x", "an unknown ending; documents end in .txt"),
        ("a.txt", b"", "is empty"),
        ("a.txt", b" \n", "there is no text in it"),
        ("a.html", b"<script>x</script>", "there is no text in it"),
        ("a.txt", b"%PDF-1.7", "is a PDF, and not what its ending says; rename it"),
        ("a.txt", b"PK\x03\x04", "is a zip file"),
        ("a.txt", b"a\0b", "no text (a NUL byte)"),
        ("a.txt", "一\n".encode() + b"\xff\xff\xff\xfd", ":2: neither UTF-8 nor cp932 nor EUC-JP"),
        ("a.pdf", "霧沢".encode(), "is no PDF, whatever its ending says"),
        ("a.docx", b"\xd0\xcf\x11\xe0", "is no Word document, whatever its ending says; save an old .doc as .docx"),
    ],
)
def test_what_cannot_be_read(tmp_path, name, content, message):
    with pytest.raises(InputError) as error:
        read(tmp_path, name, content)
    assert name in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_of_a_gigabyte_is_refused_by_its_size(tmp_path):
    for name in ("a.txt", "a.pdf", "a.docx"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(1 << 30)  # sparse: nothing is written
        with pytest.raises(InputError, match=r"1,024 MB; at most 50 are read \(--max_document_mb"):
            read_documents([str(tmp_path / name)], 50)


def test_names(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("一")
    for names, message in (
        ([str(path), str(path)], "given twice"),
        ([str(tmp_path / "b.txt")], "no such file"),
        ([str(tmp_path / "b")], "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            read_documents(names, 1)
    (tmp_path / "leer").mkdir()
    with pytest.raises(InputError, match="no document in this folder"):
        read_documents([str(tmp_path / "leer")], 1)
    os.mkfifo(tmp_path / "b.txt")
    with pytest.raises(InputError, match="no file; give one"):
        read_documents([str(tmp_path / "b.txt")], 1)
