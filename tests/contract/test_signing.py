"""Seals signed by a key in KMS: `cryptography` alone verifies them, by the encoding that the DSSE specification gives."""

import base64
import hashlib
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from started import allow

from mlkit.aws.session import Session
from mlkit.aws.signing import EvidenceSigner, public_key
from mlkit.errors import AccessDenied, NotFound, UsageError
from mlkit.evidence.envelope import check_signature, key_pem, read_envelope, sign

STATEMENT = b'{"_type":"https://in-toto.io/Statement/v1"}\n'


@pytest.fixture
def key(aws):
    return aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


def pae(kind: bytes, payload: bytes) -> bytes:
    """PAE(type, body) of the DSSE specification: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def test_cryptography_alone_verifies_a_seal(session, key):
    envelope = json.loads(sign(STATEMENT, EvidenceSigner(session, key)))
    public = load_pem_public_key(key_pem(public_key(session, key)))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    payload, signature = base64.b64decode(envelope["payload"]), base64.b64decode(envelope["signatures"][0]["sig"])
    assert payload == STATEMENT
    public.verify(signature, pae(envelope["payloadType"].encode(), payload), ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, pae(envelope["payloadType"].encode(), payload + b" "), ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, payload, ec.ECDSA(SHA256()))


def test_our_own_check_accepts_it_and_kms_does_too(session, key):
    data = sign(STATEMENT, EvidenceSigner(session, key))
    check_signature(read_envelope(data, "seal"), public_key(session, key), "seal")
    signature = base64.b64decode(json.loads(data)["signatures"][0]["sig"])
    digest = hashlib.sha256(pae(b"application/vnd.in-toto+json", STATEMENT)).digest()
    answer = session.client("kms").verify(
        KeyId=key, Message=digest, MessageType="DIGEST", Signature=signature, SigningAlgorithm="ECDSA_SHA_256"
    )
    assert answer["SignatureValid"] is True


def test_the_signer_uses_the_sessions_region_and_credentials(local_aws, key, monkeypatch):
    import boto3

    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.environment["AWS_ENDPOINT_URL"])
    found = local_aws.credentials
    own = boto3.Session(found.access_key_id, found.secret_access_key, found.session_token, region_name="us-east-1")
    assert sign(STATEMENT, EvidenceSigner(Session(own), key))


def test_a_role_that_may_not_sign_is_refused_by_mlkits_error(local_aws, session, key, as_role):
    reader = as_role(allow("kms:GetPublicKey", key))("kms")
    signer = EvidenceSigner(session, key)
    signer.client = reader
    with pytest.raises(AccessDenied, match="kms:Sign"):
        sign(STATEMENT, signer)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({"KeySpec": "ECC_NIST_P384", "KeyUsage": "SIGN_VERIFY"}, "is a key ECC_NIST_P384 for SIGN_VERIFY"),
        ({"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}, "is a key RSA_2048 for ENCRYPT_DECRYPT"),
    ],
)
def test_a_key_of_another_kind_is_refused(session, aws, kind, message):
    other = aws("kms").create_key(**kind)["KeyMetadata"]["Arn"]
    with pytest.raises(UsageError, match=message):
        EvidenceSigner(session, other)


def test_a_key_that_does_not_exist_is_told(session):
    with pytest.raises(NotFound, match="GetPublicKey"):
        public_key(session, "arn:aws:kms:us-east-1:123456789012:key/0f0e0d0c-0000-4000-8000-000000000001")
