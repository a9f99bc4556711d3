"""The AWS CLI's commands in templates, buildspecs and pages give one answer, however many pages the service answers with.

With `--output text` the CLI applies `--query` to each page, and prints `None` for a page without the answer.
https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-output-format.html
"""

import re
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

ROOT = Path(__file__).parents[2]
PLACES = (
    "README.md",
    "CloudFormation/*.yaml",
    "buildspecs/*.yml",
    "docs/**/*",
    "examples/**/*.md",
    "packages/*/docs/**/*.md",
    "packages/*/README.md",
)
COMMAND = re.compile(r"\baws (?P<service>[a-z][a-z0-9-]+) (?P<operation>[a-z][a-z0-9]*(?:-[a-z0-9]+)+)(?P<rest>[^\n]*)")
ONE = re.compile(r"\[0\]")  # in a query: one answer out of a list
NAMED = "--stack-name"  # of a stack that is named there is one description


def commands() -> list[re.Match[str]]:
    files = [path for place in PLACES for path in sorted(ROOT.glob(place)) if path.is_file()]
    texts = (path.read_text(errors="ignore").replace("\\\n", " ") for path in files)
    return [found for text in texts for found in COMMAND.finditer(text)]


def pages(service: str, operation: str) -> bool:
    """Whether the CLI asks for further pages of this operation by itself."""
    loader, service = botocore.loaders.create_loader(), {"s3api": "s3"}.get(service, service)  # the CLI's own name
    wanted = operation.replace("-", "")
    return any(name.lower() == wanted for name in loader.load_service_model(service, "paginators-1")["pagination"])


PAGED = [found for found in commands() if pages(found["service"], found["operation"])]


def test_there_are_commands_whose_answer_comes_in_pages() -> None:
    assert {found["operation"] for found in PAGED} >= {"list-action-executions", "list-pipelines", "describe-stacks"}


@pytest.mark.parametrize("found", PAGED, ids=lambda found: found.group()[:90])
def test_a_command_that_takes_one_answer_asks_for_one_page(found: re.Match[str]) -> None:
    rest = found["rest"]
    if "--output text" in rest and ONE.search(rest):
        assert "--no-paginate" in rest or NAMED in rest, found.group()
    assert "--max-items" not in rest  # the CLI then prints the next page's token, by the same query, as another None
