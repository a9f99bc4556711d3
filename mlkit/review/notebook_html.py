"""An executed notebook as one HTML document for a sandboxed iframe. Everything in the notebook is hostile.

nbconvert renders the cells, nh3 keeps harmless elements only, and pictures become `data:` images, which run nothing and fetch nothing.
Links lose their address. What is too large is cut, with a sentence in its place.
"""

import base64
import functools
import html
import json
import re
from collections.abc import Mapping
from typing import Any

import nbformat
import nh3
from nbconvert import HTMLExporter

from mlkit.errors import InvalidData
from mlkit.review.shown_text import visible

MOST_BYTES = 6_000_000  # of a notebook that is shown in place
_MOST_TEXT = 60_000  # characters of one output or source
_MOST_MARKDOWN = 8_000  # characters of one cell, and of all cells: mistune takes minutes for hostile text that is longer
_MOST_MARKDOWN_IN_ALL = 100_000
_MOST_PICTURE = 2_000_000  # base64 characters of one picture
_MOST_CELLS = 400
_PICTURES = ("image/png", "image/jpeg", "image/gif")
_VECTOR = "image/svg+xml"
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_ATTRIBUTES = {
    "*": {"class"},
    "img": {"src", "alt", "width", "height"},
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
    "ol": {"start"},
}


def notebook_html(notebook: bytes, *, title: str, style: str) -> str:
    """The document. `style` is the content of its style element. Raises InvalidData for what cannot be shown."""
    if len(notebook) > MOST_BYTES:
        raise InvalidData(f"It has {len(notebook):,} bytes; up to {MOST_BYTES:,} are shown here.")
    try:
        cells = _shown_cells(json.loads(notebook)["cells"])
        content = {"nbformat": 4, "nbformat_minor": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells}
        body, _resources = _exporter().from_notebook_node(nbformat.from_dict(content))  # type: ignore[no-untyped-call]
    except Exception as problem:  # a hostile notebook can make json, nbconvert or mistune raise anything; the page has to be made
        raise InvalidData("It is not a notebook that nbconvert can show.") from problem
    clean = visible(sanitized(visible(body)))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{style}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{clean}</body></html>'


def sanitized(body: str) -> str:
    """The HTML with harmless elements and attributes only: no script, style, frame, form, link address or remote picture."""
    return nh3.clean(
        body,
        tags=nh3.ALLOWED_TAGS,
        clean_content_tags={"script", "style", "iframe", "object", "svg", "math", "template", "noscript", "title", "textarea", "select"},
        attributes=_ATTRIBUTES,
        attribute_filter=_allowed,
        url_schemes={"data"},
        link_rel=None,
    )


def _allowed(element: str, attribute: str, value: str) -> str | None:
    if attribute == "src":
        return value if element == "img" and _DATA_IMAGE.fullmatch(value) else None
    if attribute in ("width", "height"):
        return value if value.isdecimal() and int(value) <= 4000 else None
    return value


@functools.cache
def _exporter() -> HTMLExporter:
    exporter = HTMLExporter(template_name="basic")  # type: ignore[no-untyped-call]
    exporter.exclude_anchor_links = True
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    return exporter


def _shown_cells(cells: list[Any]) -> list[dict[str, Any]]:
    """The cells, each of a bounded size; a cell in front says what is left out."""
    shown, notes = [_bounded(cell) for cell in cells[:_MOST_CELLS]], []
    if len(cells) > _MOST_CELLS:
        notes.append(f"Only the first {_MOST_CELLS} of {len(cells):,} cells are shown here.")
    if sum(len(cell["source"]) for cell in shown if cell["cell_type"] == "markdown") > _MOST_MARKDOWN_IN_ALL:
        shown = [cell for cell in shown if cell["cell_type"] != "markdown"]
        notes.append(f"The text cells are not shown here: they have more than {_MOST_MARKDOWN_IN_ALL:,} characters.")
    return [*({"cell_type": "markdown", "metadata": {}, "source": f"**{note}**"} for note in notes), *shown]


def _bounded(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Kind, source and outputs of a cell, without metadata, each of a bounded size."""
    kind = cell["cell_type"] if cell["cell_type"] in ("code", "markdown") else "raw"
    shown: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": "".join(cell["source"])}
    shown["source"] = _cut(shown["source"], _MOST_MARKDOWN if kind == "markdown" else _MOST_TEXT)
    if kind == "code":
        shown |= {"execution_count": None, "outputs": [_bounded_output(output) for output in cell.get("outputs", [])]}
    return shown


def _bounded_output(output: Mapping[str, Any]) -> dict[str, Any]:
    kind = output["output_type"]
    if kind == "stream":
        return {
            "output_type": "stream",
            "name": "stderr" if output.get("name") == "stderr" else "stdout",
            "text": _cut("".join(output["text"])),
        }
    if kind == "error":
        lines = [_cut(str(line)) for line in output.get("traceback", [])][:100]
        return {"output_type": "error", "ename": str(output.get("ename")), "evalue": _cut(str(output.get("evalue"))), "traceback": lines}
    return {"output_type": "display_data", "metadata": {}, "data": _shown_data(output.get("data", {}), output.get("metadata") or {})}


def _shown_data(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, str]:
    """One representation: a picture, else HTML, else text."""
    text = "".join(data.get("text/plain", ""))
    for mime in (*_PICTURES, _VECTOR):
        if mime in data:
            return {"text/html": picture(mime, "".join(data[mime]), text, metadata.get(mime))}
    markup = "".join(data.get("text/html", ""))
    if markup and len(markup) <= _MOST_TEXT:
        return {"text/html": markup}
    return {"text/plain": _cut(text)}


def picture(mime: str, content: str, text: str, metadata: Any) -> str:
    """An img element with the picture as a data: address, in which nothing runs. `metadata` may hold alt, width and height."""
    encoded = base64.b64encode(content.encode(errors="replace")).decode() if mime == _VECTOR else re.sub(r"\s", "", content)
    facts = metadata if isinstance(metadata, dict) else {}
    alt = str(facts.get("alt") or text or "picture without a description")[:500]
    if len(encoded) > _MOST_PICTURE:
        return f"<p>A picture of {len(encoded):,} characters is not shown: {html.escape(alt)}</p>"
    size = "".join(f' {name}="{facts[name]}"' for name in ("width", "height") if isinstance(facts.get(name), int))
    return f'<img src="data:{mime};base64,{encoded}" alt="{html.escape(alt)}"{size}>'


def _cut(text: str, longest: int = _MOST_TEXT) -> str:
    left = len(text) - longest
    return text if left <= 0 else f"{text[:longest]}\n... {left:,} more characters are in the notebook's file."
