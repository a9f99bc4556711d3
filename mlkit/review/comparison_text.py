"""The comparison of two executions as text for a terminal."""

import textwrap
from collections.abc import Iterator

from mlkit.review.bundle_contents import Contents
from mlkit.review.comparison import Comparison, FileDiff, compare
from mlkit.review.line_diffs import LineDiff
from mlkit.review.reviewed import Evidence
from mlkit.review.shown_text import bounded, counted, short_digest
from mlkit.review.values import Value


def comparison_text(old: Evidence, new: Evidence, *, width: int = 80) -> str:
    """What changed from `old` to `new`, in lines of at most `width` characters."""
    before, after = Contents(old), Contents(new)
    comparison = compare(after, before)
    lines = [_execution("A", before), _execution("B", after), "", *_sections(comparison)]
    return "\n".join(part for line in lines for part in _wrapped(line, width)) + "\n"


def _execution(label: str, contents: Contents) -> str:
    manifest, gate = contents.manifest, contents.gate
    commit = bounded(manifest.source.variables.get("CommitId", ""), 80)[:10]
    figures = f" {bounded(gate.estimate.metric, 40)} {gate.estimate.amount(gate.estimate.value)}" if gate else ""
    return f"{label}  {bounded(manifest.pipeline_execution_id, 60)}  {commit}  {bounded(manifest.verdict, 20)}{figures}"


def _sections(comparison: Comparison) -> Iterator[str]:
    if comparison.is_unchanged:
        yield "Nothing changed: B has A's code, notebooks, parameters, data and packages."
    else:
        yield f"From A to B, {comparison.changes} changed."
    for title, files in (("Code", comparison.files), ("Notebook cells", comparison.notebooks)):
        yield from _titled(title, [line for file in files for line in _file(file)])
    for title, values in (("Parameters", comparison.parameters), ("Data", comparison.data), ("Packages", comparison.packages)):
        yield from _titled(title, [_value(value) for value in values if value.is_changed])
    moved = [metric for metric in comparison.metrics if metric.old != metric.new]
    yield from _titled("Metrics", [f"  {bounded(one.name, 60)}: {_figure(one.old)} -> {_figure(one.new)}" for one in moved])


def _titled(title: str, lines: list[str]) -> list[str]:
    return ["", title, *lines] if lines else []


def _file(file: FileDiff) -> Iterator[str]:
    yield f"  {bounded(file.path)}  {file.change}, +{file.added} -{file.removed}"
    for cell in file.cells:
        yield f"  cell {cell.number} {cell.change}"
        yield from _diff(cell.diff)
    yield from _diff(file.lines)


def _diff(diff: LineDiff) -> Iterator[str]:
    if diff.note:
        yield f"    {diff.note}"
    yield from (f"    {line.mark} {bounded(line.text, 2000)}".rstrip() for line in diff.lines if line.mark != "@")
    if diff.left_out:
        yield f"    {counted(diff.left_out, 'more line')}"


def _value(value: Value) -> str:
    name = f"{value.group}: {value.name}" if value.group else value.name
    by = f", set by {value.setter}" if value.is_set else ""
    return f"  {bounded(name, 120)}: {short_digest(value.old) or 'not there'} -> {short_digest(value.new) or 'not there'}{bounded(by, 80)}"


def _figure(value: float | None) -> str:
    return "not there" if value is None else f"{value:.4f}"


def _wrapped(line: str, width: int) -> list[str]:
    """The line in pieces; the later ones are indented as the first one is, and two more."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, width, subsequent_indent=indent, drop_whitespace=False, replace_whitespace=False) or [""]
