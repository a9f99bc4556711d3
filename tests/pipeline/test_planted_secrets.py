"""Secrets of many kinds, planted in notebooks, their parameters and their surroundings: looked for everywhere afterwards."""

import base64
import gzip
import json
import os
import random
import string
import subprocess
import sys
import uuid
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from waiting import HANG_S

from mlkit.evidence.run_record import RunRecord

KERNELSPEC = {"name": "python3", "language": "python", "display_name": "Python 3"}
_draw = random.Random(20)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_draw.choice(alphabet) for _ in range(count))


# Made when the test runs, so that no file of the repository holds anything like a secret.
PLANTED = {
    "parameter": "Pw" + letters(14),
    "parameter in a dict": letters(24),
    "environment, printed": letters(20),
    "environment, in HTML": letters(8) + "&<" + letters(8),
    "environment, base64": letters(21),
    "environment, split over two outputs": letters(24),
    "environment, split by a line's end": letters(24),
    "environment, in a picture": letters(24),
    "environment, as hex": letters(20),
    "printed": "AKIA" + letters(16, string.ascii_uppercase + string.digits),
    "printed to stderr": "ghp_" + letters(36),
    "in a traceback": "xoxb-" + letters(12, string.digits) + "-" + letters(24, string.ascii_lowercase),
    "in a DataFrame": "sk_live_" + letters(24),
    "base64 in an output": "AKIA" + letters(16, string.ascii_uppercase + string.digits),
    "in a cell's metadata": "ghp_" + letters(36),
    "in the notebook's metadata": "SG." + letters(22) + "." + letters(43),
    "in the source": letters(22),
    "in a markdown cell": "ghp_" + letters(36),
    "in a heading": "glpat-" + letters(20),
    "in JSON": "sq0csp-" + letters(43),
    "in a web address": letters(12),
    "resolved, from SSM": letters(20),
    "resolved, from Secrets Manager": letters(20),
    "in a handed-over file": "ghp_" + letters(36),
    "written past IPython": letters(20),
    "below a header": letters(9) + ".horse7",
    "packed": "sk-" + "ant-api03-" + letters(93) + "AA",
    "letter by letter": "GOC" + "SPX-" + letters(28),
}
ENVIRONMENT = {
    "DB_PASSWORD": PLANTED["environment, printed"],
    "HTML_TOKEN": PLANTED["environment, in HTML"],
    "ENCODED_SECRET": PLANTED["environment, base64"],
    "SPLIT_TOKEN": PLANTED["environment, split over two outputs"],
    "BROKEN_TOKEN": PLANTED["environment, split by a line's end"],
    "PICTURE_TOKEN": PLANTED["environment, in a picture"],
    "HEX_SECRET": PLANTED["environment, as hex"],
    "COLUMN": PLANTED["below a header"],  # a name that says nothing
    "PAST_TOKEN": PLANTED["written past IPython"],
}
CELLS = [
    "import base64, json, os, sys\nimport pandas as pd\nfrom pathlib import Path\nfrom IPython.display import JSON, Image, display",
    "print('connecting with', password, options, os.environ['DB_PASSWORD'])",
    "display(pd.DataFrame({'token': [os.environ['HTML_TOKEN']]}))\ndisplay(pd.DataFrame({'key': [%(in a DataFrame)r]}))",
    "print(base64.b64encode(('user:' + os.environ['ENCODED_SECRET']).encode()).decode())",
    "half = len(os.environ['SPLIT_TOKEN']) // 2\nprint(os.environ['SPLIT_TOKEN'][:half], end='', flush=True)",
    "print(os.environ['SPLIT_TOKEN'][half:])\nprint(os.environ['SPLIT_TOKEN'][:half], end='', flush=True)\n"
    "print(os.environ['SPLIT_TOKEN'][half:], end='', file=sys.stderr)",
    "print(os.environ['BROKEN_TOKEN'][:9] + '\\n' + os.environ['BROKEN_TOKEN'][9:])",
    "from matplotlib import pyplot as plt\nplt.plot([1, 2])\nplt.savefig('p.png', metadata={'Comment': os.environ['PICTURE_TOKEN']})\n"
    "plt.close()\nimage = Image('p.png')\nos.remove('p.png')\nimage",
    "print(os.environ['HEX_SECRET'].encode().hex())",
    "print('key id', %(printed)r)\nprint('bad credentials for', %(printed to stderr)r, file=sys.stderr)",
    "print(base64.b64encode(b'aws_access_key_id = %(base64 in an output)s').decode())",
    "display(pd.DataFrame({'user': ['ann'], 'password': [os.environ['COLUMN']]}))",
    "import gzip\nprint(base64.b64encode(gzip.compress(b'%(packed)s')).decode())",
    "print(list(%(letter by letter)r))",
    "api_key = %(in the source)r\nprint(api_key[::1])",
    "display(JSON({'token': %(in JSON)r}))",
    "print('postgresql://app:%(in a web address)s@db.example.com/lake')",
    "print(from_ssm, repr(from_secrets_manager))\nfrom_ssm",
    "Path('handoff').mkdir(exist_ok=True)\nPath('handoff/model.json').write_text(json.dumps({'token': %(in a handed-over file)r}));",
    "os.write(2, os.environ['PAST_TOKEN'].encode()); os.system('echo $PAST_TOKEN >&2');",
]
PARAMETERS = """password: str = "none"  # of the database
options: dict = {}  # of the connection
from_ssm: str = "none"  # a reference
from_secrets_manager: str = "none"  # a reference"""


