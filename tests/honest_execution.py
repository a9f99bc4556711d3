"""An honest execution of the pipeline in memory: history, staged notebooks, artifacts, model and source, up to the action that seals.

A test changes one thing, before it is made (`Draft`) or afterwards (`Execution`), and seals.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest import mock

import sealed_evidence as samples
from aws_in_memory import S3, CodePipeline, InMemory, Kms, Registry
from sealed_evidence import EXECUTION, PIPELINE, archive, sha256

from mlkit.aws.approved import verify_approval
from mlkit.aws.gathering import SealingBuild
from mlkit.aws.sealing import SealResult, seal
from mlkit.aws.session import Session
from mlkit.evidence.manifest import Manifest
from mlkit.evidence.run_record import Activity, FileRecord, Origin
from mlkit.evidence.staged import exported_records

TRAINING, QA_TEST, QA_SEAL = "Build_and_Train.ModelTraining", "QA.TestEndpoint", "QA.SealEvidence"
PRODUCTION_TEST, PRODUCTION_SEAL = "Production.TestEndpoint", "Production.SealEvidence"
START = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MODEL, ENCODING, TEMPLATE = b"a model", b"an encoding", b"Resources: {Endpoint: {}}\n"
LAKE, GROUP, KEY_ARN = "s3://mlkit-ml-id-lab", "mlkit-ml-lab", "arn:aws:kms:eu-west-3:123456789012:key/1"
MODEL_URI, ENCODING_URI = f"{LAKE}/models/ml-1/output/model.tar.gz", f"{LAKE}/models/ml-1/output/feature_index.parquet"
SOURCE_URI = "s3://artifacts/line/SourceOutp/1"
VARIABLES = {"CommitId": "8b35d7eb8e4a6dcdd0e1d4a747385796dbdfa62e", "CommitMessage": "A new model", "AuthorDisplayName": "Ada Keller"}
TEMPLATE_PATH = "CloudFormation/sagemaker_prediction_endpoint.yaml"
PRODUCTION_PATH, QA_PATH = "CloudFormation/configuration_production.json", "CloudFormation/configuration_qa.json"
Files = dict[str, bytes]


def stored(s3_uri: str, data: bytes) -> dict[str, Any]:
    return {"s3_uri": s3_uri, "sha256": sha256(data), "size_bytes": len(data)}


def trained_model() -> dict[str, Any]:
    return {
        "schema": "mlkit/trained-model/3",
        "your_initials": "mlkit",
        "training_job": "ml-1",
        "tuning_job": None,
        "image_uri": "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1",
        "execution_role": "arn:aws:iam::123456789012:role/sagemaker",
        "model": stored(MODEL_URI, MODEL),
        "encoding": stored(ENCODING_URI, ENCODING),
        "hyperparameters": {},
        "metrics": {},
        "billable_seconds": 71,
        "prepared_data": samples.prepared_data(),
    }


def configuration(environment: str = "production", **more: str) -> dict[str, Any]:
    """What 02_train writes as the environment's template configuration."""
    trained = trained_model()
    parameters = {
        "EndpointName": f"mlkit-ml-lab-{environment}",
        "ImageUri": trained["image_uri"],
        "ModelDataUrl": MODEL_URI,
        "ExecutionRoleArn": trained["execution_role"],
        **more,
    }
    return {"Parameters": parameters, "Tags": {"mlkit:pipeline-execution": EXECUTION}}


def outcome_at(environment: str) -> dict[str, Any]:
    return samples.outcome(endpoint=f"mlkit-ml-lab-{environment}", model=stored(MODEL_URI, MODEL))


@dataclass(kw_only=True)
class Draft:
    """What the execution's builds will leave. A test edits it."""

    source: Files = field(default_factory=lambda: samples.source_files(samples.notebooks(), {TEMPLATE_PATH: TEMPLATE}))
    prepared: dict[str, Any] = field(default_factory=samples.prepared_data)
    trained: dict[str, Any] = field(default_factory=trained_model)
    production: Any = field(default_factory=configuration)
    qa: Any = field(default_factory=lambda: configuration("qa", BakeSeconds="0"))
    tested: dict[str, Any] = field(default_factory=dict)
    verdict: str = "PASS"
    exported: dict[str, str] = field(default_factory=dict)  # changes of what the newest test's build exported
    records: dict[str, dict[str, Any]] = field(default_factory=dict)  # changes, by notebook
    more_files: dict[str, list[FileRecord]] = field(default_factory=dict)  # by notebook
    artifacts: Files = field(default_factory=dict)  # more files in the newest test's artifact


