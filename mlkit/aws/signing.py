"""The evidence key in KMS: signs seals, and gives its public key to people who verify them."""

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from securesystemslib.signer import AWSSigner, Signature, SSlibKey

from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import find_export
from mlkit.errors import NotFound, UsageError
from mlkit.evidence.envelope import read_key
from mlkit.naming import LabNames

KEY_SPEC = "ECC_NIST_P256"


class EvidenceSigner(AWSSigner):
    """Signs with the KMS key, in the account and region of the session."""

    def __init__(self, aws: Session, key_arn: str) -> None:
        """Reads the public key. Raises UsageError for another kind of key.

        AWSSigner's own constructor is not called: it makes a client of the process's default session.
        """
        self._public_key = public_key(aws, key_arn)
        self.aws_key_id = key_arn
        self.aws_algo = self.aws_algos[self._public_key.scheme]
        self.client = aws.client("kms")

    def sign(self, payload: bytes) -> Signature:
        """Sign the SHA-256 of the payload, which is all that KMS gets. Raises AWS's errors as mlkit's."""
        with aws_errors():
            return super().sign(payload)


def public_key(aws: Session, key_arn: str) -> SSlibKey:
    """The public key of a KMS key that signs seals. Raises UsageError for another kind of key."""
    with aws_errors():
        answer = aws.client("kms").get_public_key(KeyId=key_arn)
    if (answer["KeySpec"], answer["KeyUsage"]) != (KEY_SPEC, "SIGN_VERIFY"):
        cure = f"CloudFormation/pipeline_foundation.yaml makes the key: {KEY_SPEC}, SIGN_VERIFY."
        raise UsageError(f"{key_arn} is a key {answer['KeySpec']} for {answer['KeyUsage']}", cure=cure)
    pem = load_der_public_key(answer["PublicKey"]).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return read_key(pem)


def find_evidence_key(aws: Session, your_initials: str) -> str:
    """The ARN of the evidence key, which the pipeline's foundation stack exports. Raises NotFound."""
    export = LabNames(initials=your_initials).evidence_key_export
    if found := find_export(aws, export):
        return found
    raise NotFound(f"No stack exports {export}", cure="Deploy the pipeline (`mlkit pipeline deploy`), or give the key's ARN: --key-arn.")
