"""Texts inside of texts and images: base64 that holds words, and the comments of a PNG."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator

_TOKEN = re.compile(r"(?:[A-Za-z0-9+/]{64,76}(?:\r?\n|\\n))+[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9+/_\-]{16,}={0,2}")
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_TEXT = 1_000_000  # bytes of a PNG's unpacked comment


def base64_texts(text: str) -> Iterator[tuple[int, int, str]]:
    """`(start, end, inside)` of each token that is base64, of the standard or URL-safe kind, and holds readable text."""
    for token in _TOKEN.finditer(text):
        inside = _readable(token[0])
        if inside is not None:
            yield *token.span(), inside


def decoded(value: str) -> bytes | None:
    """The bytes of an image as a notebook holds it; None when this is no base64."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def png_texts(data: bytes) -> Iterator[str]:
    """What a PNG says beside its picture: its tEXt, zTXt and iTXt chunks, unpacked."""
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        keyword, _, rest = body.partition(b"\0")
        if kind == b"tEXt":
            yield f"{keyword.decode('latin-1')}={rest.decode('latin-1')}"
        elif kind == b"zTXt":
            yield f"{keyword.decode('latin-1')}={_unpacked(rest[1:]).decode('latin-1')}"
        elif kind == b"iTXt":
            packed, parts = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
            words = _unpacked(parts[-1]) if packed else parts[-1]
            yield f"{keyword.decode('latin-1')}={words.decode('utf-8', 'replace')}"
        at += length + 12


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LONGEST_TEXT)
    except zlib.error:
        return b""


def _readable(token: str) -> str | None:
    packed = token.replace("\\n", "").translate(_TO_STANDARD).rstrip("=")
    if _words(packed[:64]) is None:
        return None
    return _words(packed)


def _words(packed: str) -> str | None:
    whole = packed[: len(packed) - (len(packed) % 4 == 1)]
    try:
        words = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8")
    except UnicodeDecodeError as problem:
        # The start of a long token may end in the middle of a character.
        if len(packed) < 64 or problem.start < len(problem.object) - 3:
            return None
        words = problem.object[: problem.start].decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return words if all(sign.isprintable() or sign in "\r\n\t" for sign in words) else None


_TO_STANDARD = str.maketrans({"-": "+", "_": "/", "\n": None, "\r": None})
