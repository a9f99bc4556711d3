"""Decodes texts inside of texts and images: base64, base32, hex and lists of bytes, also compressed; the comments of a PNG."""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterator

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{64,76}(?:\r?\n|\\n))+[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9+/_\-]{16,}={0,2}")
_IN_TOKEN = (re.compile(r"[0-9a-f]{20,}|[0-9A-F]{20,}"), re.compile(r"(?:[A-Z2-7]{24,}|[a-z2-7]{24,})"))  # hex, base32
_PAIRS = re.compile(r"[0-9a-fA-F]{2}[: ](?:[0-9a-fA-F]{2}[: ]){8,}[0-9a-fA-F]{2}(?![A-Za-z0-9])")
_ESCAPED = {sign: re.compile(rf"(?:{re.escape(sign)}[0-9a-fA-F]{{2}}){{10,}}") for sign in ("\\x", "%", "\\u00")}
_CODES = re.compile(r"\d{2,3}(?:, ?|[ \n])(?:\d{2,3}(?:, ?|[ \n])){8,}\d{2,3}(?![\d.])")
_PACKED = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda")  # the first bytes of gzip and zlib
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_TEXT = 1_000_000  # the maximum of unpacked bytes, for a PNG's comment and for one text in all
_START = 64  # this many characters of a token decide whether it contains text


class _Unpacker:
    """Unpacks compressed bytes, up to a limit for one text."""

    def __init__(self) -> None:
        self.left = _LONGEST_TEXT

    def __call__(self, data: bytes) -> bytes:
        if not data.startswith(_PACKED) or self.left <= 0:
            return b""
        try:
            words = zlib.decompressobj(wbits=47).decompress(data, self.left)
        except zlib.error:
            return b""
        self.left -= len(words)
        return words


def encoded_texts(text: str) -> Iterator[tuple[int, int, str]]:
    """`(start, end, inside)` of each token that encodes readable text."""
    unpack = _Unpacker()
    for start, end, decode in _tokens(text):
        inside = _readable(text[start:end], decode, unpack)
        if inside is not None:
            yield start, end, inside


def _tokens(text: str) -> Iterator[tuple[int, int, Callable[[str], bytes]]]:
    """The tokens that may be encoded, each with its decoder."""
    for token in _BASE64.finditer(text):
        yield *token.span(), _from_base64
        for expression, decode in zip(_IN_TOKEN, (_from_hex, _from_base32), strict=True):
            for part in expression.finditer(text, *token.span()):
                yield *part.span(), decode
    others = [(_PAIRS, _from_hex), (_CODES, _from_codes)]
    for expression, decode in [*others, *((escaped, _from_hex) for sign, escaped in _ESCAPED.items() if sign in text)]:
        for part in expression.finditer(text):
            yield *part.span(), decode


def decoded(value: str) -> bytes | None:
    """The bytes of an image in a notebook; None if the value is not base64."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def png_texts(data: bytes) -> Iterator[str]:
    """The texts of a PNG: its tEXt, zTXt and iTXt chunks, unpacked."""
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        keyword, _, rest = body.partition(b"\0")
        if kind == b"tEXt":
            yield f"{keyword.decode('latin-1')}={rest.decode('latin-1')}"
        elif kind == b"zTXt":
            yield f"{keyword.decode('latin-1')}={_Unpacker()(rest[1:]).decode('latin-1')}"
        elif kind == b"iTXt":
            packed, parts = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
            words = _Unpacker()(parts[-1]) if packed else parts[-1]
            yield f"{keyword.decode('latin-1')}={words.decode('utf-8', 'replace')}"
        at += length + 12


def _from_base64(token: str) -> bytes:
    packed = token.replace("\\n", "").translate(_TO_STANDARD).rstrip("=")
    whole = packed[: len(packed) - (len(packed) % 4 == 1)]
    return base64.b64decode(whole + "=" * (-len(whole) % 4))


def _from_base32(token: str) -> bytes:
    packed = token.rstrip("=").upper()
    whole = packed[: len(packed) - (len(packed) % 8 in (1, 3, 6))]
    return base64.b32decode(whole + "=" * (-len(whole) % 8))


def _from_hex(token: str) -> bytes:
    return bytes.fromhex("".join(re.findall(r"[0-9a-fA-F]{2}", token.replace("\\u00", ""))))


def _from_codes(token: str) -> bytes:
    return bytes(int(code) for code in re.findall(r"\d+", token))


def _readable(token: str, decode: Callable[[str], bytes], unpack: _Unpacker) -> str | None:
    """The decoded text, if it is readable. Of a long token, the start is checked first."""
    try:
        start = decode(token if decode is _from_codes else token[:_START])
        if not start.startswith(_PACKED):
            return None if _words(start, cut=len(token) > _START) is None else _words(decode(token), cut=False)
        return _words(unpack(decode(token)), cut=True)
    except (binascii.Error, ValueError):
        return None


def _words(data: bytes, *, cut: bool) -> str | None:
    """The bytes as text, if it is printable. With `cut`, they may end in the middle of a character."""
    if len(data) > 3 and not any(data[1:64:2]):
        data = data[::2]  # UTF-16
    try:
        words = data.decode()
    except UnicodeDecodeError as problem:
        if not cut or problem.start < len(data) - 3:
            return None
        words = data[: problem.start].decode()
    return words if words and all(sign.isprintable() or sign in "\r\n\t" for sign in words) else None


_TO_STANDARD = str.maketrans({"-": "+", "_": "/", "\n": None, "\r": None})
