"""The statement, its envelope, and the key; malformed envelopes end as mlkit's errors."""

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st
from sealed_bundle import INPUTS, KEY, QA, SIGNER, signer_of, two_seals

from mlkit.errors import InvalidData, SealBroken, UsageError
from mlkit.evidence import envelope
from mlkit.evidence.manifest import Seal

MANIFEST = two_seals().seals[1][1]
PAGE = b"<p>PASS</p>\n"
STATEMENT = envelope.statement_of(MANIFEST, PAGE)
SIGNED = envelope.sign(STATEMENT, SIGNER)
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def key_of(number: int) -> bytes:
    return envelope.key_pem(signer_of(number).public_key)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_statement_names_manifest_page_and_model():
    assert json.loads(STATEMENT)["subject"] == [
        {"name": "manifest.json", "digest": {"sha256": sha256(MANIFEST.to_bytes())}},
        {"name": "review.html", "digest": {"sha256": sha256(PAGE)}},
        {"name": "model.tar.gz", "uri": "s3://lake/job/model.tar.gz", "digest": {"sha256": MANIFEST.model_sha256}},
    ]
    assert [one["name"] for one in json.loads(envelope.statement_of(MANIFEST))["subject"]] == ["manifest.json", "model.tar.gz"]


def test_a_statement_is_slsa_provenance():
    statement = json.loads(STATEMENT)
    assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1")
    place = f"s3://evidence/line/{MANIFEST.pipeline_execution_id}"
    digests = {one.s3_uri: one.sha256 for one in MANIFEST.files}
    training, *tests = "Build_and_Train.ModelTraining/b1", "Production.TestEndpoint/b5", "QA.TestEndpoint/b2"
    names = (f"{training}/01", f"{training}/02.more", *(f"{folder}/01" for folder in tests))
    records = [f"{place}/{name}.record.json" for name in names]
    assert statement["predicate"] == {
        "buildDefinition": {
            "buildType": "urn:mlkit:seal:1",
            "externalParameters": {"pipeline": "line", "execution": MANIFEST.pipeline_execution_id, "action": "Production.SealEvidence"},
            "resolvedDependencies": [
                {"name": "source.zip", "digest": {"sha256": MANIFEST.source.archive_sha256}},
                {"name": "code", "digest": {"sha256": MANIFEST.code_sha256}},
                *({"uri": uri, "digest": {"sha256": digest}} for uri, digest in sorted(INPUTS.items())),
                {"name": "parent", "uri": f"{place}/{QA}/manifest.json", "digest": {"sha256": MANIFEST.parents[0].sha256}},
            ],
        },
        "runDetails": {
            "builder": {
                "id": "urn:mlkit:pipeline:line:Production.SealEvidence",
                "builderDependencies": [{"name": "mlkit", "digest": {"sha256": "7" * 64}}],
            },
            "metadata": {"invocationId": "b6", "startedOn": "2026-01-01T01:00:00Z", "finishedOn": "2026-01-02T03:00:00Z"},
            "byproducts": [{"uri": uri, "digest": {"sha256": digests[uri]}} for uri in records],
        },
    }


