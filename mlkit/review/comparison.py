"""What differs between an execution and the one in production: code, notebooks, parameters, data, packages, metrics."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from mlkit.errors import InvalidData
from mlkit.notebook.handoff import Channel, PreparedData
from mlkit.review.bundle_contents import Contents, GateFigures
from mlkit.review.line_diffs import LineDiff, diff_files
from mlkit.review.notebook_diffs import CellDiff, cells_of, diff_notebooks
from mlkit.review.shown_text import counted

_OF_THE_MACHINE = ("throughput", "billable_seconds", "progress")  # metrics that tell nothing about the model
_MOST_FILES = 200  # whose lines are shown
_CONSTANT = "default"  # a parameter's source: the notebook itself
NOUNS = {"code": "code file", "notebooks": "notebook", "parameters": "parameter", "data": "data value", "packages": "package"}


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
    def added(self) -> int:
        return self.lines.added + sum(cell.diff.added for cell in self.cells)

    @property
    def removed(self) -> int:
        return self.lines.removed + sum(cell.diff.removed for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class Value:
    """One figure or setting in production (`old`) and now (`new`); empty where it does not exist. `set_by` is a parameter's source."""

    name: str
    old: str
    new: str
    set_by: str = ""
    group: str = ""

    @property
    def is_changed(self) -> bool:
        return self.old != self.new

    @property
    def is_set(self) -> bool:
        """Whether somebody chose the value instead of the notebook."""
        return self.set_by not in ("", _CONSTANT)

    @property
    def setter(self) -> str:
        """Who set the value, in words."""
        kind, _, name = self.set_by.partition(" ")
        words = {_CONSTANT: "the notebook", "env": f"the build's variable {name}", "-p": "the command line", "-f": f"the file {name}"}
        return words.get(kind, self.set_by)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric in production and now; None where it does not exist."""

    name: str
    old: float | None
    new: float | None

    @property
    def difference(self) -> float | None:
        return None if self.old is None or self.new is None else self.new - self.old


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Without a champion everything is new, and nothing is called a change. `is_missing`: there is one, without its evidence."""

    has_champion: bool
    is_missing: bool
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
    def counts(self) -> dict[str, int]:
        """The number of changes of each kind. Metrics are a result, not a change."""
        values = {"parameters": self.parameters, "data": self.data, "packages": self.packages}
        changed = {name: sum(value.is_changed for value in found) for name, found in values.items()}
        return {"code": len(self.files), "notebooks": len(self.notebooks), **changed}

    @property
    def summary(self) -> str:
        """One sentence: what changed."""
        if self.is_missing:
            return "Production has a model, but its evidence is not at hand, so nothing is compared."
        if not self.has_champion:
            return "Production has no model yet, so there is nothing to compare with."
        if self.is_unchanged:
            return "Nothing changed: code, notebooks, parameters, data and packages are those of the execution in production."
        return f"Against production, {self.changes} changed."

    @property
    def changes(self) -> str:
        """`1 code file, 2 notebooks and 1 package`; empty without a change."""
        found = [counted(number, NOUNS[kind]) for kind, number in self.counts.items() if number]
        return found[0] if len(found) == 1 else " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:])))

    @property
    def is_unchanged(self) -> bool:
        return self.has_champion and not any(self.counts.values())


