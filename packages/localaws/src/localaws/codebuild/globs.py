"""Matches a buildspec's globs: `*` within one name, `**` for any number of folders, hidden files included."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath


class NothingMatches(ValueError):
    """No folder or file matches. The text is AWS's."""


def expand(pattern: str, variables: Mapping[str, str]) -> str:
    """The text with $NAME and ${NAME} replaced by the build's environment. A variable that is not set becomes empty, as in a shell."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: variables.get(match[1] or match[2], ""), pattern)


def base_directories(root: Path, pattern: str) -> list[Path]:
    """The folders below `root` that the pattern matches. Raises NothingMatches."""
    relative = _relative(root, pattern)
    if relative == ".":
        return [root]
    match = _compiled(relative)
    found = [root / path for path in _folders(root, relative) if match.fullmatch(path)]
    if not found:
        raise NothingMatches(f"no matching base directory path found for {pattern}")
    return found


def matching(base: Path, patterns: Sequence[str], exclude: Sequence[str] = ()) -> list[str]:
    """The files below `base` that one of the patterns matches and none excludes, as sorted relative POSIX paths."""
    relative = [_relative(base, pattern) for pattern in patterns]
    wanted = [_compiled(pattern) for pattern in relative]
    unwanted = [_compiled(_relative(base, pattern)) for pattern in exclude]
    return sorted(
        path
        for path in _files(base, relative)
        if any(match.fullmatch(path) for match in wanted) and not any(match.fullmatch(path) for match in unwanted)
    )


def _relative(root: Path, pattern: str) -> str:
    """The pattern relative to the root. A pattern for another place stays as it is and matches nothing."""
    if pattern.startswith("/"):
        for known in {str(root), str(root.resolve())}:
            if pattern == known or pattern.startswith(f"{known}/"):
                pattern = pattern[len(known) :].lstrip("/") or "."
                break
    return str(PurePosixPath(pattern)) if pattern else "."


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.split("/")
    written = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            written += ".*" if last else "(?:[^/]+/)*"
        else:
            written += _name(part) + ("" if last else "/")
    return re.compile(written, re.DOTALL)


def _name(part: str) -> str:
    """The regular expression for one name: `*`, `?`, `[...]` and `{a,b}`."""
    written, index = "", 0
    while index < len(part):
        letter = part[index]
        closing = part.find({"[": "]", "{": "}"}.get(letter, "\0"), index + 1)
        if letter == "*":
            written += "[^/]*"
        elif letter == "?":
            written += "[^/]"
        elif letter == "[" and closing > index + 1:
            inside = part[index + 1 : closing].replace("\\", r"\\")
            written += f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]"
            index = closing
        elif letter == "{" and closing > 0:
            written += "(?:" + "|".join(_name(choice) for choice in part[index + 1 : closing].split(",")) + ")"
            index = closing
        else:
            written += re.escape(letter)
        index += 1
    return written


def _folders(root: Path, pattern: str) -> Iterator[str]:
    for folder, folders, _ in _walk(root, [pattern]):
        yield from (folder + name for name in sorted(folders))


def _files(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    """The files and links in folders where a pattern may match. Links to folders are not followed."""
    for folder, folders, names in _walk(root, patterns):
        links = [name for name in folders if os.path.islink(os.path.join(root, folder, name))]
        yield from (folder + name for name in (*names, *links))


def _walk(root: Path, patterns: Sequence[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, with relative paths that end with "/" or are empty. It leaves out folders in which no pattern can match.

    A build's folder holds an environment with some thousand folders, and most patterns name a few files beside it.
    """
    parts = [pattern.split("/") for pattern in patterns]
    for path, folders, names in os.walk(root):
        relative = os.path.relpath(path, root)
        folder = "" if relative == "." else f"{relative}/"
        yield folder, folders, names
        depth = folder.count("/")
        folders[:] = [name for name in folders if any(_may_hold(pattern, depth, name) for pattern in parts)]


def _may_hold(pattern: Sequence[str], depth: int, name: str) -> bool:
    """Whether the pattern can match a file in this folder or below it. `depth` is the number of folders above it, without the root."""
    if "**" in pattern[: depth + 1]:
        return True
    return depth + 1 < len(pattern) and re.fullmatch(_name(pattern[depth]), name, re.DOTALL) is not None
