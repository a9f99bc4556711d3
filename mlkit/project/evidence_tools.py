"""The tools object: the code that seals evidence and verifies approvals, packed by who deploys the pipeline.

It holds mlkit's wheel, the lock of its few packages, and a script that installs both. Equal sources give equal bytes.
"""

import io
import re
import zipfile
from pathlib import Path

import mlkit
from mlkit.errors import NotFound
from mlkit.project.wheels import carries_mlkit, mlkit_wheel

LOCK = "requirements-seal.lock"
_INSTALL = Path(__file__).with_name("install_tools.sh")
_UV = re.compile(r"^uv==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def pack(root: Path) -> bytes:
    """The tools of the project, or of the checkout of mlkit, at `root`; of this mlkit's own checkout if `root` is neither.

    Raises NotFound without a lock that pins uv, or without the wheel.
    """
    home = root if carries_mlkit(root) else Path(mlkit.__file__).resolve().parents[1]
    try:
        lock = (home / LOCK).read_text()
    except FileNotFoundError as error:
        raise NotFound(f"{home / LOCK} does not exist", cure=f"`git checkout -- {LOCK}` restores it.") from error
    wheel = mlkit_wheel(home)
    uv = _UV.search(lock)
    if uv is None:
        raise NotFound(f"{home / LOCK} does not pin uv", cure=f"`git checkout -- {LOCK}` restores it.")
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
