"""`mlkit run` and `papermill` as they read their words: which notebook, with which parameters."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlkit.contract.words import UNKNOWN
from mlkit.parameters import Typed

_MLKIT = {"-p": "typed", "--parameter": "typed", "-o": "setting", "--setting": "setting", "-f": "file", "--file": "file"}
_PAPERMILL = {
    **{"-p": "guessed", "--parameters": "guessed", "-r": "raw", "--parameters_raw": "raw", "-f": "file", "--parameters_file": "file"},
    **{"-y": "yaml", "--parameters_yaml": "yaml", "-b": "coded", "--parameters_base64": "coded"},
}
_PAIRS = ("typed", "setting", "guessed", "raw")
_SAYING = ("echo", "printf", "pip", "pip3", "which")
_LEAVES_IT = "notebook"  # `-o NAME notebook` leaves a parameter to the notebook


@dataclass(kw_only=True)
class Call:
    """One notebook's run. `given` are parameters whose values are known, `unknown` those whose are not; `more` may be given besides.
    `left` are those that are left to the notebook.

    `reads_text` is false for papermill, which passes any text on as it is.
    """

    tool: str
    notebook: str
    given: dict[str, Any] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    more: bool = False
    reads_text: bool = True
    problems: list[str] = field(default_factory=list)


def call_of(words: Sequence[str]) -> Call | None:
    """The run that the command starts, also behind `env`, `uv run`, `python -m` and the like; None when it starts none."""
    if not words or posixpath.basename(words[0]) in _SAYING:
        return None
    for place, word in enumerate(words):
        rest = words[place + 1 :]
        if posixpath.basename(word) == "mlkit" and rest and rest[0] == "run":
            return _parsed("mlkit run", rest[1:], _MLKIT)
        if posixpath.basename(word) == "papermill" and any(one.endswith(".ipynb") or UNKNOWN in one for one in rest):
            return _parsed("papermill", rest, _PAPERMILL)
    return None


def _parsed(tool: str, words: Sequence[str], options: dict[str, str]) -> Call | None:
    call = Call(tool=tool, notebook="", reads_text=tool != "papermill")
    pairs: dict[str, dict[str, Any]] = {kind: {} for kind in _PAIRS}
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        kind = options.get(option)
        if kind in _PAIRS:
            if len(rest) < 2:
                call.problems.append(f"{option} needs a name and a value")
                break
            _pair(call, pairs[kind], option, rest.pop(0), rest.pop(0))
        elif kind is not None and (joined or rest):
            _source(call, kind, value if joined else rest.pop(0))
        elif not word.startswith("-"):
            plain.append(word)
    call.more = call.more or UNKNOWN in plain
    _take(call, pairs)
    call.notebook = next((word for word in plain if word.endswith(".ipynb")), next((w for w in plain if UNKNOWN in w), "".join(plain[:1])))
    return call if call.notebook else None


def _pair(call: Call, pairs: dict[str, Any], option: str, name: str, value: str) -> None:
    if UNKNOWN in name:
        call.more = True
    elif name in pairs and call.reads_text:
        call.problems.append(f"{option} {name} is given twice")
    pairs[name] = value


def _source(call: Call, kind: str, value: str) -> None:
    if kind == "file":
        call.files.append(value)
    elif kind == "yaml" and UNKNOWN not in value:
        try:
            call.given |= yaml.safe_load(value)
        except (yaml.YAMLError, TypeError, ValueError):
            call.problems.append(f"{value!r} does not hold parameters")
    else:
        call.more = True


def _take(call: Call, pairs: dict[str, dict[str, Any]]) -> None:
    """Put the pairs together; the later kinds win."""
    call.left = {name for name, value in pairs["setting"].items() if value == _LEAVES_IT and UNKNOWN not in name}
    settings = {name: value for name, value in pairs["setting"].items() if value != _LEAVES_IT}
    for kind, values in (("setting", settings), ("typed", pairs["typed"]), ("guessed", pairs["guessed"]), ("raw", pairs["raw"])):
        for name, value in values.items():
            call.given.pop(name, None)
            call.unknown.discard(name)
            if UNKNOWN in value:
                call.unknown.add(name)
            elif UNKNOWN not in name:
                call.given[name] = guessed(value) if kind == "guessed" else value if kind == "raw" else Typed(value)


def guessed(text: str) -> Any:
    """The value that papermill makes of `-p NAME TEXT`, whatever the parameter's type."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
