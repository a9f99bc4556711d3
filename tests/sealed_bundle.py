"""A complete bundle in memory: an execution with two seals, QA and Production, signed by a local key."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, Signer

from mlkit.evidence.bundle import BundleInMemory
from mlkit.evidence.envelope import key_pem, sign, statement_of
from mlkit.evidence.layout import DEPLOYS, ENVELOPE, HANDOFF, MANIFEST, PAGE, Sealed
from mlkit.evidence.manifest import Approval, Attempt, Manifest, Seal, SealedFile, Source, sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, Origin, RunRecord, Status, Usage
from mlkit.evidence.verification import Verified, verify_bundle

EXECUTION = "0f0e0d0c-0000-4000-8000-000000000001"
PLACE = Sealed(address="s3://evidence", pipeline="line", execution=EXECUTION)
TRAINING, QA_TEST, QA = "Build_and_Train.ModelTraining/b1", "QA.TestEndpoint/b2", "QA.SealEvidence/b3"
PRODUCTION_TEST, PRODUCTION = "Production.TestEndpoint/b5", "Production.SealEvidence/b6"
COMMIT = "b9a624550f9009dcd091dd7642578dd8bc341cc5"
TEMPLATE = b"Resources: {}\n"
NOTEBOOK_OF = {"01": "notebooks/01.ipynb", "02.more": "notebooks/02.more.ipynb"}


def notebook(text: str) -> bytes:
    """A Jupyter notebook of one cell."""
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}).encode()


CODE = {path: notebook(path) for path in NOTEBOOK_OF.values()} | {"CloudFormation/sagemaker_prediction_endpoint.yaml": TEMPLATE}


def zipped(files: Mapping[str, bytes], commit: str = COMMIT) -> bytes:
    """A source archive as `git archive` writes it, with the commit as its comment."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.comment = commit.encode()
        for name, data in files.items():
            opened.writestr(zipfile.ZipInfo(name), data)
    return body.getvalue()


MODEL, ENCODING, SOURCE = b"a model", b"an encoding", zipped({**CODE, "README.md": b"no code"})
MODEL_URI = "s3://lake/job/model.tar.gz"
MODEL_FILE = f"models/{sha256_of(MODEL)}/model.tar.gz"
SOURCE_FILE = f"sources/{sha256_of(SOURCE)}.zip"
STORED = {"s3_uri": MODEL_URI, "sha256": sha256_of(MODEL), "size_bytes": len(MODEL)}
INPUTS = {f"s3://lake/{name}": sha256_of(name.encode()) for name in ("index", "train", "validation", "test")}


def _stored(name: str) -> dict[str, Any]:
    return {"s3_uri": f"s3://lake/{name}", "sha256": INPUTS[f"s3://lake/{name}"], "size_bytes": 1}


