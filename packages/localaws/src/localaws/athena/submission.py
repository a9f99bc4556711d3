"""StartQueryExecution's checks. A query that fails them never becomes a query execution, as on Athena."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from localaws.athena.browsing import check_catalog
from localaws.athena.caller_s3 import folder_uri, split_uri
from localaws.athena.query_executions import QueryExecution
from localaws.athena.trino.query_errors import InvalidStatement
from localaws.athena.workgroups import WorkGroup, check_result_configuration, refuse
from localaws.kit.s3 import Encryption

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from localaws.athena.statement_run import Order
    from localaws.athena.statements import Kind

_SUFFIXES = {"SELECT": ".csv", "UNLOAD": "", "CREATE_TABLE_AS_SELECT": "", "INSERT": ""}


def check(members: Mapping[str, Any], group: WorkGroup, account: str) -> None:
    """Raises AwsError for a disabled workgroup and for members that are not honoured."""
    if group.state != "ENABLED":
        raise refuse(f"WorkGroup {group.name} is disabled.")
    if "EngineConfiguration" in members:
        raise refuse("The local Athena does not honour EngineConfiguration.")
    reuse = members.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
    if reuse.get("Enabled"):
        raise refuse("The local Athena does not honour ResultReuseConfiguration.")
    check_result_configuration(members.get("ResultConfiguration", {}), account)
    catalog = members.get("QueryExecutionContext", {}).get("Catalog")
    if catalog is not None:
        check_catalog(catalog)


def kind_of(sql: str) -> "Kind":
    """The statement's kind. Raises AwsError for text that is no statement, and for kinds that the local Athena does not run."""
    from localaws.athena import grammar, statements
    from localaws.athena.trino.parsing import parse_query

    try:
        statement = grammar.parse(sql)
        if isinstance(statement, statements.Select | statements.Unload | statements.CreateTableAs | statements.Insert):
            parse_query(statement.sql)
    except InvalidStatement as error:
        raise refuse(str(error)) from error
    except RecursionError as error:
        raise refuse("statement is too large (stack overflow while parsing)") from error
    return statements.KINDS[type(statement)]


def check_output(s3: "S3Client", location: str) -> None:
    """Call GetBucketLocation on the output bucket as the caller, as Athena does. Raises AwsError if the call fails."""
    from botocore.exceptions import ClientError

    bucket, _ = split_uri(location)
    try:
        s3.get_bucket_location(Bucket=bucket)
    except ClientError as error:
        text = error.response["Error"].get("Message", "")
        raise refuse(f"Unable to verify/create output bucket {bucket}. {text}") from error


def execution(
    members: Mapping[str, Any], group: str, kind: "Kind", result: Mapping[str, Any], *, execution_id: str, now_s: float
) -> QueryExecution:
    context = members.get("QueryExecutionContext", {})
    return QueryExecution(
        id=execution_id,
        query=members["QueryString"],
        statement_type=kind.statement_type,
        substatement_type=kind.substatement_type,
        workgroup=group,
        database=context.get("Database"),
        catalog=context.get("Catalog"),
        output_location=f"{folder_uri(result['OutputLocation'])}{execution_id}{_SUFFIXES.get(kind.substatement_type, '.txt')}",
        result_configuration={name: value for name, value in result.items() if name != "OutputLocation"},
        parameters=members.get("ExecutionParameters", []),
        token=members.get("ClientRequestToken"),
        submitted_s=now_s,
    )


def order(query: QueryExecution, result: Mapping[str, Any], cutoff_bytes: int | None) -> "Order":
    from localaws.athena.statement_run import Order

    return Order(
        id=query.id,
        sql=query.query,
        parameters=query.parameters,
        database=query.database,
        base=folder_uri(result["OutputLocation"]),
        encryption=_encryption(result.get("EncryptionConfiguration", {})),
        cutoff_bytes=cutoff_bytes,
    )


def _encryption(configuration: Mapping[str, str]) -> Encryption:
    """PutObject's members for the EncryptionConfiguration of a query or workgroup."""
    members: Encryption = {}
    match configuration.get("EncryptionOption"):
        case "SSE_S3":
            members["ServerSideEncryption"] = "AES256"
        case "SSE_KMS":
            members["ServerSideEncryption"] = "aws:kms"
    if configuration.get("KmsKey"):
        members["SSEKMSKeyId"] = configuration["KmsKey"]
    return members
