"""The form of a case: what AWS answers to a call, with the page that says so, and what the local AWS answers.

In arguments and expected values, `<account>` is the account, `<name>` a name that no other case has, and `<word>` what an earlier call of
the case, or of its service's scene, was told to keep. A value that a test only needs to be there is `...`.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jmespath
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from waiting import wait_until

from localaws.kit.service_models import service_model

AWS = "https://docs.aws.amazon.com"
QUERY = "athena.query"  # starts a query, waits for its end, and answers State, Reason and Rows
_WORD = re.compile(r"<(\w+)>")
Words = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """`iam.create_role` with its arguments; `keep` names parts of the answer by JMESPath."""

    operation: str
    arguments: Mapping[str, Any]
    keep: Mapping[str, str] = field(default_factory=dict)


def call(operation: str, keep: Mapping[str, str] | None = None, **arguments: Any) -> Call:
    return Call(operation, arguments, keep or {})


@dataclass(frozen=True, kw_only=True)
class Case:
    """The last call has the answer that is judged. Exactly one of `gives`, `error` and `refused` is set.

    `gives` maps JMESPaths of the answer to values. `error` is AWS's own error, `CODE: a part of the text`. `refused` is a part of the local
    AWS's refusal of what AWS would do.
    """

    says: str
    source: str
    calls: tuple[Call, ...]
    gives: Mapping[str, Any] | None = None
    error: str | None = None
    refused: str | None = None

    @property
    def service(self) -> str:
        return self.calls[-1].operation.partition(".")[0]

    @property
    def model(self) -> OperationModel:
        """botocore's model of the last call's operation."""
        service, _, operation = self.calls[-1].operation.partition(".")
        found = service_model(service)
        return found.operation_model(next(name for name in found.operation_names if xform_name(name) == operation))

    @property
    def outcome(self) -> str:
        return "refused by name" if self.refused else "right"


def case(says: str, source: str, *calls: Call, **expected: Any) -> Case:
    return Case(says=says, source=source, calls=calls, **expected)


def template_page(name: str) -> str:
    """AWS's page about a part of templates. Functions, types and transforms are in the template reference, the rest in the user guide."""
    is_reference = name.startswith(("intrinsic-function-", "aws-resource-", "aws-template-", "transform-"))
    return f"{AWS}/AWSCloudFormation/latest/{'TemplateReference' if is_reference else 'UserGuide'}/{name}.html"


def play(calls: Iterable[Call], client: Any, words: Words) -> Any:
    """The answer of the last call. Adds what the calls keep to `words`."""
    answer = None
    for one in calls:
        service, _, operation = one.operation.partition(".")
        given = filled(one.arguments, words)
        answer = _query(client(service), given) if one.operation == QUERY else getattr(client(service), operation)(**given)
        for word, path in one.keep.items():
            words[word] = jmespath.search(path, answer)
    return answer


def _query(athena: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    execution = athena.start_query_execution(**given)["QueryExecutionId"]

    def status() -> Any:
        return athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]

    ended = wait_until(status, "the query has ended", ok=lambda one: one["State"] not in ("QUEUED", "RUNNING"), every_s=0.02)
    if ended["State"] != "SUCCEEDED":
        return {"State": ended["State"], "Reason": ended.get("StateChangeReason", "")}
    rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return {"State": ended["State"], "Rows": [[datum.get("VarCharValue") for datum in row["Data"]] for row in rows]}


def new_words(account: str, words: Words) -> Words:
    return {**words, "account": account, "name": f"c-{uuid.uuid4().hex[:12]}"}


def filled(value: Any, words: Words) -> Any:
    """The value, also inside lists and mappings, with each `<word>` replaced by what it stands for."""
    if isinstance(value, str):
        if (whole := _WORD.fullmatch(value)) and whole[1] in words:  # which may be bytes
            return words[whole[1]]
        return _WORD.sub(lambda found: str(words.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        return {filled(key, words): filled(item, words) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, words) for item in value]
    return value


def judged(one: Case, client: Any, words: Words) -> tuple[Any, Any]:
    """What the local AWS answers, and what the case expects, in the same form."""
    play(one.calls[:-1], client, words)
    if one.gives is not None:
        answer = play(one.calls[-1:], client, words)
        expected = filled(one.gives, words)
        found = {path: jmespath.search(path, answer) for path in expected}
        return {path: ... if expected[path] is ... and value is not None else value for path, value in found.items()}, expected
    expected = filled(one.error or one.refused, words)
    try:
        answer = play(one.calls[-1:], client, words)
        if one.calls[-1].operation == QUERY and expected in (reason := answer.get("Reason", "")):  # a query is refused when it runs
            return expected if reason else answer, expected
    except ClientError as error:
        text = f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        return (expected if expected in text else text), expected
    return answer, expected
