"""Downloads MovieLens data sets from GroupLens. If only a package index can be reached, ml-100k comes from a package that contains it.

mlkit contains no data, because GroupLens' licence does not allow redistribution. Downloads stay in a cache folder that the caller names.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlkit.errors import DownloadFailed, InvalidData, UsageError
from mlkit.movielens.columns import ColumnTypes
from mlkit.movielens.ratings import HalfStars, Ratings, convert, row_digest

NOTICE = """\
MovieLens is GroupLens' data (University of Minnesota), for research: no redistribution without permission, no commercial use
without permission, no claim of endorsement, and publications cite F. M. Harper and J. A. Konstan, The MovieLens Datasets: History
and Context, ACM TiiS 5(4), 2015, https://doi.org/10.1145/2827872. Whole text: https://grouplens.org/datasets/movielens/"""

_WHEEL = "recbole==1.2.1 --hash=sha256:9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
_WHEEL_MEMBER = PurePosixPath("recbole/dataset_example/ml-100k/ml-100k.inter")
_WHEEL_MEMBER_SHA256 = "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff"
_CONNECT_TIMEOUT_S = 5
_INSTALL_TIMEOUT_S = 180


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The content of a data set, as GroupLens describes it. `row_sha256` is `ratings.row_digest`, if it is known."""

    url: str
    rows: int
    users: int
    movies: int
    row_sha256: str | None = None


_SITE = "https://files.grouplens.org/datasets/movielens"
DATASETS = {
    "ml-100k": Dataset(
        url=f"{_SITE}/ml-100k.zip",
        rows=100_000,
        users=943,
        movies=1_682,
        row_sha256="f7dde5dc55b648d848645090e8e50b34bbf9b56abd8c305bcae44ee5de7a1f06",
    ),
    "ml-1m": Dataset(url=f"{_SITE}/ml-1m.zip", rows=1_000_209, users=6_040, movies=3_706),
    "ml-25m": Dataset(url=f"{_SITE}/ml-25m.zip", rows=25_000_095, users=162_541, movies=59_047),
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A canonical table, the origin of its rows, and the licence to show."""

    ratings: Ratings
    origin: str
    licence: str


def load(
    name: str,
    cache: Path,
    target: Path,
    *,
    project_root: Path,
    types: ColumnTypes | None = None,
    half_stars: HalfStars = HalfStars.REFUSE,
    on_note: Callable[[str], None] | None = None,
) -> Loaded:
    """Write the data set `name` as the canonical table `target`, and check it against GroupLens' description.

    What is in `cache` is used first, then GroupLens, then for ml-100k the package; `on_note` is told when one of them fails.
    Raises UsageError, DownloadFailed, or InvalidData and then forgets the download.
    """
    if name not in DATASETS:
        raise UsageError(f"There is no data set {name!r}.", cure=f"Use one of {', '.join(DATASETS)}, or the path of a file.")
    source, origin = _source(name, cache, project_root, on_note or (lambda _: None))
    ratings = convert(source, target, types=types, half_stars=half_stars)
    try:
        check_dataset(name, ratings, target)
    except InvalidData:
        source.unlink()
        target.unlink()
        raise
    return Loaded(ratings=ratings, origin=origin, licence=licence(source))


def check_dataset(name: str, ratings: Ratings, table: Path) -> None:
    """Raises InvalidData unless the canonical `table` has the rows of the data set, in any order."""
    known = DATASETS[name]
    cure = "Run it again; mlkit then downloads the data set again. If the error repeats, load a file that you trust."
    for what in ("rows", "users", "movies"):
        found, expected = getattr(ratings, what), getattr(known, what)
        if found != expected:
            raise InvalidData(f"{name} holds {found:,} {what} instead of {expected:,}.", cure=cure)
    if known.row_sha256 is not None and row_digest(table) != known.row_sha256:
        raise InvalidData(f"{name} holds other ratings than GroupLens' (the digest of its rows differs).", cure=cure)