def compare(new: Contents, old: Contents | None) -> Comparison:
    """`old` is the champion's evidence, or None."""
    return Comparison(
        has_champion=old is not None,
        is_missing=old is None and new.manifest.champion is not None,
        code=tuple(_code_diffs(new, old)) if old else (),
        parameters=tuple(_values(_parameters(old), _parameters(new), _set_by(new))),
        data=tuple(_values(_data(old), _data(new), {})),
        packages=tuple(_values(_packages(old), _packages(new), {})),
        metrics=tuple(_metrics(old, new)),
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


def _values(old: Mapping[Any, str], new: Mapping[Any, str], set_by: Mapping[Any, str]) -> Iterable[Value]:
    for key in dict.fromkeys([*new, *old]):
        group, name = key
        yield Value(group=group, name=name, old=old.get(key, ""), new=new.get(key, ""), set_by=set_by.get(key, ""))


def _parameters(contents: Contents | None) -> dict[tuple[str, str], str]:
    """Values as JSON by notebook and name."""
    return {key: json.dumps(parameter.value, ensure_ascii=False, sort_keys=True) for key, parameter in _all_parameters(contents)}


def _set_by(contents: Contents) -> dict[tuple[str, str], str]:
    return {key: parameter.source for key, parameter in _all_parameters(contents)}


def _all_parameters(contents: Contents | None) -> Iterable[tuple[tuple[str, str], Any]]:
    for name, run in sorted(contents.current.items()) if contents else ():
        for parameter in run.record.parameters if run.record else ():
            yield (name, parameter.name), parameter


def _data(contents: Contents | None) -> dict[tuple[str, str], str]:
    prepared = contents.prepared if contents else None
    if contents is None or prepared is None:
        return {}
    splits = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    facts = dict(chain.from_iterable(_of_split(name, channel).items() for name, channel in splits.items()))
    facts |= {("columns", "number"): f"{prepared.feature_dim:,}", ("columns", "digest of the encoding"): prepared.encoding.sha256}
    facts[("table", "name")] = f"{prepared.database}.{prepared.table}"
    return facts | _tables(contents) | _details(prepared)


def _of_split(name: str, channel: Channel) -> dict[tuple[str, str], str]:
    content = hashlib.sha256("".join(sorted(item.sha256 for item in channel.objects)).encode()).hexdigest()
    return {(name, "rows"): f"{channel.rows:,}", (name, "rows with label 1"): f"{channel.positives:,}", (name, "digest"): content}


def _tables(contents: Contents) -> dict[tuple[str, str], str]:
    inputs = chain.from_iterable(run.activity.inputs for run in contents.current.values())
    return {("table", f"digest of {item.name}"): item.sha256 for item in inputs if item.name.startswith("glue table")}


def _details(prepared: PreparedData) -> dict[tuple[str, str], str]:
    return {("details", str(name)): json.dumps(value, sort_keys=True) for name, value in prepared.details.items()}


def _packages(contents: Contents | None) -> dict[tuple[str, str], str]:
    """Versions by package, of all runs; several versions if the builds differed."""
    found: dict[tuple[str, str], set[str]] = {}
    for run in contents.current.values() if contents else ():
        record = run.record
        versions = {**record.packages, **({"Python": record.python} if record.python else {})} if record else {}
        for name, version in versions.items():
            found.setdefault(("", name), set()).add(version)
    return {key: ", ".join(sorted(versions)) for key, versions in sorted(found.items(), key=lambda item: item[0][1].lower())}


def _metrics(old: Contents | None, new: Contents) -> Iterable[Metric]:
    before, after = _all_metrics(old), _all_metrics(new)
    for name in dict.fromkeys([*after, *before]):
        if not any(word in name for word in _OF_THE_MACHINE):
            yield Metric(name=name, old=before.get(name), new=after.get(name))


def _all_metrics(contents: Contents | None) -> dict[str, float]:
    gate = contents.gate if contents else None
    if contents is None:
        return {}
    metrics = _of_the_gate(gate) if gate else {}
    for run in contents.current.values():
        metrics |= {name: value for name, value in run.activity.metrics.items() if name not in metrics}
    return metrics


def _of_the_gate(gate: GateFigures) -> dict[str, float]:
    found = gate.estimate
    bounds = {f"{found.metric}: lower bound": found.low, f"{found.metric}: upper bound": found.high}
    return {
        found.metric: found.value,
        **bounds,
        **gate.others,
        **{f"{name}: {found.metric}": value for name, value in gate.baselines.items()},
    }


def tools_changed(new: Contents, old: Contents | None) -> bool:
    """Whether other code sealed this execution than sealed the champion."""
    return old is not None and old.manifest.tools_sha256 != new.manifest.tools_sha256
