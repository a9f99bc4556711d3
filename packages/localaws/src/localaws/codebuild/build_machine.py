"""The environment of a build, which on AWS would be a container: its own Python and home, a few tools, the machine's network.

A build gets no other part of the server's environment. It runs as the user who runs the local AWS; `Workspace.sandbox` says what it may
do with the machine's files.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

from localaws.codebuild.phase_failures import PhaseFailed
from localaws.kit.files import made_whole

# Tools of CodeBuild's images that may be in any folder of the machine. Tools in the system's folders are available anyway.
_TOOLS = ("git", "make", "uv", "uvx", "aws")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Variables for package indexes and proxies. Without them, a build behind a proxy or a mirror could not install packages.
_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
    *("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CACHE_DIR"),
    *("UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE", "UV_NATIVE_TLS"),
)


def python_version() -> str:
    return platform.python_version()


def runtime_difference(wanted: str) -> str | None:
    """A note for the log if the buildspec names another Python version than this machine's; None if they match."""
    here = python_version()
    if wanted == "latest" or here == wanted or here.startswith(f"{wanted.removesuffix('.x').removesuffix('.')}."):
        return None
    return f"runtime-versions asks for python {wanted}; the commands run with this machine's {here}"


def shell(program: str) -> str:
    """The shell's path. Raises PhaseFailed if this machine does not have it."""
    if program == "/bin/sh":
        return program
    if (found := shutil.which(program, path=_SYSTEM_PATH)) is None:
        raise PhaseFailed("CLIENT_ERROR", f"this machine has no {program}")
    return found


def prepare(folder: Path, *, shared: Path) -> None:
    """Create the build's home, temporary folder, tools and Python below `folder`. `shared` keeps files for all builds."""
    for name in ("home", "src", "bin", "exchange"):
        (folder / name).mkdir(parents=True)
    # It is outside of `folder`, because sockets need short paths. `clean` finds it by the link.
    (folder / "tmp").symlink_to(tempfile.mkdtemp(prefix="codebuild-"))
    # uv and pip look for a .venv in all folders above the sources. This one ends the search before they find the user's.
    (folder / ".venv").mkdir()
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", _SYSTEM_PATH)))
    for tool in _TOOLS:
        if (found := shutil.which(tool, path=search)) is not None:
            (folder / "bin" / tool).symlink_to(found)
    _make_python(folder / "python", shared)


def clean(folder: Path) -> None:
    """Remove all files of `prepare` and of the build."""
    link = folder / "tmp"
    temporary = [os.readlink(link)] if link.is_symlink() else []
    # A process of its own: Python would keep the server's threads waiting for seconds.
    subprocess.run(["rm", "-rf", "--", *temporary, str(folder)], stderr=subprocess.DEVNULL, check=False)


def environment(folder: Path) -> dict[str, str]:
    """The variables that describe the machine, without credentials and without the user's shell settings."""
    found = {name: os.environ[name] for name in _NETWORK if name in os.environ}
    if any(name.lower().endswith("proxy") for name in found):
        loopback = ",".join(filter(None, (os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "127.0.0.1,localhost")))
        found |= {"NO_PROXY": loopback, "no_proxy": loopback}
    path = [str(folder / "python/bin"), str(folder / "bin"), str(folder / "home/.local/bin"), _SYSTEM_PATH]
    return {
        **found,
        "PATH": os.pathsep.join(path),
        "HOME": str(folder / "home"),
        "TMPDIR": os.readlink(folder / "tmp"),
        "LANG": "C.UTF-8",
        # The build's folder may be inside of the user's repository. git must not use that repository.
        "GIT_CEILING_DIRECTORIES": str(folder),
        # A build that installs the same packages may take their compiled bytecode from here.
        "LOCALAWS_PACKAGES": sysconfig.get_path("purelib"),
    }


def _make_python(target: Path, shared: Path) -> None:
    """Create a virtual environment with pip. Packages that a build installs stay in it, as they would in a container."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(target)
    if (pip := _pip(shared)) is None:
        return
    packages = next((target / "lib").glob("python*/site-packages"))
    shutil.copytree(pip, packages, copy_function=os.link, dirs_exist_ok=True)
    for name in ("pip", "pip3"):
        script = target / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{target}/bin/python" -m pip "$@"\n')
        script.chmod(0o755)


def _pip(shared: Path) -> Path | None:
    """The folder with pip, unpacked once from the interpreter's wheel; None if the interpreter has no such wheel."""
    try:
        import ensurepip
    except ImportError:
        return None
    wheel = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"), None)
    if wheel is None:
        return None
    unpacked = shared / wheel.stem
    if not unpacked.is_dir():
        shared.mkdir(parents=True, exist_ok=True)
        try:
            with made_whole(unpacked) as incoming, zipfile.ZipFile(wheel) as file:
                file.extractall(incoming)
        except OSError:
            if not unpacked.is_dir():  # otherwise another build has just unpacked it
                raise
    return unpacked
