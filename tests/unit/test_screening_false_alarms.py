"""What a run's evidence is made of must pass: a false alarm fails a good run."""

import base64
import hashlib
import io
import json
import random
import uuid
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mlkit.screening import Screener

ROOT = Path(__file__).parents[2]
KNOWN = {"one": "Zp1t4k9Xw2LmQ8vR", "another": "A7b/+c9D" * 5}
WORD = "pass" + "word"


def assert_passes(content):
    clean, redactions = Screener(KNOWN).notebook(content)
    assert redactions == ()
    assert clean == content


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/notebooks/reference").glob("*.ipynb")) + sorted((ROOT / "notebooks").glob("*.ipynb"))
)
def test_our_own_notebooks_pass(path):
    assert_passes(nbformat.read(path, as_version=4))


SHA256 = hashlib.sha256(b"x").hexdigest()
COMMIT = hashlib.sha1(b"x").hexdigest()
LINES = [
    f"sha256: {SHA256}",
    f"commit {COMMIT}",
    f'{{"model_sha256": "{SHA256}", "step_key": "{SHA256}", "lock_sha256": {{"requirements.lock": "{SHA256}"}}}}',
    f"ETag: {hashlib.md5(b'x').hexdigest()}",
    str(uuid.UUID(SHA256[:32])),
    f"execution {uuid.UUID(SHA256[:32])}, query {uuid.UUID(SHA256[32:])}",
    f"mlkit-ml-lab-pipeline-ModelTraining-38820681:{uuid.UUID(SHA256[:32])}",
    f"mlkit-ml-lab-pipeline-ModelTraining-F70B12345678:{uuid.UUID(SHA256[:32])}",
    "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20260101T000000",
    "arn:aws:codepipeline:us-east-1:123456789012:abc-ml-lab-pipeline-of-a-team-with-a-long-name",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:mlkit/db-AbCdEf",
    "arn:aws:sagemaker:us-east-1:123456789012:training-job/mlkit-fm-20261122-105953-0d12ab16",
    "s3://mlkit-ml-id-lab/prepared/20261122T105953Z-0d12ab16/train/shard-00000.recordio",
    "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1",
    f"382416733822.dkr.ecr.us-east-1.amazonaws.com/fm@sha256:{SHA256}",
    "training job mlkit-fm-20261122-105953-0d12ab16 Completed",
    "http://127.0.0.1:4566/bucket/key?versionId=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
    "127.0.0.1 - 8.8.8.8 - 10.0.0.1:8888",
    "https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines.html#fm-inputoutput",
    "user@example.com, git@github.com:owner/repo.git, ssh://git@github.com/owner/repo",
    "0.8123456789 1e-05 12345678 1234567890 3.14159265358979 -0.0",
    "2026-11-22T10:59:53.347833+00:00",
    "1700000000:abc 12:30:45",
    "import secrets, tokenize, getpass",
    "mlkit.aws.session.Session object, sklearn.feature_extraction.text.TfidfVectorizer",
    "NotificationType9, RequestType0, Conv2DTranspose, Float64Index, Resnet50V2",
    f"KeyError: '{WORD}'",
    f"The {WORD} is a reference: see the docs.",
    f"{WORD} = secretsmanager:mlkit/db#{WORD}",
    "secretsmanager:lab-e7f3e7d4f463 does not exist",
    f"{WORD}: secretsmanager:prod/db-k9Xw2LmQ8vRt#{WORD}",
    f"{WORD}: ssm:/mlkit/db/{WORD}",
    f'{{"{WORD}": "secretsmanager:mlkit/db#{WORD}", "api_key": "ssm:/mlkit/key"}}',
    '{"NextToken": "AAAAKgAAAAEAAAAAAAAAAXyzW9x2QpLm4v", "ClientRequestToken": "k9Xw2LmQ8vRt4Zp1a"}',
    '{"SecretId": "mlkit/db", "SecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mlkit/db-AbCdEf"}',
    '{"tokenizer": "WordPiece", "pad_token": "[PAD]", "eos_token": "<|endoftext|>", "max_tokens": 512, "token_type": "bearer"}',
    '{"detect-secrets": "1.5.0", "tokenizers": "0.20.1", "SecretStorage": "3.3.1", "passlib": "1.7.4"}',
    "detect-secrets==1.5.0\ntokenizers==0.20.1\nSecretStorage 3.3.1",
    f'{{"{WORD}": null, "secret": "", "api_key": "****", "pwd": "/home/ann", "client_secret": "<your secret>"}}',
    f"{WORD}: str\nsecret: Optional[str] = None",
    f'rename(columns={{"pwd": "{WORD}", "user": "name"}})',
    '"AWS_SECRET_ACCESS_KEY": "SecretAccessKey"',
    "APPENDIXES APERTURESIZE AKCENTRUMETER",
    "https://{user}:{password}@{host}/x https://username:password@proxy.example.com postgres://$USER:$PW@db/x",
    "X-Amz-Signature={signature} X-Amz-Credential=<key> Authorization: Bearer {token}",
    "The authorization bearer of this letter is a friend.",
    "eyJhbGciOiJub3RfanNvbg.eyJub3RfanNvbg.abcdef",
    "eyJhbGciOi is how a token begins. eyJ.a.b",
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 4).decode(),
    "bXkgdGVhIGlzIHdhcm0gYW5kIHRoZSBjYXQgaXMgZ29uZQ==",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("place", ["stream", "source", "markdown", "html", "json", "metadata", "record"])
