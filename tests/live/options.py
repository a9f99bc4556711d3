"""What a person gives to `make live`. Nothing begins without account, region and initials."""

import argparse
import getpass
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlkit.errors import UsageError
from mlkit.naming import LabNames

_NAMES = "make live ACCOUNT=123456789012 REGION=us-east-1 INITIALS=live1 EMAIL=you@example.com REPOSITORY=you/mlkit CONNECTION=arn:..."


@dataclass(frozen=True, kw_only=True)
class Options:
    """`confirm` answers the question beforehand. `second_commit` is the commit of the execution that is stopped while it trains.

    `clean_up` is the folder of an earlier run that could not clean up. `parameters` are more parameters of the pipeline: KEY=VALUE ...
    """

    account: str
    region: str
    initials: str
    email: str
    repository: str
    branch: str
    connection: str
    token: str
    reviewer: str
    confirm: str
    second_commit: str
    clean_up: str
    parameters: str

    @property
    def owner(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def repository_name(self) -> str:
        return self.repository.partition("/")[2]


def parse(arguments: Sequence[str]) -> Options:
    """Raises UsageError for what is missing or malformed. The token comes from the environment, because others see a command's words."""
    parser = argparse.ArgumentParser(prog="make live", description=__doc__, allow_abbrev=False)
    for name in (
        "account",
        "region",
        "initials",
        "email",
        "repository",
        "connection",
        "confirm",
        "second-commit",
        "clean-up",
        "parameters",
    ):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--branch", default="")
    parser.add_argument("--reviewer", default="")
    given = vars(parser.parse_args(list(arguments)))
    given["branch"] = given["branch"] or "main"
    given["reviewer"] = given["reviewer"] or getpass.getuser()
    options = Options(**given, token=os.environ.get("GITHUB_TOKEN", "") if not given["connection"] else "")
    _check(options)
    return options


def _check(options: Options) -> None:
    needed = ("account", "region", "initials", *(() if options.clean_up else ("email", "repository")))
    missing = [name.upper() for name in needed if not getattr(options, name)]
    if missing:
        raise UsageError(f"{', '.join(missing)} missing; nothing was done", cure=f"Give all: {_NAMES}")
    if not re.fullmatch(r"[0-9]{12}", options.account):
        raise UsageError(f"ACCOUNT is {options.account!r}, not 12 digits", cure="`aws sts get-caller-identity` shows the account.")
    LabNames(initials=options.initials)
    if not re.fullmatch(r"[\w+=,.@-]{2,64}", options.reviewer):
        raise UsageError(f"REVIEWER is {options.reviewer!r}", cure="Give 2 to 64 letters, digits or + = , . @ - characters.")
    if not options.clean_up:
        _check_source(options)


def _check_source(options: Options) -> None:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", options.repository):
        raise UsageError(f"REPOSITORY is {options.repository!r}, not OWNER/NAME", cure="Give your fork, such as REPOSITORY=you/mlkit.")
    if not (options.connection or options.token):
        cure = "Make a connection and finish its handshake (docs/aws.md, section 3): CONNECTION=arn:... Or export GITHUB_TOKEN."
        raise UsageError("Neither CONNECTION nor GITHUB_TOKEN is given", cure=cure)