def as_json(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"


PREPARED = {"encoding": _stored("index"), **{name: {"objects": [_stored(name)]} for name in ("train", "validation", "test")}}
TRAINED = {"model": STORED, "image_uri": "image:1", "execution_role": "arn:role", "prepared_data": PREPARED}
TESTED = {"verdict": "PASS", "model": STORED, "endpoint": "mlkit-ml-lab-qa"}
CONFIGURATION = {
    "Parameters": {
        "EndpointName": "mlkit-ml-lab-production",
        "ImageUri": "image:1",
        "ModelDataUrl": f"s3://evidence/line/{MODEL_FILE}",
        "ExecutionRoleArn": "arn:role",
    },
    "Tags": {"mlkit:pipeline-execution": EXECUTION},
}
DEPLOYED = {"configuration_production.json": as_json(CONFIGURATION), "sagemaker_prediction_endpoint.yaml": TEMPLATE}
IN_TRAINING = {"prepared_data": as_json(PREPARED), "trained_model": as_json(TRAINED)}
METRICS = {"metrics": b'{"made": "by the second notebook"}\n'}
HANDED = {**METRICS, **IN_TRAINING, "test_result": as_json(TESTED)}
IN_PRODUCTION = {**HANDED, "test_result": as_json({**TESTED, "endpoint": "mlkit-ml-lab-production"})}

Edit = Callable[[Manifest], Manifest]


def verify(files: Mapping[str, bytes], *, public_key: bytes | None = None, head: str | None = None) -> Verified:
    """What `verify_bundle` says of files in memory."""
    return verify_bundle(BundleInMemory(files), public_key=public_key, head=head)


def signer_of(number: int) -> CryptoSigner:
    """The same key for the same number."""
    return CryptoSigner(ec.derive_private_key(number, ec.SECP256R1()))


SIGNER = signer_of(7)
KEY = key_pem(SIGNER.public_key)


def unchanged(manifest: Manifest) -> Manifest:
    return manifest


def record(place: str, executed: bytes, outputs: Mapping[str, bytes], *, name: str = "01", **changes: object) -> RunRecord:
    """The record of the notebook `name`, whose executed bytes are `executed`; `outputs` are the hand-off files that it wrote, by name."""
    files = tuple(FileRecord(role="output", path=f"handoff/{name}.json", sha256=sha256_of(data)) for name, data in outputs.items())
    told = RunRecord(
        notebook=NOTEBOOK_OF[name],
        notebook_sha256=sha256_of(CODE[NOTEBOOK_OF[name]]),
        executed=f"{name}.ipynb",
        executed_sha256=sha256_of(executed),
        kernel="python3",
        status=Status.COMPLETED,
        parameters=(),
        cells=(),
        failure=None,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:01:00+00:00",
        usage=Usage(wall_s=60),
        python="3.11.9",
        activity=Activity(files=files),
        origin=Origin(action=place.partition("/")[0], pipeline_execution_id=EXECUTION, commit=COMMIT),
    )
    return replace(told, **changes)  # type: ignore[arg-type]


@dataclass(kw_only=True)
class Bundled:
    """The files of a bundle by name, and its seals in their order: (folder, manifest)."""

    files: dict[str, bytes] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    seals: list[tuple[str, Manifest]] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The digest of the newest manifest."""
        return sha256_of(self.seals[-1][1].to_bytes())

    @property
    def source_sha256(self) -> str:
        return next(sha256_of(data) for name, data in self.files.items() if name.startswith("sources/"))

    def add_attempt(self, place: str, started: str, outputs: Mapping[str, bytes], *, confirmed: bool = True, **changes: Any) -> None:
        """An attempt; `changes` are of the record of its first notebook. In the training, a second one writes METRICS."""
        records = {"01": self._run(place, "01", outputs, **changes)}
        if place == TRAINING:
            records["02.more"] = self._run(place, "02.more", METRICS)
        action, build = place.split("/")
        self.attempts.append(
            Attempt(
                action=action,
                build=build,
                status="Succeeded" if confirmed else "Failed",
                started=started,
                ended=started,
                confirmed=confirmed,
                records={f"{name}.record.json": sha256_of(told) for name, told in records.items()},
            )
        )

    def _run(self, place: str, name: str, outputs: Mapping[str, bytes], **changes: Any) -> bytes:
        """Add an executed notebook and its record, which is returned."""
        executed = notebook(f"{name} executed by {place}")
        told = record(place, executed, outputs, name=name, **changes).to_json().encode()
        self.files |= {f"{place}/{name}.ipynb": executed, f"{place}/{name}.record.json": told}
        return told

    def seal(
        self,
        folder: str,
        sealed_at: str,
        handed: Mapping[str, bytes],
        *,
        edit: Edit = unchanged,
        signer: Signer = SIGNER,
        page: bytes | None = b"<p>PASS</p>\n",
        approval: Approval | None = None,
        parents: Sequence[Seal] = (),
        deployed: Mapping[str, bytes] = DEPLOYED,
    ) -> None:
        """Seal what is there. `edit` changes the manifest before it is signed, as a sealer that is wrong would."""
        own = {f"{folder}/{HANDOFF}/{name}.json": data for name, data in handed.items()}
        own |= {f"{folder}/{DEPLOYS}/{name}": data for name, data in deployed.items()}
        places = (*(f"{one.action}/{one.build}/" for one in self.attempts), "models/", "sources/")
        sealed = {name: data for name, data in self.files.items() if name.startswith(places)} | own
        action, build = folder.split("/")
        manifest = Manifest(
            pipeline=PLACE.pipeline,
            pipeline_execution_id=EXECUTION,
            action=action,
            build=build,
            sealed_at=sealed_at,
            tools_sha256="7" * 64,
            source=Source(archive_sha256=self.source_sha256, variables={"CommitId": COMMIT}),
            code={name: sha256_of(data) for name, data in CODE.items()},
            inputs=INPUTS,
            model_s3_uri=MODEL_URI,
            model_sha256=sha256_of(MODEL),
            verdict="PASS",
            attempts=tuple(self.attempts),
            deploys={name: sha256_of(data) for name, data in deployed.items()},
            approval=approval,
            parents=tuple(parents),
            files=tuple(listed(name, data) for name, data in sorted(sealed.items())),
        )
        manifest = edit(manifest)
        self.files |= own
        self.write_seal(folder, manifest, page=page, signer=signer)
        self.seals.append((folder, manifest))

    def write_seal(self, folder: str, manifest: Manifest, *, page: bytes | None, signer: Signer = SIGNER) -> None:
        """Write manifest, envelope and page."""
        self.files[f"{folder}/{MANIFEST}"] = manifest.to_bytes()
        self.files[f"{folder}/{ENVELOPE}"] = sign(statement_of(manifest, page), signer)
        if page is not None:
            self.files[f"{folder}/{PAGE}"] = page


def address_of(name: str) -> str:
    """The address of a bundle's file in the evidence bucket."""
    shared = name.startswith(("models/", "sources/"))
    return f"s3://evidence/line/{name}" if shared else f"s3://evidence/line/{EXECUTION}/{name}"


def listed(name: str, data: bytes) -> SealedFile:
    return SealedFile(s3_uri=address_of(name), version_id="1", sha256=sha256_of(data), size_bytes=len(data))


def seal_of(folder: str, manifest: Manifest) -> Seal:
    return Seal(s3_uri=address_of(f"{folder}/{MANIFEST}"), sha256=sha256_of(manifest.to_bytes()))


APPROVAL = Approval(
    action="Production.ApprovalGate",
    status="Approved",
    decided_by="arn:aws:iam::1:user/ann",
    decided_at="2026-01-02T01:00:00+00:00",
    comment="as agreed",
)


def two_seals(
    *,
    qa: Edit = unchanged,
    production: Edit = unchanged,
    signer: Signer = SIGNER,
    page: bytes | None = b"<p>PASS</p>\n",
    failed_first: Mapping[str, Any] | None = None,
    handed: Mapping[str, bytes] = HANDED,
    tested_in_production: bytes = IN_PRODUCTION["test_result"],
    deployed: Mapping[str, bytes] = DEPLOYED,
    source: bytes = SOURCE,
    **changes: Any,
) -> Bundled:
    """The bundle. `qa` and `production` edit a manifest before it is signed, `changes` the record of the training notebook.

    `handed`, `tested_in_production`, `deployed` and `source` are the files' content, of which records and manifests tell the digests.
    `failed_first`: an attempt of the training that failed comes first; these are the changes of its record.
    """
    made = Bundled(
        files={MODEL_FILE: MODEL, f"models/{sha256_of(MODEL)}/encoding.json": ENCODING, f"sources/{sha256_of(source)}.zip": source}
    )
    if failed_first is not None:
        stale = {"trained_model": b"stale"}
        made.add_attempt("Build_and_Train.ModelTraining/b0", "2026-01-01T00:00:00+00:00", stale, confirmed=False, **failed_first)
    made.add_attempt(TRAINING, "2026-01-01T01:00:00+00:00", {name: handed[name] for name in IN_TRAINING}, **changes)
    made.add_attempt(QA_TEST, "2026-01-01T02:00:00+00:00", {"test_result": handed["test_result"]})
    made.seal(QA, "2026-01-01T03:00:00+00:00", handed, edit=qa, signer=signer, page=page, deployed=deployed)
    in_production = {**handed, "test_result": tested_in_production}
    made.add_attempt(PRODUCTION_TEST, "2026-01-02T02:00:00+00:00", {"test_result": tested_in_production})
    made.seal(
        PRODUCTION,
        "2026-01-02T03:00:00+00:00",
        in_production,
        edit=production,
        signer=signer,
        page=page,
        approval=APPROVAL,
        parents=[seal_of(*made.seals[0])],
        deployed=deployed,
    )
    return made


def without(files: Mapping[str, bytes], names: Iterable[str]) -> dict[str, bytes]:
    """The files without those whose names begin so."""
    return {name: data for name, data in files.items() if not name.startswith(tuple(names))}
