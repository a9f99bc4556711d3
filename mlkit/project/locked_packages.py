"""Compares a lock file with the packages that are installed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)\s*(?P<marker>;)?", re.MULTILINE)
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, kw_only=True)
class OtherVersion:
    """A locked package that is installed in another version. `installed` is empty if it is not installed."""

    name: str
    locked: str
    installed: str

    def __str__(self) -> str:
        return f"{self.name} {self.installed or 'is not installed'} ({self.locked} in the lock)"


def compare_lock(lock: str, installed: Mapping[str, str]) -> tuple[int, list[OtherVersion]]:
    """The number of packages that the lock file pins, and those that are installed otherwise. `installed` maps names to versions.

    A package with a marker, such as `; sys_platform == "win32"`, may be missing. One that has a pin for each of several Pythons may be
    installed in any of these versions.
    """
    here = {_normal(name): version for name, version in installed.items()}
    pins: dict[str, dict[str, bool]] = {}
    for found in _PINNED.finditer(lock):
        pins.setdefault(_normal(found["name"]), {})[found["version"]] = bool(found["marker"])
    others = [
        OtherVersion(name=name, locked=" or ".join(versions), installed=here.get(name, ""))
        for name, versions in pins.items()
        if here.get(name) not in versions and not (name not in here and all(versions.values()))
    ]
    return len(pins), others


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()
