"""Variables of an execution: `#{namespace.key}` in the values of an action's configuration, and nowhere else."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"#\{([^{}]*)\}")

EXECUTION = "codepipeline"  # reserved: what every execution has
PIPELINE = "variables"  # reserved: the pipeline's own variables
EXECUTION_KEYS = frozenset({"PipelineExecutionId"})


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`text` is what stands between the braces, `setting` the configuration key that holds it."""

    setting: str
    text: str

    @property
    def namespace(self) -> str:
        return self.text.partition(".")[0]

    @property
    def key(self) -> str:
        return self.text.partition(".")[2]


class Unresolved(Exception):
    """A variable that no action has produced; the text names it and what there is."""


def references(configuration: Mapping[str, str]) -> Iterator[Reference]:
    for setting, value in configuration.items():
        for text in _REFERENCE.findall(value):
            yield Reference(setting=setting, text=text)


def resolve(configuration: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The configuration with every reference replaced by its value. Raises Unresolved. Values are not searched again."""

    def value_of(match: re.Match[str]) -> str:
        namespace, _, key = match[1].partition(".")
        known = namespaces.get(namespace, {})
        if key not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Unresolved(f"The variable #{{{match[1]}}} cannot be resolved. Variables of the namespace {namespace}: {there}.")
        return known[key]

    return {setting: _REFERENCE.sub(value_of, value) for setting, value in configuration.items()}
