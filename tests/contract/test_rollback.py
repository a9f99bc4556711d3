"""`mlkit rollback`: the earlier approved model serves again as it was sealed, with a record, a notice and a rejected successor."""

import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlkit.aws import registry
from mlkit.aws.manual_changes import ByHand
from mlkit.aws.registry import Candidate
from mlkit.aws.rollback import roll_back
from mlkit.aws.stacks import deploy_stack, find_stack
from mlkit.errors import DeploymentFailed, NotApproved, NotFound, SealBroken, UsageError
from mlkit.evidence.layout import Sealed
from mlkit.evidence.manifest import Manifest, Source, sha256_of
from mlkit.evidence.run_record import Origin
from mlkit.naming import EXECUTION_TAG, LabNames

ENDPOINT = """
Parameters: {EndpointName: {Type: String}, ModelDataUrl: {Type: String}, BakeSeconds: {Type: String, Default: "0"}}
Resources: {Made: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref EndpointName, RetentionInDays: 30}}}
Outputs: {EndpointName: {Value: !Ref EndpointName}, ModelName: {Value: !Ref ModelDataUrl}, Bake: {Value: !Ref BakeSeconds}}
"""
PIPELINE = """
Resources: {Evidence: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: Enabled}}}}
Outputs: {EvidenceBucket: {Value: !Ref Evidence}, Pipeline: {Value: line}}
"""


class Lab:
    """A lab with a pipeline's stack and a registry. `approve(n)` seals and approves version n, and production serves it."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session, self.folder = session, folder
        self.names = LabNames(initials=f"r{uuid.uuid4().hex[:8]}")
        (folder / "pipeline.yaml").write_text(PIPELINE)
        (folder / "endpoint.yaml").write_text(ENDPOINT)
        self.bucket = deploy_stack(session, self.names.pipeline_stack, folder / "pipeline.yaml", {}).outputs["EvidenceBucket"]
        session.client("sagemaker").create_model_package_group(ModelPackageGroupName=self.names.model_group)

    def put(self, s3_uri: str, data: bytes) -> str:
        bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
        self.session.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
        return sha256_of(data)

    def approve(self, number: int) -> str:
        """The address of the version's sealed configuration."""
        execution = str(uuid.UUID(int=number))
        place = Sealed(address=f"s3://{self.bucket}", pipeline="line", execution=execution)
        content = f"model {number}".encode()
        model = place.model_file(sha256_of(content), "model.tar.gz")
        self.put(model, content)
        parameters = {"EndpointName": self.names.endpoint("production"), "ModelDataUrl": model}
        configuration = json.dumps({"Parameters": parameters, "Tags": {EXECUTION_TAG: execution}}).encode()
        files = {"configuration_production.json": configuration, "sagemaker_prediction_endpoint.yaml": ENDPOINT.encode()}
        deploys = {name: self.put(place.of_seal("QA.SealEvidence", "b", f"deploys/{name}"), data) for name, data in files.items()}
        manifest = Manifest(
            pipeline="line",
            pipeline_execution_id=execution,
            action="QA.SealEvidence",
            build="b",
            sealed_at=f"2026-11-{number:02}T00:00:00+00:00",
            tools_sha256="",
            source=Source(archive_sha256="", variables={}),
            code={},
            inputs={},
            model_s3_uri=model,
            model_sha256=sha256_of(content),
            verdict="PASS",
            attempts=(),
            deploys=deploys,
            files=(),
        )
        seal = self.put(place.manifest("QA.SealEvidence", "b"), manifest.to_bytes())
        candidate = Candidate(
            group=self.names.model_group,
            image="382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1",
            model_s3_uri=model,
            model_sha256=sha256_of(content),
            evidence_uri=place.manifest("QA.SealEvidence", "b"),
            seal_sha256=seal,
            execution=execution,
            metrics={"match rate": 0.7},
            verdict="PASS",
        )
        package = registry.register(self.session, candidate)
        registry.decide(self.session, package, approved=True, comment="ok")
        deploy_stack(
            self.session, self.names.endpoint_stack("production"), self.folder / "endpoint.yaml", {**parameters, "BakeSeconds": "300"}
        )
        return place.of_seal("QA.SealEvidence", "b", "deploys/configuration_production.json")

    def served(self) -> str:
        stack = find_stack(self.session, self.names.endpoint_stack("production"))
        assert stack is not None
        return stack.parameters["ModelDataUrl"]

    def records(self) -> dict[str, Any]:
        client = self.session.client("s3")
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix="by-hand/production/").get("Contents", [])
        return {
            Path(item["Key"]).stem: json.loads(client.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()) for item in listed
        }


def by_hand(bypass: str | None = "production", reason: str = "wrong since noon") -> ByHand:
    return ByHand(reason=reason, bypass=bypass, origin=Origin(commit="c0ffee", tree_clean=True))


