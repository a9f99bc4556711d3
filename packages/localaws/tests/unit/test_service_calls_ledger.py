"""The ledger of service-made calls: its lines name actions that exist, and its page is up to date."""

import json
import re
from pathlib import Path

import cfnlint

from localaws.kit import service_calls

PAGE = Path(__file__).parents[2] / "docs" / "service-calls.md"


def known_actions() -> dict[str, set[str]]:
    """The actions that IAM knows, by service, as cfn-lint lists them. The names are in lower case."""
    table = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())
    return {service: set(entry["Actions"]) for service, entry in table.items()}


def test_every_action_of_the_ledger_exists_in_iam() -> None:
    known = known_actions()
    for call in service_calls.ledger().values():
        for action in call.actions:
            service, _, name = action.partition(":")
            assert action == "*" or name.lower() in known[service], f"{call.id}: {action}"


def test_every_line_names_its_page_or_says_that_it_is_assumed() -> None:
    for call in service_calls.ledger().values():
        assert call.source == service_calls.ASSUMED or re.match(r"https://(docs\.aws\.amazon\.com|github\.com)/", call.source), call.id


def test_the_page_of_service_made_calls_is_made_from_the_ledger() -> None:
    assert PAGE.read_text() == service_calls.page(), "write it again: python -m localaws.kit.service_calls > docs/service-calls.md"


def test_permissions_of_a_line_have_its_actions() -> None:
    asked = service_calls.permissions("codebuild-report", "arn:aws:codebuild:us-east-1:123456789012:report-group/g")
    assert {permission.action for permission in asked} == {
        "codebuild:CreateReport",
        "codebuild:BatchPutTestCases",
        "codebuild:UpdateReport",
    }
