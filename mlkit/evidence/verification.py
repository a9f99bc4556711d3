"""Verifies a bundle of sealed evidence offline: signatures, the chain of seals, and every file.

A check that fails names the first thing that is wrong; the order is that of `verify_bundle`. What the bundle alone cannot prove is listed,
not passed over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from securesystemslib.signer import SSlibKey

from mlkit.errors import InvalidData, SealBroken, UsageError
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.envelope import check_signature, key_pem, read_envelope, read_key, subjects_of
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import ENVELOPE, MANIFEST, PAGE, PUBLIC_KEY, Sealed
from mlkit.evidence.manifest import Manifest, SealedFile, sha256_of
from mlkit.evidence.sealed_records import check_contents

_OF_A_SEAL = (MANIFEST, ENVELOPE, PAGE)
_SHOWN = 12  # characters of a digest


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The result for a bundle that is as it was sealed: what was proved and what was not, a line each."""

    head: Manifest
    head_sha256: str
    seals: int
    files: int
    proved: tuple[str, ...]
    unproved: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SealInBundle:
    """One seal. `folder` is `<action>/<build>`; `files` maps names in the bundle to what the manifest tells of them."""

    folder: str
    sha256: str
    manifest: Manifest
    place: Sealed
    files: Mapping[str, SealedFile]

    @property
    def name(self) -> str:
        return f"{self.folder}/{MANIFEST}"


def verify_bundle(files: Bundle, *, public_key: bytes | None = None, head: str | None = None) -> Verified:
    """Verify every seal and every file. `public_key` is PEM, `head` the SHA-256 of the newest manifest as somebody else tells it.

    The order: each seal's envelope, signature, statement, manifest and page; the head; the chain; files that changed, are missing or were
    added; model, source, records, hand-off files and deployments of each seal. Raises SealBroken with the first that is wrong, UsageError
    for a key that is none or a manifest of another version.
    """
    key = _key(files, public_key)
    seals = [read_seal(files, folder, key) for folder in _folders(files)]
    newest, missing = _check_chain(seals, head)
    listed = _check_files(files, seals)
    doubts = [doubt for seal in seals for doubt in check_contents(files, seal.manifest, seal.folder, seal.files)]
    return Verified(
        head=newest.manifest,
        head_sha256=newest.sha256,
        seals=len(seals),
        files=listed,
        proved=tuple(_proved(seals, newest, key, head, listed)),
        unproved=tuple(dict.fromkeys([*_unsigned(key, public_key), *_after(newest, head), *missing, *doubts])),
    )


def _key(files: Bundle, public_key: bytes | None) -> SSlibKey | None:
    """The given key, else the bundle's own. Raises UsageError if the given one is none, SealBroken if the bundle's is another."""
    given = None if public_key is None else read_key(public_key)
    if PUBLIC_KEY not in files:
        return given
    try:
        own = read_key(files[PUBLIC_KEY])
    except UsageError as error:
        raise SealBroken(f"{PUBLIC_KEY} in the bundle is not the public key of a seal: {error}") from error
    if key_pem(own) != files[PUBLIC_KEY] or own != (given or own):
        raise SealBroken(f"{PUBLIC_KEY} in the bundle is not the key that you gave, as `mlkit evidence key` writes it")
    return own


def _folders(files: Bundle) -> list[str]:
    """The folders of seals, sorted. Raises SealBroken if there is none."""
    parts = (name.split("/") for name in files)
    found = {"/".join(part[:2]) for part in parts if len(part) == 3 and part[2] in _OF_A_SEAL}
    if not found:
        cure = "Name the folder that `mlkit evidence fetch` wrote."
        raise SealBroken(f"There is no seal: no folder <action>/<build> holds {MANIFEST}", cure=cure)
    return sorted(found)


def _content(files: Bundle, name: str) -> bytes:
    if name not in files:
        raise SealBroken(f"{one_line(name)} is missing")
    return files[name]


def read_seal(files: Bundle, folder: str, key: SSlibKey | None) -> SealInBundle:
    """One seal, once its envelope, signature, statement, manifest and page have been checked."""
    name, signature = f"{folder}/{MANIFEST}", one_line(f"{folder}/{ENVELOPE}")
    envelope = read_envelope(_content(files, f"{folder}/{ENVELOPE}"), signature)
    if key is not None:
        check_signature(envelope, key, signature)
    subjects = subjects_of(envelope, signature)
    data = _content(files, name)
    digest = sha256_of(data)
    if subjects.pop(MANIFEST, None) != digest:
        raise SealBroken(f"{one_line(name)} is not the manifest that {ENVELOPE} beside it signs")
    _check_page(files, f"{folder}/{PAGE}", subjects.pop(PAGE, None))
    manifest = _manifest(data, name)
    if subjects != {manifest.model_s3_uri.rpartition("/")[2]: manifest.model_sha256}:
        raise SealBroken(f"{signature} signs another model than {MANIFEST} beside it names")
    if folder != f"{manifest.action}/{manifest.build}":
        raise SealBroken(one_line(f"{name} is in the wrong folder: it is the seal of {manifest.action}/{manifest.build}"))
    place = place_of(manifest, name)
    return SealInBundle(folder=folder, sha256=digest, manifest=manifest, place=place, files=_files_of(manifest, place, name))


def _check_page(files: Bundle, name: str, sha256: str | None) -> None:
    if sha256 is None and name in files:
        raise SealBroken(f"{one_line(name)} was added: {ENVELOPE} beside it does not sign it")
    if sha256 is not None and sha256_of(_content(files, name)) != sha256:
        raise SealBroken(f"{one_line(name)} changed since it was sealed")


