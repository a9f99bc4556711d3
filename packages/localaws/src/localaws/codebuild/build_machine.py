"""What a build finds on this machine instead of a container: a Python of its own, a few tools, a home of its own, the machine's network.

Nothing else of the server's environment reaches it. A build is not caged: it runs as the user who runs the local AWS.
"""

import os
import platform
import shutil
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

from localaws.codebuild.phase_failures import PhaseFailed
from localaws.kit.files import made_whole

# Tools that images for CodeBuild have and that may lie anywhere on a machine; what is in the system's own folders is there as well.
_TOOLS = ("git", "make", "uv", "uvx", "aws")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# How this machine reaches package indexes: without it a build behind a proxy or a mirror could install nothing.
_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"),
    *("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_CACHE_DIR"),
    *("UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "UV_OFFLINE", "UV_NATIVE_TLS"),
)


def python_version() -> str:
    return platform.python_version()


def runtime_difference(wanted: str) -> str | None:
    """What to say when the buildspec asks for another Python than this machine's; None when they agree as far as the wish goes."""
    here = python_version()
    if wanted == "latest" or here == wanted or here.startswith(f"{wanted.removesuffix('.x').removesuffix('.')}."):
        return None
    return f"runtime-versions asks for python {wanted}; the commands run with this machine's {here}"


def shell(program: str) -> str:
    """The shell's path. Raises PhaseFailed when this machine has none."""
    if program == "/bin/sh":
        return program
    if (found := shutil.which(program, path=_SYSTEM_PATH)) is None:
        raise PhaseFailed("CLIENT_ERROR", f"this machine has no {program}")
    return found


def prepare(folder: Path, *, shared: Path) -> None:
    """Makes the build's home, temporary folder, tools and Python below `folder`. `shared` keeps what all builds have in common."""
    for name in ("home", "src", "bin"):
        (folder / name).mkdir(parents=True)
    # Outside, because sockets need short paths; `clean` finds it by the link.
    (folder / "tmp").symlink_to(tempfile.mkdtemp(prefix="codebuild-"))
    # uv and pip look for a .venv in all folders above the sources: this one ends the search before it comes to the user's own.
    (folder / ".venv").mkdir()
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", _SYSTEM_PATH)))
    for tool in _TOOLS:
        if (found := shutil.which(tool, path=search)) is not None:
            (folder / "bin" / tool).symlink_to(found)
    _make_python(folder / "python", shared)


def clean(folder: Path) -> None:
    """Removes everything that `prepare` and the build put there."""
    if (link := folder / "tmp").is_symlink():
        shutil.rmtree(os.readlink(link), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def environment(folder: Path) -> dict[str, str]:
    """The variables that describe the machine. No credentials, nothing of the user's shell."""
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
        # The sources may lie inside of a repository of the user's, which is none of the build's business.
        "GIT_CEILING_DIRECTORIES": str(folder),
    }


def _make_python(target: Path, shared: Path) -> None:
    """An environment of the base interpreter with pip: what a build installs stays in it, as in a container that is thrown away."""
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
    """pip unpacked from the interpreter's own wheel, once; None for an interpreter without one."""
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
            if not unpacked.is_dir():  # else another build was quicker
                raise
    return unpacked
