"""What good notebooks print, and holds no secret: a false alarm fails a good run. Made from a seed, so that it is the same each time."""

import base64
import hashlib
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

# AWS's documentation prints these; the parts stand apart for scanners that do not know them.
EXAMPLE_ID, EXAMPLE_SECRET = "AKIAIOSFODNN7" + "EXAMPLE", "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
EXAMPLES = [
    EXAMPLE_ID,
    EXAMPLE_SECRET,
    f"aws_access_key_id = {EXAMPLE_ID}\naws_secret_access_key = {EXAMPLE_SECRET}",
    f"export AWS_ACCESS_KEY_ID={EXAMPLE_ID}\nexport AWS_SECRET_ACCESS_KEY={EXAMPLE_SECRET}",
    f'client = boto3.client("s3", aws_access_key_id="{EXAMPLE_ID}", aws_secret_access_key="{EXAMPLE_SECRET}")',
    json.dumps({"AccessKeyId": EXAMPLE_ID, "SecretAccessKey": EXAMPLE_SECRET, "Expiration": "2026-01-01T00:00:00Z"}),
    "AKIAI44QH8DHB" + "EXAMPLE",
    "je7MtGbClwBF/2Zp9Utk/" + "h3yCo8nvbEXAMPLEKEY",
    "ASIAIOSFODNN7" + "EXAMPLE",
    f"| AccessKeyId | SecretAccessKey |\n|---|---|\n| {EXAMPLE_ID} | {EXAMPLE_SECRET} |",
]
FIXED = [
    "   token  count\n0    the    120\n1     of     88",
    "  password_length  n\n0              12  3",
    "password    object\nuser        object\ndtype: object",
    "password    12\nuser         0\ndtype: int64",
    " #   Column    Non-Null Count  Dtype \n---  ------    --------------  ----- \n 0   user      10 non-null     object\n"
    " 1   password  10 non-null     object",
    "       password\ncount        10\nunique       10\nmean       3.25",
    "| Field | Meaning |\n|---|---|\n| password | of the database |\n| token | from the console |",
    "| Parameter | Type | Default |\n|---|---|---|\n| password | str | none |\n| epochs | int | 3 |",
    "usage: tool [-h] [--password PASSWORD] [--token TOKEN]\n  --password PASSWORD  the password to use\n  --token TOKEN        a token",
    "The password, the user and the host\nare read from Secrets Manager, never typed, ever.",
    "user,password_policy,host\nann,strict-rotation-90,db1",
    'curl -u $USER:$PASSWORD https://example.com; curl -u "${USER}:${TOKEN}" https://example.com',
    "curl -s https://example.com/x?user=ann\ncurl -u user:password https://example.com",
    "machine learning login page password reset",
    "machine example.com login $USER password $PASSWORD",
    "<password>${password}</password> <token/> <secret></secret> <password>{{ password }}</password>",
    "<input type='password' name='password'><label>Password</label>",
    "Cookie: theme=dark; lang=en",
    "Cookies are set by the server; cookie=None",
    "sshpass is not installed; docker login -p expects a value; mysql -p asks",
    '{"auths": {"123456789012.dkr.ecr.eu-west-1.amazonaws.com": {}}, "credsStore": "ecr-login"}',
    '{"auth": "none", "auth_type": "iam", "authenticated": true, "author": "ann", "authority": "AWS"}',
    "Pipeline(steps=[('tfidf', TfidfVectorizer(token_pattern='(?u)\\\\b\\\\w\\\\w+\\\\b')), ('clf', LogisticRegression())])",
    "XGBClassifier(base_score=None, booster=None, device=None, max_depth=6, n_estimators=100, random_state=7)",
    "GET /v1/models/key-metrics 200\nPOST /auth/login 401",
    "https://example.com/api/v1/keys?sort=asc&page_token=next&limit=10",
    "pk_col, sk_learn, test_api_key_rotation_is_logged, live_test_secret_manager_client",
    "[1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0]\n['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']\nA C G T T G C A A C G T",
    "104 101 108 108 111 32 119 111 114 108 100 33",
    "[72, 101, 108, 108, 111, 44, 32, 87, 111, 114, 108, 100]",
    "48 65 6c 6c 6f 20 57 6f 72 6c 64 21 21",
    "ssh-ed25519 SHA256:" + base64.b64encode(hashlib.sha256(b"host").digest()).decode().rstrip("=") + " host (ED25519)",
    "-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(random.Random(1).randbytes(60)).decode() + "\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(random.Random(2).randbytes(48)).decode() + "\n-----END CERTIFICATE-----",
    "Password strength: weak 12, medium 40, strong 8",
    "secret_santa = draw(names)\nThe secret: there is none.",
    "bearer: token is refreshed every hour",
    "Twilio, Mailgun, Facebook, Heroku, Linear, Notion and Vault are services. linear: LinearRegression(), vault = 'main'",
    "eyebrow eyJ sk-learn key-value gsk_ r8_ hf_hub ntn_ lin_api_ glpat- xoxb- ya29 AIza whsec_ npm_config_registry",
]


