"""Redacts the secrets in mlkit's own messages, for example a refused value or a variable of the environment."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from mlkit.screening.environment import secret_variables
from mlkit.screening.screener import Screener
from mlkit.screening.secret_names import RULE, is_secret_member

_REFUSED = re.compile(
    r"`(?P<name>[\w.\-\[\]'\"]{1,100})`[^\n]{0,300}?(?:,|:| is) not (?P<quote>['\"])(?P<value>(?:(?!(?P=quote)).){4,2000})(?P=quote)"
)


def screened(text: str, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> str:
    """The message without secrets. In `arguments`, the command line, the value of `-p db_password VALUE` is a secret."""
    screener = Screener(secret_variables(environ or {}))
    for name, value in pairwise(arguments):
        if is_secret_member(name, value):
            screener.add(RULE, value)
    for refused in _REFUSED.finditer(text):
        if is_secret_member(refused["name"], refused["value"]):
            screener.add(RULE, refused["value"])
    return screener.text(text, "message")[0]
