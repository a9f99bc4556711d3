"""Resolves variables, `#{namespace.key}`, in the values of an action's configuration. CodePipeline has them nowhere else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"#\{([^{}]*)\}")

EXECUTION = "codepipeline"  # reserved for values that every execution has
PIPELINE = "variables"  # reserved for the pipeline's own variables
EXECUTION_KEYS = frozenset({"PipelineExecutionId"})


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference to a variable. `text` is the part between the braces, `setting` the configuration key with the reference."""

    setting: str
    text: str

    @property
    def namespace(self) -> str:
        return self.text.partition(".")[0]

    @property
    def key(self) -> str:
        return self.text.partition(".")[2]


class Unresolved(Exception):
    """No action has produced the variable. The text names it and the variables that exist."""


def references(configuration: Mapping[str, str]) -> Iterator[Reference]:
    for setting, value in configuration.items():
        for text in _REFERENCE.findall(value):
            yield Reference(setting=setting, text=text)


def resolve(configuration: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The configuration with every reference replaced by its value. References inside of values are not replaced. Raises Unresolved."""

    def value_of(match: re.Match[str]) -> str:
        namespace, _, key = match[1].partition(".")
        known = namespaces.get(namespace, {})
        if key not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Unresolved(f"The variable #{{{match[1]}}} cannot be resolved. Variables of the namespace {namespace}: {there}.")
        return known[key]

    return {setting: _REFERENCE.sub(value_of, value) for setting, value in configuration.items()}