@dataclass(kw_only=True)
class Execution:
    """The execution in memory. `actions` maps the newest run of each STAGE.ACTION."""

    draft: Draft
    now: datetime = START
    s3: S3 = field(default_factory=lambda: S3(START))
    kms: Kms = field(default_factory=Kms)
    registry: Registry = field(default_factory=Registry)
    history: CodePipeline = field(default_factory=lambda: CodePipeline(PIPELINE, EXECUTION))
    sealed: SealResult | None = None

    def __post_init__(self) -> None:
        self.aws = InMemory(s3=self.s3, codepipeline=self.history, kms=self.kms, sagemaker=self.registry)

    @property
    def session(self) -> Session:
        return cast(Session, self.aws)

    def action(self, name: str) -> dict[str, Any]:
        """The newest run of STAGE.ACTION in the history."""
        return next(one for one in reversed(self.history.actions) if f"{one['stageName']}.{one['actionName']}" == name)

    def result(self, name: str) -> dict[str, Any]:
        """The build's id, or the change set's."""
        return self.action(name)["output"]["executionResult"]

    def run(self, name: str, provider: str, build: str = "", *, variables: Mapping[str, str] | None = None, **others: Any) -> None:
        """Add a run of ten minutes to the history. `artifacts` in `others` maps names to archives' addresses."""
        stage, action = name.split(".")
        places = [("s3://artifacts/", one) for one in others.pop("artifacts", ())]
        output = {
            "executionResult": {"externalExecutionId": build, "externalExecutionSummary": others.pop("summary", "")},
            "outputArtifacts": [
                {"name": f"A{number}", "s3location": {"bucket": "artifacts", "key": address.removeprefix(prefix)}}
                for number, (prefix, address) in enumerate(places)
            ],
            "outputVariables": dict(variables or {}),
        }
        told = {"stageName": stage, "actionName": action, "status": "Succeeded", "startTime": self.now, "output": output}
        told |= {"input": {"actionTypeId": {"provider": provider}}, "lastUpdateTime": self.now + 10 * MINUTE}
        self.history.actions.append({**told, **others})
        self.now += 10 * MINUTE

    def put(self, s3_uri: str, files: Mapping[str, bytes]) -> str:
        self.s3.put(s3_uri, archive(files))
        return s3_uri

    def stage(self, action: str, build: str, name: str, outputs: Files, inputs: Files, *, minute: int = 1) -> bytes:
        """Stage an executed notebook and its record, which is returned."""
        executed = samples.notebook(*samples.notebooks()[name])
        files = [FileRecord(role="output", path=path, sha256=sha256(data)) for path, data in outputs.items()]
        files += [FileRecord(role="input", path=path, sha256=sha256(data)) for path, data in inputs.items()]
        activity = Activity(files=(*files, *self.draft.more_files.get(name, ())))
        origin = Origin(action=action, pipeline_execution_id=EXECUTION)
        source = sha256(self.draft.source.get(f"notebooks/{name}.ipynb", b""))
        record = samples.record(name, notebook_sha256=source, executed_sha256=sha256(executed), origin=origin, activity=activity)
        told = replace(record, **self.draft.records.get(name, {})).to_json().encode()
        begun, ended = self.now + minute * MINUTE, self.now + (minute + 1) * MINUTE
        place = f"s3://staging/{EXECUTION}/{action}/{build}/{name}"
        self.s3.put(f"{place}.ipynb", executed, begun, ended)
        self.s3.put(f"{place}.record.json", told, begun, ended)
        return told

    @property
    def build(self) -> SealingBuild:
        """The build that seals now: the newest action of the history."""
        last = self.history.actions[-1]
        return SealingBuild(
            staging="s3://staging",
            evidence="s3://evidence",
            pipeline=PIPELINE,
            execution=EXECUTION,
            action=f"{last['stageName']}.{last['actionName']}",
            build=last["output"]["executionResult"]["externalExecutionId"].rpartition(":")[2],
            tools_sha256="7" * 64,
            key_arn=KEY_ARN,
            model_group=GROUP,
        )

    def seal(self) -> Manifest:
        """Seal, and let the sealing action succeed as CodePipeline would tell it."""
        build = self.build
        self.s3.now = self.now
        with mock.patch("mlkit.aws.sealing.datetime", wraps=datetime) as clock:
            clock.now.return_value = self.now
            self.sealed = seal(self.session, build)
        last = self.history.actions[-1]
        last["status"], last["output"]["outputVariables"] = "Succeeded", self.exported
        return Manifest.from_bytes(self.s3.content(self.sealed.seal.s3_uri))

    @property
    def exported(self) -> dict[str, str]:
        assert self.sealed is not None
        return {"SEAL_SHA256": self.sealed.seal.sha256, "EVIDENCE_URI": self.sealed.seal.s3_uri}

    def verify(self, **changes: str) -> tuple[Manifest, list[str]]:
        """Verify the approval of the seal, as VerifyApproval does."""
        told = {"seal_uri": self.exported["EVIDENCE_URI"], "seal_sha256": self.exported["SEAL_SHA256"], "key_arn": KEY_ARN}
        told |= {"pipeline": PIPELINE, "execution": EXECUTION}
        return verify_approval(self.session, **{**told, **changes})


