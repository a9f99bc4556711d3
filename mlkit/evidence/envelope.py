"""A seal's signature: an in-toto statement with SLSA provenance about a manifest, in a DSSE envelope.

The formats are public: in-toto.io/Statement/v1, slsa.dev/provenance/v1 and github.com/secure-systems-lab/dsse.
"""

import json
import re
from collections.abc import Mapping, Sequence
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
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import MANIFEST, PAGE, RECORD_SUFFIX
from mlkit.evidence.manifest import Manifest, sha256_of
from mlkit.evidence.strict_json import read_as, read_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:mlkit:seal:1"  # raise the number when a parameter changes its meaning
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


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


@dataclass(frozen=True, kw_only=True)
class _Subject:
    name: str
    digest: Mapping[str, str]
    uri: str = ""


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """The members that a statement has in JSON."""

    _type: str
    predicateType: str
    subject: tuple[_Subject, ...]
    predicate: Mapping[str, Any]


def statement_of(manifest: Manifest, page: bytes | None = None) -> bytes:
    """The statement about a manifest and its page, review.html, as JSON; equal manifests and pages have equal statements.

    Raises InvalidData if a time in the manifest is not ISO 8601 with a time zone.
    """
    return _canonical(_statement(manifest, sha256_of(manifest.to_bytes()), None if page is None else sha256_of(page)))


def _statement(manifest: Manifest, manifest_sha256: str, page_sha256: str | None) -> dict[str, Any]:
    subjects = [_named(MANIFEST, manifest_sha256)]
    if page_sha256 is not None:
        subjects.append(_named(PAGE, page_sha256))
    subjects.append(_named(manifest.model_s3_uri.rpartition("/")[2], manifest.model_sha256, manifest.model_s3_uri))
    try:
        predicate = json_format.MessageToDict(_provenance(manifest))
    except ValueError as error:
        raise InvalidData(f"A time in the manifest is not ISO 8601: {error}", cure="Report it: mlkit writes these times.") from error
    statement = Statement([subject.pb for subject in subjects], PREDICATE_TYPE, predicate)
    statement.validate()
    document: dict[str, Any] = json_format.MessageToDict(statement.pb)
    return document


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
    """The public key in PEM; the text around it, its line ends and a byte order mark mean nothing.

    Raises UsageError for anything but one key of the curve P-256.
    """
    cure = "`mlkit evidence key` writes the public key of the pipeline's seals as PEM."
    found = list(_PEM.finditer(pem.decode(errors="replace").replace("\r\n", "\n")))
    if len(found) > 1:
        raise UsageError(f"The key file holds {len(found)} keys: which one signs?", cure=cure)
    try:
        key = load_pem_public_key(found[0][0].encode()) if found else None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError("The key is not a public key in PEM", cure=cure) from error
    if key is None:
        raise UsageError("The key is not a public key in PEM", cure=cure)
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise UsageError("The public key is not one of the curve P-256, with which seals are signed", cure=cure)
    return SSlibKey.from_crypto(key)


def key_pem(key: SSlibKey) -> bytes:
    """The public key in PEM, as `openssl` reads it."""
    pem: str = key.keyval["public"]
    return pem.encode()


def read_envelope(data: bytes, name: str) -> Envelope:
    """The envelope with its one signature. `name` is the file's, fit for a message.

    Raises SealBroken for bytes that `sign` cannot have written.
    """
    shape = read_as(_Envelope, data, name)
    if shape.payloadType != PAYLOAD_TYPE:
        raise SealBroken(f"{name} has the payloadType {shown(shape.payloadType)}, not {PAYLOAD_TYPE}")
    if len(shape.signatures) != 1:
        raise SealBroken(f"{name} has {len(shape.signatures) or 'no'} signature{'s' * (len(shape.signatures) > 1)}; a seal has one")
    try:
        envelope = Envelope.from_dict(json.loads(data))
        is_whole = _canonical(envelope.to_dict()) == data
    except ValueError as error:
        raise SealBroken(f"{name} cannot be read: its payload or its signature is not base64") from error
    if not is_whole:
        raise SealBroken(f"{name} was reformatted: mlkit writes it on one line, with sorted members, without spaces")
    return envelope


def check_signature(envelope: Envelope, key: SSlibKey, name: str) -> None:
    """Check that the key signed the envelope. Raises SealBroken."""
    signed_by = next(iter(envelope.signatures))
    if signed_by != key.keyid:
        raise SealBroken(f"{name} names another key: {shown(signed_by)}, not {key.keyid}")
    try:
        envelope.verify([key], 1)
    except VerificationError as error:
        raise SealBroken(f"The signature of {name} does not fit its statement: one of them was changed, or another key signed") from error


def subjects_of(envelope: Envelope, name: str) -> dict[str, str]:
    """SHA-256 of each file that the envelope's statement is about, by name. Raises SealBroken."""
    statement = read_as(_Statement, envelope.payload, f"The statement in {name}")
    kinds = {STATEMENT_TYPE: statement._type, PREDICATE_TYPE: statement.predicateType}
    for expected, kind in kinds.items():
        if kind != expected:
            raise SealBroken(f"The statement in {name} is of the type {shown(kind)}, not {expected}")
    found = {subject.name: subject.digest["sha256"] for subject in statement.subject if set(subject.digest) == {"sha256"}}
    if len(found) != len(statement.subject):
        raise SealBroken(f"The statement in {name} does not name each file once, by its SHA-256")
    return found


def check_statement(envelope: Envelope, manifest: Manifest, digests: Mapping[str, str], name: str) -> None:
    """Compare all that the statement repeats of the manifest: source, code, inputs, earlier seals, tools, times, records.

    `digests` are those of manifest and page, by name. Raises SealBroken with the first member that differs.
    """
    try:
        expected = _statement(manifest, digests[MANIFEST], digests.get(PAGE))
    except (InvalidData, ValueError) as error:
        raise SealBroken(
            f"The statement in {name} cannot be compared: a time of {MANIFEST} is none, or a text holds half a character"
        ) from error
    if place := _difference(read_json(envelope.payload, name), expected):
        raise SealBroken(f"The statement in {name} differs from {MANIFEST} beside it: {place}")


def _difference(told: Any, expected: Any, place: str = "") -> str:
    """The first place at which the documents differ; empty if they are equal."""
    if isinstance(told, dict) and isinstance(expected, dict):
        pairs: Sequence[tuple[str, Any, Any]] = [
            (name, told.get(name, ...), expected.get(name, ...)) for name in sorted(told.keys() | expected.keys())
        ]
    elif isinstance(told, list) and isinstance(expected, list) and len(told) == len(expected):
        pairs = [(str(number), one, other) for number, (one, other) in enumerate(zip(told, expected, strict=True), start=1)]
    else:
        return "" if told == expected else place
    found = (_difference(one, other, f"{place}.{shown(name)}".lstrip(".")) for name, one, other in pairs)
    return next((difference for difference in found if difference), "")