def _chance(number: int) -> random.Random:
    return random.Random(f"clean {number}")


def _hex(chance: random.Random, size: int) -> str:
    return chance.randbytes(size).hex()


def _uuid(chance: random.Random) -> str:
    digits = _hex(chance, 16)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _letters(chance: random.Random, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(chance.choices(alphabet, k=length))


MADE: dict[str, Callable[[random.Random], str]] = {
    "sha256": lambda c: f"sha256:{_hex(c, 32)}  model.tar.gz",
    "git log": lambda c: f"commit {_hex(c, 20)}\nAuthor: Ann <ann@example.com>\n\n    Keys of the index",
    "short SHA": lambda c: f"{_hex(c, 4)[:7]} HEAD@{{0}}: commit: token counts",
    "etag": lambda c: json.dumps({"ETag": f'"{_hex(c, 16)}-{c.randint(1, 99)}"', "VersionId": _letters(c, 32)}),
    "boto3 answer": lambda c: repr(
        {
            "ResponseMetadata": {
                "RequestId": _letters(c, 16, string.ascii_uppercase + string.digits),
                "HostId": base64.b64encode(c.randbytes(56)).decode(),
                "HTTPHeaders": {"x-amz-id-2": base64.b64encode(c.randbytes(56)).decode(), "x-amz-request-id": _letters(c, 16, "ABCDEF123")},
            }
        }
    ),
    "next token": lambda c: json.dumps({"NextToken": base64.b64encode(c.randbytes(60)).decode(), "nextToken": _letters(c, 40)}),
    "ARNs": lambda c: f"arn:aws:sagemaker:eu-west-1:{c.randint(10**11, 10**12 - 1)}:model-package/fm/{c.randint(1, 99)}",
    "KMS key": lambda c: f"arn:aws:kms:eu-west-1:123456789012:key/{_uuid(c)} KeyId: {_uuid(c)}",
    "stack id": lambda c: f"arn:aws:cloudformation:us-east-1:123456789012:stack/abc-ml-lab/{_uuid(c)}",
    "role id": lambda c: f'{{"UserId": "AROA{_letters(c, 17, string.ascii_uppercase)}:session", "Account": "123456789012"}}',
    "UUIDs": lambda c: f"run {_uuid(c)} of {_uuid(c)}",
    "query execution": lambda c: f"QueryExecutionId: {_uuid(c)}, s3://bucket/athena/{_uuid(c)}.csv",
    "job": lambda c: f"fm-20260101-120000-{_hex(c, 4)} Completed, model s3://b/models/fm-{_hex(c, 4)}/output/model.tar.gz",
    "image": lambda c: f"382416733822.dkr.ecr.us-east-1.amazonaws.com/fm:1@sha256:{_hex(c, 32)}",
    "lock": lambda c: f"numpy==2.3.{c.randint(0, 9)} \\\n    --hash=sha256:{_hex(c, 32)} \\\n    --hash=sha256:{_hex(c, 32)}",
    "conda": lambda c: f"openssl  3.0.{c.randint(1, 9)}  h{_hex(c, 4)}_0  conda-forge",
    "hyperparameters": lambda c: (
        f"   num_factors  mini_batch_size  learning_rate    auc\n0  {c.choice((8, 16, 64))}  1000  {c.random():.6f}  {c.random():.4f}"
    ),
    "hyperparameters, JSON": lambda c: json.dumps(
        {"feature_dim": str(c.randint(1, 10**6)), "predictor_type": "binary_classifier", "seed": c.randint(1, 2**31), "tokenizer": "bert"}
    ),
    "training log": lambda c: (
        f"#quality_metric: host=algo-1, epoch={c.randint(0, 9)}, train binary_classification_accuracy <score>={c.random()}"
    ),
    "metrics": lambda c: f"[01/01/2026 12:00:00 INFO {c.randint(10**14, 10**15)}] #progress_metric: completed 10 % of epochs",
    "DataFrame": lambda c: (
        f"    user_id  item_id  rating          digest\n0 {c.randint(1, 9):4}  {c.randint(1, 9999):7}  {c.random():.1f}  {_hex(c, 8)}"
    ),
    "anonymous ids": lambda c: f"  user                              rating\n0  {_hex(c, 16)}  4.0\n1  {_uuid(c)}  3.5",
    "numbers": lambda c: " ".join(f"{c.uniform(-1e5, 1e5):.6g}" for _ in range(40)),
    "array": lambda c: "array([" + ", ".join(str(c.randint(0, 255)) for _ in range(60)) + "], dtype=uint8)",
    "hex dump": lambda c: f"00000000: {c.randbytes(16).hex(' ')}\n00000010: {c.randbytes(16).hex(' ')}",
    "bytes": lambda c: repr(c.randbytes(60)),
    "base64": lambda c: base64.b64encode(c.randbytes(120)).decode(),
    "data URI": lambda c: f"data:image/png;base64,{base64.b64encode(bytes([137, 80, 78, 71]) + c.randbytes(200)).decode()}",
    "addresses": lambda c: f"10.{c.randint(0, 255)}.0.1:8888 fe80::{_hex(c, 2)}:{_hex(c, 2)} {c.randbytes(6).hex(':')}",
    "kernel": lambda c: f"connection file kernel-{_uuid(c)}.json, comm {_hex(c, 16)}, cell {_hex(c, 4)}",
    "object": lambda c: f"<botocore.client.S3 object at 0x7f{_hex(c, 5)}>, <Figure size 640x480 with 1 Axes>",
    "trace": lambda c: (
        f'File "/opt/ml/code/train.py", line {c.randint(1, 99)}, in fit\n  ValueError: token {c.randint(1, 99)} out of range'
    ),
    "X-Ray": lambda c: f"X-Amzn-Trace-Id: Root=1-{_hex(c, 4)}-{_hex(c, 12)}",
    "mlflow": lambda c: f"Run {_hex(c, 16)} of experiment {c.randint(1, 99)} at http://127.0.0.1:5000/#/experiments/0/runs/{_hex(c, 16)}",
    "manifest": lambda c: json.dumps(
        {"files": [{"path": "a.json", "sha256": _hex(c, 32), "version_id": _letters(c, 32)}], "key_id": _uuid(c)}
    ),
    "signature": lambda c: json.dumps(
        {
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": _hex(c, 32), "sig": base64.b64encode(c.randbytes(70)).decode()}],
        }
    ),
}
_EACH = 6


def texts() -> Iterator[tuple[str, str]]:
    """`(name, text)` of each row."""
    yield from ((f"AWS's example {number}", text) for number, text in enumerate(EXAMPLES))
    yield from ((f"text {number}", text) for number, text in enumerate(FIXED))
    for name, make in MADE.items():
        yield from ((f"{name} {number}", make(_chance(hash_of(name) + number))) for number in range(_EACH))


def hash_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def _output(mime: str, value: Any) -> NotebookNode:
    return new_notebook(cells=[new_code_cell("show()", outputs=[new_output("display_data", data={mime: value})])])


def rows() -> Iterator[tuple[str, NotebookNode]]:
    """Each text as a stream, and in one other place."""
    from html import escape

    places: list[Callable[[str], NotebookNode]] = [
        lambda text: _output("text/plain", repr(text)),
        lambda text: _output("text/html", f"<table><tr><th>value</th></tr><tr><td>{escape(text)}</td></tr></table>"),
        lambda text: _output("application/json", {"value": [text]}),
        lambda text: new_notebook(cells=[new_markdown_cell(text)]),
    ]
    for number, (name, text) in enumerate(texts()):
        yield f"{name}, printed", new_notebook(cells=[new_code_cell("show()", outputs=[new_output("stream", text=f"{text}\n")])])
        yield f"{name}, elsewhere", places[number % len(places)](text)
