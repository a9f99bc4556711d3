"""Text from a file that anybody may have written, made fit for a message."""

LONGEST = 200


def one_line(text: object) -> str:
    """The text's first 200 characters on one line, without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in str(text)[:LONGEST])
