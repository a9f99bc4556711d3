"""A complete bundle in memory: an execution with two seals, QA and Production, signed by a local key."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, Signer

from mlkit.evidence.envelope import key_pem, sign, statement_of
from mlkit.evidence.layout import DEPLOYS, ENVELOPE, HANDOFF, MANIFEST, PAGE, Sealed
from mlkit.evidence.manifest import Approval, Attempt, Manifest, Seal, SealedFile, Source, sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, Origin, RunRecord, Status, Usage

EXECUTION = "0f0e0d0c-0000-4000-8000-000000000001"
PLACE = Sealed(address="s3://evidence", pipeline="line", execution=EXECUTION)
TRAINING, QA_TEST, QA = "Build_and_Train.ModelTraining/b1", "QA.TestEndpoint/b2", "QA.SealEvidence/b3"
PRODUCTION_TEST, PRODUCTION = "Production.TestEndpoint/b5", "Production.SealEvidence/b6"
MODEL, ENCODING, SOURCE = b"a model", b"an encoding", b"a source archive"
MODEL_FILE = f"models/{sha256_of(MODEL)}/model.tar.gz"
SOURCE_FILE = f"sources/{sha256_of(SOURCE)}.zip"
DEPLOYED = {"configuration_production.json": b'{"Parameters":{}}\n', "endpoint.yaml": b"Resources: {}\n"}
METRICS = {"metrics": b'{"made": "by the second notebook"}\n'}
HANDED = {**METRICS, "trained_model": b'{"made": "in training"}\n', "test_result": b'{"verdict": "PASS"}\n'}
IN_PRODUCTION = {**HANDED, "test_result": b'{"verdict": "PASS", "in": "production"}\n'}

Edit = Callable[[Manifest], Manifest]


def signer_of(number: int) -> CryptoSigner:
    """The same key for the same number."""
    return CryptoSigner(ec.derive_private_key(number, ec.SECP256R1()))


SIGNER = signer_of(7)
KEY = key_pem(SIGNER.public_key)


def unchanged(manifest: Manifest) -> Manifest:
    return manifest


def record(place: str, notebook: bytes, outputs: Mapping[str, bytes], **changes: object) -> RunRecord:
    """The record of a notebook whose executed bytes are `notebook`; `outputs` are the hand-off files that it wrote, by name."""
    files = tuple(FileRecord(role="output", path=f"handoff/{name}.json", sha256=sha256_of(data)) for name, data in outputs.items())
    told = RunRecord(
        notebook="01.ipynb",
        notebook_sha256="0" * 64,
        executed="01.ipynb",
        executed_sha256=sha256_of(notebook),
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
        origin=Origin(action=place.partition("/")[0], pipeline_execution_id=EXECUTION),
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
        notebook = f"{name} executed by {place}".encode()
        told = record(place, notebook, outputs, **changes).to_json().encode()
        self.files |= {f"{place}/{name}.ipynb": notebook, f"{place}/{name}.record.json": told}
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
    ) -> None:
        """Seal what is there. `edit` changes the manifest before it is signed, as a sealer that is wrong would."""
        own = {f"{folder}/{HANDOFF}/{name}.json": data for name, data in handed.items()}
        own |= {f"{folder}/{DEPLOYS}/{name}": data for name, data in DEPLOYED.items()}
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
            source=Source(archive_sha256=sha256_of(SOURCE), variables={"CommitId": "abc"}),
            code={"notebooks/01.ipynb": "1" * 64},
            inputs={"s3://lake/train-0": "2" * 64},
            model_s3_uri="s3://lake/job/model.tar.gz",
            model_sha256=sha256_of(MODEL),
            verdict="PASS",
            attempts=tuple(self.attempts),
            deploys={name: sha256_of(data) for name, data in DEPLOYED.items()},
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


def two_seals(
    *,
    qa: Edit = unchanged,
    production: Edit = unchanged,
    signer: Signer = SIGNER,
    page: bytes | None = b"<p>PASS</p>\n",
    failed_first: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Bundled:
    """The bundle. `qa` and `production` edit a manifest before it is signed, `changes` the record of the training notebook.

    `failed_first`: an attempt of the training that failed comes first; these are the changes of its record.
    """
    made = Bundled(files={MODEL_FILE: MODEL, f"models/{sha256_of(MODEL)}/encoding.json": ENCODING, SOURCE_FILE: SOURCE})
    if failed_first is not None:
        stale = {"trained_model": b"stale"}
        made.add_attempt("Build_and_Train.ModelTraining/b0", "2026-01-01T00:00:00+00:00", stale, confirmed=False, **failed_first)
    made.add_attempt(TRAINING, "2026-01-01T01:00:00+00:00", {"trained_model": HANDED["trained_model"]}, **changes)
    made.add_attempt(QA_TEST, "2026-01-01T02:00:00+00:00", {"test_result": HANDED["test_result"]})
    made.seal(QA, "2026-01-01T03:00:00+00:00", HANDED, edit=qa, signer=signer, page=page)
    made.add_attempt(PRODUCTION_TEST, "2026-01-02T02:00:00+00:00", {"test_result": IN_PRODUCTION["test_result"]})
    approval = Approval(
        action="Production.ApprovalGate",
        status="Approved",
        decided_by="arn:aws:iam::1:user/ann",
        decided_at="2026-01-02T01:00:00+00:00",
        comment="as agreed",
    )
    made.seal(
        PRODUCTION,
        "2026-01-02T03:00:00+00:00",
        IN_PRODUCTION,
        edit=production,
        signer=signer,
        page=page,
        approval=approval,
        parents=[seal_of(*made.seals[0])],
    )
    return made


def without(files: Mapping[str, bytes], names: Iterable[str]) -> dict[str, bytes]:
    """The files without those whose names begin so."""
    return {name: data for name, data in files.items() if not name.startswith(tuple(names))}
