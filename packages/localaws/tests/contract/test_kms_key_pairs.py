"""Key pairs of KMS: signatures that another library verifies, permissions per key, and requests that KMS refuses."""

import hashlib
import json
import uuid

import pytest
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key
from started import allow, policy
from waiting import wait_for_stack

from localaws.front.key_requests import HONOURED_MEMBERS
from localaws.front.shape_checks import answer_problems

MESSAGE = b"sealed"
DIGEST = hashlib.sha256(MESSAGE).digest()
RAW = {"Message": MESSAGE, "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
DIGESTED = {"Message": DIGEST, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
MODEL = ServiceModel(Loader().load_service_model("kms", "service-2"), service_name="kms")


@pytest.fixture
def key(aws):
    return aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]


def refusal(call, **arguments) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return f"{error.value.response['Error']['Code']}: {error.value.response['Error']['Message']}"


def answered(operation, answer):
    """The answer, which must fit botocore's model."""
    told = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    shape = MODEL.operation_model(operation).output_shape
    assert shape is not None
    assert answer_problems(shape, told) == []
    return told


def test_another_library_verifies_a_signature_by_the_public_key(aws, key):
    kms = aws("kms")
    public = answered("GetPublicKey", kms.get_public_key(KeyId=key))
    assert public | {"PublicKey": b""} == {
        "KeyId": key, "PublicKey": b"", "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "SigningAlgorithms": ["ECDSA_SHA_256"],
        "EncryptionAlgorithms": [],
    }  # fmt: skip
    loaded = load_der_public_key(public["PublicKey"])
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    for request in (RAW, DIGESTED):
        signed = answered("Sign", kms.sign(KeyId=key, **request))
        assert (signed["KeyId"], signed["SigningAlgorithm"]) == (key, "ECDSA_SHA_256")
        loaded.verify(signed["Signature"], MESSAGE, ec.ECDSA(hashes.SHA256()))
        loaded.verify(signed["Signature"], DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))
        with pytest.raises(InvalidSignature):
            loaded.verify(signed["Signature"], b"another", ec.ECDSA(hashes.SHA256()))


def test_verify_answers_for_the_signed_message_alone(aws, key):
    kms = aws("kms")
    signature = kms.sign(KeyId=key, **DIGESTED)["Signature"]
    verified = answered("Verify", kms.verify(KeyId=key, **RAW, Signature=signature))
    assert verified == {"KeyId": key, "SignatureValid": True, "SigningAlgorithm": "ECDSA_SHA_256"}
    other = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    for wrong in ({"KeyId": key, **RAW, "Message": b"x"}, {"KeyId": key, **RAW, "Signature": b"x"}, {"KeyId": other, **RAW}):
        assert "KMSInvalidSignatureException" in refusal(kms.verify, **{"Signature": signature, **wrong})


def test_each_operation_needs_its_permission_on_this_key(aws, key, as_role):
    other = aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    signer = as_role(allow("kms:Sign", key))("kms")
    signature = signer.sign(KeyId=key, **RAW)["Signature"]
    assert f"kms:Sign on resource: {other}" in refusal(signer.sign, KeyId=other, **RAW)
    assert f"kms:Verify on resource: {key}" in refusal(signer.verify, KeyId=key, Signature=signature, **RAW)
    assert f"kms:GetPublicKey on resource: {key}" in refusal(signer.get_public_key, KeyId=key)
    reader = as_role(allow(["kms:Verify", "kms:GetPublicKey"], key))("kms")
    assert reader.verify(KeyId=key, Signature=signature, **RAW)["SignatureValid"] is True
    assert reader.get_public_key(KeyId=key)["KeyId"] == key
    assert f"kms:Sign on resource: {key}" in refusal(reader.sign, KeyId=key, **RAW)


def test_a_key_policy_denies_signing_to_all_but_one_role(local_aws, aws, make_role, as_role):
    role = make_role(allow("kms:Sign"))
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{local_aws.account}:root"}, "Action": "kms:*", "Resource": "*"}
    only = {"ArnNotEquals": {"aws:PrincipalArn": role}}
    document = policy(root, {**allow("kms:Sign"), "Effect": "Deny", "Principal": "*", "Condition": only})
    key = aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=document)["KeyMetadata"]["Arn"]
    assert "AccessDenied" in refusal(as_role(allow("kms:*"))("kms").sign, KeyId=key, **RAW)
    session = aws("sts").assume_role(RoleArn=role, RoleSessionName="seal")["Credentials"]
    keys = local_aws.credentials.__class__(
        access_key_id=session["AccessKeyId"], secret_access_key=session["SecretAccessKey"], session_token=session["SessionToken"]
    )
    assert local_aws.client("kms", keys).sign(KeyId=key, **RAW)["Signature"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Message": b"x" * 4097}, "ValidationException: 1 validation error detected: Value 'bytes' at 'message'"),
        ({"Message": b""}, "ValidationException: 1 validation error detected: Value 'bytes' at 'message'"),
        ({"MessageType": "OTHER"}, "ValidationException: 1 validation error detected: Value 'OTHER' at 'messageType'"),
        ({"MessageType": "EXTERNAL_MU"}, "ValidationException: MessageType 'EXTERNAL_MU' is not honoured"),
        ({"MessageType": "DIGEST", "Message": b"short"}, "ValidationException: Digest is invalid length"),
        ({"SigningAlgorithm": "RSASSA_PSS_SHA_256"}, "InvalidKeyUsageException: "),
        ({"DryRun": True}, "ValidationException: DryRun True is not honoured"),
        ({"GrantTokens": ["token"]}, "ValidationException: GrantTokens is not honoured"),
    ],
)
def test_a_request_that_kms_refuses_signs_nothing(local_aws, key, changes, expected):
    kms = local_aws.client("kms", parameter_validation=False)
    assert expected in refusal(kms.sign, **{"KeyId": key, **RAW, **changes})
    assert expected in refusal(kms.verify, **{"KeyId": key, "Signature": b"x", **RAW, **changes})


