"""The pipeline's stacks: which parameter goes where, what is refused before anything is deployed, and that names fit the templates."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlkit import cli
from mlkit.aws.pipeline_stacks import plan
from mlkit.aws.template_parameters import TemplateParameter, parameters_of
from mlkit.errors import NotFound, UsageError
from mlkit.evidence.manifest import sha256_of
from mlkit.naming import (
    DATALAKE_TEMPLATE,
    ENDPOINT_TEMPLATE,
    EXPORTS,
    PIPELINE_TEMPLATE,
    PIPELINE_TEMPLATES,
    LabNames,
)
from mlkit.project.evidence_tools import pack
from mlkit.project.yaml_lines import load

ROOT = Path(__file__).parents[2]
NAMES = LabNames(initials="abc", dataset="shop")
PREFIX = "${YourInitials}-ml-lab-"
TEMPLATES = {path: load((ROOT / path).read_text()) for path in (DATALAKE_TEMPLATE, *PIPELINE_TEMPLATES)}


def given_to(**parameters: str) -> dict[str, dict[str, str]]:
    """What each stack is given, by the end of its name."""
    return {stack.name.removeprefix("abc-ml-lab-"): dict(stack.given) for stack in plan(ROOT, NAMES, parameters)}


def test_each_parameter_goes_to_the_stack_that_declares_it() -> None:
    given = {"EvidenceDays": "30", "Email": "a@example.org", "GitHubUser": "a", "Tune": "true", "BakeSeconds": "1800"}
    assert given_to(**given) == {
        "pipeline-foundation": {"YourInitials": "abc", "EvidenceDays": "30"},
        "pipeline-endpoint-role": {"YourInitials": "abc"},
        "pipeline-builds": {"YourInitials": "abc", "Dataset": "shop", "Tune": "true"},
        "pipeline": {"YourInitials": "abc", "Email": "a@example.org", "GitHubUser": "a", "BakeSeconds": "1800"},
    }


def test_initials_and_data_set_may_be_repeated_and_not_contradicted() -> None:
    assert given_to(YourInitials="abc", Dataset="shop") == given_to()
    for name in ("YourInitials", "Dataset"):
        with pytest.raises(UsageError, match=f"{name} is 'other', but"):
            given_to(**{name: "other"})


@pytest.mark.parametrize(
    ("name", "near"), [("Emial", "Did you mean Email?"), ("bakeSeconds", "Did you mean BakeSeconds?"), ("Colour", "parameter Colour")]
)
def test_an_unknown_parameter_is_refused_with_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        given_to(**{name: "1"})
    assert str(refused.value).endswith(near)
    assert "EvidenceDays" in refused.value.cure


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("Tune", "maybe", "one of notebook, true, false."),
        ("MinMatchRate", "65%", "notebook, or a share above 0 and at most 1, such as 0.65."),
        ("GateMetric", "AUC; x", "notebook, or a metric's name such as AUC or log loss."),
        ("GateRequired", "low", "notebook, or a number in the metric's own unit, such as 0.6."),
        ("GateMargin", "-1", "notebook, or a number above 0 in the metric's own unit, such as 0.02."),
        ("GateConfidence", "95", "notebook, or a share between 0 and 1, such as 0.95."),
        ("GateOnInconclusive", "pass", "one of notebook, stop, ask."),
        ("GateSlices", "hide", "one of notebook, show, stop."),
        ("EndpointInstanceType", "t2.medium", "notebook, or an instance type of SageMaker such as ml.m5.large."),
        ("Email", "somebody", "an e-mail address, because approvals and failures are sent to it."),
        ("BakeSeconds", "1801", "0, or a whole number from 180 to 1800, because an alarm sees SageMaker's metrics minutes late."),
        ("BakeSeconds", "60", "0, or a whole number from 180 to 1800, because an alarm sees SageMaker's metrics minutes late."),
        ("BakeSeconds", "long", "0, or a whole number from 180 to 1800, because an alarm sees SageMaker's metrics minutes late."),
        ("ApprovalMinutes", "long", "a number from 5 to 86400."),
        ("EvidenceDays", "0", "a number from 1 to 3650."),
        ("Branch", "", "a text of 1 to any number of characters."),
    ],
)
def test_a_value_that_the_template_does_not_allow_is_refused(name: str, value: str, needed: str) -> None:
    with pytest.raises(UsageError, match=f"The stack's parameter {name} is '{value}'") as refused:
        given_to(**{name: value})
    assert refused.value.cure == f"It takes {needed}"


def test_a_secret_that_is_not_allowed_is_not_shown() -> None:
    token = TemplateParameter(name="Token", declaration={"NoEcho": "true", "MinLength": "20"})
    with pytest.raises(UsageError) as refused:
        token.check("ghp-of-a-test")
    assert "ghp-of-a-test" not in f"{refused.value}{refused.value.cure}"
    token.check("ghp-of-a-test-that-is-long-enough")


@pytest.mark.parametrize("text", ["", "Resources: {}", "Parameters: [a]", "Parameters: {a: b}", "a: [", "a: 1\na: 2"])
def test_what_is_no_template_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(UsageError, match="is not a template with parameters"):
        parameters_of(tmp_path / "t.yaml")


def test_a_project_without_one_of_the_templates_is_told_what_brings_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "CloudFormation", tmp_path / "CloudFormation")
    (tmp_path / PIPELINE_TEMPLATES[1]).unlink()
    with pytest.raises(NotFound, match=r"pipeline_endpoint_role\.yaml") as refused:
        plan(tmp_path, NAMES, {})
    assert "mlkit new --refresh" in refused.value.cure


def shown(*arguments: str) -> list[str]:
    done = CliRunner().invoke(cli.app, ["pipeline", "deploy", "--show", "--your-initials", "abc", *arguments])
    if done.exception:
        raise done.exception
    return done.output.splitlines()


def test_show_prints_a_command_for_each_stack_and_no_secret() -> None:
    begins = "aws cloudformation deploy --template-file CloudFormation/{} --stack-name abc-ml-lab-{} --capabilities CAPABILITY_IAM"
    begins += " --parameter-overrides YourInitials=abc"
    digest = "a" * 64
    assert shown("GitHubToken=ghp-of-a-test", "Branch=a b", f"ToolsSha256={digest}") == [
        begins.format("pipeline_foundation.yaml", "pipeline-foundation"),
        begins.format("pipeline_endpoint_role.yaml", "pipeline-endpoint-role"),
        begins.format("pipeline_builds.yaml", "pipeline-builds") + f" Dataset=movielens ToolsSha256={digest}",
        begins.format("codepipeline.yaml", "pipeline") + """ 'Branch=a b' GitHubToken="$GitHubToken\"""",
    ]


