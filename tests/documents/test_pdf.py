import pypdf
import pytest
from documents_files import write_pdf

from toi.documents.document import Block
from toi.documents.pdf import pdf_blocks
from toi.system.errors import InputError


def page(number: int, *lines: str) -> list:
    shown = ["白浜新聞 第12号", *lines, f"- {number} -"]
    return [(50, 800 - 20 * i, line) for i, line in enumerate(shown)]


def test_pages_without_headers_footers_and_line_breaks(tmp_path):
    path = write_pdf(
        tmp_path / "a.pdf",
        [
            page(
                1, "第一章 町の暮らし", "霧沢一は白浜市で生まれた医師で、この町で病院を開",
                "きました。趣味は釣りで、毎朝五時に海へ",
                "※1 病院は北町にある。", "※2 海は東にある。",
            ),
            page(2, "出かけます。", "翌年には図書館も建て、町の人々に本を貸しました。"),
            page(3, "図書館は月曜日に休みます。"),
        ],
    )  # fmt: skip
    assert pdf_blocks(path) == [
        Block("第一章 町の暮らし", "heading", 1),
        Block("霧沢一は白浜市で生まれた医師で、この町で病院を開きました。趣味は釣りで、毎朝五時に海へ", "text", 1),
        Block("病院は北町にある。", "footnote", 1),
        Block("海は東にある。", "footnote", 1),
        Block("出かけます。翌年には図書館も建て、町の人々に本を貸しました。", "text", 2),
        Block("図書館は月曜日に休みます。", "text", 3),
    ]


def test_a_sentence_goes_on_on_the_next_page(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", [[(50, 700, "霧沢一は白浜市で生まれ、そこで長く医師として")], [(50, 700, "働きました。")]])
    assert pdf_blocks(path) == [Block("霧沢一は白浜市で生まれ、そこで長く医師として働きました。", "text", 1)]


@pytest.mark.parametrize("apart", [True, False])
def test_vertical_text(tmp_path, apart):
    columns = ["霧沢一は︑白浜市で生まれ", "た医師です︒趣味は﹁釣り", "﹂です︒"]
    if apart:  # each character has a place of its own, as many programs write
        lines = [(500 - 20 * i, 800 - 12 * j, c) for i, column in enumerate(columns) for j, c in enumerate(column)]
    else:
        lines = [(500 - 20 * i, 800, column) for i, column in enumerate(columns)]
    path = write_pdf(tmp_path / "a.pdf", [lines], vertical=True)
    assert "".join(block.text for block in pdf_blocks(path)) == "霧沢一は、白浜市で生まれた医師です。趣味は「釣り」です。"


def encrypted(path, password):
    writer = pypdf.PdfWriter(clone_from=path)
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(path)


def test_encrypted(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", [[(50, 700, "霧沢一は医師です。")]])
    encrypted(path, "秘密")
    with pytest.raises(InputError, match=r"a.pdf: is encrypted; save it without a password"):
        pdf_blocks(path)


def test_what_cannot_be_read(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", [[]])
    with pytest.raises(InputError, match=r"without text \(of pictures of pages"):
        pdf_blocks(path)
    path.write_bytes(b"%PDF-1.7\n" + b"<" * 100_000)
    with pytest.raises(InputError, match=r"a.pdf: a PDF that cannot be read \("):
        pdf_blocks(path)
