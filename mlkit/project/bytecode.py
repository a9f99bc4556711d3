"""Takes over compiled bytecode from another environment: a build then does not compile what it imports.

    python -m mlkit.project.bytecode PACKAGES

PACKAGES is the other environment's site-packages. The local AWS names that of its own environment in LOCALAWS_PACKAGES; on AWS there is
none. Python uses a compiled module only if it holds the time and size of its source, so one of another version does no harm.
"""

import contextlib
import os
import sys
import sysconfig
from pathlib import Path

_CACHE = "__pycache__"
_LEFT_OUT = (_CACHE, "tests")  # a third of the modules are tests of libraries, which no build imports
_SUFFIX = f".{sys.implementation.cache_tag}.pyc"


def take_over(other: Path, own: Path) -> int:
    """Link to the compiled modules of `other` whose sources `own` has too. Returns their number.

    The links are symbolic: a build may not make hard links to what it may only read. Python replaces a link, and never writes through it.
    """
    taken = 0
    for folder, names, files in os.walk(own):
        names[:] = [name for name in names if name not in _LEFT_OUT]
        modules = {name[:-3] for name in files if name.endswith(".py")}
        compiled = os.path.join(other, os.path.relpath(folder, own), _CACHE)
        if modules and os.path.isdir(compiled):
            taken += _link_all(os.path.normpath(compiled), os.path.join(folder, _CACHE), modules)
    return taken


def _link_all(compiled: str, target: str, modules: set[str]) -> int:
    with contextlib.suppress(FileExistsError):
        os.mkdir(target)
    taken = 0
    for name in os.listdir(compiled):
        if name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX) in modules:
            with contextlib.suppress(FileExistsError):
                os.symlink(os.path.join(compiled, name), os.path.join(target, name))
                taken += 1
    return taken


if __name__ == "__main__":
    take_over(Path(sys.argv[1]), Path(sysconfig.get_path("purelib")))
