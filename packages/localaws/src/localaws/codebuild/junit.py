"""Reads JUnit XML into CodeBuild's test cases.

Source: the JUnit XML format as pytest and Surefire write it; the statuses are those of CodeBuild's API reference, TestCase.
"""

from pathlib import Path
from typing import TypedDict
from xml.etree import ElementTree

_NANOSECONDS = 1_000_000_000
_STATUSES = (("error", "ERROR"), ("failure", "FAILED"), ("skipped", "SKIPPED"))


class TestCase(TypedDict):
    """A test case as DescribeTestCases shows it. The path is relative to the build; the prefix is the class's name."""

    testRawDataPath: str
    testSuiteName: str
    prefix: str
    name: str
    status: str
    message: str
    durationInNanoSeconds: int


def read(path: Path, shown_path: str) -> list[TestCase]:
    """The file's test cases. Raises ValueError for a file that is no JUnit XML."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:  # entities of a document type can expand without limit
        raise ValueError(f"{shown_path}: a document type is not allowed")
    try:
        return _cases(ElementTree.fromstring(data), shown_path)
    except (ElementTree.ParseError, ValueError, OverflowError) as error:
        raise ValueError(f"{shown_path}: {error}") from error


def _cases(root: ElementTree.Element, path: str) -> list[TestCase]:
    if root.tag not in ("testsuites", "testsuite"):
        raise ValueError(f"the root is {root.tag}, not testsuites or testsuite")
    return [_case(case, suite.get("name", ""), path) for suite in root.iter() for case in suite.findall("testcase")]


def _case(element: ElementTree.Element, suite: str, path: str) -> TestCase:
    status, message = "SUCCEEDED", ""
    for tag, meaning in _STATUSES:
        if (found := element.find(tag)) is not None:
            status, message = meaning, found.get("message") or (found.text or "").strip()
            break
    return TestCase(
        testRawDataPath=path,
        testSuiteName=suite,
        prefix=element.get("classname", ""),
        name=element.get("name", ""),
        status=status,
        message=message,
        durationInNanoSeconds=round(float(element.get("time") or 0) * _NANOSECONDS),
    )
