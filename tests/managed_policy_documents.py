"""Makes `managed_policies.json.xz` of the local AWS from a release of moto on the Python index: `make managed-policies`.

moto (Apache License 2.0) lists the policies that AWS manages as IAM answers them. The local AWS needs their documents, paths and versions.
"""

import json
import lzma
import runpy
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "packages/localaws/src/localaws/emulator/managed_policies.json.xz"
SOURCE = "moto/iam/aws_managed_policies.py"


def policies(wheel: Path) -> dict[str, dict[str, Any]]:
    """Each policy by the name in its ARN, for example `service-role/AWSLambdaRole`."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        text = runpy.run_path(archive.extract(SOURCE, folder))["aws_managed_policies_data"]
    return {f"{found['Path'][1:]}{name}": _kept(found) for name, found in sorted(json.loads(text).items())}


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": found["DefaultVersionId"],
        "created": found["CreateDate"],
        "updated": found["UpdateDate"],
        "document": found["Document"],
    }


if __name__ == "__main__":
    TARGET.write_bytes(lzma.compress(json.dumps(policies(Path(sys.argv[1])), separators=(",", ":")).encode(), preset=9))
