"""review.html: one file without scripts, requests or links into untrusted content, made by a template from what the bundle says."""

import base64
import hashlib
import importlib.resources
import re
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from mlkit.errors import InvalidData
from mlkit.gate.estimate import conspicuous, number
from mlkit.gate.outcome import Outcome
from mlkit.review import attention, shown_text
from mlkit.review.bundle_contents import Contents, GateFigures, Run
from mlkit.review.comparison import NOUNS, Comparison, compare, tools_changed
from mlkit.review.costs import cost_rows, queries_of, totals_told
from mlkit.review.forest_plot import Row, forest_plot
from mlkit.review.headline import against, interval_told, meaning_told, requirement
from mlkit.review.metrics import TEST, VALIDATION
from mlkit.review.notebook_html import notebook_html
from mlkit.review.production import consequences_of, waited_for
from mlkit.review.reviewed import Reviewed
from mlkit.review.training import training_curve
from mlkit.review.values import Value, packages_agree

_COMMIT = ("CommitId", "RevisionId", "commit")
_AUTHOR = ("AuthorDisplayName", "AuthorId", "AuthorEmail", "author")
_MESSAGE = ("CommitMessage", "RevisionSummary", "message")
_MOST_NOTEBOOKS = 30  # that are readable in place
_OF_THE_JOB = "On the validation rows, by the training job, with its own names: some algorithms call these rows test"
_WORDS = {Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.INCONCLUSIVE: "inconclusive"}


def render(reviewed: Reviewed) -> bytes:
    """The page, in UTF-8. It needs no other file, runs no script and makes no request."""
    new = Contents(reviewed.sealed)
    old = Contents(reviewed.champion) if reviewed.champion else None
    style, frame_style = style_of("page.css"), style_of("notebook.css")
    approval = reviewed.approval or new.manifest.approval
    decision = reviewed.decision
    return (
        template("page.html")
        .render(
            style=Markup(style),
            policy=content_policy(style, frame_style),
            reviewed=reviewed,
            approval=approval,
            waited=waited_for(approval, reviewed.actions, new.manifest.action) if approval else "",
            manifest=new.manifest,
            contents=new,
            verdict=_verdict(new, old),
            facts=_source(new.manifest.source.variables),
            consequences=consequences_of(new, decision.effect, decision.production, is_decided=approval is not None),
            notices=attention.notices_of(new, old),
            comparison=compare(new, old),
            champion=old,
            tools_changed=tools_changed(new, old),
            notebooks=[_notebook(run, new, frame_style, is_shown=number < _MOST_NOTEBOOKS) for number, run in enumerate(new.runs)],
            costs=cost_rows(new),
            totals=totals_told(new, reviewed.actions),
            queries=queries_of(new),
            packages_agree=packages_agree(new),
            curve=training_curve(new),
            links={label: url for label, url in reviewed.links.items() if is_web_address(url)},
            where=decision.where if is_web_address(decision.where) else "",
        )
        .encode(errors="backslashreplace")
    )


def template(name: str) -> jinja2.Template:
    """A template of this package, in which every value is escaped."""
    folder = importlib.resources.files("mlkit.review") / "templates"
    sources = {file.name: file.read_text() for file in folder.iterdir() if file.name.endswith(".html")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(sources), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    for word in ("bounded", "breakable", "visible", "short_commit", "short_digest", "clock", "seconds", "size"):
        environment.filters[word] = getattr(shown_text, word)
    environment.globals |= {
        "duration": shown_text.duration,
        "counted": shown_text.counted,
        "rows_of": rows_of,
        "NOUNS": NOUNS,
        "number": number,
        "shown_slices": conspicuous,
        "METRICS": {TEST: "Figures of the test", VALIDATION: _OF_THE_JOB},
    }
    return environment.get_template(name)


def style_of(name: str) -> str:
    return (importlib.resources.files("mlkit.review") / "templates" / name).read_text()


def content_policy(*styles: str) -> str:
    """A policy that allows these style elements and pictures inside the page, and nothing else."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" for style in styles)
    return f"default-src 'none'; style-src {hashes}; img-src data:; base-uri 'none'; form-action 'none'"


def is_web_address(url: str) -> bool:
    return re.fullmatch(r"https?://[^\s\"'<>]+", url) is not None


def rows_of(kind: str, comparison: Comparison) -> dict[str, list[Value]]:
    """The values of one kind to show at once, and the rest: changed ones and those that somebody set; without a champion the data."""
    values: tuple[Value, ...] = getattr(comparison, kind)
    if comparison.has_champion:
        shown = [value for value in values if value.is_changed or value.is_set]
    else:
        shown = [value for value in values if value.is_set or kind == "data"]
    return {"shown": shown, "rest": [value for value in values if value not in shown]}


def _source(variables: Mapping[str, str]) -> dict[str, str]:
    kinds = {"commit": _COMMIT, "author": _AUTHOR, "message": _MESSAGE}
    return {kind: next((variables[name] for name in names if variables.get(name)), "") for kind, names in kinds.items()}


def _verdict(new: Contents, old: Contents | None) -> dict[str, Any]:
    word, gate = new.manifest.verdict, new.gate
    kind = next((kind for outcome, kind in _WORDS.items() if outcome == word), "inconclusive")
    told = {"word": word if word in _WORDS else "UNKNOWN", "kind": kind, "gate": gate, "lead": "", "sentence": "", "plot": "", "rows": ()}
    if gate is None:
        return told
    lead = f"{requirement(gate.estimate, gate.required)}; {against(new)}."
    rows = _plot_rows(gate, old)
    plot = Markup(forest_plot(rows, gate.required, gate.estimate))
    return {
        **told,
        "lead": f"{lead[:1].upper()}{lead[1:]}",
        "meaning": meaning_told(gate),
        "sentence": interval_told(gate),
        "plot": plot,
        "rows": rows,
    }


def _plot_rows(gate: GateFigures, old: Contents | None) -> list[Row]:
    found = gate.estimate
    rows = [Row(label="This model", value=found.value, low=found.low, high=found.high, is_main=True)]
    if gate.champion and (now := gate.champion.champion):
        rows.append(Row(label="In production", value=now.value, low=now.low, high=now.high, note="on the same rows"))
    elif old and old.gate and (was := old.gate.estimate).metric == found.metric:
        rows.append(Row(label="In production", value=was.value, low=was.low, high=was.high, note="measured when that model was sealed"))
    if gate.untuned:
        rows.append(Row(label="Without tuning", value=gate.untuned[1]))
    if gate.linear:
        rows.append(Row(label="Linear model", value=gate.linear[1]))
    return rows


def _notebook(run: Run, contents: Contents, style: str, *, is_shown: bool) -> dict[str, Any]:
    """A run with its document for the iframe, or the reason why there is none."""
    shown: dict[str, Any] = {"run": run, "document": "", "reason": "", "place": contents.place_of(run)}
    try:
        shown["document"] = notebook_html(run.notebook, title=run.name, style=style) if run.notebook and is_shown else ""
    except InvalidData as problem:
        shown["reason"] = str(problem)
    return shown
