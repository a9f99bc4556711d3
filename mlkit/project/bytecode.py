"""Takes over compiled bytecode from another environment: a build then does not compile what it imports.

    python -m mlkit.project.bytecode PACKAGES

PACKAGES is the other environment's site-packages. The local AWS names that of its own environment in LOCALAWS_PACKAGES; on AWS there is
none. Python uses a compiled module only if it holds the time and size of its source, so one of another version does no harm.
"""

import contextlib
import importlib.util
import os
import shutil
import sys
import sysconfig
from pathlib import Path


def take_over(other: Path, own: Path) -> int:
    """Link the compiled modules of `other` whose sources `own` has too, or copy them. Returns their number."""
    taken = 0
    for folder, names, _ in os.walk(other):
        target = own / Path(folder).relative_to(other)
        if target.name == "__pycache__":
            taken += _link_all(Path(folder), target)
        names[:] = [name for name in names if (target / name).is_dir() or name == "__pycache__"]
    return taken


def _link_all(compiled: Path, target: Path) -> int:
    with contextlib.suppress(FileExistsError):
        target.mkdir()
    taken = 0
    for path in compiled.glob(f"*.{sys.implementation.cache_tag}.pyc"):
        place = target / path.name
        if not place.exists() and Path(importlib.util.source_from_cache(str(place))).is_file():
            try:
                os.link(path, place)
            except OSError:
                shutil.copy2(path, place)
            taken += 1
    return taken


if __name__ == "__main__":
    take_over(Path(sys.argv[1]), Path(sysconfig.get_path("purelib")))
