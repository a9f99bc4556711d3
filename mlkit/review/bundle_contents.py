"""The content of sealed files, read without trust: a damaged or hostile file becomes a problem to show, never an exception."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from mlkit.errors import InvalidData
from mlkit.evidence.layout import HANDOFF, RECORD_SUFFIX, Sealed, bundled_source, is_bundled_model
from mlkit.evidence.manifest import Attempt
from mlkit.evidence.run_record import Activity, RunRecord
from mlkit.gate.comparison import Comparison
from mlkit.gate.estimate import Estimate, Slice
from mlkit.gate.policy import Policy
from mlkit.notebook.handoff import PreparedData, TestResult
from mlkit.review.reviewed import Evidence
from mlkit.typed_json import build

SOURCE_BYTES = 1_000_000  # of one source file; a larger one is compared by its digest only
_NOTEBOOK = ".ipynb"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One executed notebook. `path` is the notebook's in the bundle; `record` is None if it cannot be read."""

    path: str
    action: str
    build: str
    notebook: bytes | None
    record: RunRecord | None
    attempt: Attempt | None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def is_confirmed(self) -> bool:
        return self.attempt is not None and self.attempt.confirmed

    @property
    def started(self) -> str:
        return self.record.started if self.record else ""

    @property
    def activity(self) -> Activity:
        return (self.record and self.record.activity) or Activity()


@dataclass(frozen=True, kw_only=True)
class GateFigures:
    """The figures of handoff/test_result.json, each checked: finite, in its interval, counts not negative."""

    verdict: str
    model_sha256: str
    estimate: Estimate
    policy: Policy
    others: Mapping[str, float]
    baselines: Mapping[str, float]
    slices: tuple[Slice, ...]
    champion: Comparison | None
    endpoint: str

    @property
    def required(self) -> float:
        return self.policy.required

    @property
    def linear(self) -> tuple[str, float] | None:
        """Name and metric of the linear baseline."""
        return self._baseline("linear", "logistic", "ridge")

    @property
    def untuned(self) -> tuple[str, float] | None:
        """Name and metric of the untuned model that the endpoint held beside a tuned one."""
        return self._baseline("untuned")

    def _baseline(self, *words: str) -> tuple[str, float] | None:
        """The first baseline whose name has one of the words."""
        return next(((name, value) for name, value in self.baselines.items() if any(word in name for word in words)), None)


