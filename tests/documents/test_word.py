import zipfile
from copy import deepcopy

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml

from toi.documents.document import Block
from toi.documents.word import check_unpacked, word_blocks
from toi.system.errors import InputError

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
RUBY = (
    f"<w:r {W}><w:ruby><w:rt><w:r><w:t>きりさわ</w:t></w:r></w:rt>"
    "<w:rubyBase><w:r><w:t>霧沢</w:t></w:r></w:rubyBase></w:ruby></w:r>"
)
FOOTNOTES = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
NOTES = f"""<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>---</w:t></w:r></w:p></w:footnote>
<w:footnote w:id="1"><w:p><w:r><w:footnoteRef/><w:t>これは脚注です。</w:t></w:r></w:p></w:footnote></w:footnotes>"""


def written(path):
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "白浜新聞"
    document.sections[0].footer.paragraphs[0].text = "1 ページ"
    document.add_heading("町の暮らし", 1)
    paragraph = document.add_paragraph()
    paragraph._p.append(parse_xml(RUBY))
    paragraph.add_run("一は白浜市の")
    paragraph.add_run().add_break()
    paragraph.add_run("医師です。")
    paragraph._p.append(parse_xml(f"<w:del {W}><w:r><w:delText>消した。</w:delText></w:r></w:del>"))
    document.add_paragraph("朝は八時に開く。", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ("場所", "時間", "病院", "八時"), strict=True):
        cell.text = text
    table.add_row().cells[0].merge(table.rows[2].cells[1]).text = "祝日は休み"
    part = Part(PackURI("/word/footnotes.xml"), FOOTNOTES, NOTES.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    document.save(str(path))
    return path


def test_a_document(tmp_path):
    assert word_blocks(written(tmp_path / "a.docx"), 1 << 24) == [
        Block("町の暮らし", "heading"),
        Block("霧沢一は白浜市の医師です。"),
        Block("朝は八時に開く。", "list"),
        Block("場所 | 時間\n病院 | 八時\n祝日は休み", "table"),
        Block("これは脚注です。", "footnote"),
    ]


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (20 << 20))
    assert path.stat().st_size < 1 << 15
    with pytest.raises(
        InputError, match=r"bomb.docx: would be 20,971,520 bytes when unpacked, more than 16,777,216; see --max_document_mb"
    ):
        word_blocks(path, 1 << 24)


def test_a_directory_that_lies_about_sizes(tmp_path):
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b" " * (20 << 20))
    content = path.read_bytes()
    path.write_bytes(content.replace((20 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    check_unpacked(path, 1 << 24)  # 100 bytes, it says, and no more are unpacked
    with pytest.raises(InputError, match="a Word document that cannot be read"):
        word_blocks(path, 1 << 24)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(1000)])
def test_what_is_no_document(tmp_path, content):
    path = tmp_path / "a.docx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a.docx: a Word document that cannot be read \("):
        word_blocks(path, 1 << 24)


def test_another_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("a.txt", "一")
    with pytest.raises(InputError, match=r"a.docx: a Word document that cannot be read \("):
        word_blocks(tmp_path / "a.docx", 1 << 24)


def test_entities_are_not_expanded(tmp_path):
    path = written(tmp_path / "a.docx")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    bomb = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    files["word/footnotes.xml"] = bomb + deepcopy(files["word/footnotes.xml"]).replace("これは".encode(), b"&b;")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    assert not any("aa" in block.text for block in word_blocks(path, 1 << 24))
