"""Text from a file that anybody may have written, made fit for a message."""

import re

LONGEST = 200
LONGEST_ADDRESS = 1100  # characters of the longest s3:// address
_AT_THE_ENDS = re.compile(r"^ | $")
_LINK = re.compile(r"\S*(?:://|www\.|\w\.\w{2,}/)\S*")  # has a scheme, or a host and a path


def one_line(text: object) -> str:
    """The text's first 200 characters on one line, without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in str(text)[:LONGEST])


def shown(text: object) -> str:
    """A name, an address or a digest, whole and in ASCII; a text that is longer than any address ends in `...`.

    Every other character is escaped as Python does it (`\\u202e`), and so are the backslash and blanks at the ends: a name that looks like
    another is seen.
    """
    told = str(text)
    escaped = _AT_THE_ENDS.sub(r"\\x20", told[:LONGEST_ADDRESS].encode("unicode_escape").decode())
    return escaped + "..." * (len(told) > LONGEST_ADDRESS)


def unlinked(text: str) -> str:
    """The text for a mail, whose readers click what looks like an address: `[link]` stands for each."""
    return _LINK.sub("[link]", text)


def without_links(text: str) -> str:
    """The text's first 200 characters on one line, `unlinked`."""
    return unlinked(" ".join(one_line(text).split()))