def _manifest(data: bytes, name: str) -> Manifest:
    try:
        return Manifest.from_bytes(data)
    except RecursionError as error:
        raise SealBroken(f"{one_line(name)} cannot be read: it is nested too deeply") from error


def place_of(manifest: Manifest, name: str = MANIFEST) -> Sealed:
    """The execution's place in the evidence bucket, from the addresses of its files."""
    inside = f"/{manifest.pipeline}/{manifest.pipeline_execution_id}/"
    for file in manifest.files:
        if inside in file.s3_uri:
            address = file.s3_uri.partition(inside)[0]
            return Sealed(address=address, pipeline=manifest.pipeline, execution=manifest.pipeline_execution_id)
    raise SealBroken(f"{one_line(name)} lists no file of its own execution")


def _files_of(manifest: Manifest, place: Sealed, name: str) -> dict[str, SealedFile]:
    try:
        found = {place.name_of(file.s3_uri): file for file in manifest.files}
    except InvalidData as error:
        raise SealBroken(one_line(f"{name} lists a file of another execution: {error}")) from error
    if len(found) != len(manifest.files):
        raise SealBroken(f"{one_line(name)} lists a file twice")
    return found


def _check_chain(seals: Sequence[SealInBundle], head: str | None) -> tuple[SealInBundle, list[str]]:
    """The newest seal, and a line for each parent that the bundle does not hold. Raises SealBroken."""
    by_digest = {seal.sha256: seal for seal in seals}
    if head is not None and head not in by_digest:
        raise SealBroken(f"The bundle is cut off: no manifest in it has the digest {head}")
    newest = max(seals, key=lambda seal: (len(seal.manifest.parents), seal.manifest.sealed_at))
    for seal in seals:
        if seal.place != newest.place:
            raise SealBroken(f"{one_line(seal.name)} belongs to another execution than {one_line(newest.name)}")
        if seal is not newest and seal.sha256 not in (parent.sha256 for parent in newest.manifest.parents):
            raise SealBroken(f"{one_line(seal.name)} was added: {one_line(newest.name)} does not name it as its parent")
    missing = []
    for count, parent in enumerate(newest.manifest.parents):
        found = by_digest.get(parent.sha256)
        if found is None:
            missing.append(f"The earlier seal {one_line(parent.s3_uri)} is not in the bundle.")
        elif parent.s3_uri != newest.place.of_seal(found.manifest.action, found.manifest.build, MANIFEST):
            raise SealBroken(f"{one_line(newest.name)} names {one_line(found.name)} by another address")
        elif found.manifest.parents != newest.manifest.parents[:count] or found.manifest.sealed_at > newest.manifest.sealed_at:
            raise SealBroken(f"The seals are reordered: {one_line(found.name)} is not parent {count + 1} of {one_line(newest.name)}")
    return newest, missing


def _check_files(files: Bundle, seals: Sequence[SealInBundle]) -> int:
    """The number of files that the seals list, once each is there as listed and no other is. Raises SealBroken."""
    listed: dict[str, SealedFile] = {}
    for seal in seals:
        for name, file in seal.files.items():
            if listed.setdefault(name, file) != file:
                raise SealBroken(f"{one_line(name)}: two seals list it differently")
    for name in sorted(listed):
        data = _content(files, name)
        if (len(data), sha256_of(data)) != (listed[name].size_bytes, listed[name].sha256):
            raise SealBroken(f"{one_line(name)} changed since it was sealed")
    own = {f"{seal.folder}/{name}" for seal in seals for name in _OF_A_SEAL}
    for name in sorted(set(files) - own - {PUBLIC_KEY}):
        if name not in listed:
            raise SealBroken(f"{one_line(name)} was added: no seal lists it")
    return len(listed)


def _proved(seals: Sequence[SealInBundle], newest: SealInBundle, key: SSlibKey | None, head: str | None, files: int) -> Iterable[str]:
    for seal in sorted(seals, key=lambda seal: len(seal.manifest.parents)):
        signed = f"is signed by the key {key.keyid[:_SHOWN]}" if key is not None else "fits its statement"
        yield one_line(f"{seal.name} of {seal.manifest.sealed_at} {signed}.")
        if approval := seal.manifest.approval:
            yield one_line(f"It says: {approval.status} by {approval.decided_by} at {approval.decided_at}.")
    for seal in seals:
        if seal is not newest:
            yield one_line(f"{seal.name} is a parent of {newest.name}.")
    if head is not None:
        yield one_line(f"{next(seal.name for seal in seals if seal.sha256 == head)} has the digest that you gave.")
    yield f"{files} files are as they were sealed. None is missing, none was added."
    yield one_line(f"The model is {newest.manifest.model_sha256[:_SHOWN]}. Its verdict is {newest.manifest.verdict}.")
    yield "Notebooks, hand-off files and what production deploys fit the records and manifests."


def _unsigned(key: SSlibKey | None, given: bytes | None) -> Iterable[str]:
    if key is None:
        yield "No signature was checked: anybody may have written the seals. Give the public key: --key."
    elif given is None:
        yield f"The key is the bundle's own {PUBLIC_KEY}: whoever made the bundle may have signed it. Get the key elsewhere: --key."


def _after(newest: SealInBundle, head: str | None) -> Iterable[str]:
    if head is None:
        yield "A later seal may be cut off. Give the digest of the newest manifest: --head."
    elif head != newest.sha256:
        yield one_line(f"{newest.name} is newer than the digest that you gave: what follows it may be cut off.")
    if newest.manifest.champion is not None:
        yield one_line(f"The model that production served has a seal of its own: {newest.manifest.champion.s3_uri}.")
