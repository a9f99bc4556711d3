"""Verifies a bundle of sealed evidence offline: signatures, the chain of seals, and every file.

A check that fails names the first thing that is wrong; the order is that of `verify_bundle`. What the bundle alone cannot prove is listed,
not passed over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from securesystemslib.signer import SSlibKey

from mlkit.errors import SealBroken, UsageError
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.envelope import read_key
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import PUBLIC_KEY
from mlkit.evidence.manifest import Manifest, SealedFile
from mlkit.evidence.seal_chain import check_chain
from mlkit.evidence.sealed_records import check_contents
from mlkit.evidence.sealed_results import check_results
from mlkit.evidence.sealed_source import check_executed, check_source
from mlkit.evidence.seals import OF_A_SEAL, SealInBundle, check_there, read_seal, seal_folders

MOST_KEY = 64 << 10  # bytes of a key file
_SHOWN = 12  # characters of a digest


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The result for a bundle in which nothing is wrong: what was found and what is not proved, a line each.

    `is_signed`: the key that the caller gave signed every seal. Without it, anybody may have written the bundle, and nothing is proved.
    `lacking` says what the caller did not give (the key, the head, an earlier seal), though it would have proved more.
    """

    head: Manifest
    head_sha256: str
    seals: int
    files: int
    is_signed: bool
    proved: tuple[str, ...]
    unproved: tuple[str, ...]
    lacking: tuple[str, ...]


def verify_bundle(files: Bundle, *, public_key: bytes | None = None, head: str | None = None) -> Verified:
    """Verify every seal and every file. `public_key` is PEM, `head` the SHA-256 of the newest manifest as somebody else tells it.

    The order: each seal's envelope, signature, statement, manifest and page; the head; the chain, its approval and times; files that
    changed, are missing or were added; of each seal model, attempts, records, hand-off files, deployments, notebooks and source. Raises
    SealBroken with the first that is wrong, UsageError if the given key is none.
    """
    key = _key(files, public_key)
    is_signed = public_key is not None
    _check_places(files)
    seals = [read_seal(files, folder, key) for folder in seal_folders(files)]
    _check_head(seals, head, is_signed=is_signed)
    newest, missing = check_chain(seals)
    listed = _check_files(files, seals)
    doubts = [doubt for seal in seals for doubt in _check_seal(files, seal)]
    asked = _asked(newest, key, head, is_signed=is_signed)
    absent = [f"The earlier seal {address} is not in the bundle." for address in missing]
    lacking = [what for what, _ in asked] + [f"the earlier seal {address} is missing" for address in missing]
    return Verified(
        head=newest.manifest,
        head_sha256=newest.sha256,
        seals=len(seals),
        files=listed,
        is_signed=is_signed,
        proved=tuple(_proved(seals, newest, key, head, listed)),
        unproved=tuple(dict.fromkeys([*(line for _, line in asked), *absent, *_undecided(seals), *_champions(newest), *doubts])),
        lacking=tuple(lacking),
    )


def _check_seal(files: Bundle, seal: SealInBundle) -> list[str]:
    doubts = check_contents(files, seal)
    check_results(files, seal)
    return [*doubts, *check_executed(files, seal), *check_source(files, seal)]


def _key(files: Bundle, public_key: bytes | None) -> SSlibKey | None:
    """The given key, else the bundle's own. Raises UsageError if the given one is none, SealBroken if the bundle's is another."""
    given = None if public_key is None else read_key(public_key)
    if PUBLIC_KEY not in files:
        return given
    try:
        own = read_key(files.read(PUBLIC_KEY, MOST_KEY))
    except UsageError as error:
        raise SealBroken(f"{PUBLIC_KEY} in the bundle is not the public key of a seal: {error}") from error
    if own != (given or own):
        raise SealBroken(f"{PUBLIC_KEY} in the bundle is another key than the one that you gave: {own.keyid}")
    return own


def _check_places(files: Bundle) -> None:
    """Raises SealBroken for a file of a seal that is in no seal's folder."""
    folders = seal_folders(files)
    for name in files:
        folder, _, file = name.rpartition("/")
        if file in OF_A_SEAL and folder not in folders:
            raise SealBroken(f"{shown(name)} was added: no seal has this folder")


