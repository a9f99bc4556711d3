"""JUnit's XML as CodeBuild's test cases.

Source: the JUnit XML format as pytest and Surefire write it; the statuses are those of CodeBuild's API reference, TestCase.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_NANOSECONDS = 1_000_000_000
_STATUSES = (("error", "ERROR"), ("failure", "FAILED"), ("skipped", "SKIPPED"))


@dataclass(frozen=True, kw_only=True)
class TestCase:
    """`path` is the file's, relative to the build; `prefix` the class's name."""

    __test__ = False  # for pytest, which collects classes of this name

    path: str
    suite: str
    prefix: str
    name: str
    status: str
    message: str
    duration_ns: int


def read(path: Path, shown_path: str) -> list[TestCase]:
    """Raises ValueError for a file that is no JUnit XML."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # entities can grow without bounds
        raise ValueError(f"{shown_path}: a document type is not allowed")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"{shown_path}: {error}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError(f"{shown_path}: the root is {root.tag}, not testsuites or testsuite")
    return list(_cases(root, "", shown_path))


def _cases(element: ElementTree.Element, suite: str, path: str) -> Iterator[TestCase]:
    for child in element:
        if child.tag == "testsuite":
            yield from _cases(child, child.get("name", suite), path)
        elif child.tag == "testcase":
            yield _case(child, suite or element.get("name", ""), path)


def _case(element: ElementTree.Element, suite: str, path: str) -> TestCase:
    status, message = "SUCCEEDED", ""
    for tag, meaning in _STATUSES:
        if (found := element.find(tag)) is not None:
            status, message = meaning, found.get("message") or (found.text or "").strip()
            break
    return TestCase(
        path=path,
        suite=suite,
        prefix=element.get("classname", ""),
        name=element.get("name", ""),
        status=status,
        message=message,
        duration_ns=round(float(element.get("time") or 0) * _NANOSECONDS),
    )
