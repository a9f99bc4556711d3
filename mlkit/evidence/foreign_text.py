"""Text from a file that anybody may have written, made fit for a message."""

import re

LONGEST = 200
_LINK = re.compile(r"\S*(?:://|www\.|\w\.\w{2,}/)\S*")  # has a scheme, or a host and a path


def one_line(text: object) -> str:
    """The text's first 200 characters on one line, without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in str(text)[:LONGEST])


def without_links(text: str) -> str:
    """The text on one line for a mail, whose readers click what looks like an address: `[link]` stands for each."""
    return _LINK.sub("[link]", " ".join(one_line(text).split()))
