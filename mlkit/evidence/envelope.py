"""A seal's signature: an in-toto statement with SLSA provenance about a manifest, in a DSSE envelope.

The formats are public: in-toto.io/Statement/v1, slsa.dev/provenance/v1 and github.com/secure-systems-lab/dsse.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2 as slsa
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signer, SSlibKey

from mlkit.errors import InvalidData, SealBroken, UsageError
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import MANIFEST, PAGE, RECORD_SUFFIX
from mlkit.evidence.manifest import Manifest, sha256_of
from mlkit.typed_json import build

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:mlkit:seal:1"  # raise the number when a parameter changes its meaning
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, kw_only=True)
class _Signature:
    keyid: str
    sig: str


@dataclass(frozen=True, kw_only=True)
class _Envelope:
    """The members that an envelope has in JSON."""

    payload: str
    payloadType: str
    signatures: tuple[_Signature, ...]


def statement_of(manifest: Manifest, page: bytes | None = None) -> bytes:
    """The statement about a manifest and its page, review.html, as JSON; equal manifests and pages have equal statements.

    Raises InvalidData if a time in the manifest is not ISO 8601 with a time zone.
    """
    subjects = [_named(MANIFEST, sha256_of(manifest.to_bytes()))]
    if page is not None:
        subjects.append(_named(PAGE, sha256_of(page)))
    subjects.append(_named(manifest.model_s3_uri.rpartition("/")[2], manifest.model_sha256, manifest.model_s3_uri))
    try:
        predicate = json_format.MessageToDict(_provenance(manifest))
    except ValueError as error:
        raise InvalidData(f"A time in the manifest is not ISO 8601: {error}", cure="Report it: mlkit writes these times.") from error
    statement = Statement([subject.pb for subject in subjects], PREDICATE_TYPE, predicate)
    statement.validate()
    return _canonical(json_format.MessageToDict(statement.pb))


def _named(name: str, sha256: str, uri: str = "") -> ResourceDescriptor:
    return ResourceDescriptor(name=name, uri=uri, digest={"sha256": sha256})


def _provenance(manifest: Manifest) -> slsa.Provenance:
    provenance = slsa.Provenance()
    definition, details = provenance.build_definition, provenance.run_details
    definition.build_type = BUILD_TYPE
    definition.external_parameters.update(_parameters(manifest))
    definition.resolved_dependencies.extend(one.pb for one in _dependencies(manifest))
    details.builder.id = f"urn:mlkit:pipeline:{manifest.pipeline}:{manifest.action}"
    details.builder.builder_dependencies.append(_named("mlkit", manifest.tools_sha256).pb)
    details.metadata.invocation_id = manifest.build
    details.metadata.started_on.FromJsonString(min([manifest.sealed_at, *(one.started for one in manifest.attempts)]))
    details.metadata.finished_on.FromJsonString(manifest.sealed_at)
    records = (file for file in manifest.files if file.s3_uri.endswith(RECORD_SUFFIX))
    details.byproducts.extend(ResourceDescriptor(uri=file.s3_uri, digest={"sha256": file.sha256}).pb for file in records)
    return provenance


def _parameters(manifest: Manifest) -> dict[str, str]:
    """The statement's external parameters: what was sealed, by whom."""
    return {"pipeline": manifest.pipeline, "execution": manifest.pipeline_execution_id, "action": manifest.action}


def _dependencies(manifest: Manifest) -> list[ResourceDescriptor]:
    """The source, the code in it, the objects of the prepared data, and the earlier seals."""
    source = [_named("source.zip", manifest.source.archive_sha256), _named("code", manifest.code_sha256)]
    inputs = [ResourceDescriptor(uri=uri, digest={"sha256": sha256}) for uri, sha256 in sorted(manifest.inputs.items())]
    return source + inputs + [_named("parent", parent.sha256, parent.s3_uri) for parent in manifest.parents]


def sign(statement: bytes, signer: Signer) -> bytes:
    """The envelope of a statement, as JSON. Raises the signer's errors."""
    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return _canonical(envelope.to_dict())


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def read_key(pem: bytes) -> SSlibKey:
    """The public key in PEM. Raises UsageError for anything but a key of the curve P-256."""
    cure = "`mlkit evidence key` writes the public key of the pipeline's seals as PEM."
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("The key is not a public key in PEM", cure=cure) from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise UsageError("The public key is not one of the curve P-256, with which seals are signed", cure=cure)
    return SSlibKey.from_crypto(key)


def key_pem(key: SSlibKey) -> bytes:
    """The public key in PEM, as `openssl` reads it."""
    pem: str = key.keyval["public"]
    return pem.encode()


def read_envelope(data: bytes, name: str) -> Envelope:
    """The envelope with its one signature. `name` is the file's, for messages.

    Raises SealBroken for bytes that `sign` cannot have written, so that no two files are the same envelope.
    """
    try:
        document = json.loads(data)
        shape: _Envelope = build(_Envelope, document)
        envelope = Envelope.from_dict(document)
        is_whole = _canonical(envelope.to_dict()) == data
    except _UNREADABLE as error:
        raise SealBroken(f"{name} is not a signed envelope: {one_line(error)}") from error
    if not is_whole or shape.payloadType != PAYLOAD_TYPE or len(shape.signatures) != 1:
        raise SealBroken(f"{name} is not a signed envelope as mlkit writes them: one signature, {PAYLOAD_TYPE}")
    return envelope


def check_signature(envelope: Envelope, key: SSlibKey, name: str) -> None:
    """Check that the key signed the envelope. Raises SealBroken."""
    signed_by = next(iter(envelope.signatures))
    if signed_by != key.keyid:
        raise SealBroken(f"{name} is signed by another key: {one_line(signed_by)[:64]}, not {key.keyid}")
    try:
        envelope.verify([key], 1)
    except VerificationError as error:
        raise SealBroken(f"The signature of {name} does not fit its statement") from error


def subjects_of(envelope: Envelope, name: str) -> dict[str, str]:
    """SHA-256 of each file that the envelope's statement is about, by name. Raises SealBroken."""
    try:
        statement = json_format.Parse(envelope.payload, Statement([], "", {}).pb)
        Statement.copy_from_pb(statement).validate()
        found = {subject.name: subject.digest["sha256"] for subject in statement.subject if "sha256" in subject.digest}
    except (*_UNREADABLE, json_format.ParseError) as error:
        raise SealBroken(f"{name} holds no in-toto statement: {one_line(error)}") from error
    if statement.predicate_type != PREDICATE_TYPE or len(found) != len(statement.subject):
        raise SealBroken(f"{name} holds another kind of statement than {PREDICATE_TYPE} about files by SHA-256")
    return found
