"""The tools object: the code that seals evidence and verifies approvals, packed by who deploys the pipeline.

It holds mlkit's wheel, the lock of its few packages, and a script that installs both. Equal sources give equal bytes.
"""

import io
import re
import zipfile
from pathlib import Path

from mlkit.errors import NotFound
from mlkit.project.wheels import mlkit_wheel

LOCK = "requirements-seal.lock"
_INSTALL = Path(__file__).with_name("install_tools.sh")
_UV = re.compile(r"^uv==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def pack(root: Path) -> bytes:
    """The tools of the project, or of the checkout of mlkit, at `root`. Raises NotFound without its lock or its wheel."""
    wheel = mlkit_wheel(root)
    try:
        lock = (root / LOCK).read_text()
    except FileNotFoundError as error:
        raise NotFound(f"{root / LOCK} does not exist", cure=f"`git checkout -- {LOCK}` restores it.") from error
    uv = _UV.search(lock)
    if uv is None:
        raise NotFound(f"{root / LOCK} does not pin uv", cure=f"`git checkout -- {LOCK}` restores it.")
    files = {
        wheel.path.rpartition("/")[2]: wheel.content,
        "install.sh": _INSTALL.read_bytes(),
        "requirements.lock": _UV.sub("", lock).encode(),
        "uv.lock": uv[0].encode(),
    }
    return _zipped(files)


def _zipped(files: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return body.getvalue()