def test_evidence_passes(line, place):
    if place == "record":
        assert Screener(KNOWN).document({"evalue": line, line: 1}, "record") == ({"evalue": line, line: 1}, ())
        return
    cell = {
        "stream": lambda: new_code_cell(
            "x()", outputs=[new_output("stream", text=f"{line}\n"), new_output("stream", name="stderr", text=line)]
        ),
        "source": lambda: new_code_cell(line),
        "markdown": lambda: new_markdown_cell(line),
        "html": lambda: new_code_cell("x()", outputs=[new_output("display_data", data={"text/html": f"<td>{line}</td>"})]),
        "json": lambda: new_code_cell("x()", outputs=[new_output("display_data", data={"application/json": {"x": [line, {"y": line}]}})]),
        "metadata": lambda: new_code_cell("x()", metadata={"note": line}),
    }[place]()
    assert_passes(new_notebook(cells=[cell], metadata={"note": line} if place == "metadata" else {}))


@pytest.mark.parametrize("value", ["{}", "[{}]"])
@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("{")])
def test_documents_pass(line, value):
    document = json.loads(value.format(line))
    assert Screener(KNOWN).document(document, "record") == (document, ())


@pytest.mark.parametrize(
    "source",
    [
        '{} = get_secret("x")',
        '{} = get_secret("mlkit/db1");',
        'token = os.environ["TOKEN"]',
        '{} = os.environ["DB_PASSWORD"]',
        'api_key = ""',
        "secret = None",
        'secret: str | None = None  # "ssm:/path"',
        '{}: str = "secretsmanager:mlkit/db#{}"',
        '{} = "ssm:/mlkit/db"',
        '{} = getpass("Pass" "word: ") or "x"',
        '{} = input("{}: ") or config["b"]',
        '{} = f"{{prefix}}{{suffix}}"',
        "{0} = {0}\nconnect({0}={0}, user='ann')",
        "secret = client.get_secret_value(SecretId='mlkit/db')['SecretString']",
        'secret_name = "mlkit/prod/db-2026"',
        'secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"',
        'private_key_path = "/home/ann/.ssh/id_rsa"',
        'private_key = "~/.ssh/id_rsa.pem"',
        'assert {} is not None, "no {} given: see the docs"',
        'if {} == "": raise ValueError("no {}")',
        'for token in tokens: print("token", token)',
        'columns = ["{}", "birthday", "created_at"]',
        "connect({}=value1, token=k9Xw2LmQ8vRt4Zq1)",
        'token = "NotificationType9Handler"',
        'secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"',
        "has_{} = True\n{}_length = 12",
        'boto3.client("secretsmanager")',
    ],
)
def test_source_that_holds_no_secret_passes(source):
    assert_passes(
        new_notebook(cells=[new_code_cell(source.replace("{0}", WORD).replace("{{", "{").replace("}}", "}").replace("{}", WORD))])
    )


def test_references_as_parameters_pass():
    parameters = {WORD: f"secretsmanager:mlkit/db#{WORD}", "api_key": "ssm:/mlkit/key", "epochs": 3, "token": "", "secret": None}
    cell = new_code_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items()), metadata={"tags": ["injected-parameters"]})
    about = {
        "parameters": parameters,
        "start_time": "2026-11-22T10:59:53.347833",
        "version": "2.6.0",
        "input_path": "/home/a/notebook.ipynb",
    }
    assert_passes(new_notebook(cells=[cell], metadata={"papermill": about, "kernelspec": {"name": "python3", "display_name": "Python 3"}}))


def test_plots_pass():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    outputs = []
    for number in range(3):
        figure, axes = pyplot.subplots()
        axes.plot(random.Random(number).choices(range(100), k=500))
        axes.set_title("log loss by epoch")
        data = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
        for kind, mime in (("png", "image/png"), ("jpg", "image/jpeg"), ("svg", "image/svg+xml"), ("pdf", "application/pdf")):
            file = io.BytesIO()
            figure.savefig(file, format=kind)
            data[mime] = file.getvalue().decode() if kind == "svg" else base64.encodebytes(file.getvalue()).decode()
        pyplot.close(figure)
        outputs.append(new_output("display_data", data=data))
    assert_passes(new_notebook(cells=[new_code_cell("plot()", outputs=outputs)]))


def test_many_digests_ids_and_numbers_in_a_row_pass():
    """Over the borders of outputs, too, where a line break is left out."""
    chance = random.Random(7)
    outputs = []
    for number in range(300):
        text = [chance.randbytes(32).hex(), chance.randbytes(20).hex(), str(uuid.UUID(bytes=chance.randbytes(16))), f"{chance.random()}"][
            number % 4
        ]
        outputs.append(new_output("stream", name="stderr" if number % 2 else "stdout", text=f"{text}\n"))
    assert_passes(new_notebook(cells=[new_code_cell("x()", outputs=outputs[:150]), new_code_cell("y()", outputs=outputs[150:])]))


def test_arrays_of_bytes_in_base64_pass():
    chance = random.Random(7)
    for _ in range(50):
        blob = base64.b64encode(chance.randbytes(3000)).decode()
        data = {
            "application/vnd.plotly.v1+json": {"data": [{"x": {"dtype": "f8", "bdata": blob}}]},
            "text/html": f"<script>var a='{blob}'</script>",
        }
        assert_passes(new_notebook(cells=[new_code_cell("x()", outputs=[new_output("display_data", data=data)])]))
