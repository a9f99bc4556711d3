"""The tools that seal and verify: what they hold, that equal sources give equal bytes, and that their lock has all that they import."""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mlkit.errors import NotFound
from mlkit.project.evidence_tools import LOCK, pack

ROOT = Path(__file__).parents[2]
# Imports the modules of the builds that seal and verify, as if only the locked packages were installed.
IMPORTS = """
import sys
from importlib import metadata

locked = set({locked!r})
provided = {{module for module, names in metadata.packages_distributions().items() if not locked.isdisjoint(map(normal, names))}}


installed = set(metadata.packages_distributions())


class OnlyLocked:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        is_absent = top in installed and top not in provided and top != "mlkit"
        return None if is_absent else self.finder.find_spec(name, path, target)


sys.meta_path[:] = map(OnlyLocked, sys.meta_path)
import mlkit.aws.approved
import mlkit.aws.sealing
import mlkit.aws.sweeping
import mlkit.cli
import mlkit.cli.evidence_commands
"""
NORMAL = "def normal(name):\n    return name.lower().replace('_', '-')\n"


def locked() -> set[str]:
    """The names of the locked packages."""
    return {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", (ROOT / LOCK).read_text(), re.MULTILINE)}


def test_the_sealing_modules_import_nothing_that_their_lock_does_not_hold() -> None:
    program = NORMAL + IMPORTS.format(locked=sorted(locked()))
    done = subprocess.run([sys.executable, "-P", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused = subprocess.run(
        [sys.executable, "-P", "-c", f"{program}\nimport numpy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "No module named 'numpy'" in refused.stderr


def test_the_tools_hold_the_wheel_the_lock_the_installer_and_nothing_else() -> None:
    first = pack(ROOT)
    assert first == pack(ROOT)
    archive = zipfile.ZipFile(io.BytesIO(first))
    wheel, *others = sorted(archive.namelist(), key=lambda name: not name.endswith(".whl"))
    assert re.fullmatch(r"sagemaker_mlkit-[\d.]+-py3-none-any\.whl", wheel)
    assert sorted(others) == ["install.sh", "requirements.lock", "uv.lock"]
    packages, installer = archive.read("requirements.lock").decode(), archive.read("uv.lock").decode()
    assert re.findall(r"^[\w.-]+==", installer, re.MULTILINE) == ["uv=="]
    assert "--hash=sha256:" in installer
    assert "uv==" not in packages
    assert set(re.findall(r"^([\w.-]+)==", packages, re.MULTILINE)) == locked() - {"uv"}
    inside = zipfile.ZipFile(io.BytesIO(archive.read(wheel))).namelist()
    assert {"mlkit/aws/sealing.py", "mlkit/aws/approved.py", "mlkit/review/templates/page.html"} <= set(inside)


def test_a_project_without_mlkit_gets_the_tools_of_the_mlkit_that_deploys(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("")
    assert pack(tmp_path) == pack(ROOT)


@pytest.mark.parametrize("lock", ["", "boto3==1.0 \\\n    --hash=sha256:0\n"])
def test_a_lock_that_does_not_pin_the_installer_is_refused(tmp_path: Path, lock: str) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "sagemaker_mlkit-0.1.0-py3-none-any.whl").write_bytes(b"wheel")
    with pytest.raises(NotFound, match=r"requirements-seal\.lock does not exist"):
        pack(tmp_path)
    (tmp_path / LOCK).write_text(lock)
    with pytest.raises(NotFound, match=r"requirements-seal\.lock does not pin uv"):
        pack(tmp_path)
    (tmp_path / LOCK).write_text(f"{lock}uv==1 \\\n    --hash=sha256:0\n")
    assert zipfile.ZipFile(io.BytesIO(pack(tmp_path))).read("requirements.lock").decode() == lock
