"""A local AWS that is started with other answers to open questions about AWS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from started import allow, policy
from waiting import wait_until

from localaws import lifecycle
from localaws.errors import LocalAwsFailed

ANSWERS = {"athena-get-database": "not-asked", "athena-create-default": "not-asked", "resource-name-case": "kept"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("assuming") / "home"
    lifecycle.up(home, port=0, assume=ANSWERS)
    yield home
    lifecycle.down(home)


def client(home: Path, service: str, session: Any = None) -> Any:
    environment = lifecycle.environment(home)
    key, secret, token = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], None
    if session:
        key, secret, token = session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]
    create: Any = boto3.client
    return create(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def test_other_answers_are_refused_while_it_runs_and_the_home_keeps_its_own(home: Path) -> None:
    with pytest.raises(LocalAwsFailed, match="runs with other assumptions"):
        lifecycle.up(home, assume={"metric-delay": "1"})
    assert lifecycle.up(home, assume=ANSWERS) == lifecycle.up(home)
    lifecycle.down(home)
    lifecycle.up(home, port=0)
    assert lifecycle.status(home).assumptions == ANSWERS


def test_a_role_without_get_database_may_query(home: Path) -> None:
    s3, glue, iam = (client(home, name) for name in ("s3", "glue", "iam"))
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "db"})
    descriptor = {"Columns": [{"Name": "a", "Type": "string"}], "Location": "s3://lake/t/", "SerdeInfo": {}}
    descriptor["SerdeInfo"] = {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"}
    glue.create_table(DatabaseName="db", TableInput={"Name": "t", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": descriptor})
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(allow(["athena:*", "s3:*", "glue:GetTable"])))
    session = client(home, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    athena = client(home, "athena", session)
    started = athena.start_query_execution(QueryString="SELECT a FROM db.t", ResultConfiguration={"OutputLocation": "s3://lake/out/"})
    status = wait_until(
        lambda: athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])["QueryExecution"]["Status"],
        "the query ends",
        ok=lambda found: found["State"] in ("SUCCEEDED", "FAILED"),
    )
    assert status["State"] == "SUCCEEDED", status
