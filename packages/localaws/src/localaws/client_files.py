"""The files to which `localaws env` and the environment of a build point AWS's clients."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from localaws.home import Home
from localaws.kit.files import write_whole

_AWS = "amazonaws.com"
_CONFIG, _CREDENTIALS, _BOTOCORE = "aws-config", "aws-credentials", "botocore-data"
# The SageMaker SDK gives its STS client an address of AWS's, which the variables cannot override. botocore's own rules for endpoints can.
_STS_RULES = "sts/2011-06-15/endpoint-rule-set-1.json"


def write(home: Home, *, endpoint_url: str, region: str) -> None:
    """Write the files of a server that answers at this address."""
    home.write_text(_CONFIG, f"[default]\nregion = {region}\n")
    home.write_text(_CREDENTIALS, "")
    write_rules(home.path / _BOTOCORE, endpoint_url)


def write_rules(folder: Path, endpoint_url: str) -> None:
    """Write into the folder, which AWS_DATA_PATH names, what sends clients of STS here that name an address of AWS."""
    rules = folder / _STS_RULES
    rules.parent.mkdir(parents=True, exist_ok=True)
    write_whole(rules, json.dumps(_rules(endpoint_url)))


def variables(home: Home, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that name the files. A folder of the user's own models stays in use."""
    folders = [str(home.path / _BOTOCORE), *filter(None, [environ.get("AWS_DATA_PATH")])]
    return {
        "AWS_CONFIG_FILE": str(home.path / _CONFIG),
        "AWS_SHARED_CREDENTIALS_FILE": str(home.path / _CREDENTIALS),
        "AWS_DATA_PATH": os.pathsep.join(dict.fromkeys(os.pathsep.join(folders).split(os.pathsep))),
    }


def _rules(url: str) -> dict[str, object]:
    """Rules in botocore's form: `url` replaces an address of AWS that a client names. Any other address stays; without one it is AWS."""
    own = {"fn": "parseURL", "argv": [{"ref": "Endpoint"}], "assign": "named"}
    tail = {"fn": "substring", "argv": [{"fn": "getAttr", "argv": [{"ref": "named"}, "authority"]}, 0, len(_AWS), True], "assign": "tail"}
    is_set, is_aws = {"fn": "isSet", "argv": [{"ref": "Endpoint"}]}, {"fn": "stringEquals", "argv": [{"ref": "tail"}, _AWS]}
    texts = {"required": False, "type": "string", "documentation": "Given by the client."}
    return {
        "version": "1.0",
        "parameters": {"Region": {"builtIn": "AWS::Region", **texts}, "Endpoint": {"builtIn": "SDK::Endpoint", **texts}},
        "rules": [
            _rule(url, is_set, own, tail, is_aws),
            _rule({"ref": "Endpoint"}, is_set),
            _rule(f"https://sts.{{Region}}.{_AWS}"),
        ],
    }


def _rule(url: object, *conditions: object) -> dict[str, object]:
    return {"conditions": list(conditions), "endpoint": {"url": url, "properties": {}, "headers": {}}, "type": "endpoint"}
