"""What differs between an execution and the one in production: code, notebooks, parameters, data, packages, metrics."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mlkit.errors import InvalidData
from mlkit.review.bundle_contents import Contents
from mlkit.review.line_diffs import LineDiff, diff_files
from mlkit.review.metrics import Metric, metrics_of
from mlkit.review.notebook_diffs import CellDiff, cells_of, diff_notebooks
from mlkit.review.shown_text import counted, listed
from mlkit.review.values import Value, compare_data, compare_packages, compare_parameters

_MOST_FILES = 200  # whose lines are shown
_FEW = 3  # changes that the summary names one by one
NOUNS = {"code": "code file", "notebooks": "notebook", "parameters": "parameter", "data": "data value", "packages": "package"}
_PLURALS = {"code": "code", "notebooks": "notebooks", "parameters": "parameters", "data": "data", "packages": "packages"}
_ASSIGNMENT = re.compile(r"(\w+)\s*(?::[^=]*)?=(?!=)")


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """One code file. `change` is `added`, `removed` or `changed`. A notebook has `cells`, another file `lines`."""

    path: str
    change: str
    lines: LineDiff = field(default_factory=LineDiff)
    cells: tuple[CellDiff, ...] = ()

    @property
    def is_notebook(self) -> bool:
        return self.path.endswith(".ipynb")

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def only_sets(self, parameters: Collection[str]) -> bool:
        """Whether only one cell changed, and in it nothing but assignments to these parameters."""
        if [cell.change for cell in self.cells] != ["changed"] or self.cells[0].diff.left_out:
            return False
        found = [_ASSIGNMENT.match(line.text) for line in self.cells[0].diff.lines if line.mark in "+-"]
        return bool(found) and all(one is not None and one[1] in parameters for one in found)

    @property
    def added(self) -> int:
        return self.lines.added + sum(cell.diff.added for cell in self.cells)

    @property
    def removed(self) -> int:
        return self.lines.removed + sum(cell.diff.removed for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Without a champion everything is new, and nothing is called a change. `is_missing`: there is one, without its evidence.

    `is_deployed`: the execution has deployed production meanwhile.
    """

    has_champion: bool
    is_missing: bool
    is_deployed: bool
    code: tuple[FileDiff, ...]
    parameters: tuple[Value, ...]
    data: tuple[Value, ...]
    packages: tuple[Value, ...]
    metrics: tuple[Metric, ...]

    @property
    def files(self) -> tuple[FileDiff, ...]:
        """The code files that are no notebooks."""
        return tuple(file for file in self.code if not file.is_notebook)

    @property
    def notebooks(self) -> tuple[FileDiff, ...]:
        return tuple(file for file in self.code if file.is_notebook)

    @property
    def of_parameters(self) -> tuple[FileDiff, ...]:
        """The notebooks in which only the values of parameters changed, which are counted as parameters."""
        changed = [value for value in self.parameters if value.is_changed]
        return tuple(file for file in self.notebooks if file.only_sets({one.name for one in changed if one.group == file.name}))

    @property
    def counts(self) -> dict[str, int]:
        """The number of changes of each kind. Metrics are a result, not a change."""
        values = {"parameters": self.parameters, "data": self.data, "packages": self.packages}
        changed = {name: sum(value.is_changed for value in found) for name, found in values.items()}
        return {"code": len(self.files), "notebooks": len(self.notebooks) - len(self.of_parameters), **changed}

    @property
    def summary(self) -> str:
        """What changed: each change if there are few, else how many of each kind."""
        if self.is_missing:
            return "Production has a model, but its evidence is not at hand, so nothing is compared."
        if not self.has_champion and self.is_deployed:
            return "Production had no model before, so there is nothing to compare with."
        if not self.has_champion:
            return "Production has no model yet, so there is nothing to compare with."
        if self.is_unchanged:
            return "Nothing changed: code, notebooks, parameters, data and packages are those of the execution in production."
        named = [*(file.path for file in self.files), *(file.path for file in self.notebooks if file not in self.of_parameters)]
        named += [value.change for value in (*self.parameters, *self.packages) if value.is_changed]
        if self.counts["data"] or len(named) > _FEW:
            return f"Against production, {self.changes} changed."
        return f"{'One change' if len(named) == 1 else f'{len(named)} changes'}: {'; '.join(named)}. {self._same}"

    @property
    def _same(self) -> str:
        """`Data, code and packages are the same.`"""
        same = [_PLURALS[kind] for kind, number in self.counts.items() if not number and not (kind == "notebooks" and self.notebooks)]
        told = listed(same)
        return f"{told[:1].upper()}{told[1:]} are the same." if len(same) > 1 else ""

    @property
    def changes(self) -> str:
        """`1 code file, 2 notebooks and 1 package`; empty without a change."""
        return listed([counted(number, NOUNS[kind]) for kind, number in self.counts.items() if number])

    @property
    def is_unchanged(self) -> bool:
        return self.has_champion and not any(self.counts.values())


def compare(new: Contents, old: Contents | None) -> Comparison:
    """`old` is the champion's evidence, or None."""
    return Comparison(
        has_champion=old is not None,
        is_missing=old is None and new.manifest.champion is not None,
        is_deployed=new.is_of_production,
        code=tuple(_code_diffs(new, old)) if old else (),
        parameters=tuple(compare_parameters(old, new)),
        data=tuple(compare_data(old, new)),
        packages=tuple(compare_packages(old, new)),
        metrics=tuple(metrics_of(old, new)),
    )


def _code_diffs(new: Contents, old: Contents) -> Iterable[FileDiff]:
    before, after = old.manifest.code, new.manifest.code
    changed = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    for number, path in enumerate(changed):
        change = "added" if path not in before else "removed" if path not in after else "changed"
        if number < _MOST_FILES:
            yield _file_diff(path, change, old.source.get(path), new.source.get(path))
        else:
            yield FileDiff(path=path, change=change, lines=LineDiff(note=f"Not shown: only the first {_MOST_FILES} files are."))


def _file_diff(path: str, change: str, old: bytes | None, new: bytes | None) -> FileDiff:
    if path.endswith(".ipynb"):
        try:
            cells = diff_notebooks(cells_of(old) if old else [], cells_of(new) if new else [])
            if cells:
                return FileDiff(path=path, change=change, cells=tuple(cells))
            return FileDiff(path=path, change=change, lines=LineDiff(note="No cell changed: only metadata, outputs or format."))
        except InvalidData:
            return FileDiff(
                path=path, change=change, lines=LineDiff(note="Too large, or not readable as a notebook: compared by digest only.")
            )
    return FileDiff(path=path, change=change, lines=diff_files(old, new, was=change != "added", is_there=change != "removed"))


def tools_changed(new: Contents, old: Contents | None) -> bool:
    """Whether other code sealed this execution than sealed the champion."""
    return old is not None and old.manifest.tools_sha256 != new.manifest.tools_sha256
