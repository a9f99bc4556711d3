"""The examples for other CI tools give the commands of docs/other-ci.md, in its order; none of them bypasses a pipeline."""

import re
from pathlib import Path

import pytest
import yaml

from mlkit.project.pipeline_steps import read_steps

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = ("Jenkinsfile", "circleci.yml", "github-actions.yml", "teamcity.kts")
COMMAND = re.compile(r"(?:make build-environment|\.venv/bin/mlkit (?:run|deploy|undeploy) [^`\n]*)")


def commands(name: str) -> list[str]:
    """The commands of the example as a shell gets them."""
    text = (DOCS / "ci" / name).read_text().replace("${'$'}", "$").replace("', when: always", "`")
    raw = re.sub(r'"""(?!")', "`", text)  # Kotlin's raw text ends at the last three of four quotes
    return [found.group().rstrip(" ,'") for found in COMMAND.finditer(raw)]


def told() -> list[str]:
    """The commands of the table in docs/other-ci.md."""
    rows = re.findall(r"^\| .*? \| `(.+?)`", (DOCS / "other-ci.md").read_text(), flags=re.MULTILINE)
    return [row for row in rows if COMMAND.fullmatch(row)]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_tool_runs_the_same_commands(name):
    production = '.venv/bin/mlkit run test -p environment production --evidence "$EVIDENCE/production/"'
    once = list(dict.fromkeys(commands(name)))
    assert once == [*told(), production]
    assert "--bypass-pipeline" not in (DOCS / "ci" / name).read_text()


@pytest.mark.parametrize("name", ["circleci.yml", "github-actions.yml"])
def test_the_yaml_examples_are_yaml(name):
    assert yaml.safe_load((DOCS / "ci" / name).read_text())


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_tool_sets_the_variables_that_the_steps_take(name):
    taken = {source.variable for step in read_steps(DOCS.parent).values() for source in step.parameters.values()}
    text = (DOCS / "ci" / name).read_text()
    assert [variable for variable in sorted(taken - {"ENVIRONMENT"}) if variable not in text] == []