def _json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def trained(edit: Callable[[Draft], Any] | None = None) -> Execution:
    """An execution whose training has succeeded. `edit` changes what its builds leave."""
    draft = Draft()
    if edit is not None:
        edit(draft)
    made = Execution(draft=draft)
    made.s3.put(MODEL_URI, MODEL)
    made.s3.put(ENCODING_URI, ENCODING)
    made.run("Source.Source", "CodeStarSourceConnection", artifacts=[made.put(SOURCE_URI, draft.source)], variables=VARIABLES)
    prepared = {"handoff/prepared_data.json": _json(draft.prepared)}
    handed = {"handoff/trained_model.json": _json(draft.trained)}
    configured = {PRODUCTION_PATH: _json(draft.production), QA_PATH: _json(draft.qa)}
    records = {
        "01_prep": made.stage(TRAINING, "b1", "01_prep", prepared, {}),
        "02_train": made.stage(TRAINING, "b1", "02_train", {**handed, **configured}, prepared, minute=3),
    }
    configuration = {path.rpartition("/")[2]: data for path, data in configured.items()}
    artifacts = [
        made.put("s3://artifacts/line/Trained/1", {**prepared, **handed, "executed/01_prep.ipynb": b"{}"}),
        made.put("s3://artifacts/line/Configurat/1", configuration),
    ]
    made.run(TRAINING, "CodeBuild", "training:b1", artifacts=artifacts, variables=_records(records))
    made.run("QA.LaunchEndpoint", "CloudFormation", "arn:of-a-change-set")
    return made


def _records(records: Mapping[str, bytes]) -> dict[str, str]:
    return {"RECORDS": exported_records({name: sha256(data) for name, data in records.items()})}


def _figures(result: bytes) -> dict[str, str]:
    """The variables that `mlkit exports` writes."""
    told = json.loads(result)
    estimate = told["estimate"]
    figures = {name: f"{estimate[name.lower()]:.4f}" for name in ("VALUE", "LOW", "HIGH")}
    return {"VERDICT": told["verdict"], "METRIC": estimate["metric"], "ROWS": str(estimate["rows"]), **figures}


def with_test(made: Execution, stage: str, build: str) -> Execution:
    """The stage's test, which succeeds. `made.draft` changes what it leaves."""
    draft = made.draft
    name = f"{stage}.TestEndpoint"
    result = _json({**outcome_at(stage.lower()), "verdict": draft.verdict, **draft.tested})
    handed = {"handoff/prepared_data.json": _json(draft.prepared), "handoff/trained_model.json": _json(draft.trained)}
    outputs = {"handoff/test_result.json": result}
    record = made.stage(name, build, "03_test_endpoint", outputs, {"handoff/trained_model.json": _json(draft.trained)})
    artifact = made.put(f"s3://artifacts/line/Tested/{build}", {**handed, **outputs, **draft.artifacts})
    variables = {**_records({"03_test_endpoint": record}), **_figures(result), **draft.exported}
    made.run(name, "CodeBuild", f"test:{build}", artifacts=[artifact], variables=variables)
    made.run(f"{stage}.SealEvidence", "CodeBuild", f"seal:{build}s", status="InProgress")
    return made


def before_qa_seals(edit: Callable[[Draft], Any] | None = None) -> Execution:
    """The execution when QA.SealEvidence runs."""
    return with_test(trained(edit), "QA", "b2")


def before_production_seals(edit: Callable[[Draft], Any] | None = None, *, decision: str = "Succeeded") -> Execution:
    """The same execution, sealed in QA, decided and tested in production. `edit` changes what production's test leaves."""
    made = before_qa_seals()
    made.seal()
    made.run("QA.RemoveEndpoint", "CloudFormation")
    made.run("Production.ApprovalGate", "Manual", status=decision, summary="as good\nas the last", updatedBy="arn:aws:iam::1:user/ann")
    made.run("Production.VerifyApproval", "CodeBuild", "verify:b4")
    made.run("Production.LaunchEndpoint", "CloudFormation")
    if edit is not None:
        edit(made.draft)
    return with_test(made, "Production", "b5")
