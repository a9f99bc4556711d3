"""The parameters, data and packages of an execution beside production's, as named values."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mlkit.notebook.handoff import Channel, PreparedData
from mlkit.review.bundle_contents import Contents
from mlkit.review.shown_text import bounded

_CONSTANT = "default"  # a parameter's source: the notebook itself
_OF_THE_STAGE = "env ENVIRONMENT"  # the source of a parameter that differs between QA and production, and says nothing about a change
_MOST_VALUE = 40  # characters of a value in a sentence


@dataclass(frozen=True, kw_only=True)
class Value:
    """One figure or setting in production (`old`) and now (`new`); empty where it does not exist. `set_by` is a parameter's source."""

    name: str
    old: str
    new: str
    set_by: str = ""
    group: str = ""

    @property
    def is_changed(self) -> bool:
        return self.old != self.new and self.set_by != _OF_THE_STAGE

    @property
    def change(self) -> str:
        """`epochs 100 -> 30 (02_train.ipynb)`."""
        old, new = (bounded(text, _MOST_VALUE) or "not there" for text in (self.old, self.new))
        return f"{bounded(self.name, 80)} {old} -> {new}" + (f" ({bounded(self.group, 80)})" if self.group else "")

    @property
    def is_set(self) -> bool:
        """Whether somebody chose the value instead of the notebook."""
        return self.set_by not in ("", _CONSTANT)

    @property
    def setter(self) -> str:
        """Who set the value, in words."""
        kind, _, name = self.set_by.partition(" ")
        words = {_CONSTANT: "the notebook", "env": f"the build's variable {name}", "-p": "the command line", "-f": f"the file {name}"}
        return words.get(kind, self.set_by)


def compare_parameters(old: Contents | None, new: Contents) -> Iterable[Value]:
    """By notebook and name, as JSON."""
    return _values(_parameters(old), _parameters(new), _set_by(new))


def compare_data(old: Contents | None, new: Contents) -> Iterable[Value]:
    """Rows and digests of the prepared data by split, its table and its details."""
    return _values(_data(old), _data(new), {})


def compare_packages(old: Contents | None, new: Contents) -> Iterable[Value]:
    """Versions by package."""
    return _values(_packages(old), _packages(new), {})


def _values(old: Mapping[Any, str], new: Mapping[Any, str], set_by: Mapping[Any, str]) -> Iterable[Value]:
    for key in dict.fromkeys([*new, *old]):
        group, name = key
        yield Value(group=group, name=name, old=old.get(key, ""), new=new.get(key, ""), set_by=set_by.get(key, ""))


def _parameters(contents: Contents | None) -> dict[tuple[str, str], str]:
    """Values as JSON by notebook and name."""
    return {key: json.dumps(parameter.value, ensure_ascii=False, sort_keys=True) for key, parameter in _all_parameters(contents)}


def _set_by(contents: Contents) -> dict[tuple[str, str], str]:
    return {key: parameter.source for key, parameter in _all_parameters(contents)}


def _all_parameters(contents: Contents | None) -> Iterable[tuple[tuple[str, str], Any]]:
    for name, run in sorted(contents.current.items()) if contents else ():
        for parameter in run.record.parameters if run.record else ():
            yield (name, parameter.name), parameter


def _data(contents: Contents | None) -> dict[tuple[str, str], str]:
    prepared = contents.prepared if contents else None
    if contents is None or prepared is None:
        return {}
    splits = {"train": prepared.train, "validation": prepared.validation, "test": prepared.test}
    facts = dict(chain.from_iterable(_of_split(name, channel).items() for name, channel in splits.items()))
    facts |= {("columns", "number"): f"{prepared.feature_dim:,}", ("columns", "digest of the encoding"): prepared.encoding.sha256}
    facts[("table", "name")] = f"{prepared.database}.{prepared.table}"
    return facts | _tables(contents) | _details(prepared)


def _of_split(name: str, channel: Channel) -> dict[tuple[str, str], str]:
    content = hashlib.sha256("".join(sorted(item.sha256 for item in channel.objects)).encode()).hexdigest()
    labels = {"rows with label 1": channel.positives} if channel.positives is not None else channel.labels
    figures = {(name, told): f"{figure:,.10g}" for told, figure in labels.items()}
    return {(name, "rows"): f"{channel.rows:,}", **figures, (name, "digest"): content}


def _tables(contents: Contents) -> dict[tuple[str, str], str]:
    inputs = chain.from_iterable(run.activity.inputs for run in contents.current.values())
    return {("table", f"digest of {item.name}"): item.sha256 for item in inputs if item.name.startswith("glue table")}


def _details(prepared: PreparedData) -> dict[tuple[str, str], str]:
    return {("details", str(name)): json.dumps(value, sort_keys=True) for name, value in prepared.details.items()}


def _packages(contents: Contents | None) -> dict[tuple[str, str], str]:
    """Versions by package, of all runs; with the steps of each version if they differ."""
    found: dict[str, dict[str, list[str]]] = {}
    runs = contents.current.values() if contents else ()
    for run in runs:
        record = run.record
        versions = {**record.packages, **({"Python": record.python} if record.python else {})} if record else {}
        for name, version in versions.items():
            found.setdefault(name, {}).setdefault(version, []).append(run.name.removesuffix(".ipynb"))
    return {("", name): _by_step(steps) for name, steps in sorted(found.items(), key=lambda item: item[0].lower())}


def _by_step(steps: Mapping[str, list[str]]) -> str:
    if len(steps) == 1:
        return next(iter(steps))
    return "; ".join(f"{version} in {', '.join(names)}" for version, names in sorted(steps.items()))


def packages_agree(contents: Contents) -> bool:
    """Whether all steps ran with the same packages."""
    records = [run.record for run in contents.current.values() if run.record]
    return all(one.packages == records[0].packages and one.python == records[0].python for one in records)
