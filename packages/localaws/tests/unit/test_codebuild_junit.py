"""JUnit XML as test cases."""

import pytest

from localaws.codebuild import junit

SUITES = """<?xml version="1.0"?>
<testsuites>
  <testsuite name="pytest">
    <testcase classname="tests.test_a" name="test_one" time="0.25"/>
    <testcase classname="tests.test_a" name="test_two" time="1"><failure message="assert 1 == 2">trace</failure></testcase>
    <testcase classname="tests.test_b" name="test_three"><skipped message="later"/></testcase>
    <testcase classname="tests.test_b" name="test_four"><error>boom</error></testcase>
  </testsuite>
</testsuites>
"""


def test_statuses_messages_and_times_are_read(tmp_path):
    (tmp_path / "r.xml").write_text(SUITES)
    cases = junit.read(tmp_path / "r.xml", "reports/r.xml")
    assert [(case["name"], case["status"], case["message"], case["durationInNanoSeconds"]) for case in cases] == [
        ("test_one", "SUCCEEDED", "", 250_000_000),
        ("test_two", "FAILED", "assert 1 == 2", 1_000_000_000),
        ("test_three", "SKIPPED", "later", 0),
        ("test_four", "ERROR", "boom", 0),
    ]
    assert {(case["testSuiteName"], case["testRawDataPath"]) for case in cases} == {("pytest", "reports/r.xml")}


def test_suites_may_lie_in_suites_at_any_depth(tmp_path):
    inner = '<testsuite name="inner"><testcase name="deep"/></testsuite>'
    text = f'<testsuite name="outer"><testcase name="first"/>{"<testsuite>" * 5000}{inner}{"</testsuite>" * 5000}</testsuite>'
    (tmp_path / "r.xml").write_text(text)
    cases = junit.read(tmp_path / "r.xml", "r.xml")
    assert [(case["testSuiteName"], case["name"]) for case in cases] == [("outer", "first"), ("inner", "deep")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<testsuite><testcase></testsuite>", "mismatched tag"),
        ("<coverage/>", "coverage"),
        ('<testsuite><testcase time="inf"/></testsuite>', "r.xml: cannot convert float infinity"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuite>&a;</testsuite>', "document type"),
    ],
)
def test_a_file_that_is_no_junit_xml_is_refused(tmp_path, text, why):
    (tmp_path / "r.xml").write_text(text)
    with pytest.raises(ValueError, match=why):
        junit.read(tmp_path / "r.xml", "r.xml")