@pytest.mark.parametrize("member", ["Message", "SigningAlgorithm", "KeyId"])
def test_a_member_that_is_left_out_is_not_filled_in(local_aws, key, member):
    kms = local_aws.client("kms", parameter_validation=False)
    given = {name: value for name, value in {"KeyId": key, **RAW}.items() if name != member}
    where = member[0].lower() + member[1:]
    assert f"Value null at '{where}' failed to satisfy constraint: Member must not be null" in refusal(kms.sign, **given)


@pytest.mark.parametrize(
    ("spec", "usage", "expected"),
    [
        ("ECC_NIST_P256", None, "You must specify a KeyUsage value"),
        ("ECC_NIST_P256", "ENCRYPT_DECRYPT", "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256."),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "KeyUsage 'KEY_AGREEMENT' is not honoured by the local AWS"),
        ("SYMMETRIC_DEFAULT", "SIGN_VERIFY", "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT."),
        ("RSA_2048", "GENERATE_VERIFY_MAC", "KeyUsage GENERATE_VERIFY_MAC is not compatible with KeySpec RSA_2048."),
        ("ML_DSA_44", "SIGN_VERIFY", "KeyUsage SIGN_VERIFY is not compatible with KeySpec ML_DSA_44."),
        ("ECC_NIST_P1", "SIGN_VERIFY", "Value 'ECC_NIST_P1' at 'keySpec' failed to satisfy constraint"),
    ],
)
def test_a_key_of_another_kind_is_not_made(local_aws, spec, usage, expected):
    kms = local_aws.client("kms", parameter_validation=False)
    assert expected in refusal(kms.create_key, KeySpec=spec, **({"KeyUsage": usage} if usage else {}))


def test_a_key_pair_does_not_rotate_and_does_not_encrypt(aws, key):
    kms = aws("kms")
    for call in (kms.enable_key_rotation, kms.disable_key_rotation):
        assert "UnsupportedOperationException" in refusal(call, KeyId=key)
    assert "UnsupportedOperationException" in refusal(kms.encrypt, KeyId=key, Plaintext=b"1")
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    kms.enable_key_rotation(KeyId=symmetric)
    for call, request in ((kms.sign, RAW), (kms.get_public_key, {})):
        assert "UnsupportedOperationException" in refusal(call, KeyId=symmetric, **request)
    kms.disable_key(KeyId=key)
    assert "DisabledException" in refusal(kms.sign, KeyId=key, **RAW)


def test_the_honoured_members_are_awss():
    for operation, members in HONOURED_MEMBERS.items():
        assert set(members) <= set(MODEL.operation_model(operation).input_shape.members)


def stack(cloudformation, operation: str, name: str, **properties: object) -> str:
    """Create or update a stack of one key. Returns its status."""
    resources = {"Key": {"Type": "AWS::KMS::Key", "Properties": properties}}
    template = {"Resources": resources, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}}}
    getattr(cloudformation, f"{operation}_stack")(StackName=name, TemplateBody=json.dumps(template))
    return wait_for_stack(cloudformation, name)["StackStatus"]


def reasons(cloudformation, name: str) -> str:
    return " ".join(event.get("ResourceStatusReason", "") for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"])


def test_a_template_makes_a_signing_key_that_keeps_its_kind(aws):
    cloudformation, name = aws("cloudformation"), f"keys-{uuid.uuid4().hex[:8]}"
    kind = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
    assert stack(cloudformation, "create", name, **kind) == "CREATE_COMPLETE"
    arn = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"]
    metadata = aws("kms").describe_key(KeyId=arn)["KeyMetadata"]
    assert {member: metadata[member] for member in kind} == kind
    assert aws("kms").sign(KeyId=arn, **RAW)["Signature"]
    assert stack(cloudformation, "update", name, KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY") == "UPDATE_ROLLBACK_COMPLETE"
    assert "The KeySpec of a KMS key cannot be changed." in reasons(cloudformation, name)
    assert aws("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeySpec"] == "ECC_NIST_P256"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"KeySpec": "ECC_NIST_P256"}, "You must specify a KeyUsage value"),
        ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY", "EnableKeyRotation": True}, "EnableKeyRotation is for symmetric keys"),
        ({"KeyUsage": "SIGN_VERIFY"}, "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"),
    ],
)
def test_a_template_with_a_key_that_kms_refuses_is_rolled_back(aws, properties, expected):
    cloudformation, name = aws("cloudformation"), f"keys-{uuid.uuid4().hex[:8]}"
    assert stack(cloudformation, "create", name, **properties) == "ROLLBACK_COMPLETE"
    assert expected in reasons(cloudformation, name)
