"""Questions about AWS that no page of AWS answers, or that its pages answer differently. Each is a switch of the local AWS.

`localaws up --assume NAME=VALUE` sets a switch. One process serves one local AWS, so the answers are the process's.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from localaws.errors import LocalAwsError

VARIABLE = "LOCALAWS_ASSUME"
NUMBER, NOT_ASKED = "a number", "not-asked"


class WrongAssumption(LocalAwsError):
    """An assumption names no switch, or a value that the switch does not have."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One question. `values` are the answers; the only value NUMBER stands for any number that is not negative."""

    name: str
    values: tuple[str, ...]
    default: str
    question: str
    source: str

    def accepts(self, value: str) -> bool:
        if self.values == (NUMBER,):
            return value.replace(".", "", 1).isdecimal()
        return value in self.values


SWITCHES: Mapping[str, Switch] = {
    switch.name: switch
    for switch in (
        Switch(
            name="on-failure-continue",
            values=("FAILED", "SUCCEEDED"),
            default="FAILED",
            question="The status of a build after a phase with `on-failure: CONTINUE` failed and no other phase did.",
            source="https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html",
        ),
        Switch(
            name="resource-name-case",
            values=("lower", "kept"),
            default="lower",
            question="The case of a name in SageMaker's ARNs, and so in the resource that IAM checks.",
            source="https://github.com/awslabs/service-workbench-on-aws/issues/1176",
        ),
        Switch(
            name="athena-get-database",
            values=("asked", NOT_ASKED),
            default="asked",
            question="Whether a query needs glue:GetDatabase on the database that it reads.",
            source="https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html",
        ),
        Switch(
            name="athena-create-default",
            values=("asked", NOT_ASKED),
            default="asked",
            question="Whether every query needs glue:GetDatabases, needs glue:GetDatabase on the database `default`, and makes it with "
            "glue:CreateDatabase where it is missing, as in every new account.",
            source="https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html",
        ),
        Switch(
            name="listed-permissions",
            values=("asked", NOT_ASKED),
            default="asked",
            question="Whether CodePipeline and CodeBuild use the permissions on the artifact bucket and its key that AWS lists for their "
            "roles beside those of the calls that are known.",
            source="https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html",
        ),
        Switch(
            name="input-escape",
            values=("verbatim", "escaped"),
            default="verbatim",
            question="Whether an input transformer escapes the text that it extracts. Where it does not, a quote or a line break in the "
            "text makes the input no JSON, and the delivery fails.",
            source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html",
        ),
        Switch(
            name="topic-policy-condition",
            values=("unsupported", "honoured"),
            default="unsupported",
            question="Whether EventBridge can publish to a topic by a statement of the topic's policy that has a Condition.",
            source="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html",
        ),
        Switch(
            name="model-package-approval",
            values=("asked", NOT_ASKED),
            default="asked",
            question="Whether CreateModel refuses a version of a model package that is not approved. AWS says that it must be approved "
            "to be deployed, and not which operation refuses it.",
            source="https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html",
        ),
        Switch(
            name="metric-delay",
            values=(NUMBER,),
            default="0",
            question="Seconds until CloudWatch has a metric of a SageMaker endpoint. On AWS it is a minute or more.",
            source="https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html",
        ),
    )
}

_answers: dict[str, str] = {}


def assumed(name: str) -> str:
    """The answer that this process assumes."""
    return _answers.get(name, SWITCHES[name].default)


def assume(answers: Mapping[str, str]) -> None:
    """Set the answers of this process; the other switches get their defaults. Raises WrongAssumption."""
    _answers.clear()
    _answers.update(checked(answers))


@contextlib.contextmanager
def assuming(**answers: str) -> Iterator[None]:
    """Assume other answers in a block. An underscore in a name stands for its hyphen."""
    before = dict(_answers)
    assume({**before, **{name.replace("_", "-"): value for name, value in answers.items()}})
    try:
        yield
    finally:
        assume(before)


def from_environment(environment: Mapping[str, str]) -> dict[str, str] | None:
    """The answers that the variable holds, separated by spaces; None if it is not set. Raises WrongAssumption."""
    texts = environment.get(VARIABLE, "").split()
    return parsed(texts) if texts else None


def parsed(texts: Iterable[str]) -> dict[str, str]:
    """The answers in texts of the form NAME=VALUE. Raises WrongAssumption."""
    return checked({name: value for name, _, value in (text.partition("=") for text in texts)})


def checked(answers: Mapping[str, str]) -> dict[str, str]:
    """The answers without those that are defaults. Raises WrongAssumption, which lists the switches and their values."""
    for name, value in answers.items():
        if name not in SWITCHES or not SWITCHES[name].accepts(value):
            raise WrongAssumption(f"{name}={value} is no assumption that the local AWS has.", cure=f"It has: {_listed()}.")
    return {name: value for name, value in answers.items() if value != SWITCHES[name].default}


def _listed() -> str:
    return "; ".join(f"{switch.name}={' or '.join(switch.values)} (default {switch.default})" for switch in SWITCHES.values())
