import codecs
import csv
import gzip
import io
import json
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from toi.data.table_files import form_of, read_records
from toi.system.errors import InputError

AB = [{"質問": "あ", "答え": "い"}]
JAPANESE = "質問,答え\r\n特産品は?,桃\r\n"
ASKED = [{"質問": "特産品は?", "答え": "桃"}]


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, **options):
    """The records of a file, the places without its folder."""
    return [(record.place.replace(f"{path.parent}/", ""), record.values) for record in read_records(path, **options)]


def said(path, **options):
    with pytest.raises(InputError) as error:
        list(read_records(path, **options))
    message = str(error.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")


# name, bytes -> the values of the records
READ = {
    "utf-8": ("t.csv", JAPANESE, ASKED),
    "a BOM": ("t.csv", codecs.BOM_UTF8 + JAPANESE.encode(), ASKED),
    "cp932": ("t.csv", JAPANESE.encode("cp932"), ASKED),
    "cp932's own characters": ("t.csv", "質問,答え\n①㈱,髙~\n".encode("cp932"), [{"質問": "①㈱", "答え": "髙~"}]),
    "cp932 with a half-width mark": ("t.csv", "質問,答え\nｱはあ?,はい\n".encode("cp932"), [{"質問": "ｱはあ?", "答え": "はい"}]),
    "utf-16 le": ("t.csv", codecs.BOM_UTF16_LE + JAPANESE.encode("utf-16-le"), ASKED),
    "utf-16 be": ("t.csv", codecs.BOM_UTF16_BE + JAPANESE.encode("utf-16-be"), ASKED),
    "Excel's Unicode text": ("t.txt", codecs.BOM_UTF16_LE + "質問\t答え\r\nあ\tい\r\n".encode("utf-16-le"), AB),
    "gzip": ("t.csv.gz", gzip.compress(JAPANESE.encode("cp932")), ASKED),
    "gzip without its ending": ("t.csv", gzip.compress(JAPANESE.encode()), ASKED),
    "tabs": ("t.tsv", "質問\t答え\nあ\tい\n", AB),
    "tabs in a .csv": ("t.csv", "質問\t答え\nあ\tい\n", AB),
    "semicolons": ("t.csv", "質問;答え\nあ;い\n", AB),
    "semicolons, and commas in the texts": ("t.csv", "質問;答え\nあ, え;い, う\n", [{"質問": "あ, え", "答え": "い, う"}]),
    "own names": ("t.csv", "問いかけ;返し\nあ, え;い\n", [{"問いかけ": "あ, え", "返し": "い"}]),
    "Excel's directive": ("t.csv", "sep=;\r\n質問;答え\r\nあ;い\r\n", AB),
    "no ending": ("t", "質問,答え\nあ,い", AB),
    "CR alone": ("t.csv", "質問,答え\rあ,い\r", AB),
    "line breaks in quotes": ("t.csv", '質問,答え\r\n"一\n二","三\r\n四"\r\n', [{"質問": "一\n二", "答え": "三\r\n四"}]),
    "separators in quotes": ("t.csv", '質問,答え\n"a,b;\tc",い\n', [{"質問": "a,b;\tc", "答え": "い"}]),
    "doubled quotes": ("t.csv", '質問,答え\n"「""桃""」",""""\n', [{"質問": '「"桃"」', "答え": '"'}]),
    "quotes inside of a cell": ("t.csv", '質問,答え\n5"の板,い\n', [{"質問": '5"の板', "答え": "い"}]),
    "backslashes": ("t.csv", '質問,答え\nC:\\new,"\\"\n', [{"質問": "C:\\new", "答え": "\\"}]),
    "spaces stay": ("t.csv", "質問,答え\n あ , い\n", [{"質問": " あ ", "答え": " い"}]),
    "empty rows": ("t.csv", "\n,,\n質問,答え\n\n , \nあ,い\n,\n\n", AB),
    "empty columns": ("t.csv", ",質問,,答え,\n,あ,,い,\n", AB),
    "empty cells at the end": ("t.csv", "質問,答え\nあ,い,,\n", AB),
    "Excel leaves out empty cells at the end": ("t.csv", "質問,答え,備考\nあ,い\n", [{"質問": "あ", "答え": "い", "備考": ""}]),
    "an empty response is the reader's": (
        "t.csv",
        "質問,答え\nあ,\nう,い\n",
        [{"質問": "あ", "答え": ""}, {"質問": "う", "答え": "い"}],
    ),
    "spaces about names": ("t.csv", " 質問 ,答え　\nあ,い\n", AB),
    "names of several lines": ("t.csv", '"質\n問",答え\nあ,い\n', [{"質\n問": "あ", "答え": "い"}]),
    "JSON": ("t.json", '[{"質問": "あ", "答え": "い"}]', AB),
    "JSON Lines": ("t.jsonl", '{"質問": "あ", "答え": "い"}\n\n', AB),
    "JSON Lines with a BOM and gzip": ("t.jsonl.gz", gzip.compress(b"\xef\xbb\xbf\r\n" + b'{"a": "\\n"}'), [{"a": "\n"}]),
    "JSON Lines in a .csv": ("t.csv", '{"質問": "あ", "答え": "い"}\n', AB),
    "data": ("t.json", '{"data": [{"質問": "あ", "答え": "い"}]}', AB),
    "data over lines": ("t.json", '{\n "version": 1,\n "data": [\n  {"質問": "あ", "答え": "い"}]}\n', AB),
    "data that begins in the first line": ("t.json", '{"version": "1",\n"data": [{"質問": "あ",\n"答え": "い"}]}\n', AB),
    "data that begins behind its name": ("t.json", '{"data":\n[{"質問": "あ", "答え": "い"}]}\n', AB),
    "data that is a column": ("t.jsonl", '{"data": "a"}\n{"data": ["b"]}\n', [{"data": "a"}, {"data": ["b"]}]),
    "one record": ("t.json", '{"質問": "あ", "答え": "い"}', AB),
    "a header that begins like JSON": ("t.csv", "[質問],答え\nあ,い\n", [{"[質問]": "あ", "答え": "い"}]),
}


@pytest.mark.parametrize("case", READ)
def test_files_are_read(tmp_path, case):
    name, content, values = READ[case]
    assert [record.values for record in read_records(write(tmp_path, name, content))] == values


PLACES = {
    "rows of several lines": ("t.csv", '質問,答え\r\n"一\n二",い\r\n\r\nう,え\r\n', ["t.csv:2", "t.csv:5"]),
    "CR alone": ("t.csv", "質問,答え\rあ,い\r\rう,え\r", ["t.csv:2", "t.csv:4"]),
    "other ends of lines are none": ("t.csv", "質問,答え\na\x0bb\u2028c\x85d\x0c,い\nう,え\n", ["t.csv:2", "t.csv:3"]),
    "UTF-16": ("t.csv", "質問,答え\r\n\r\nあ,い\r\n".encode("utf-16"), ["t.csv:3"]),
    "JSON": ("t.json", '[{"a": "1"}, {"a": "2"}]', ["t.json: [0]", "t.json: [1]"]),
    "JSON Lines": ("t.jsonl", '{"a": "1"}\n\n{"a": "2"}', ["t.jsonl:1", "t.jsonl:3"]),
    "data": ("t.json", '{"data": [{"a": "1"}, {}]}', ["t.json: data[0]", "t.json: data[1]"]),
}


@pytest.mark.parametrize("case", PLACES)
def test_records_know_their_places(tmp_path, case):
    name, content, places = PLACES[case]
    assert [place for place, _ in read(write(tmp_path, name, content))] == places


NO_HEADER = {
    "two columns": ("t.csv", "あ,い\nう,え\n", [("instruction", "response"), ("あ", "い"), ("う", "え")]),
    "an empty column": ("t.csv", ",あ,い\n,う,え\n", [("instruction", "response"), ("あ", "い"), ("う", "え")]),
    "more columns": ("t.csv", "1;あ;い\n2;う;え\n", [("1", "2", "3"), ("1", "あ", "い"), ("2", "う", "え")]),
    "tabs, by what all rows agree on": (
        "t.csv",
        "あ, b\tい\nう\tえ\n",
        [("instruction", "response"), ("あ, b", "い"), ("う", "え")],
    ),
    "tabs, by the ending": ("t.tsv", "あ,b\tい\nう,b\tえ\n", [("instruction", "response"), ("あ,b", "い"), ("う,b", "え")]),
}


@pytest.mark.parametrize("case", NO_HEADER)
def test_without_a_header(tmp_path, case):
    name, content, (names, *cells) = NO_HEADER[case]
    found = read(write(tmp_path, name, content), header=False)
    assert [values for _, values in found] == [dict(zip(names, row, strict=True)) for row in cells]
    assert found[0][0] == f"{name}:1"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("t.csv", "質問\t答え\nあ\tい\n".encode("cp932"), "cp932 (Shift_JIS), cells separated by a tab"),
        ("t.csv", "質問;答え\n", "UTF-8, cells separated by a semicolon"),
        ("t.csv", codecs.BOM_UTF8 + "質問,答え\n".encode(), "UTF-8, cells separated by a comma"),
        ("t.csv", "質問,答え\n".encode("utf-16"), "UTF-16, cells separated by a comma"),
        ("t.txt", '[{"a": 1}]', "JSON"),
    ],
)
def test_what_was_found_out_is_said(tmp_path, name, content, form):
    assert str(form_of(write(tmp_path, name, content))) == form


