"""The keys of a buildspec. CodeBuild runs a buildspec with other keys, and warns about them in the log.

Source of the keys: AWS CodeBuild User Guide, "Build specification reference"; of version 0.1, its "Buildspec versions".
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import yaml

Keys: TypeAlias = "Mapping[str, Keys | None]"
_ANY = "*"  # any name, for example of a report group

_PHASE: Keys = {"run-as": None, "on-failure": None, "commands": None, "finally": None}
_ARTIFACT: Keys = dict.fromkeys(("files", "name", "discard-paths", "base-directory", "exclude-paths", "enable-symlinks", "s3-prefix"))
_KEYS: Keys = {
    "version": None,
    "run-as": None,
    "env": {
        "shell": None,
        "variables": None,
        "parameter-store": None,
        "secrets-manager": None,
        "exported-variables": None,
        "git-credential-helper": None,
    },
    "proxy": None,
    "batch": None,
    "phases": {"install": {**_PHASE, "runtime-versions": None}, "pre_build": _PHASE, "build": _PHASE, "post_build": _PHASE},
    "reports": {_ANY: {"files": None, "file-format": None, "base-directory": None, "discard-paths": None}},
    "artifacts": {**_ARTIFACT, "secondary-artifacts": {_ANY: _ARTIFACT}},
    "cache": {"key": None, "fallback-keys": None, "action": None, "paths": None},
}
_KEYS_OF_0_1: Keys = {**_KEYS, "environment_variables": {"plaintext": None}, "artifacts": {**_ARTIFACT, "type": None}}


def unknown_keys(root: yaml.Node, version: str) -> tuple[str, ...]:
    """The warnings in CodeBuild's form: a line for each section, a line that says so, and a line for each key."""
    lines = []
    for section, keys in _unknown(root, _KEYS_OF_0_1 if version == "0.1" else _KEYS, ()):
        lines += [f"In the section {section}", "\tThe following keys cannot be identified:", *(f"\t\t{key}" for key in keys)]
    return tuple(lines)


def _unknown(node: yaml.Node, keys: Keys, path: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(node, yaml.MappingNode):
        return
    entries = [(str(key.value), value) for key, value in node.value]
    if _ANY not in keys and (unknown := [name for name, _ in entries if name not in keys]):
        yield _section(path), unknown
    for name, value in entries:
        if below := keys.get(_ANY if _ANY in keys else name):
            yield from _unknown(value, below, (*path, name))


def _section(path: tuple[str, ...]) -> str:
    """The section's name in the log. CodeBuild writes phases in capitals."""
    if path[:1] == ("phases",) and len(path) > 1:
        return path[1].upper()
    return "/".join(path) or "buildspec"