class Contents:
    """What the sealed files of one execution say."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self.manifest = evidence, evidence.manifest
        self.problems: list[str] = []
        self.runs = self._read_runs()
        self.gate = self._read_gate()
        self.prepared = self._read_prepared()
        self.trained = self._handoff("trained_model") or {}

    @property
    def current(self) -> dict[str, Run]:
        """The run of each notebook that counts, by its name: the last confirmed one, else the last."""
        return {run.name: run for run in sorted(self.runs, key=lambda run: run.is_confirmed)}

    @property
    def is_of_production(self) -> bool:
        """Whether production was tested before this seal, after its approval."""
        return bool(self.manifest.parents) and self.manifest.approval is not None

    def place_of(self, run: Run) -> str:
        """Empty for the run that counts; else `an earlier attempt`, or `QA's test` for another action's run of the same notebook."""
        own = [other for other in self.runs if (other.name, other.action) == (run.name, run.action)]
        kept = max(own, key=lambda other: (other.is_confirmed, other.started))
        if kept is not run:
            return f"{'an earlier' if run.started <= kept.started else 'a later'} attempt"
        if self.current.get(run.name) is run:
            return ""
        stage, _, action = run.action.partition(".")
        return f"{stage}'s {'test' if 'Test' in action else 'run'}"

    @cached_property
    def source(self) -> dict[str, bytes | None]:
        """The code files of the source archive, by path; None for one that is too large, missing, or not the sealed one."""
        archive = self.evidence.files.get(bundled_source(self.manifest.source.archive_sha256))
        return _code_of(archive, self.manifest.code) if archive else {}

    @cached_property
    def digests(self) -> list[tuple[str, str, int]]:
        """Path in the bundle, SHA-256 and size of each sealed file, by path."""
        return sorted((name, file.sha256, file.size_bytes) for name, file in self._named())

    @cached_property
    def differing(self) -> list[str]:
        """The files whose bytes are not the sealed ones. Models, which are large, are left to `mlkit verify`."""
        files = self.evidence.files
        small = [(name, sha256) for name, sha256, _size in self.digests if name in files and not is_bundled_model(name)]
        return [name for name, sha256 in small if hashlib.sha256(files[name]).hexdigest() != sha256]

    def _named(self) -> Iterable[tuple[str, Any]]:
        manifest = self.manifest
        place = Sealed.of_files((file.s3_uri for file in manifest.files), manifest.pipeline, manifest.pipeline_execution_id)
        for file in manifest.files:
            try:
                yield place.name_of(file.s3_uri) if place else file.s3_uri, file
            except InvalidData:
                yield file.s3_uri, file

    def _read_runs(self) -> list[Run]:
        runs = []
        for path in sorted(self.evidence.files):
            parts = path.split("/")
            if len(parts) != 3 or not path.endswith((_NOTEBOOK, RECORD_SUFFIX)):
                continue
            notebook = f"{path.removesuffix(RECORD_SUFFIX).removesuffix(_NOTEBOOK)}{_NOTEBOOK}"
            if notebook == path or notebook not in self.evidence.files:
                runs.append(self._run(notebook, *parts[:2]))
        return sorted(runs, key=lambda run: (run.started, run.path))

    def _run(self, path: str, action: str, number: str) -> Run:
        files, record = self.evidence.files, None
        try:
            record = RunRecord.from_json(files[f"{path.removesuffix(_NOTEBOOK)}{RECORD_SUFFIX}"].decode())
        except KeyError:
            self.problems.append(f"{path} has no record.")
        except (InvalidData, UnicodeDecodeError, RecursionError):
            self.problems.append(f"The record of {path} cannot be read.")
        attempt = next((one for one in self.manifest.attempts if one.action == action and one.build.rpartition(":")[2] == number), None)
        return Run(path=path, action=action, build=number, notebook=files.get(path), record=record, attempt=attempt)

    def _handoff(self, name: str) -> dict[str, Any] | None:
        own = f"{self.manifest.action}/{self.manifest.build}/{HANDOFF}/{name}.json"
        found = [path for path in sorted(self.evidence.files) if path.endswith(f"/{HANDOFF}/{name}.json")]
        path = own if own in found else next(reversed(found), None)
        if path is None:
            self.problems.append(f"{HANDOFF}/{name}.json is missing.")
            return None
        try:
            document = json.loads(self.evidence.files[path])
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            self.problems.append(f"{path} cannot be read.")
            return None
        return document

    def _read_gate(self) -> GateFigures | None:
        document = self._handoff("test_result")
        if document is None:
            return None
        try:
            return _gate_figures(document)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as problem:
            self.problems.append(f"The test's result is damaged: {problem}.")
            return None

    def _read_prepared(self) -> PreparedData | None:
        document = self._handoff("prepared_data")
        if document is None:
            return None
        try:
            prepared: PreparedData = build(PreparedData, document)
        except (KeyError, TypeError, ValueError) as problem:
            self.problems.append(f"The description of the prepared data is damaged: {problem}.")
            return None
        return prepared


def _gate_figures(document: Mapping[str, Any]) -> GateFigures:
    schema = document.get("schema")
    if schema != TestResult.schema:
        raise ValueError(f"its schema is {str(schema)[:40]}, and this version of mlkit reads {TestResult.schema}")
    estimate, policy = build(Estimate, document["estimate"]), build(Policy, document["policy"])
    champion = build(Comparison | None, document.get("champion"))
    _finite({"required": policy.required, "confidence": policy.confidence, "margin": policy.margin})
    if champion and (found := champion.difference):
        _finite({"difference": found.value, "its lower bound": found.low, "its upper bound": found.high})
    return GateFigures(
        verdict=str(document["verdict"]),
        model_sha256=str(document["model"]["sha256"]),
        estimate=estimate,
        policy=policy,
        others=_finite(document["others"]),
        baselines=_finite(document["baselines"]),
        slices=build(tuple[Slice, ...], document["slices"]),
        champion=champion,
        endpoint=str(document.get("endpoint", "")),
    )


def _finite(values: Any) -> dict[str, float]:
    """Figures by name. Raises ValueError or TypeError for what is no finite number."""
    found: dict[str, float] = build(Mapping[str, float], values)
    if wrong := [name for name, value in found.items() if not math.isfinite(value)]:
        raise ValueError(f"{wrong[0][:40]} is not finite")
    return found


def _code_of(archive: bytes, code: Mapping[str, str]) -> dict[str, bytes | None]:
    """The archive's files that `code` names. None for a file whose digest is not the one in `code`, or that is too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            known = set(opened.namelist())
            return {name: _sealed_file(opened, name, sha256) if name in known else None for name, sha256 in code.items()}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        return dict.fromkeys(code)


def _sealed_file(opened: zipfile.ZipFile, name: str, sha256: str) -> bytes | None:
    with opened.open(name) as stream:
        data = stream.read(SOURCE_BYTES + 1)
    return data if len(data) <= SOURCE_BYTES and hashlib.sha256(data).hexdigest() == sha256 else None
