"""The installed packages and their versions."""

import re
from importlib import metadata

_FIELD = re.compile(r"^(Name|Version): (.+?)\s*$", re.M)


def installed() -> dict[str, str]:
    """Versions by package names as the packages spell them."""
    headers = [_header(distribution) for distribution in metadata.distributions()]
    return {header["Name"]: header["Version"] for header in headers if header.keys() >= {"Name", "Version"}}


def _header(distribution: metadata.Distribution) -> dict[str, str]:
    # `distribution.name` would parse the description as well, which can be a whole manual: half a second for all packages.
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    return dict(_FIELD.findall(text.partition("\n\n")[0]))
