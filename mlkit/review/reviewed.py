"""The values from which a page is made. The caller reads AWS and the disk; nothing in this package does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlkit.evidence.manifest import Approval, Manifest
from mlkit.gate.estimate import Estimate


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One execution's sealed files.

    `sha256` is the digest of the manifest's bytes. `files` maps the paths in a bundle, as `layout.Sealed.name_of` gives them, to content:
    staged notebooks and records, hand-off files, files for production, and the source archive. Models may be left out.
    """

    manifest: Manifest
    sha256: str
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ActionTime:
    """One attempt of an action, from CodePipeline. Times are ISO 8601 in UTC; `ended` is empty while it runs."""

    stage: str
    action: str
    status: str
    started: str
    ended: str = ""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`asked`: the people whom the approval asks. `where`: the console's address of the pipeline, and `clicks` the way from there.

    `effect`: what an approval starts. `production`: the version that production serves, for example `version 3`; empty if unknown.
    """

    asked: str = ""
    where: str = ""
    clicks: str = ""
    effect: str = ""
    production: str = ""


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """What an approver is asked about. `champion` is the evidence of the model in production; None if production has none.

    `approval` is the decision if it is known already and the manifest does not hold it, as the seal before an approval does not.
    `links` maps labels to addresses in the console. `signature` is one sentence on the seal's signature, by the caller that made or
    checked it, and `key` is the ARN of the key.
    """

    sealed: Evidence
    champion: Evidence | None = None
    actions: tuple[ActionTime, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    decision: Decision = field(default_factory=Decision)
    approval: Approval | None = None
    signature: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """One execution in the index. `sealed_at` is ISO 8601 in UTC, `decided_by` an ARN (empty: nobody yet), `page` a relative address."""

    execution: str
    sealed_at: str
    commit: str
    message: str
    verdict: str
    estimate: Estimate | None = None
    decided_by: str = ""
    decision: str = ""
    page: str = ""