def test_parquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"instruction": "あ\n", "output": None}, {"instruction": "う", "output": "え"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    found = [("t.parquet: row 1", rows[0]), ("t.parquet: row 2", rows[1])]
    assert read(tmp_path / "t.parquet") == found
    assert [values for _, values in read((tmp_path / "t.parquet").rename(tmp_path / "t.bin"))] == rows
    pq.write_table(pa.table([["a"], ["b"]], names=["x", "x"]), tmp_path / "t.parquet")
    assert said(tmp_path / "t.parquet") == "t.parquet: two columns are called 'x'; rename one"
    pq.write_table(pa.table({"x": pa.array([], pa.string())}), tmp_path / "t.parquet")
    assert said(tmp_path / "t.parquet") == "t.parquet: no rows"
    assert said(write(tmp_path, "t.parquet", b"PAR1 and so on")).startswith("t.parquet: row 1: not usable Parquet (")


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


OPEN = 'close it (a quote of the text is written "")'
SAVE = "save it as CSV UTF-8 and give that file"
COPY = "copy its table into a spreadsheet and save that as CSV UTF-8"
UNPACK = "unpack it and give the file inside"
SPLIT = "a row split by a line break"
JOIN = "join it and put the text in double quotes"
JOIN_BOTH = f"{SPLIT}? join both lines, the text with the line break in double quotes"
EMPTY = "is empty; expected a table of instructions and responses"
LINES = "expected an object a line"

# name, bytes -> the one line
BROKEN = {
    # no text at all
    "xlsx": ("t.csv", zipped("[Content_Types].xml", "xl/workbook.xml"), f"t.csv: is an Excel workbook (.xlsx); {SAVE}"),
    "xls": (
        "t.xls",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99),
        f"t.xls: is an old or a locked file of Office (.xls, .doc); {SAVE}",
    ),
    "ods": ("t.ods", zipped("mimetype", "content.xml"), f"t.ods: is an OpenDocument file (.ods); {SAVE}"),
    "numbers": ("t.numbers", zipped("Index/Document.iwa"), f"t.numbers: is a Numbers document (.numbers); {SAVE}"),
    "docx": ("t.docx", zipped("word/document.xml"), f"t.docx: is a Word document (.docx); {COPY}"),
    "zip": ("t.zip", zipped("t.csv"), f"t.zip: is a zip file; {UNPACK}"),
    "a zip that is cut off": ("t.zip", zipped("t.csv")[:30], f"t.zip: is a zip file; {UNPACK}"),
    "xlsx in gzip": ("t.gz", gzip.compress(zipped("xl/workbook.xml")), f"t.gz: is packed twice; {UNPACK}"),
    "pdf": ("t.csv", b"%PDF-1.7\n", f"t.csv: is a PDF; {COPY}"),
    "rtf": ("t.rtf", rb"{\rtf1\ansi", f"t.rtf: is a text with formats (RTF); {SAVE}"),
    "html": ("t.csv", "\ufeff\n<!DOCTYPE html><html>", f"t.csv: is HTML or XML (a web page, or a table saved as one); {SAVE}"),
    "a table in html": ("t.xls", "<table><tr>", f"t.xls: is HTML or XML (a web page, or a table saved as one); {SAVE}"),
    "xml": ("t.xml", '<?xml version="1.0"?>', f"t.xml: is HTML or XML (a web page, or a table saved as one); {SAVE}"),
    "7z": ("t.csv", b"7z\xbc\xaf\x27\x1c", f"t.csv: is packed (.7z); {UNPACK}"),
    "zstd": ("t.jsonl", b"\x28\xb5\x2f\xfdabc", f"t.jsonl: is packed with zstd; {UNPACK}"),
    "sqlite": ("t.db", b"SQLite format 3\0", "t.db: is a database (SQLite); export its table as CSV UTF-8"),
    "a picture": ("t.png", b"\x89PNG\r\n", "t.png: is a picture (PNG); give a table"),
    "a pointer of Git LFS": (
        "t.jsonl",
        "version https://git-lfs.github.com/spec/v1\n",
        "t.jsonl: is a pointer of Git LFS, not the file itself; fetch it with git lfs pull, or download it",
    ),
    "gzip cut off": ("t.gz", gzip.compress(b"x" * 99)[:-9], "t.gz: the gzip data is cut off or damaged; download the file again"),
    "not Parquet": ("t.parquet", "a,b\n", "t.parquet: not Parquet; the file is damaged, or its name is wrong"),
    # encodings
    "empty": ("t.csv", "", f"t.csv: {EMPTY}"),
    "a BOM and spaces": ("t.csv", "\ufeff\r\n \n", f"t.csv: {EMPTY}"),
    "separators alone": ("t.csv", ",,\n,,\n", f"t.csv: {EMPTY}"),
    "two encodings": (
        "t.csv",
        JAPANESE.encode() + "う,え\n".encode("cp932"),
        f"t.csv:3: not UTF-8 (byte 0x82), as the text before it is; retype the cell, or {SAVE}",
    ),
    "a BOM, and another encoding": (
        "t.csv",
        codecs.BOM_UTF8 + "質問,答え\n".encode("cp932"),
        f"t.csv:1: not UTF-8 (byte 0x8e), as the text before it is; retype the cell, or {SAVE}",
    ),
    "cut off in a character": (
        "t.csv",
        "質問,答え\rあ,い".encode()[:-1],
        f"t.csv:2: not UTF-8 (byte 0xe3), as the text before it is; retype the cell, or {SAVE}",
    ),
    "cp932 with a bad byte": (
        "t.csv",
        "質問,答え\nあ,い\n".encode("cp932") + b"\x82\xff,a\n",
        f"t.csv:3: neither UTF-8 nor cp932 (byte 0x82); {SAVE}",
    ),
    "EUC-JP": ("t.csv", "質問,答え\nひらがな,カタカナ\n".encode("euc_jp"), f"t.csv: EUC-JP, it seems; {SAVE}"),
    "JIS": ("t.csv", JAPANESE.encode("iso2022_jp"), f"t.csv: JIS (ISO-2022-JP); {SAVE}"),
    "UTF-16 without a BOM": (
        "t.csv",
        "instruction,output\n".encode("utf-16-le"),
        f"t.csv: UTF-16 without a byte order mark, or no text at all (NUL bytes); {SAVE}",
    ),
    "UTF-16 cut off": (
        "t.csv",
        codecs.BOM_UTF16_LE + "質問,答え\r\nあ,い\r\n".encode("utf-16-le")[:-1],
        f"t.csv:2: not UTF-16 from here on (truncated data); {SAVE}",
    ),
    "mojibake": (
        "t.csv",
        "質問,答え\nひらがなです,い\n".encode().decode("cp932", errors="ignore"),
        "t.csv:2: garbled text ('縺ｲ繧峨′縺ｪ縺ｧ縺,縺'): UTF-8 was opened as another encoding and saved;"
        " save it anew from the original",
    ),
    # quotes
    "a quote never closed": (
        "t.csv",
        '質問,答え\nあ,い\nう,"え\nお,か\n',
        f"t.csv:3: the quote that begins here is never closed; {OPEN}",
    ),
    "a quote of a later line never closed": (
        "t.csv",
        '質問,答え\n"あ\nい","う\n',
        f"t.csv:3: the quote that begins here is never closed; {OPEN}",
    ),
    "a doubled quote at the end": (
        "t.csv",
        '質問,答え\nあ,"い""\n',
        f"t.csv:2: the quote that begins here is never closed; {OPEN}",
    ),
    "a quote closed by the next": (
        "t.csv",
        '質問,答え\n\nあ,"い\nう,え\nお,"か"\n',
        f"t.csv:3: the quote that begins here is not closed before line 5; {OPEN}",
    ),
    "a quote in the midst": (
        "t.csv",
        '質問,答え\nあ,"これは"桃"です"\n',
        't.csv:2: text behind a closing quote (\'"桃"です"\\n\'); write a quote of the text as ""',
    ),
    "a space behind a quote": (
        "t.tsv",
        '質問\t答え\n"あ" \tい\n',
        't.tsv:2: text behind a closing quote (\'" \\tい\\n\'); write a quote of the text as ""',
    ),
    "a space before a quote": (
        "t.csv",
        '質問,答え\nあ, "い、う"\n',
        "t.csv:2: a space before a quote (' \"い、う\"'); remove it, so that the quotes count",
    ),
    # rows
    "cells split by a line break": (
        "t.csv",
        "質問,答え\nあ,い\nう,\n,え\n",
        f"t.csv:3: an instruction without a response, and line 4 has a response without an instruction: {JOIN_BOTH}",
    ),
    "split, with an empty line between": (
        "t.csv",
        "no,質問,入力,答え\n1,あ,,い\n2,う,,\n\n,,え,お\n",
        f"t.csv:3: an instruction without a response, and line 5 has a response without an instruction: {JOIN_BOTH}",
    ),
    "a response split": (
        "t.csv",
        "質問,答え\nあ,い\nの続き\nう,え\n",
        f"t.csv:3: 1 cell, but line 1 has 2; {SPLIT} (with line 2 or line 4?): {JOIN}",
    ),
    "an instruction split": (
        "t.csv",
        "質問,答え\nあの\n続き,い\n",
        f"t.csv:2: 1 cell, but line 1 has 2; {SPLIT} (with line 3?): {JOIN}",
    ),
    "the last line cut off": (
        "t.csv",
        "質問,入力,答え\nあ,,い\nう,え",
        f"t.csv:3: 2 cells, but line 1 has 3; {SPLIT} (with line 2?): {JOIN}",
    ),
    "a comma without quotes": (
        "t.csv",
        "質問,答え\nあ,い\nう,え,お\n",
        "t.csv:3: 3 cells, but line 1 has 2; put texts that hold a comma in double quotes",
    ),
    "a tab without quotes": (
        "t.csv",
        "質問\t答え\nう\tえ\tお\n",
        "t.csv:2: 3 cells, but line 1 has 2; put texts that hold a tab in double quotes",
    ),
    "a swallowed row": (
        "t.csv",
        '質問,答え\nあ,"い\nう,え"\nお,"か\n',
        f"t.csv:4: the quote that begins here is never closed; {OPEN}",
    ),
    "text in a nameless column": (
        "t.csv",
        "質問,,答え\nあ,,い\nう,メモ,え\n",
        "t.csv:3: cell 2 has a text ('メモ'), but the column is empty in line 1; name it or remove the text",
    ),
    "an error of Excel": (
        "t.csv",
        "質問,答え\nあ,#NAME?\n",
        "t.csv:2: #NAME? is an error of the spreadsheet in place of a text; correct the cell"
        " (a text that begins with = needs ' before it)",
    ),
    "cut off by Excel": (
        "t.csv",
        f"質問,答え\nあ,{'い' * 32767}\n",
        f"t.csv:2: a cell of 32,767 characters, the most that Excel holds, so its text was cut off; shorten it ('{'い' * 29}…')",
    ),
    # headers
    "no rows": ("t.csv", "質問,答え\n\n", "t.csv:1: no rows behind the header; if this is no header, give --no_header"),
    "a name twice": ("t.csv", "答え,質問,答え\n", "t.csv:1: two columns are called '答え' (cells 1 and 3); rename one"),
    "a name twice but for spaces": (
        "t.csv",
        "質問,答え, 答え\n",
        "t.csv:1: two columns are called '答え' (cells 2 and 3); rename one",
    ),
    "the header again": (
        "t.csv",
        "\ufeff質問,答え\nあ,い\n\ufeff質問,答え\nう,え\n",
        "t.csv:3: the header of line 1 again (were two files joined?); remove this line",
    ),
    "a title above the header": (
        "t.csv",
        "よくある質問集,\n2026年,\n質問,答え\nあ,い\n",
        "t.csv:3: the header seems to stand here, not in line 1; remove what is above it",
    ),
    "full-width separators": (
        "t.csv",
        "質問，答え\nあ，い\n",
        "t.csv:1: the header '質問，答え' is one cell; separate the cells of all rows with , or ; or tabs",
    ),
    "bars": (
        "t.csv",
        "質問 | 答え\nあ | い\n",
        "t.csv:1: the header '質問 | 答え' is one cell; separate the cells of all rows with , or ; or tabs",
    ),
    "whole rows in quotes": (
        "t.csv",
        '"質問,答え"\n"あ,い"\n',
        "t.csv:1: the header '質問,答え' is one cell; separate the cells of all rows with , or ; or tabs outside of quotes",
    ),
    "two separators fit": (
        "t.csv",
        "あれ;これ, それ\nあ;い, う\n",
        "t.csv:1: cells could be separated by a comma or by a semicolon; put texts that hold these characters in double quotes",
    ),
    # JSON
    "a table in a .json": ("t.json", "質問,答え\n", f"t.json:1: not JSON (Expecting value at column 1); {LINES}"),
    "a broken line": (
        "t.jsonl",
        '{"a": "b"}\n{"a": "b}\n',
        f"t.jsonl:2: not JSON (Invalid control character at at column 10); {LINES}",
    ),
    "a broken first line": (
        "t.jsonl",
        "{'a': 'b'}\n",
        f"t.jsonl:1: not JSON (Expecting property name enclosed in double quotes at column 2); {LINES}",
    ),
    "two objects on a line": ("t.jsonl", '{"a": "b"} {"a": "b"}\n', f"t.jsonl:1: not JSON (Extra data at column 12); {LINES}"),
    "a comma behind the line": ("t.jsonl", '{"a": "b"},\n{"a": "b"}\n', f"t.jsonl:1: not JSON (Extra data at column 11); {LINES}"),
    "objects over lines": (
        "t.jsonl",
        '{\n"a": "b"\n}\n{\n"a": "b"\n}\n',
        "t.jsonl:4: a second object, and the first is not on one line; write an object a line, or a list of objects",
    ),
    "an object over lines that is broken": (
        "t.json",
        '{\n"data": [\n{"a": b}]}',
        "t.json:3: not JSON (Expecting value at column 7)",
    ),
    "a list that is cut off": ("t.json", '[{"a": "b"}, {"a"', "t.json: [1]: not JSON (Expecting ':' delimiter)"),
    "a comma too many": ("t.json", '[{"a": "b"},]', "t.json: [1]: not JSON (Expecting value)"),
    "nested too deeply": ("t.jsonl", '{"a": "b"}\n{"a":' + "[" * 100_000, "t.jsonl:2: not usable JSON (nested too deeply)"),
    "nested too deeply at once": ("t.jsonl", '{"a":' + "[" * 100_000, "t.jsonl:1: not usable JSON (nested too deeply)"),
    "a number too long": (
        "t.jsonl",
        '{"a": ' + "1" * 5000 + "}\n",
        "t.jsonl:1: not usable JSON (a number with too many digits)",
    ),
    "texts": ("t.json", '["a", "b"]', "t.json: [0]: expected an object with a member for each column, found a string"),
    "a list a line": (
        "t.jsonl",
        '{"a": 1}\n["a", "b"]\n',
        "t.jsonl:2: expected an object with a member for each column, found a list",
    ),
    "an empty list": ("t.json", "[]", "t.json: no records; expected one JSON object a line, or a JSON array of objects"),
    "no data": ("t.json", '{"data": []}', "t.json: data: no records"),
    "data under another name": (
        "t.json",
        '{\n"train": [{"a": "b"}]}',
        "t.json: one object with 'train'; expected a list of objects, {\"data\": [...]}, or an object a line",
    ),
    "column by column": (
        "t.json",
        '{"a": {"0": "b"}, "c": {"0": "d"}}',
        "t.json:1: a table column by column, as pandas writes it; write it with orient='records'",
    ),
    "JSON in cp932": ("t.jsonl", '{"a": "質"}'.encode("cp932"), "t.jsonl:1: not UTF-8 (byte 0x8e); convert the file to UTF-8"),
    "JSON in UTF-16": ("t.json", '{"a": "b"}'.encode("utf-16"), "t.json:1: not UTF-8 (byte 0xff); convert the file to UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_say_what_is_wrong(tmp_path, case):
    name, content, message = BROKEN[case]
    assert said(write(tmp_path, name, content)) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("質問,答え\nあ,い\n", "t.csv:1: this row is a header ('質問', '答え'); leave out --no_header"),
        ("あ,い\nう\n", f"t.csv:2: 1 cell, but the first row has 2; {SPLIT} (with line 1?): {JOIN}"),
        ("あ,い\nう,え,お\n", "t.csv:2: 3 cells, but the first row has 2; put texts that hold a comma in double quotes"),
        (
            "あ,,い\nう,え,お\n",
            "t.csv:2: cell 2 has a text ('え'), but the column is empty in the first row;"
            " fill it there, give a header, or remove the text",
        ),
        (
            "あ,い\nう,\n,え\n",
            f"t.csv:2: an instruction without a response, and line 3 has a response without an instruction: {JOIN_BOTH}",
        ),
    ],
)
def test_broken_files_without_a_header(tmp_path, content, message):
    assert said(write(tmp_path, "t.csv", content), header=False) == message