def test_show_uploads_the_tools_before_the_stack_that_pins_them() -> None:
    _, _, upload, builds, _ = shown()
    assert upload == "mlkit pipeline tools --your-initials abc"
    assert f"ToolsSha256={sha256_of(pack(ROOT))}" in builds


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Tune"], "'Tune' is not KEY=VALUE"),
        (["=true"], "'=true' is not KEY=VALUE"),
        (["Tune=true", "Tune=false"], "Tune is given twice"),
        (["YourInitials=xyz"], "YourInitials is 'xyz', but the project's is 'abc'"),
    ],
)
def test_parameters_that_cannot_be_read_are_refused(arguments: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        shown(*arguments)


# --- names and templates


def imports(node: Any) -> Iterator[str]:
    """The names that the node imports, as the templates write them."""
    if isinstance(node, dict):
        if "Fn::ImportValue" in node:
            yield node["Fn::ImportValue"]["Fn::Sub"]
        for value in node.values():
            yield from imports(value)
    elif isinstance(node, list):
        for value in node:
            yield from imports(value)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_exports_what_the_names_say(path: Path) -> None:
    exported = [output["Export"]["Name"]["Fn::Sub"] for output in TEMPLATES[path]["Outputs"].values() if "Export" in output]
    assert exported == [f"{PREFIX}{name}" for name in EXPORTS.get(path, ())]


def test_a_template_imports_only_what_the_lake_and_the_templates_before_it_export() -> None:
    exported: set[str] = set()
    for path, template in TEMPLATES.items():
        assert set(imports(template["Resources"])) <= exported, path
        exported |= {f"{PREFIX}{name}" for name in EXPORTS.get(path, ())}
    imported = {name for template in TEMPLATES.values() for name in imports(template)}
    for_people = {f"{PREFIX}evidence-key"}  # `mlkit evidence key` reads it
    assert imported | for_people == exported, "what nobody imports need not be exported"


def test_the_stacks_are_in_the_order_of_the_templates_and_only_endpoints_end_like_one() -> None:
    stacks = NAMES.pipeline_stacks
    assert tuple(stacks) == PIPELINE_TEMPLATES
    assert stacks[PIPELINE_TEMPLATE] == NAMES.pipeline_stack
    # The pipeline's role may change every stack of the lab whose name ends with -endpoint.
    assert not [name for name in stacks.values() if name.endswith("-endpoint")]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_the_templates_allow_the_initials_that_the_names_allow(path: Path) -> None:
    parameter = TEMPLATES[path]["Parameters"]["YourInitials"]
    lake = TEMPLATES[DATALAKE_TEMPLATE]["Parameters"]["YourInitials"]
    for member in ("Type", "Default", "MinLength", "MaxLength", "AllowedPattern"):
        assert parameter[member] == lake[member]
    with pytest.raises(UsageError):
        LabNames(initials="a" * (int(parameter["MaxLength"]) + 1))
    LabNames(initials="a" * int(parameter["MaxLength"]))


def test_the_pipeline_s_bake_time_is_the_endpoint_template_s() -> None:
    endpoint = load((ROOT / ENDPOINT_TEMPLATE).read_text())["Parameters"]["BakeSeconds"]
    pipeline = TEMPLATES[PIPELINE_TEMPLATE]["Parameters"]["BakeSeconds"]
    for member in ("Type", "Default", "AllowedPattern", "ConstraintDescription"):
        assert pipeline[member] == endpoint[member]