def test_equal_manifests_have_equal_statements_of_one_sorted_line():
    again = replace(MANIFEST, inputs={"s3://b": "2" * 64, "s3://a": "1" * 64}, attempts=())
    turned = replace(again, inputs={"s3://a": "1" * 64, "s3://b": "2" * 64})
    assert envelope.statement_of(again) == envelope.statement_of(turned)
    assert envelope.statement_of(replace(again, pipeline="Köln")).count("Köln".encode()) == 2
    assert STATEMENT.startswith(b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"buildDefinition":{"buildType":')
    assert STATEMENT.endswith(b"}\n")
    assert STATEMENT.count(b"\n") == 1
    assert json.loads(envelope.statement_of(again))["predicate"]["runDetails"]["metadata"]["startedOn"] == "2026-01-02T03:00:00Z"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(InvalidData, match="A time in the manifest is not ISO 8601: ") as raised:
        envelope.statement_of(replace(MANIFEST, sealed_at="2026-01-01T00:00:00"))
    assert raised.value.cure == "Report it: mlkit writes these times."


def test_the_signature_is_over_the_pre_authentication_encoding():
    document = json.loads(SIGNED)
    assert document.keys() == {"payload", "payloadType", "signatures"}
    assert document["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(document["payload"]) == STATEMENT
    (signature,) = document["signatures"]
    assert signature["keyid"] == SIGNER.public_key.keyid
    encoded = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(STATEMENT)).encode() + b" " + STATEMENT
    key = load_pem_public_key(KEY)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(signature["sig"]), encoded, ec.ECDSA(SHA256()))


def test_what_is_signed_is_read_again():
    opened = envelope.read_envelope(SIGNED, "seal")
    envelope.check_signature(opened, envelope.read_key(KEY), "seal")
    assert envelope.subjects_of(opened, "seal") == {
        "manifest.json": sha256(MANIFEST.to_bytes()),
        "review.html": sha256(PAGE),
        "model.tar.gz": MANIFEST.model_sha256,
    }


def test_the_signature_covers_the_statement_and_not_the_envelopes_own_bytes():
    """Whoever has a signature can compute its mirror image; docs/evidence.md says so. KMS does not promise one of the two."""
    r, s = decode_dss_signature(base64.b64decode(SIGNATURE["sig"]))
    mirrored = base64.b64encode(encode_dss_signature(r, ORDER_OF_P256 - s)).decode()
    other = written(signatures=[{**SIGNATURE, "sig": mirrored}])
    assert other != SIGNED
    envelope.check_signature(envelope.read_envelope(other, "seal"), SIGNER.public_key, "seal")


def test_another_key_and_another_statement_are_refused():
    opened, other = envelope.read_envelope(SIGNED, "seal"), signer_of(8).public_key
    with pytest.raises(SealBroken, match=f"(?m)^seal names another key: {SIGNER.public_key.keyid}, not {other.keyid}$"):
        envelope.check_signature(opened, other, "seal")
    opened.payload += b" "
    with pytest.raises(
        SealBroken, match=r"(?m)^The signature of seal does not fit its statement: one of them was changed, or another key signed$"
    ):
        envelope.check_signature(opened, SIGNER.public_key, "seal")


@pytest.mark.parametrize(
    "pem",
    [KEY, KEY.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + KEY, b"The auditor's\n" + KEY + b"\nkey\n", KEY.strip(), b"\xff\n" + KEY],
    ids=["as written", "CRLF", "BOM", "text around", "no newline", "other bytes"],
)
def test_a_key_is_read_by_its_value(pem):
    assert envelope.read_key(pem) == SIGNER.public_key
    assert envelope.key_pem(envelope.read_key(pem)) == KEY


@pytest.mark.parametrize("more", [KEY, key_of(8), SIGNER.private_bytes], ids=["the same", "another", "private"])
def test_a_file_with_two_keys_is_refused(more):
    with pytest.raises(UsageError, match=r"(?m)^The key file holds 2 keys: which one signs\?$"):
        envelope.read_key(KEY + more)


def pem_of(key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("data", [b"", b"\xff", KEY[:60], SIGNER.private_bytes], ids=["empty", "binary", "cut off", "private"])
def test_bytes_that_are_no_public_key_are_refused(data):
    with pytest.raises(UsageError, match=r"(?m)^The key is not a public key in PEM$") as raised:
        envelope.read_key(data)
    assert raised.value.cure == "`mlkit evidence key` writes the public key of the pipeline's seals as PEM."


@pytest.mark.parametrize("key", [ec.derive_private_key(7, ec.SECP384R1()), rsa.generate_private_key(65537, 1024)], ids=["P-384", "RSA"])
def test_a_key_of_another_kind_is_refused(key):
    with pytest.raises(UsageError, match=r"(?m)^The public key is not one of the curve P-256, with which seals are signed$") as raised:
        envelope.read_key(pem_of(key))
    assert raised.value.cure == "`mlkit evidence key` writes the public key of the pipeline's seals as PEM."


def written(**changes: object) -> bytes:
    document = {**json.loads(SIGNED), **changes}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


SIGNATURE = json.loads(SIGNED)["signatures"][0]
REFORMATTED = "was reformatted: mlkit writes it on one line, with sorted members, without spaces"
NOT_BASE64 = "cannot be read: its payload or its signature is not base64"
NO_ENVELOPES = [
    (b"", "is not JSON: line 1, column 1"),
    (b'{\n "a": }', "is not JSON: line 2, column 7"),
    (b"\xef\xbb\xbf" + SIGNED, "is not JSON: line 1, column 1"),
    (b"\xff", "is not UTF-8 text: its byte 1 is of no character"),
    (b"[]", "does not fit: the document is a list where an object is expected"),
    (b"null", "does not fit: the document is null where an object is expected"),
    (b"{}", "does not fit: the document has no member payload"),
    (b"[" * 100_000, "cannot be read: it is nested too deeply"),
    (b"9" * 5000, "holds a number of too many digits"),
    (SIGNED.replace(b'{"payload"', b'{"payload":"","payload"', 1), "has the member payload twice"),
    (written(more="x"), "does not fit: the document has the unknown member more"),
    (written(payload=1), "does not fit: payload is a whole number where a text is expected"),
    (written(payload="a"), NOT_BASE64),
    (written(payload="\ud800"), NOT_BASE64),
    (written(payloadType=None), "does not fit: payloadType is null where a text is expected"),
    (written(payloadType="text/plain"), "has the payloadType text/plain, not application/vnd.in-toto+json"),
    (written(signatures={}), "does not fit: signatures is an object where a list is expected"),
    (written(signatures=[1]), "does not fit: signatures, entry 1 is a whole number where an object is expected"),
    (written(signatures=[{}]), "does not fit: signatures, entry 1 has no member keyid"),
    (written(signatures=[{**SIGNATURE, "sig": "!"}]), NOT_BASE64),
    (
        written(signatures=[{**SIGNATURE, "keyid": 1}]),
        "does not fit: signatures, entry 1, keyid is a whole number where a text is expected",
    ),
    (written(signatures=[{**SIGNATURE, "more": "x"}]), "does not fit: signatures, entry 1 has the unknown member more"),
    (written(signatures=[]), "has no signature; a seal has one"),
    (written(signatures=[SIGNATURE, SIGNATURE]), "has 2 signatures; a seal has one"),
    (written(signatures=[SIGNATURE, {**SIGNATURE, "keyid": "another"}]), "has 2 signatures; a seal has one"),
    (SIGNED[:-1], REFORMATTED),
    (SIGNED + b"\n", REFORMATTED),
    (b" " + SIGNED, REFORMATTED),
    (SIGNED.replace(b",", b", ", 1), REFORMATTED),
]


def told(data: bytes) -> str:
    with pytest.raises(SealBroken) as raised:
        envelope.read_envelope(data, "b3/seal")
    return str(raised.value)


def test_what_is_wrong_in_an_envelope_is_told():
    assert [told(data) for data, _ in NO_ENVELOPES] == [f"b3/seal {message}" for _, message in NO_ENVELOPES]


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]) | st.text(), inner)
        ),
    ).map(lambda document: json.dumps(document).encode())
)
def test_any_bytes_end_as_an_error_of_mlkit(data: bytes):
    with pytest.raises(SealBroken):
        envelope.read_envelope(data, "seal")