def planted_notebook(path: Path, cells: list[str]) -> Path:
    filled = [cell % PLANTED if "%(" in cell else cell for cell in cells]
    made = new_notebook(metadata={"kernelspec": KERNELSPEC, "note": PLANTED["in the notebook's metadata"]})
    made.cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    made.cells += [new_markdown_cell(f"## Connect with {PLANTED['in a heading']}"), new_markdown_cell(PLANTED["in a markdown cell"])]
    made.cells += [new_code_cell(cell, metadata={"note": PLANTED["in a cell's metadata"]} if "handoff" in cell else {}) for cell in filled]
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="module")
def bucket(local_aws):
    name = f"evidence-{uuid.uuid4().hex[:8]}"
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def every_version(local_aws, bucket: str) -> dict[str, bytes]:
    s3, found = local_aws.client("s3"), {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for one in page.get("Versions", []):
            body = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"]
            found[f"{one['Key']}?{one['VersionId']}"] = body.read()
    return found


def run(local_aws, bucket: str, notebook: Path, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    home = notebook.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "COLUMNS": "80", **local_aws.environment, **variables}
    command = [str(Path(sys.executable).with_name("mlkit")), "run", notebook.name, *options, "--evidence", f"s3://{bucket}/one/attempt/"]
    return subprocess.run(command, cwd=notebook.parent, env=environment, capture_output=True, text=True, timeout=HANG_S)


def holders(secret: str, places: dict[str, bytes]) -> list[str]:
    """The places that show the secret: as it is, in base64, hex, packed, as a list, or with a line's end or markup inside."""
    plain = secret.encode()
    encoded = [base64.b64encode(b"x" * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    forms = [plain, plain.hex().encode(), json.dumps(secret)[1:-1].encode(), *encoded]
    forms += [repr(list(secret)).encode(), base64.b64encode(gzip.compress(plain, mtime=0))[20:60]]
    forms += [secret.replace("&", "&amp;").replace("<", "&lt;").encode()]
    return [place for place, data in places.items() if any(form in data or form in data.replace(b"\\n", b"") for form in forms)]


def test_no_planted_secret_is_left_anywhere(local_aws, bucket, tmp_path):
    ssm, manager = local_aws.client("ssm"), local_aws.client("secretsmanager")
    ssm.put_parameter(Name="/planted/one", Type="SecureString", Value=PLANTED["resolved, from SSM"])
    manager.create_secret(Name="planted/two", SecretString=json.dumps({"key": PLANTED["resolved, from Secrets Manager"], "id": 1}))
    traceback = f"raise ConnectionError('cannot connect with {PLANTED['in a traceback']}')"
    notebook = planted_notebook(tmp_path / "planted.ipynb", [*CELLS, traceback])
    given = ["-p", "password", PLANTED["parameter"], "-p", "options", json.dumps({"api_key": PLANTED["parameter in a dict"]})]
    given += ["-p", "from_ssm", "ssm:/planted/one", "-p", "from_secrets_manager", "secretsmanager:planted/two#key"]
    before = {path.read_bytes() for path in local_aws.home.rglob("*") if path.is_file()}

    done = run(local_aws, bucket, notebook, *given, **ENVIRONMENT)

    notebook.unlink()  # the source holds what was planted there
    objects = every_version(local_aws, bucket)
    local = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    state = {str(path): data for path in local_aws.home.rglob("*") if path.is_file() and (data := path.read_bytes()) not in before}
    kept = {name: data for name, data in state.items() if not Path(name).name.startswith(("ssm", "secretsmanager"))}  # where they live
    places = {**objects, **local, **kept, "log": (done.stdout + done.stderr).encode()}
    assert {kind: found for kind, secret in PLANTED.items() if (found := holders(secret, places))} == {}

    assert done.returncode == 15, done.stdout + done.stderr
    record = RunRecord.from_json(next(data for name, data in local.items() if name.endswith(".record.json")).decode())
    assert record.status == "failed"
    assert record.failure.ename == "ConnectionError"
    assert {one.place for one in record.redactions} >= {"source", "output", "metadata"}
    assert [name for name in objects if name.startswith("one/attempt/planted.record.json")]
    assert {one.name: one.value for one in record.parameters}["from_ssm"] == "ssm:/planted/one"
    assert "Connect with [redacted" in done.stdout


def test_a_clean_notebook_with_plots_ids_and_arns_trips_nothing(local_aws, bucket, tmp_path):
    cells = [
        "import hashlib, uuid\nimport pandas as pd\nfrom matplotlib import pyplot as plt",
        "%config InlineBackend.figure_formats = ['png', 'svg']\nplt.plot(range(50)); plt.show()",
        "print(uuid.uuid4(), hashlib.sha256(b'a').hexdigest(), hashlib.sha1(b'a').hexdigest())",
        "print('arn:aws:sagemaker:us-east-1:123456789012:training-job/fm-0a1b2c3d-20260101T000000')",
        "pd.DataFrame({'uri': ['s3://mlkit-ml-id-lab/models/fm-1/output/model.tar.gz'], 'ip': ['127.0.0.1'], 'x': [1.25e-7]})",
        "import boto3\nprint(boto3.client('sts').get_caller_identity())",
    ]
    made = new_notebook(metadata={"kernelspec": KERNELSPEC})
    made.cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), *map(new_code_cell, cells)]
    nbformat.write(made, tmp_path / "clean.ipynb")
    done = run(local_aws, bucket, tmp_path / "clean.ipynb", "-p", "from_ssm", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    record = RunRecord.from_json((tmp_path / "executed/clean.record.json").read_text())
    assert record.redactions == ()
    assert "image/png" in (tmp_path / "executed/clean.ipynb").read_text()
