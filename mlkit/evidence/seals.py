"""One seal of a bundle: its envelope, signature, statement, manifest and page, checked against each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from securesystemslib.signer import SSlibKey

from mlkit.errors import InvalidData, SealBroken
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.envelope import check_signature, check_statement, read_envelope, subjects_of
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import DEPLOYS, ENVELOPE, HANDOFF, MANIFEST, PAGE, Sealed
from mlkit.evidence.manifest import Manifest, SealedFile, sha256_of
from mlkit.evidence.strict_json import read_as

MOST_TEXT = 32 << 20  # bytes of a manifest, an envelope, a record or a hand-off file; a whole one is parsed in memory
MOST_PAGE = 256 << 20
OF_A_SEAL = (MANIFEST, ENVELOPE, PAGE)


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
        """The manifest's name in the bundle, fit for a message."""
        return shown(f"{self.folder}/{MANIFEST}")

    @property
    def stage(self) -> str:
        return self.manifest.action.partition(".")[0]

    def below(self, prefix: str) -> dict[str, str]:
        """SHA-256 of the sealed files below the prefix, by the rest of their names."""
        return {name.removeprefix(prefix): file.sha256 for name, file in self.files.items() if name.startswith(prefix)}

    def content(self, files: Bundle, name: str, most: int = MOST_TEXT) -> bytes:
        """The bytes of one of its files. Raises SealBroken if they are not the sealed ones, or more than `most`."""
        data = require(files, name, most)
        if name not in self.files or sha256_of(data) != self.files[name].sha256:
            raise SealBroken(f"{shown(name)} changed since it was sealed")
        return data


def seal_folders(files: Bundle) -> list[str]:
    """The folders of seals, sorted: those with a manifest, or with files that only a seal has. Raises SealBroken if there is none."""
    found = set()
    for name in files:
        parts = name.split("/")
        if (len(parts) == 3 and parts[2] == MANIFEST) or (len(parts) == 4 and parts[2] in (HANDOFF, DEPLOYS)):
            found.add("/".join(parts[:2]))
    if not found:
        cure = "Name the folder that `mlkit evidence fetch` wrote."
        raise SealBroken(f"There is no seal: no folder <action>/<build> holds {MANIFEST}", cure=cure)
    return sorted(found)


def require(files: Bundle, name: str, most: int) -> bytes:
    """The file's content. Raises SealBroken for a file that is missing or larger than `most` bytes."""
    check_there(files, name)
    return files.read(name, most)


def check_there(files: Bundle, name: str) -> None:
    """Raises SealBroken if the bundle does not have the file."""
    if name not in files:
        is_folder = any(one.startswith(f"{name}/") for one in files)
        raise SealBroken(f"{shown(name)} is a folder, not a file" if is_folder else f"{shown(name)} is missing")


def read_seal(files: Bundle, folder: str, key: SSlibKey | None) -> SealInBundle:
    """One seal, once its envelope, signature, statement, manifest and page have been checked."""
    name, signature = f"{folder}/{MANIFEST}", shown(f"{folder}/{ENVELOPE}")
    check_there(files, name)
    envelope = read_envelope(require(files, f"{folder}/{ENVELOPE}", MOST_TEXT), signature)
    if key is not None:
        check_signature(envelope, key, signature)
    subjects = subjects_of(envelope, signature)
    data = require(files, name, MOST_TEXT)
    digests = {MANIFEST: sha256_of(data)}
    if subjects.pop(MANIFEST, None) != digests[MANIFEST]:
        raise SealBroken(f"{shown(name)} is not the manifest that {ENVELOPE} beside it signs")
    manifest = read_as(Manifest, data, shown(name))
    if folder != f"{manifest.action}/{manifest.build}":
        raise SealBroken(f"{shown(name)} is in the wrong folder: it is the seal of {shown(manifest.action)}/{shown(manifest.build)}")
    if PAGE in subjects:
        digests[PAGE] = subjects.pop(PAGE)
    _check_page(files, f"{folder}/{PAGE}", digests.get(PAGE))
    if subjects != {manifest.model_s3_uri.rpartition("/")[2]: manifest.model_sha256}:
        raise SealBroken(f"{signature} signs another model than {MANIFEST} beside it names")
    check_statement(envelope, manifest, digests, signature)
    place = place_of(manifest, name)
    return SealInBundle(folder=folder, sha256=digests[MANIFEST], manifest=manifest, place=place, files=_files_of(manifest, place, name))


def _check_page(files: Bundle, name: str, sha256: str | None) -> None:
    if sha256 is None:
        if name in files:
            raise SealBroken(f"{shown(name)} was added: {ENVELOPE} beside it does not sign it")
        return
    check_there(files, name)
    if files.size(name) > MOST_PAGE or files.sha256(name) != sha256:
        raise SealBroken(f"{shown(name)} changed since it was sealed")


def place_of(manifest: Manifest, name: str = MANIFEST) -> Sealed:
    """The execution's place in the evidence bucket, from the addresses of its files."""
    place = Sealed.of_files((file.s3_uri for file in manifest.files), manifest.pipeline, manifest.pipeline_execution_id)
    if place is None:
        raise SealBroken(f"{shown(name)} lists no file of its own execution")
    return place


def _files_of(manifest: Manifest, place: Sealed, name: str) -> dict[str, SealedFile]:
    found: dict[str, SealedFile] = {}
    for file in manifest.files:
        try:
            inside = place.name_of(file.s3_uri)
        except InvalidData as error:
            raise SealBroken(f"{shown(name)} lists a file of another execution: {shown(file.s3_uri)}") from error
        if found.setdefault(inside, file) is not file:
            raise SealBroken(f"{shown(name)} lists a file twice: {shown(file.s3_uri)}")
    return found