@given(
    payload=st.binary() | st.just(STATEMENT),
    kind=st.text() | st.just("application/vnd.in-toto+json"),
    signature=st.binary(),
    keyid=st.text() | st.just(SIGNER.public_key.keyid),
)
def test_an_envelope_of_any_content_ends_as_an_error_of_mlkit(payload, kind, signature, keyid):
    encoded = [base64.b64encode(one).decode() for one in (payload, signature)]
    data = written(payload=encoded[0], payloadType=kind, signatures=[{"keyid": keyid, "sig": encoded[1]}])
    with pytest.raises(SealBroken):
        envelope.check_signature(envelope.read_envelope(data, "seal"), SIGNER.public_key, "seal")


GOOD = json.loads(STATEMENT)
SUBJECT = GOOD["subject"][0]


def opened_with(payload: bytes):
    opened = envelope.read_envelope(SIGNED, "seal")
    opened.payload = payload
    return opened


STATEMENTS = [
    (b"", "is not JSON: line 1, column 1"),
    (b"\xff", "is not UTF-8 text: its byte 1 is of no character"),
    (b"[]", "does not fit: the document is a list where an object is expected"),
    (b"{}", "does not fit: the document has no member _type"),
    (b"[" * 100_000, "cannot be read: it is nested too deeply"),
    (
        {**GOOD, "_type": "https://in-toto.io/Statement/v0.1"},
        "is of the type https://in-toto.io/Statement/v0.1, not https://in-toto.io/Statement/v1",
    ),
    ({**GOOD, "predicateType": "x"}, "is of the type x, not https://slsa.dev/provenance/v1"),
    ({**GOOD, "subject": [{"name": "manifest.json"}]}, "does not fit: subject, entry 1 has no member digest"),
    ({**GOOD, "predicate": 1}, "does not fit: predicate is a whole number where an object is expected"),
    ({**GOOD, "more": 1}, "does not fit: the document has the unknown member more"),
    ({**GOOD, "subject": [SUBJECT, SUBJECT]}, "does not name each file once, by its SHA-256"),
    ({**GOOD, "subject": [SUBJECT, {"name": "other", "digest": {"sha1": "0"}}]}, "does not name each file once, by its SHA-256"),
    ({**GOOD, "subject": [{**SUBJECT, "digest": {"sha1": "0", "sha256": "1"}}]}, "does not name each file once, by its SHA-256"),
    (STATEMENT.replace(b'{"_type"', b'{"_type":"","_type"'), "has the member _type twice"),
]


