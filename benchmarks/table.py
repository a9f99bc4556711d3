"""Writes RESULTS.md and its plot from the groups' reports."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Missing, Report, Row

PLOT = "ratios.png"
HEAD = """# Benchmarks

`make bench` writes this page. Ours and the other way run in turns, in processes of their own; a figure is the median of the turns, a
ratio the median of the turns' ratios. Only ratios of one run can be compared: the machine's own speed drifts threefold.

**Ratio** is how many times as long the other way takes. Rows with "at most" compare with a limit or a start: the ratio is then how many
times as long ours takes. Processor seconds are those of all threads of both the process and its children.
"""


def write(folder: Path, about: Sequence[str], reports: Sequence[Report]) -> None:
    rows, missing = [row for report in reports for row in report.rows], [one for report in reports for one in report.missing]
    lines = [HEAD, *about, "", f"![Ratios by processor seconds, and what was asked for]({PLOT})"]
    for report in reports:
        if report.rows:
            lines += ["", f"## {report.rows[0].group}", "", report.run, "", *_table(report.rows)]
            lines += [line for plot in report.plots for line in ("", f"![{report.rows[0].group}]({plot})")]
    if missing:
        lines += ["", "## Not measured", "", *map(_line_of_missing, missing)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text("\n".join(lines) + "\n")
    _plot(rows, folder / PLOT)


def ratio(row: Row, clock: str) -> float:
    """In the direction of the row's target."""
    return 1 / row.ratio(clock) if row.at_most else row.ratio(clock)


def is_reached(row: Row, clock: str) -> bool | None:
    """None: nothing was asked for."""
    if row.at_least:
        return ratio(row, clock) >= row.at_least
    return ratio(row, clock) <= row.at_most if row.at_most else None


def _table(rows: Sequence[Row]) -> list[str]:
    head = "| what | against | ours s (CPU) | other s (CPU) | ratio, CPU | ratio, elapsed | asked for | reached | limit | note |"
    return [head, "|---|---|---|---|---|---|---|---|---|---|", *map(_line, rows)]


def _line(row: Row) -> str:
    asked = f"≥ {row.at_least:g}" if row.at_least else f"at most {row.at_most:g}" if row.at_most else ""
    reached = {clock: is_reached(row, clock) for clock in ("cpu", "wall")}
    told = "" if reached["cpu"] is None else {(True, True): "yes", (False, False): "no"}.get(
        (bool(reached["cpu"]), bool(reached["wall"])), "CPU only" if reached["cpu"] else "elapsed only"
    )  # fmt: skip
    sides = [f"{_figure(row.median(side, 'wall'))} ({_figure(row.median(side, 'cpu'))})" for side in ("ours", "theirs")]
    ratios = [_figure(ratio(row, clock)) for clock in ("cpu", "wall")]
    return f"| {' | '.join([row.what, row.against, *sides, *ratios, asked, told, row.limit, row.note])} |"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _line_of_missing(one: Missing) -> str:
    return f"- {one.group}, {one.what}{f', against {one.against}' if one.against else ''}: {one.reason}"


def _plot(rows: Sequence[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(rows) + 1.2), layout="constrained")
    places = list(range(len(rows)))[::-1]
    axes.barh(places, [ratio(row, "cpu") for row in rows], color=["#8fb8de" if row.at_most is None else "#d8c19a" for row in rows])
    for place, row in zip(places, rows, strict=True):
        asked = row.at_least or row.at_most
        if asked:
            axes.plot([asked, asked], [place - 0.45, place + 0.45], color="#333333", linewidth=2)
    axes.set_yticks(places, [f"{row.what} / {row.against.split(',')[0]}" for row in rows], fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("ratio by processor seconds; a line is what was asked for\nblue should reach it, sand should stay below", fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
