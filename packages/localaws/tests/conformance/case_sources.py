"""What the sources of the cases say of them, as far as somebody has read the sources.

A source that is no address in `READ` was not read. A source that was read says what a case claims, with two kinds of exceptions. Where the
answer is an error with a text, the source says the rule, and the text comes from other reports, if nothing else is noted. `EXCEPTIONS` has
the cases for which a reader found something else.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import cast

from botocore.model import OperationModel, ServiceModel, StructureShape
from conformance_cases import AWS

from localaws.kit.service_models import service_model


class Says(StrEnum):
    """What a source says of a case."""

    CASE = "this"
    RULE = "the rule"
    OTHER = "not this"
    UNREAD = "not read"


_SERVICES = {  # botocore's name of a service by the name in addresses of its API reference, where they differ
    "AWSCloudFormation": "cloudformation",
    "AWSSimpleQueueService": "sqs",
    "AmazonCloudWatch": "cloudwatch",
    "AmazonCloudWatchLogs": "logs",
    "AmazonS3": "s3",
    "IAM": "iam",
    "STS": "sts",
    "eventbridge": "events",
    "systems-manager": "ssm",
}
_API = re.compile(re.escape(AWS) + r"/([\w-]+)/latest/\w+/API_(\w+)\.html")
_MEMBER = re.compile(r"botocore: ([\w-]+) (\w+)\.(\w+)")
_TEMPLATES = f"{AWS}/AWSCloudFormation/latest"
_FUNCTIONS = f"{_TEMPLATES}/TemplateReference/intrinsic-function-reference"
_S3 = f"{AWS}/AmazonS3/latest/userguide"
_IAM = f"{AWS}/IAM/latest/UserGuide"
_ATHENA = f"{AWS}/athena/latest/ug"
_EVENTS = f"{AWS}/eventbridge/latest/userguide"
_PARAMETERS = f"{AWS}/systems-manager/latest/userguide"
TRINO = "https://trino.io/docs/current/functions"
TRINO_TESTS = "https://github.com/trinodb/trino/blob/master/core/trino-main/src/test/java/io/trino/type"
_THREADS = "https://github.com"

# Each was read beside its cases, in the copies of 2023 to 2026 that archives of the pages and of the guides' sources keep.
_PAGES_READ = frozenset(
    {
        f"{_TEMPLATES}/TemplateReference/aws-resource-sns-topic.html",
        f"{_TEMPLATES}/TemplateReference/aws-template-resource-type-ref.html",
        f"{_TEMPLATES}/TemplateReference/transform-aws-serverless.html",
        f"{_TEMPLATES}/UserGuide/conditions-section-structure.html",
        f"{_TEMPLATES}/UserGuide/parameters-section-structure.html",
        f"{_TEMPLATES}/UserGuide/resources-section-structure.html",
        f"{_TEMPLATES}/UserGuide/rules-section-structure.html",
        f"{_TEMPLATES}/UserGuide/template-anatomy.html",
        f"{_TEMPLATES}/UserGuide/template-custom-resources.html",
        f"{_FUNCTIONS}.html",
        f"{_FUNCTIONS}-base64.html",
        f"{_FUNCTIONS}-cidr.html",
        f"{_FUNCTIONS}-conditions.html",
        f"{_FUNCTIONS}-findinmap.html",
        f"{_FUNCTIONS}-getatt.html",
        f"{_FUNCTIONS}-getavailabilityzones.html",
        f"{_FUNCTIONS}-importvalue.html",
        f"{_FUNCTIONS}-join.html",
        f"{_FUNCTIONS}-ref.html",
        f"{_FUNCTIONS}-select.html",
        f"{_FUNCTIONS}-split.html",
        f"{_FUNCTIONS}-sub.html",
        f"{AWS}/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html",
        f"{_S3}/UsingDSSEncryption.html",
        f"{_S3}/UsingKMSEncryption.html",
        f"{_S3}/access-control-block-public-access.html",
        f"{_S3}/bucketnamingrules.html",
        f"{_S3}/conditional-writes.html",
        f"{_S3}/default-encryption-faq.html",
        f"{_S3}/object-keys.html",
        f"{_S3}/object-tagging.html",
        f"{_S3}/troubleshoot-403-errors.html",
        f"{_IAM}/reference_policies_elements_principal.html",
        f"{_IAM}/reference_policies_grammar.html",
        f"{_ATHENA}/alter-table-rename-partition.html",
        f"{_ATHENA}/athena-explain-statement.html",
        f"{_ATHENA}/create-view.html",
        f"{_ATHENA}/data-types.html",
        f"{_ATHENA}/lazy-simple-serde.html",
        f"{_ATHENA}/other-notable-limitations.html",
        f"{_ATHENA}/querying-with-prepared-statements.html",
        f"{_ATHENA}/reserved-words.html",
        f"{_ATHENA}/rows-and-structs.html",
        f"{_ATHENA}/select.html",
        f"{_ATHENA}/show-create-table.html",
        f"{_ATHENA}/show-tblproperties.html",
        f"{_ATHENA}/tables-databases-columns-names.html",
        f"{_ATHENA}/troubleshooting-athena.html",
        f"{_ATHENA}/update-statement.html",
        f"{_EVENTS}/eb-create-pattern-operators.html",
        f"{_EVENTS}/eb-event-patterns.html",
        f"{_EVENTS}/eb-rule-retry-policy.html",
        f"{_EVENTS}/eb-scheduled-rule-pattern.html",
        f"{_EVENTS}/eb-targets.html",
        f"{_PARAMETERS}/parameter-store-advanced-parameters.html",
        f"{_PARAMETERS}/sysman-paramstore-su-create.html",
        f"{_THREADS}/DyfanJones/noctua/issues/190",
        f"{_THREADS}/aws-cloudformation/cloudformation-coverage-roadmap/issues/1514",
        f"{_THREADS}/aws-samples/aws-media-services-vod-automation/issues/17",
        f"{_THREADS}/aws/amazon-sagemaker-examples/issues/2402",
        f"{_THREADS}/aws/amazon-sagemaker-examples/issues/293",
        f"{_THREADS}/aws/aws-sdk-net/issues/1317",
        f"{_THREADS}/aws/aws-sdk/issues/165",
        f"{_THREADS}/awslabs/aws-athena-query-federation/issues/2313",
        f"{_THREADS}/boto/boto3/issues/1609",
        f"{_THREADS}/hashicorp/terraform-provider-aws/issues/26041",
        f"{_THREADS}/localstack/localstack/issues/5096",
        f"{_THREADS}/localstack/localstack/issues/5274",
        f"{_THREADS}/localstack/localstack/issues/7177",
        f"{_THREADS}/pyathena-dev/PyAthena/issues/783",
        f"{_THREADS}/spantaleev/matrix-docker-ansible-deploy/issues/1869",
        f"{_THREADS}/versity/versitygw/issues/1751",
        f"{_THREADS}/versity/versitygw/issues/647",
        f"{_THREADS}/versity/versitygw/issues/650",
        f"{_THREADS}/wandb/terraform-aws-wandb/issues/156",
    }
)
_TRINO_READ = ("array", "binary", "bitwise", "comparison", "conditional", "conversion", "datetime", "decimal", "math", "regexp", "string")
READ = _PAGES_READ | {f"{TRINO}/{name}.html" for name in _TRINO_READ} | {f"{TRINO_TESTS}/TestDoubleOperators.java"}

EXCEPTIONS: Mapping[Says, Mapping[str, frozenset[str]]] = {  # what the cases of a service say, by what their sources say of it
    Says.RULE: {
        "athena": frozenset({"a table that does not exist is a MetadataException with Glue's code", "a decimal keeps its scale"}),
        "sagemaker": frozenset({"an endpoint that does not exist"}),  # the thread has the answer of DeleteEndpoint
        "ssm": frozenset(
            {
                "a SecureString without decryption is a ciphertext",
                "the history of a SecureString has ciphertexts, and who wrote them",
                "names that do not exist are listed as invalid",
            }
        ),
    },
    Says.OTHER: {
        "athena": frozenset(
            {
                "a database's name in backticks may have a hyphen",
                "SHOW CREATE TABLE prints the table's statement",
                "a table that does not exist",
                "a database that does not exist",
                "text that is not UTF-8, named by its object",
            }
        ),
        # Trino's pages do not tell how ties are rounded, and not the text of a timestamp; its tests of doubles have no real.
        "athena expressions": frozenset(
            {
                "1e0 / 0",
                "round(2.5e0)",
                "round(-2.5e0)",
                "CAST(nan() AS real) > 1",
                "CAST(CAST(37.7e0 AS real) AS varchar)",
                "TRY_CAST('1.5' AS bigint)",
                "CAST(1.50 AS varchar)",
                "CAST('T' AS boolean)",
                "CAST(timestamp '2020-01-01 00:00:00' AS varchar)",
                "CAST('2020-01-01 00:00:00' AS timestamp)",
                "typeof(avg(1))",
                "typeof(sum(1))",
                "X'6162'",
                "'a' || NULL",
                "substr('abc', 0)",
                "substr('abc', -5)",
                "substring('abc' FROM 2 FOR 1)",
                "regexp_extract('abc', 'x')",
                "date_diff('hour', timestamp '2020-03-01 00:50:00', timestamp '2020-03-01 02:10:00')",
                "contains(ARRAY[1, NULL], 3)",
            }
        ),
        "cloudformation": frozenset({"a stack that does not exist is deleted without an error"}),
        "cloudformation templates": frozenset(
            {
                # The guide allows Ref, Fn::FindInMap and other conditions alone. cfn-lint, which AWS maintains, allows these too.
                '{"Fn::Equals": [{"Fn::Join": ["", [true]]}, "true"]}',
                '{"Fn::Equals": [{"Fn::Select": [0, {"Ref": "Zones"}]}, "a"]}',
                '{"Fn::Equals": [{"Fn::Sub": "${Name}${AWS::StackName}"}, "xmine"]}',
                # The page of rules lists Fn::If, the page of rule functions does not.
                '{"Assertions": [{"Assert": {"Fn::If": ["A", 1, 2]}}]}',
                '{"Fn::Join": ["", ["a", {"Ref": "AWS::NoValue"}]]}',
                '{"Type": "String", "AllowedPattern": "("}, a',
                '{"Type": "String", "AllowedPattern": "[w-+]+@p{L}+"}, a-b+c@d',
                '{"Fn::Cidr": ["10.0.0.0/24", 9, 5]}',
            }
        ),
        "glue": frozenset(
            {
                "an update replaces a table's definition",
                "an update replaces a database's definition",
                "a table has no members that it was not given",
                "an expression over a column that is no partition key is refused",
            }
        ),
        "iam": frozenset({"a page that IAM never gave is refused", "a trust policy names STS's actions alone"}),
        "logs": frozenset(
            {
                "a JSON pattern that does not close is refused",
                "a token that no page gave is refused",
                "a space-delimited pattern with another number of fields finds nothing",
                "a JSON pattern finds no text that is no JSON",
            }
        ),
        "s3": frozenset(
            {
                "an object's key is named by its ARN",
            }
        ),
        "sagemaker": frozenset({"a configuration that does not exist makes no endpoint"}),
        "ssm": frozenset({"a parameter has a value"}),
        "sts": frozenset({"a denial names the caller, though the role does not exist"}),
    },
}


def api_page(address: str) -> tuple[ServiceModel, str] | None:
    """The model of the service that a page of AWS's API reference is about, and the operation or type that the page is named after."""
    if not (found := _API.fullmatch(address)):
        return None
    service, name = _SERVICES.get(found[1], found[1]), found[2]
    if name.startswith("runtime_"):  # SageMaker's reference has the pages of its runtime too
        service, name = f"{service}-runtime", name.removeprefix("runtime_")
    return service_model(service), name


