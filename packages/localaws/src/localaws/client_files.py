"""The files to which `localaws env` and the environment of a build point AWS's clients."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from localaws.home import Home
from localaws.kit.files import write_whole

_CONFIG, _CREDENTIALS, _BOTOCORE = "aws-config", "aws-credentials", "botocore-data"
# The SageMaker SDK gives its STS client an address of AWS's, which the variables cannot override. botocore's own rules for endpoints can.
_STS_RULES = "sts/2011-06-15/endpoint-rule-set-1.json"


def write(home: Home, *, endpoint_url: str, region: str) -> None:
    """Write the files of a server that answers at this address."""
    home.write_text(_CONFIG, f"[default]\nregion = {region}\n")
    home.write_text(_CREDENTIALS, "")
    write_rules(home.path / _BOTOCORE, endpoint_url)


def write_rules(folder: Path, endpoint_url: str) -> None:
    """Write into the folder, which AWS_DATA_PATH names, what sends every client of STS to this address."""
    rules = folder / _STS_RULES
    rules.parent.mkdir(parents=True, exist_ok=True)
    write_whole(rules, json.dumps(_always(endpoint_url)))


def variables(home: Home, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that name the files. A folder of the user's own models stays in use."""
    folders = [str(home.path / _BOTOCORE), *filter(None, [environ.get("AWS_DATA_PATH")])]
    return {
        "AWS_CONFIG_FILE": str(home.path / _CONFIG),
        "AWS_SHARED_CREDENTIALS_FILE": str(home.path / _CREDENTIALS),
        "AWS_DATA_PATH": os.pathsep.join(dict.fromkeys(os.pathsep.join(folders).split(os.pathsep))),
    }


def _always(url: str) -> dict[str, object]:
    """Rules in botocore's form that give a service this address, whatever address a client asks for."""
    region = {"builtIn": "AWS::Region", "required": False, "documentation": "The region of the request.", "type": "string"}
    rule = {"conditions": [], "endpoint": {"url": url, "properties": {}, "headers": {}}, "type": "endpoint"}
    return {"version": "1.0", "parameters": {"Region": region}, "rules": [rule]}