def licence(source: Path) -> str:
    """The licence section of the README in GroupLens' zip file; a short notice if there is none."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            readmes = [name for name in archive.namelist() if PurePosixPath(name).name.lower() in ("readme", "readme.txt")]
            text = archive.read(readmes[0]).decode("utf-8", "replace").replace("\r\n", "\n") if readmes else ""
        section = re.search(
            r"^[^\n]*usage licen[sc]e\s*\n[=-]{5,}\n(.+?)(?=^[^\n]+\n[=-]{5,}$|\Z)", text, re.IGNORECASE | re.MULTILINE | re.DOTALL
        )
        if section:
            return section[1].strip()
    return NOTICE


def fetch_grouplens(name: str, cache: Path) -> Path:
    """Download GroupLens' zip file of the data set to `cache`. The time limit is for each wait for the network. Raises DownloadFailed."""
    url = DATASETS[name].url
    target = cache / f"{name}.zip"
    partial = _partial(target)
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_TIMEOUT_S) as answer, partial.open("wb") as output:
            size = answer.headers.get("Content-Length")
            total, done = int(size) if size else None, 0
            while block := answer.read(2**20):
                output.write(block)
                done += len(block)
        if (total is not None and done != total) or not zipfile.is_zipfile(partial):
            raise DownloadFailed(f"{url} returned {done:,} bytes, which are not a complete zip file.")
        partial.replace(target)
    except OSError as problem:  # URLError, timeouts and resets are all OSErrors
        if isinstance(problem, DownloadFailed):
            raise
        raise DownloadFailed(f"{url} cannot be fetched: {getattr(problem, 'reason', problem)}.") from problem
    finally:
        partial.unlink(missing_ok=True)
    return target


def fetch_package(cache: Path, *, project_root: Path) -> Path:
    """Extract ml-100k's ratings file from the pinned package to `cache`, with the first installer that works. Raises DownloadFailed."""
    target = cache / _WHEEL_MEMBER.name
    problems = []
    for installer in installers(project_root):
        with tempfile.TemporaryDirectory(dir=_partial(target).parent) as folder:
            problem = _install(installer, Path(folder))
            member = Path(folder, "packages", _WHEEL_MEMBER)
            if problem is None and member.is_file() and hashlib.sha256(member.read_bytes()).hexdigest() == _WHEEL_MEMBER_SHA256:
                member.replace(target)
                return target
            problems.append(f"{' '.join(installer)}: {problem or 'the package does not contain the expected file'}")
    raise DownloadFailed("ml-100k cannot be fetched from a package index: " + ("; ".join(problems) or "there is neither uv nor pip") + ".")


def installers(project_root: Path) -> list[Sequence[str]]:
    """The commands that may install a package, best first. An environment that uv created has no pip."""
    found = [[str(path)] for path in (project_root / ".tools/uv/bin/uv",) if path.is_file()]
    found += [[path] for path in (shutil.which("uv"),) if path]
    pythons = [sys.executable] if importlib.util.find_spec("pip") else []
    pythons += [path for path in (getattr(sys, "_base_executable", None), shutil.which("python3")) if path and path != sys.executable]
    return [*found, *([python, "-m", "pip"] for python in dict.fromkeys(pythons))]


def _source(name: str, cache: Path, project_root: Path, on_note: Callable[[str], None]) -> tuple[Path, str]:
    archive, member = cache / f"{name}.zip", cache / _WHEEL_MEMBER.name
    package = f"the package {_WHEEL.split()[0]}"
    if archive.is_file():
        return archive, f"GroupLens, cached in {archive}"
    if name == "ml-100k" and member.is_file():
        return member, f"{package}, cached in {member}"
    try:
        return fetch_grouplens(name, cache), DATASETS[name].url
    except DownloadFailed as problem:
        if name != "ml-100k":
            raise
        on_note(f"{problem} Trying {package}.")
    return fetch_package(cache, project_root=project_root), package


def _install(installer: Sequence[str], folder: Path) -> str | None:
    """Install the package in `folder`/packages. Returns None, or the last line of the installer's output if it failed."""
    requirements = folder / "requirements.txt"
    requirements.write_text(_WHEEL + "\n", encoding="utf-8")
    is_pip = installer[-1] == "pip"
    verb = ["install", "--no-compile", "--quiet"] if is_pip else ["pip", "install", "--quiet", "--python", sys.executable]
    options = ["--target", str(folder / "packages"), "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
    # uv has its own certificates; only the system's know a company's proxy
    environment = {"UV_SYSTEM_CERTS": "1", **os.environ}
    try:
        ended = subprocess.run(
            [*installer, *verb, *options], env=environment, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]


def _partial(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{target.name}.partial")
