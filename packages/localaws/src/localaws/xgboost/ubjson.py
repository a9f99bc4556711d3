"""Whether bytes are one whole UBJSON value. XGBoost's own reader runs past the end of a file that was cut, and may end the process.

Source: Universal Binary JSON specification, draft 12: types, optimized containers.
"""

_INTEGERS = {b"i": 1, b"U": 1, b"I": 2, b"l": 4, b"L": 8}  # big-endian; only U has no sign
_SIZES = {b"Z": 0, b"N": 0, b"T": 0, b"F": 0, b"C": 1, b"d": 4, b"D": 8, **_INTEGERS}
_DEEPEST = 100


def is_whole(content: bytes) -> bool:
    """Whether the content is one value, with nothing missing and nothing behind it."""
    try:
        return _Reader(content).value(_DEEPEST) == len(content)
    except ValueError:
        return False


class _Reader:
    """Walks over a value without building it. Every step raises ValueError at the end of the content."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def value(self, depth: int) -> int:
        """The position behind the value that begins here."""
        self._typed(self._take(1), depth)
        return self._at

    def _typed(self, kind: bytes, depth: int) -> None:
        if depth == 0:
            raise ValueError("too deep")
        if kind in _SIZES:
            self._take(_SIZES[kind])
        elif kind in (b"S", b"H"):
            self._take(self._integer())
        elif kind in (b"[", b"{"):
            self._container(kind, depth)
        else:
            raise ValueError(f"no type: {kind!r}")

    def _container(self, opening: bytes, depth: int) -> None:
        kind, count = self._header()
        if count is not None and opening == b"[" and kind in _SIZES:
            self._take(_SIZES[kind] * count)  # a typed array holds a tree's numbers: one step however long it is
            return
        left = count
        while left != 0 if left is not None else self._peek() != (b"]" if opening == b"[" else b"}"):
            if opening == b"{":
                self._take(self._integer())
            self._typed(kind or self._take(1), depth - 1)
            left = None if left is None else left - 1
        if count is None:
            self._take(1)

    def _header(self) -> tuple[bytes, int | None]:
        """The type that all elements have, if one is given, and their number, if it is given."""
        kind = b""
        if self._peek() == b"$":
            kind = self._take(2)[1:]
            if self._peek() != b"#":
                raise ValueError("a type without a number")
        if self._peek() != b"#":
            return kind, None
        self._take(1)
        return kind, self._integer()

    def _integer(self) -> int:
        kind = self._take(1)
        if kind not in _INTEGERS:
            raise ValueError(f"no length: {kind!r}")
        number = int.from_bytes(self._take(_INTEGERS[kind]), "big", signed=kind != b"U")
        if number < 0:
            raise ValueError("a negative length")
        return number

    def _peek(self) -> bytes:
        return self._content[self._at : self._at + 1]

    def _take(self, length: int) -> bytes:
        found = self._content[self._at : self._at + length]
        if len(found) < length:
            raise ValueError("cut")
        self._at += length
        return found
