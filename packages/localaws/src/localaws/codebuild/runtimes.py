"""The languages of `runtime-versions`: the programs of each, which this machine has or not."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from localaws.codebuild.buildspec_yaml import BuildspecError

# The first program tells the version. The build's own Python is always there.
_PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "nodejs": ("node", "npm", "npx", "corepack", "yarn", "pnpm"),
    "golang": ("go", "gofmt"),
    "java": ("java", "javac", "jar", "mvn", "gradle"),
    "ruby": ("ruby", "gem", "bundle", "bundler", "rake"),
    "php": ("php", "composer"),
    "dotnet": ("dotnet",),
    "docker": ("docker",),
}
NAMES = ("python", *_PROGRAMS, "android")
_ARGUMENTS = {"golang": "version", "java": "-version"}
_TIMEOUT_S = 20


def add(name: str, wanted: str, bin_folder: Path, *, which: Callable[[str], str | None] | None = None) -> str | None:
    """Link the language's programs into the folder. Returns a note if the version differs. Raises BuildspecError if it is missing."""
    which = which or _which
    programs = _PROGRAMS.get(name, ())
    if not programs or which(programs[0]) is None:
        what = programs[0] if programs else f"{name} SDK"
        raise BuildspecError(
            f"phases.install.runtime-versions.{name} is not honoured here: this machine has no {what}. Install it, or leave the key out."
        )
    for program in programs:
        if (found := which(program)) is not None and not (bin_folder / program).exists():
            (bin_folder / program).symlink_to(found)
    here = _version(str(which(programs[0])), _ARGUMENTS.get(name, "--version"))
    prefix = wanted.lower().removeprefix("corretto").removesuffix(".x")
    if wanted == "latest" or f"{here}.".startswith(f"{prefix}."):
        return None
    return f"runtime-versions asks for {name} {wanted}; the commands run with this machine's {here}"


def _which(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH"))


def _version(program: str, argument: str) -> str:
    try:
        ran = subprocess.run([program, argument], capture_output=True, text=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown version"
    match = re.search(r"\d+(\.\d+)*", ran.stdout or ran.stderr)
    return match[0] if match else "unknown version"