def _check_head(seals: Sequence[SealInBundle], head: str | None, *, is_signed: bool) -> None:
    if head is not None and head not in [seal.sha256 for seal in seals]:
        also = "" if is_signed else ", or its manifest was edited: without --key, nobody knows who wrote it"
        raise SealBroken(f"The bundle is cut off{also}: no manifest in it has the digest {head}")


def _check_files(files: Bundle, seals: Sequence[SealInBundle]) -> int:
    """The number of files that the seals list, once each is there as listed and no other is. Raises SealBroken."""
    listed: dict[str, SealedFile] = {}
    for seal in seals:
        for name, file in seal.files.items():
            if listed.setdefault(name, file) != file:
                raise SealBroken(f"{shown(name)}: two seals list it differently")
    for name in sorted(listed):
        check_there(files, name)
        if files.size(name) != listed[name].size_bytes:  # first: a file may have grown to any size
            raise SealBroken(f"{shown(name)} changed since it was sealed: {files.size(name):,} bytes, not {listed[name].size_bytes:,}")
        if files.sha256(name) != listed[name].sha256:
            raise SealBroken(f"{shown(name)} changed since it was sealed")
    own = {f"{seal.folder}/{name}" for seal in seals for name in OF_A_SEAL}
    for name in sorted(set(files) - own - {PUBLIC_KEY}):
        if name not in listed:
            raise SealBroken(f"{shown(name)} was added: no seal lists it")
    return len(listed)


def _proved(seals: Sequence[SealInBundle], newest: SealInBundle, key: SSlibKey | None, head: str | None, files: int) -> Iterable[str]:
    for seal in sorted(seals, key=lambda seal: len(seal.manifest.parents)):
        signed = f"is signed by the key {key.keyid[:_SHOWN]}" if key is not None else "fits its statement"
        yield f"{seal.name} of {shown(seal.manifest.sealed_at)} {signed}."
        if approval := seal.manifest.approval:
            yield f"It says: {shown(approval.status)} by {shown(approval.decided_by)} at {shown(approval.decided_at)}."
    for seal in seals:
        if seal is not newest:
            yield f"{seal.name} is a parent of {newest.name}."
    if head is not None:
        yield f"{next(seal.name for seal in seals if seal.sha256 == head)} has the digest that you gave."
    yield f"{files} files are as their seals list them. None is missing, none was added."
    yield f"The model is {shown(newest.manifest.model_sha256[:_SHOWN])}. Its verdict is {shown(newest.manifest.verdict)}."
    yield "Source, notebooks, hand-off files and what production deploys fit the records and manifests."


def _asked(newest: SealInBundle, key: SSlibKey | None, head: str | None, *, is_signed: bool) -> list[tuple[str, str]]:
    """What the caller could have given: in a few words, and as a line."""
    found = []
    if key is None:
        line = "No signature was checked: anybody may have written the seals. Give the public key: --key."
        found.append(("no public key was given", line))
    elif not is_signed:
        line = f"The key is the bundle's own {PUBLIC_KEY}: whoever made the bundle may have signed it. Get the key elsewhere: --key."
        found.append(("no public key from elsewhere was given", line))
    if head is None:
        line = "A later seal may be cut off. Give the digest of the newest manifest: --head."
        found.append(("no digest of the newest manifest was given", line))
    elif head != newest.sha256:
        line = f"{newest.name} is newer than the digest that you gave: what follows it may be cut off."
        found.append(("the digest that you gave is of an earlier manifest", line))
    return found


def _undecided(seals: Sequence[SealInBundle]) -> Iterable[str]:
    if all(seal.manifest.approval is None for seal in seals):
        yield "No seal in the bundle holds an approval: nobody had decided when the newest one was made."


def _champions(newest: SealInBundle) -> Iterable[str]:
    if newest.manifest.champion is not None:
        yield f"The model that production served has a seal of its own: {shown(newest.manifest.champion.s3_uri)}."
