"""The list of executions with sealed evidence, as one HTML file."""

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from markupsafe import Markup

from mlkit.review.page import content_policy, style_of, template
from mlkit.review.reviewed import IndexEntry


def render_index(entries: Iterable[IndexEntry]) -> bytes:
    """The page, newest execution first, in UTF-8."""
    style = style_of("page.css")
    harmless = [entry if _is_relative(entry.page) else replace(entry, page="") for entry in entries]
    newest_first = sorted(harmless, key=lambda entry: entry.sealed_at, reverse=True)
    page = template("index.html").render(style=Markup(style), policy=content_policy(style), entries=newest_first)
    return page.encode(errors="backslashreplace")


def _is_relative(page: str) -> bool:
    parts = urlsplit(page)
    return not parts.scheme and not parts.netloc
