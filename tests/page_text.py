"""A review page as its reader sees it: text and elements."""

from html.parser import HTMLParser
from typing import Any

from mlkit.review import Reviewed, render


class Page(HTMLParser):
    """The page's visible text, its elements, and the documents of its iframes."""

    def __init__(self, given: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self._hidden = self._is_inside = False
        self.feed(given.decode())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "wbr":  # a place where a line may break, not a space
            self._is_inside = True
        else:
            self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._is_inside:
            self._words[-1] += data
        else:
            self._words.append(data)
        self._is_inside = False

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def shown(page: Reviewed) -> Page:
    return Page(render(page))


def first_screen(page: Reviewed) -> str:
    return shown(page).text.partition("What changed against production")[0]