def test_what_is_wrong_in_a_statement_is_told():
    for payload, message in STATEMENTS:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        with pytest.raises(SealBroken) as raised:
            envelope.subjects_of(opened_with(data), "seal")
        assert str(raised.value) == f"The statement in seal {message}"


DIGESTS = {"manifest.json": sha256(MANIFEST.to_bytes()), "review.html": sha256(PAGE)}


def differing(edit) -> str:
    """What is told of a statement that was edited before it was signed."""
    statement = json.loads(STATEMENT)
    edit(statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"], statement)
    with pytest.raises(SealBroken) as raised:
        envelope.check_statement(opened_with(json.dumps(statement).encode()), MANIFEST, DIGESTS, "seal")
    return str(raised.value).removeprefix("The statement in seal differs from manifest.json beside it: ")


def test_a_statement_repeats_what_its_manifest_says():
    envelope.check_statement(opened_with(STATEMENT), MANIFEST, DIGESTS, "seal")
    plain = opened_with(envelope.statement_of(MANIFEST))
    envelope.check_statement(plain, MANIFEST, {"manifest.json": DIGESTS["manifest.json"]}, "seal")


def test_what_a_statement_says_otherwise_is_told_by_its_place():
    dependencies = "predicate.buildDefinition.resolvedDependencies"
    assert (
        differing(lambda build, run, _: run["metadata"].update(finishedOn="2020-01-01T00:00:00Z"))
        == "predicate.runDetails.metadata.finishedOn"
    )
    assert (
        differing(lambda build, run, _: build["resolvedDependencies"][0]["digest"].update(sha256="0")) == f"{dependencies}.1.digest.sha256"
    )
    assert differing(lambda build, run, _: build["resolvedDependencies"].pop()) == dependencies
    assert differing(lambda build, run, _: run["builder"].update(id="x")) == "predicate.runDetails.builder.id"
    assert differing(lambda build, run, _: run.update(more=None)) == "predicate.runDetails.more"
    assert differing(lambda build, run, whole: whole["subject"][2].update(uri="s3://x/model.tar.gz")) == "subject.3.uri"


def test_a_manifest_whose_time_is_none_cannot_be_compared():
    for manifest in (replace(MANIFEST, sealed_at="yesterday"), replace(MANIFEST, pipeline="\ud800")):
        with pytest.raises(SealBroken, match=r"^The statement in seal cannot be compared: "):
            envelope.check_statement(opened_with(STATEMENT), manifest, DIGESTS, "seal")


def test_messages_hold_no_control_characters_of_the_file():
    data = written(signatures=[{**SIGNATURE, "keyid": "\x1b[2J" + "k" * 300}])
    with pytest.raises(SealBroken) as raised:
        envelope.check_signature(envelope.read_envelope(data, "seal"), SIGNER.public_key, "seal")
    assert str(raised.value) == f"seal names another key: \\x1b[2J{'k' * 300}, not {SIGNER.public_key.keyid}"


def test_every_parent_is_a_dependency():
    parents = tuple(Seal(s3_uri=f"s3://b/{digit}", sha256=digit * 64) for digit in "ab")
    statement = json.loads(envelope.statement_of(replace(MANIFEST, parents=parents)))
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"][-2:]
    assert [(one["name"], one["uri"], one["digest"]["sha256"]) for one in found] == [("parent", one.s3_uri, one.sha256) for one in parents]
