"""Parses a buildspec of version 0.2 or 0.1. What is not honoured is found before a command runs.

Source of the keys: AWS CodeBuild User Guide, "Build specification reference".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from localaws.codebuild import buildspec_yaml, runtimes
from localaws.codebuild.buildspec_keys import unknown_keys
from localaws.codebuild.buildspec_yaml import BuildspecError

PHASES = ("install", "pre_build", "build", "post_build")
DEFAULT_NAME = "buildspec.yml"

_NO_USERS = "commands run as the user who runs the local AWS"
_TOP_REASONS = {
    "run-as": _NO_USERS,
    "batch": "it runs single builds only",
    "proxy": "builds use the machine's proxy settings",
}
_VERSIONS = ("0.2", "0.1")
_REPORT_FORMATS = (
    *("JUNITXML", "CUCUMBERJSON", "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX"),
    *("CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV"),
)
_CACHE_REASONS = {
    "key": "a project has one cache",
    "fallback-keys": "a project has one cache",
    "action": "a cache is restored and saved",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """`on_failure` is None if the buildspec does not set it; the rules of phase transitions then apply."""

    commands: tuple[str, ...] = ()
    finally_commands: tuple[str, ...] = ()
    on_failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The files to store. Globs are relative to each folder that `base_directory` matches."""

    files: tuple[str, ...]
    name: str | None = None
    base_directory: str = "."
    exclude_paths: tuple[str, ...] = ()
    discard_paths: bool = False
    keep_symlinks: bool = False
    s3_prefix: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """Test results for a report group, which has a name or an ARN."""

    group: str
    files: tuple[str, ...]
    base_directory: str = "."
    file_format: str = "JUNITXML"


@dataclass(frozen=True, kw_only=True)
class Buildspec:
    """`runtimes` are the versions in phases.install.runtime-versions, by language.

    `is_isolated` is true for version 0.1, in which each command has a shell of its own. `warnings` are lines about unknown keys.
    """

    is_isolated: bool = False
    warnings: tuple[str, ...] = ()
    shell: str = "/bin/sh"
    variables: Mapping[str, str] = field(default_factory=dict)
    parameter_store: Mapping[str, str] = field(default_factory=dict)
    secrets_manager: Mapping[str, str] = field(default_factory=dict)
    exported_variables: tuple[str, ...] = ()
    runtimes: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, Phase] = field(default_factory=dict)
    reports: tuple[ReportFiles, ...] = ()
    artifacts: Artifact | None = None
    secondary_artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    cache_paths: tuple[str, ...] = ()


def is_inline(buildspec: str) -> bool:
    """Whether a project's buildspec is the text itself, and not the path of a file."""
    if "\n" in buildspec.strip():
        return True
    try:
        return isinstance(yaml.safe_load(buildspec), dict)
    except yaml.YAMLError:
        return False


def parse(text: str) -> Buildspec:
    """The buildspec. Raises BuildspecError for anything that the local AWS would not run as it is written."""
    root = buildspec_yaml.compose(text)
    version = _version(root)
    top = buildspec_yaml.mapping(root, "", _TOP_REASONS)
    env = _section(top, "env")
    if buildspec_yaml.flag(env.get("git-credential-helper"), "env.git-credential-helper"):
        raise BuildspecError("env.git-credential-helper is not honoured by the local AWS: sources come from S3, not from git")
    phases = _phases(top)
    if not phases:
        raise BuildspecError("the buildspec has no phases")
    artifacts, secondary = _artifacts(top)
    cache = _section(top, "cache", _CACHE_REASONS)
    return Buildspec(
        shell=buildspec_yaml.choice(env.get("shell"), "env.shell", ("bash", "/bin/sh"), "/bin/sh"),
        is_isolated=version == "0.1",
        warnings=unknown_keys(root, version),
        variables={**_old_variables(top, version), **_variables(env, "variables")},
        parameter_store=_variables(env, "parameter-store"),
        secrets_manager=_variables(env, "secrets-manager"),
        exported_variables=_exported(env),
        runtimes=_runtimes(phases),
        phases={name: _phase(node, name) for name, node in phases.items()},
        reports=_reports(top),
        artifacts=artifacts,
        secondary_artifacts=secondary,
        cache_paths=buildspec_yaml.texts(cache.get("paths"), "cache.paths"),
    )


def _section(parent: Mapping[str, yaml.Node], name: str, reasons: Mapping[str, str] | None = None) -> dict[str, yaml.Node]:
    node = parent.get(name)
    return {} if node is None or buildspec_yaml.is_empty(node) else buildspec_yaml.mapping(node, name, reasons)


def _version(root: yaml.Node) -> str:
    """The version. It is judged before any other key, because it decides which keys there are."""
    node = buildspec_yaml.mapping(root, "").get("version")
    version = "" if node is None else buildspec_yaml.text(node, "version")
    if version not in _VERSIONS:
        raise BuildspecError(f"Invalid buildspec version {version!r}: CodeBuild has {' and '.join(_VERSIONS)}")
    return version


def _phases(top: Mapping[str, yaml.Node]) -> dict[str, yaml.Node]:
    """The phases that exist. Others are unknown keys, with a warning."""
    return {name: node for name, node in _section(top, "phases").items() if name in PHASES}


def _old_variables(top: Mapping[str, yaml.Node], version: str) -> dict[str, str]:
    """The variables of version 0.1, `environment_variables.plaintext`."""
    return _variables(_section(top, "environment_variables"), "plaintext") if version == "0.1" else {}


