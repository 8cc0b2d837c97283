"""What each id of a vocabulary adds to a text: characters, or bytes that are a part of one."""

import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

Piece = str | bytes
_BYTE = re.compile("<0x([0-9A-F]{2})>")


def pieces_of(tokens: Sequence[str], silent: Collection[int], decoder: Any) -> list[Piece]:
    """The pieces of the tokens of a vocabulary, in the order of their ids; empty for the ids of `silent`.

    `decoder` is that of the `tokenizer.json`: byte-level tokens (GPT-2's BPE) are told by it.
    """
    piece = _byte_level_piece if _is_byte_level(decoder) else _sentencepiece_piece
    return ["" if i in silent else piece(token) for i, token in enumerate(tokens)]


def without_unfinished(ids: list[int], pieces: Sequence[Piece]) -> list[int]:
    """The ids without those at the end that begin a character and do not end it."""
    start = len(ids)
    while start and ids[start - 1] < len(pieces) and isinstance(pieces[ids[start - 1]], bytes):  # a model may have spare ids
        start -= 1
    while start < len(ids):
        run = b"".join(bytes(pieces[i]) for i in ids[start:])  # type: ignore[arg-type]  # all bytes, by the loop above
        if not unfinished(run):
            break
        ids = ids[:-1]
    return ids


def unfinished(run: bytes) -> int:
    """How many bytes at the end of a run begin a character of UTF-8 that more bytes could end."""
    for count in range(1, min(3, len(run)) + 1):
        lead = run[-count]
        if lead >= 0xC0:
            size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return count if count < size and _may_begin(run[-count:]) else 0
        if lead < 0x80:
            return 0
    return 0


def split_run(run: bytes) -> tuple[str, bytes] | None:
    """The characters of a run of bytes, and the bytes behind them that begin one more; None where bytes make no character."""
    count = unfinished(run)
    whole, rest = run[: len(run) - count], run[len(run) - count :]
    try:
        return whole.decode("utf-8"), rest
    except UnicodeDecodeError:
        return None


class Spelling:
    """The text of ids that come one by one, in whole characters."""

    def __init__(self, pieces: Sequence[Piece]):
        self._pieces, self._run = pieces, b""  # bytes that begin a character

    def add(self, token: int) -> str:
        """What a token adds to the text: nothing while it leaves a character unfinished, or if its bytes make none."""
        piece = self._pieces[token] if token < len(self._pieces) else ""  # a model may have spare ids
        if isinstance(piece, str):
            self._run = b"" if piece else self._run
            return piece
        text, self._run = split_run(self._run + piece) or ("", b"")
        return text


def _may_begin(start: bytes) -> bool:
    """Whether some character of UTF-8 begins with these bytes (RFC 3629, section 4)."""
    fill = b"\x80\xbf"
    size = 2 if start[0] < 0xE0 else 3 if start[0] < 0xF0 else 4
    for second in fill:
        rest = bytes([second]) * (size - len(start))
        try:
            (start + rest).decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False


def _sentencepiece_piece(token: str) -> Piece:
    match = _BYTE.fullmatch(token)
    return bytes([int(match[1], 16)]) if match else token.replace("▁", " ")


def _byte_level_piece(token: str) -> Piece:
    known = _bytes_of_characters()
    if any(c not in known for c in token):
        return token  # an added token, which is written as it is
    run = bytes(known[c] for c in token)
    try:
        return run.decode("utf-8")
    except UnicodeDecodeError:
        return run


@cache
def _bytes_of_characters() -> dict[str, int]:
    """GPT-2's way to write a byte as a printable character (openai/gpt-2, src/encoder.py)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _is_byte_level(decoder: Any) -> bool:
    if not isinstance(decoder, dict):
        return False
    return decoder.get("type") == "ByteLevel" or any(map(_is_byte_level, decoder.get("decoders", ())))