def test_files_that_cannot_be_read(tmp_path):
    assert said(tmp_path / "no.csv") == "no.csv: no such file"
    (tmp_path / "folder").mkdir()
    assert said(tmp_path / "folder") == "folder: cannot be read (Is a directory)"


def test_an_open_quote_does_not_read_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr("toi.data.cells._LONGEST", 1000)
    path = write(tmp_path, "t.csv", '質問,答え\nあ,"い\n' + "う,え\n" * 1000)
    assert said(path) == f"t.csv:2: the quote that begins here is never closed; {OPEN}"
    path = write(tmp_path, "t.csv", "質問,答え\nあ," + "い" * 1001 + "\n")
    assert said(path) == "t.csv:2: a cell of more than 1,000 characters; is a quote never closed?"
    csv.field_size_limit(1 << 26)


# Everything that could end a line, a cell or a text, for some reader or other, more often than chance would draw it.
TEXTS = st.one_of(
    st.text(
        st.one_of(
            st.sampled_from("\\\n\r\t\"',;nt =\0\x0b\x0c\x1c\x85\u2028\u200b\ufeff桃😀👨‍👩‍👧"),
            st.characters(codec="utf-8"),
        )
    ),
    st.builds(lambda text, times: text * times, st.sampled_from(["長い", 'い"\n', "a,\t"]), st.integers(1000, 9000)),
)
TABLES = st.lists(st.tuples(TEXTS, TEXTS).filter(lambda row: all(map(str.strip, row))), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    table=TABLES,
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\r\n", "\n"]),
)
@example(table=[("a\r", "\nb\r\n"), ("\ufeff", '"')], separator=",", encoding="utf-8", end="\n")
@example(table=[("長" * 200_000, "い\n" * 50_000)], separator="\t", encoding="utf-16", end="\r\n")
def test_any_text_is_read_as_written(tmp_path_factory, table, separator, encoding, end):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    with open(path, "w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([("instruction", "output"), *table])
    assert [tuple(record.values.values()) for record in read_records(path)] == table
    line = 2
    for record, row in zip(read_records(path), table, strict=True):
        assert record.place == f"{path}:{line}"
        line += 1 + sum(len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")) - 1 for text in row)


@settings(max_examples=25, deadline=None)
@given(table=TABLES)
def test_any_text_is_read_as_written_in_json(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "t.jsonl"
    rows = [{"instruction": a, "output": b} for a, b in table]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")
    assert [record.values for record in read_records(path)] == rows
    path.write_text(json.dumps({"data": rows}, indent=1), encoding="utf-8")
    assert [record.values for record in read_records(path)] == rows