@pytest.fixture
def lab(session: Any, tmp_path: Path) -> Lab:
    return Lab(session, tmp_path)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr("mlkit.aws.notices._send", lambda aws, kind, detail: sent.append({"kind": kind, **detail}))
    return sent


def test_the_earlier_model_serves_again_as_it_was_sealed(lab: Lab, events: list[dict[str, Any]]) -> None:
    lab.approve(1)
    first = lab.served()
    lab.approve(2)
    assert lab.served() != first
    done = roll_back(lab.session, lab.names, by_hand())
    stack = find_stack(lab.session, lab.names.endpoint_stack("production"))
    assert stack is not None
    assert (lab.served(), done.now.version, done.before.version) == (first, 1, 2)
    assert stack.tags[EXECUTION_TAG] == done.now.execution
    assert stack.outputs["Bake"] == "300"  # the pipeline's parameter stays
    champion = registry.champion(lab.session, lab.names.model_group)
    assert champion is not None
    assert champion.version == 1
    rejected = lab.session.client("sagemaker").describe_model_package(ModelPackageName=done.before.package_arn)
    assert rejected["ModelApprovalStatus"] == "Rejected"
    assert rejected["ApprovalDescription"].endswith(": wrong since noon")
    records = lab.records()
    assert (records["begun"]["action"], records["begun"]["reason"]) == ("rollback", "wrong since noon")
    assert (records["begun"]["served_before"], records["ended"]["status"]) == (done.before.model_s3_uri, "done")
    [event] = events
    assert (event["kind"], event["pipeline"], event["action"]) == ("Environment Changed By Hand", "line", "rollback")


def test_a_rollback_after_a_rollback_goes_one_version_further(lab: Lab, events: list[dict[str, Any]]) -> None:
    for number in (1, 2, 3):
        lab.approve(number)
    assert roll_back(lab.session, lab.names, by_hand()).now.version == 2
    assert roll_back(lab.session, lab.names, by_hand()).now.version == 1
    with pytest.raises(NotFound, match="has no approved version before"):
        roll_back(lab.session, lab.names, by_hand())


@pytest.mark.parametrize(("said", "error"), [(by_hand(None), NotApproved), (by_hand(reason=" "), UsageError)])
def test_a_rollback_needs_the_bypass_and_a_reason(lab: Lab, events: list[dict[str, Any]], said: ByHand, error: type[Exception]) -> None:
    lab.approve(1)
    lab.approve(2)
    before = lab.served()
    with pytest.raises(error):
        roll_back(lab.session, lab.names, said)
    assert (lab.served(), events, lab.records()) == (before, [], {})


def test_sealed_files_that_changed_are_not_deployed(lab: Lab, events: list[dict[str, Any]]) -> None:
    configuration = lab.approve(1)
    lab.approve(2)
    before = lab.served()
    lab.put(configuration, b'{"Parameters": {}, "Tags": {}}')
    with pytest.raises(SealBroken, match=r"configuration_production\.json changed since it was sealed"):
        roll_back(lab.session, lab.names, by_hand())
    assert (lab.served(), events) == (before, [])


def test_a_model_that_changed_is_not_deployed(lab: Lab, events: list[dict[str, Any]]) -> None:
    lab.approve(1)
    lab.put(lab.served(), b"another model")
    lab.approve(2)
    before = lab.served()
    with pytest.raises(SealBroken, match=r"model\.tar\.gz changed since it was sealed"):
        roll_back(lab.session, lab.names, by_hand())
    assert (lab.served(), events, lab.records()) == (before, [], {})


def test_a_deployment_that_fails_takes_no_approval_away_and_can_be_tried_again(
    lab: Lab, events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.approve(1)
    lab.approve(2)

    def fails(*_: Any, **__: Any) -> None:
        raise DeploymentFailed("the alarm rang", cure="")

    with monkeypatch.context() as patched:
        patched.setattr("mlkit.aws.rollback.deploy_stack", fails)
        with pytest.raises(DeploymentFailed):
            roll_back(lab.session, lab.names, by_hand())
    champion = registry.champion(lab.session, lab.names.model_group)
    assert champion is not None
    assert (champion.version, lab.records()["ended"]["status"], events) == (2, "failed", [])
    assert roll_back(lab.session, lab.names, by_hand()).now.version == 1


def test_the_approvers_mail_holds_nothing_that_would_lose_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    client = SimpleNamespace(put_events=lambda Entries: sent.extend(Entries))
    aws: Any = SimpleNamespace(client=lambda name: client)
    from mlkit.aws.notices import tell_change

    tell_change(
        aws, pipeline="line", environment="production", action="rollback", by="arn", reason='a "quote"\nand a line', record="s3://b"
    )
    assert json.loads(sent[0]["Detail"])["reason"] == "a 'quote' and a line"