def _variables(env: Mapping[str, yaml.Node], name: str) -> dict[str, str]:
    node = env.get(name)
    if node is None or buildspec_yaml.is_empty(node):
        return {}
    found = {key: buildspec_yaml.text(value, f"env.{name}.{key}") for key, value in buildspec_yaml.mapping(node, f"env.{name}").items()}
    _check_names(found, f"env.{name}")
    return found


def _exported(env: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    names = buildspec_yaml.texts(env.get("exported-variables"), "env.exported-variables")
    _check_names(names, "env.exported-variables")
    if reserved := [name for name in names if name.startswith("AWS_")]:
        raise BuildspecError(f"env.exported-variables: {reserved[0]} cannot be exported: it starts with AWS_")
    return names


def _check_names(names: Mapping[str, str] | tuple[str, ...], where: str) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise BuildspecError(f"{where}: {name!r} is not a valid name for an environment variable")


def _phase(node: yaml.Node, name: str) -> Phase:
    where = f"phases.{name}"
    entries = buildspec_yaml.mapping(node, where, {"run-as": _NO_USERS})
    commands = buildspec_yaml.texts(entries.get("commands"), f"{where}.commands")
    if not commands and name != "install":
        raise BuildspecError(f"{where} has no commands")
    on_failure = entries.get("on-failure")
    if on_failure is not None and buildspec_yaml.text(on_failure, where).startswith("RETRY"):
        raise BuildspecError(f"{where}.on-failure RETRY is not honoured by the local AWS; it honours ABORT and CONTINUE")
    return Phase(
        commands=commands,
        finally_commands=buildspec_yaml.texts(entries.get("finally"), f"{where}.finally"),
        on_failure=buildspec_yaml.choice(on_failure, f"{where}.on-failure", ("ABORT", "CONTINUE"), "") or None,
    )


def _runtimes(phases: Mapping[str, yaml.Node]) -> dict[str, str]:
    if "install" not in phases:
        return {}
    node = buildspec_yaml.mapping(phases["install"], "phases.install").get("runtime-versions")
    if node is None or buildspec_yaml.is_empty(node):
        return {}
    where = "phases.install.runtime-versions"
    found = {key: buildspec_yaml.text(value, f"{where}.{key}") for key, value in buildspec_yaml.mapping(node, where).items()}
    if others := [name for name in found if name not in runtimes.NAMES]:
        raise BuildspecError(f"Unknown runtime named {others[0]} in {where}; CodeBuild has {', '.join(runtimes.NAMES)}")
    return found


def _artifacts(top: Mapping[str, yaml.Node]) -> tuple[Artifact | None, dict[str, Artifact]]:
    node = top.get("artifacts")
    if node is None or buildspec_yaml.is_empty(node):
        return None, {}
    entries = buildspec_yaml.mapping(node, "artifacts")
    secondary = entries.pop("secondary-artifacts", None)
    found: dict[str, Artifact] = {}
    if secondary is not None and not buildspec_yaml.is_empty(secondary):
        for identifier, item in buildspec_yaml.mapping(secondary, "artifacts.secondary-artifacts").items():
            where = f"artifacts.secondary-artifacts.{identifier}"
            found[identifier] = _artifact(buildspec_yaml.mapping(item, where), where)
    if not entries and found:  # a common form, although AWS's documentation requires `files`
        return None, found
    return _artifact(entries, "artifacts"), found


def _artifact(entries: Mapping[str, yaml.Node], where: str) -> Artifact:
    files = buildspec_yaml.texts(entries.get("files"), f"{where}.files", or_one=True)  # AWS's tutorials give one file without a list
    if not files:
        raise BuildspecError(f"{where} has no files")
    return Artifact(
        files=files,
        name=_optional(entries, "name", where),
        base_directory=_optional(entries, "base-directory", where) or ".",
        exclude_paths=buildspec_yaml.texts(entries.get("exclude-paths"), f"{where}.exclude-paths"),
        discard_paths=buildspec_yaml.flag(entries.get("discard-paths"), f"{where}.discard-paths"),
        keep_symlinks=buildspec_yaml.flag(entries.get("enable-symlinks"), f"{where}.enable-symlinks"),
        s3_prefix=_optional(entries, "s3-prefix", where),
    )


def _reports(top: Mapping[str, yaml.Node]) -> tuple[ReportFiles, ...]:
    node = top.get("reports")
    if node is None or buildspec_yaml.is_empty(node):
        return ()
    found = []
    for group, item in buildspec_yaml.mapping(node, "reports").items():
        where = f"reports.{group}"
        entries = buildspec_yaml.mapping(item, where)
        files = buildspec_yaml.texts(entries.get("files"), f"{where}.files")
        if not files:
            raise BuildspecError(f"{where} has no files")
        file_format = (_optional(entries, "file-format", where) or "JUNITXML").upper()
        if file_format not in _REPORT_FORMATS:
            raise BuildspecError(f"{where}.file-format {file_format} is none of {', '.join(_REPORT_FORMATS)}")
        buildspec_yaml.flag(
            entries.get("discard-paths"), f"{where}.discard-paths"
        )  # it has no effect here: it names the place for raw data
        found.append(
            ReportFiles(
                group=group, files=files, base_directory=_optional(entries, "base-directory", where) or ".", file_format=file_format
            )
        )
    return tuple(found)


def _optional(entries: Mapping[str, yaml.Node], name: str, where: str) -> str | None:
    node = entries.get(name)
    return None if node is None or buildspec_yaml.is_empty(node) else buildspec_yaml.text(node, f"{where}.{name}")