def model_member(source: str) -> tuple[ServiceModel, str, str] | None:
    """The service, the operation or type, and the member of a source that reads `botocore: SERVICE NAME.MEMBER`."""
    found = _MEMBER.fullmatch(source)
    return (service_model(found[1]), found[2], found[3]) if found else None


def declared_codes(operation: OperationModel) -> set[str]:
    """The codes of errors that the operation's model declares. S3's model describes its codes in a text."""
    found = {code for shape in operation.error_shapes for code in (shape.name, shape.metadata.get("error", {}).get("code", shape.name))}
    if operation.service_model.service_name == "s3":
        error = cast(StructureShape, operation.service_model.shape_for("Error"))
        text = error.members["Code"].documentation
        found |= set(re.findall(r"<i>Code:</i> (\w+)", text))
    return found


def says(service: str, claim: str, source: str, *, is_error: bool) -> Says:
    """What the source of a case says of it. `is_error` is for an answer with a code or a text that the source may lack."""
    if source not in READ and not api_page(source) and not model_member(source):
        return Says.UNREAD
    for found, claims in EXCEPTIONS.items():
        if claim in claims.get(service, ()):
            return found
    return Says.RULE if is_error and not source.startswith(_THREADS) else Says.CASE


def kind_of(source: str) -> str:
    """By what the source was compared with its cases."""
    if api_page(source) or model_member(source):
        return "AWS's API references, by botocore's models"
    if source.startswith(AWS):
        return "AWS's guides"
    return "Trino's documentation and tests" if source.startswith((TRINO, TRINO_TESTS)) else "threads on GitHub"
