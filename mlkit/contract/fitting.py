"""One run of a notebook against the notebook: does it exist, does it have these parameters, do the values fit?"""

import difflib
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlkit.contract.calls import Call
from mlkit.contract.shell import SOURCE
from mlkit.contract.words import UNKNOWN
from mlkit.errors import InvalidNotebook, InvalidParameters
from mlkit.parameters import Parameter, ParameterType, bind, parameters_in, read_parameters

_ANY = ParameterType(name="str")  # takes the empty text that stands for a value that is not known


def problems(root: Path, call: Call, folder: str | None) -> Iterator[str]:
    """What is wrong with the call, started in `folder` (as the shell knows it, or None), of a notebook of the project at `root`."""
    yield from call.problems
    notebook = _in_project(call.notebook, folder)
    if notebook is None:
        return
    if not (root / notebook).is_file():
        yield f"there is no notebook {notebook}{nearest(notebook, _notebooks(root, notebook))}"
        return
    try:
        parameters = read_parameters(root / notebook)
    except InvalidNotebook as problem:
        yield str(problem).replace(f"{root}/", "")
        return
    given: dict[str, Any] = {}
    more = call.more
    for name in call.files:
        values, complaint = _read(root, name, folder)
        yield from complaint
        given |= values or {}
        more = more or values is None
    yield from _misfits(parameters, call, {**given, **call.given}, more)


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that names what was probably meant; nothing when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f". Did you mean {near[0]}?" if near else ""


def _misfits(parameters: Iterable[Parameter], call: Call, given: dict[str, Any], more: bool) -> Iterator[str]:
    free = set(call.unknown)
    for parameter in parameters:
        value = given.get(parameter.name)
        if not call.reads_text and isinstance(value, str) and parameter.type.name != "str" and parameter.name not in free:
            free.add(parameter.name)
            yield f"Parameter `{parameter.name}` is {parameter.type}, and papermill would pass the text {value!r}: write it as Python does."
    loose = [replace(one, type=_ANY if one.name in free else one.type, required=one.required and not more) for one in parameters]
    misnamed = call.left - {one.name for one in loose}
    try:
        bind(loose, {**given, **dict.fromkeys(sorted(free | misnamed), "")})
    except InvalidParameters as problem:
        yield from str(problem).splitlines()


def _in_project(path: str, folder: str | None) -> str | None:
    """The path from the project's folder; None when it is elsewhere, or not known."""
    if UNKNOWN in path or "://" in path or (folder is None and not path.startswith("/")):
        return None
    whole = posixpath.normpath(posixpath.join(folder or "/", path))
    return whole.removeprefix(f"{SOURCE}/") if whole.startswith(f"{SOURCE}/") else None


def _notebooks(root: Path, missing: str) -> list[str]:
    folders = {root, root / "notebooks", (root / missing).parent}
    return sorted(path.relative_to(root).as_posix() for folder in folders for path in folder.glob("*.ipynb"))


def _read(root: Path, name: str, folder: str | None) -> tuple[dict[str, Any] | None, list[str]]:
    """The parameters of a YAML file of the project, None when there is none yet: a build may write it."""
    path = _in_project(name, folder)
    if path is None or not (root / path).is_file():
        return None, []
    try:
        return parameters_in((root / path).read_bytes(), path), []
    except InvalidParameters as problem:
        return None, [str(problem)]
