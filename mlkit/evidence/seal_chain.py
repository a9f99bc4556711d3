"""The seals of one execution together: which is the newest, what each names as earlier ones, and whether approval and times fit."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from mlkit.errors import SealBroken
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import MANIFEST
from mlkit.evidence.manifest import APPROVABLE
from mlkit.evidence.seals import SealInBundle
from mlkit.evidence.staged import SUCCEEDED

_DEPLOYED = "Production"  # the stage of the pipeline's template that an approval opens


def check_chain(seals: Sequence[SealInBundle]) -> tuple[SealInBundle, list[str]]:
    """The newest seal, and the addresses of the earlier ones that the bundle does not hold. Raises SealBroken."""
    for seal in seals:
        _check_times(seal)
    by_digest = {seal.sha256: seal for seal in seals}
    newest = max(seals, key=lambda seal: (len(seal.manifest.parents), _sealed(seal)))
    for seal in seals:
        if seal.place != newest.place:
            raise SealBroken(f"{seal.name} belongs to another execution than {newest.name}")
        if seal is not newest and seal.sha256 not in (parent.sha256 for parent in newest.manifest.parents):
            raise SealBroken(f"{seal.name} was added: {newest.name} does not name it as its parent")
    missing = []
    for count, parent in enumerate(newest.manifest.parents):
        found = by_digest.get(parent.sha256)
        if found is None:
            missing.append(shown(parent.s3_uri))
        elif parent.s3_uri != newest.place.of_seal(found.manifest.action, found.manifest.build, MANIFEST):
            raise SealBroken(f"{newest.name} names {found.name} by another address")
        elif found.manifest.parents != newest.manifest.parents[:count] or _sealed(found) > _sealed(newest):
            raise SealBroken(f"The seals are reordered: {found.name} is not parent {count + 1} of {newest.name}")
    for seal in seals:
        _check_approval(seal, [by_digest[parent.sha256] for parent in seal.manifest.parents if parent.sha256 in by_digest])
    return newest, missing


def _sealed(seal: SealInBundle) -> datetime:
    return _moment(seal.manifest.sealed_at, seal, "sealed_at")


def _moment(text: str, seal: SealInBundle, name: str) -> datetime:
    """The time. Raises SealBroken for a text that is none, or has no time zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SealBroken(f"{seal.name}: {name} is {shown(text)}, which is no time") from error
    if moment.tzinfo is None:
        raise SealBroken(f"{seal.name}: {name} is {shown(text)}, without a time zone")
    return moment


def _check_times(seal: SealInBundle) -> None:
    """Attempts are listed once, in the order of their starts, and end before the seal; only a build that succeeded confirms files."""
    before, places = None, set()
    for attempt in seal.manifest.attempts:
        place = shown(f"{attempt.action}/{attempt.build}")
        started, ended = _moment(attempt.started, seal, f"the start of {place}"), _moment(attempt.ended, seal, f"the end of {place}")
        if place in places:
            raise SealBroken(f"{seal.name} lists the attempt {place} twice")
        if before is not None and started < before:
            raise SealBroken(f"{seal.name} lists the attempt {place} after one that began later")
        if not started <= ended <= _sealed(seal):
            raise SealBroken(
                f"{seal.name}: {place} lasts from {shown(attempt.started)} to {shown(attempt.ended)}; the seal is of {_at(seal)}"
            )
        if attempt.confirmed != (attempt.status == SUCCEEDED):
            told = "confirmed its files" if attempt.confirmed else "did not confirm its files"
            raise SealBroken(f"{seal.name}: {place} {told}, but ended as {shown(attempt.status)}")
        before = started
        places.add(place)


def _check_approval(seal: SealInBundle, parents: Iterable[SealInBundle]) -> None:
    """A seal of production follows another action's, which a person approved in between."""
    approval, at = seal.manifest.approval, _sealed(seal)
    decided = None if approval is None else _moment(approval.decided_at, seal, "the approval")
    if approval is not None and decided is not None and decided > at:
        raise SealBroken(f"{seal.name}: the approval is of {shown(approval.decided_at)}, after the seal of {_at(seal)}")
    others = [parent for parent in seal.manifest.parents if f"/{seal.manifest.action}/" not in parent.s3_uri]
    if not others and seal.stage != _DEPLOYED:
        return
    if not others:
        raise SealBroken(f"{seal.name} names no seal that was approved before it")
    if approval is None or decided is None:
        raise SealBroken(f"{seal.name} was sealed without an approval")
    if approval.status != "Approved":
        raise SealBroken(f"{seal.name} was sealed after an approval that ended as {shown(approval.status)}")
    for parent in (one for one in parents if one.manifest.action != seal.manifest.action):
        if decided < _sealed(parent):
            raise SealBroken(
                f"{seal.name}: the approval is of {shown(approval.decided_at)}, before {parent.name} was sealed at {_at(parent)}"
            )
        if parent.manifest.verdict not in APPROVABLE:
            raise SealBroken(f"{seal.name}: {parent.name} was approved with the verdict {shown(parent.manifest.verdict)}")


def _at(seal: SealInBundle) -> str:
    return shown(seal.manifest.sealed_at)
