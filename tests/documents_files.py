"""Files of documents that tests make: PDFs by hand, so that every piece of them is known."""

from collections.abc import Sequence
from pathlib import Path

Line = tuple[float, float, str]  # from the left and from the bottom in points, and a text


def write_pdf(path: Path, pages: Sequence[Sequence[Line]], *, vertical: bool = False) -> Path:
    """A PDF whose only font maps two bytes to the same character of Unicode; nothing is embedded."""
    characters = sorted({c for lines in pages for _, _, text in lines for c in text})
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(characters)} beginbfchar\n" + "\n".join(f"<{ord(c):04X}> <{ord(c):04X}>" for c in characters) + "\nendbfchar\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{6 + 2 * i} 0 R' for i in range(len(pages)))}] >>",
        f"<< /Type /Font /Subtype /Type0 /BaseFont /F /Encoding /Identity-{'V' if vertical else 'H'} "
        "/DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /F /DW 1000 "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>",
        _stream(cmap),
    ]
    for i, lines in enumerate(pages):
        text = "BT /F 10 Tf\n"
        for x, y, line in lines:
            text += f"1 0 0 1 {x} {y} Tm <{''.join(f'{ord(c):04X}' for c in line)}> Tj\n"
        resources = "/Resources << /Font << /F 3 0 R >> >> /MediaBox [0 0 595 842]"
        objects += [f"<< /Type /Page /Parent 2 0 R {resources} /Contents {7 + 2 * i} 0 R >>", _stream(text + "ET")]
    content, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(content))
        content += f"{number} 0 obj\n{one}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
    size = len(content) - len(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}")
    path.write_bytes(content + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{size}\n%%EOF\n".encode())
    return path


def _stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"
