"""Checks that what one seal hands over is about one model: hand-off files, manifest, and what production is deployed from.

The hand-off files are read by the few members that every version of mlkit wrote: an auditor reads old evidence.
"""

from collections.abc import Iterator
from typing import Any

from mlkit.errors import SealBroken
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import DEPLOYS, HANDOFF
from mlkit.evidence.seals import SealInBundle
from mlkit.evidence.strict_json import read_json
from mlkit.naming import ENDPOINT_TEMPLATE, EXECUTION_TAG

CONFIGURATION = "configuration_production.json"
_PRODUCTION = "production"  # ends the name of production's endpoint
_SPLITS = ("train", "validation", "test")


def check_results(files: Bundle, seal: SealInBundle) -> None:
    """Raises SealBroken with the first file and member that do not fit. `files` needs to hold the seal's hand-off and deployed files."""
    prepared, trained, tested = (_File(files, seal, f"{HANDOFF}/{name}.json") for name in ("prepared_data", "trained_model", "test_result"))
    configuration = _File(files, seal, f"{DEPLOYS}/{CONFIGURATION}")
    manifest = seal.manifest
    prepared.expect(manifest.inputs, _inputs(prepared), "its objects")
    trained.expect(prepared.document, trained.of("prepared_data"), "prepared_data")
    for file in (trained, tested):
        file.expect(manifest.model_sha256, file.of("model", "sha256"), "model, sha256")
        file.expect(manifest.model_s3_uri, file.of("model", "s3_uri"), "model, s3_uri")
    tested.expect(manifest.verdict, tested.of("verdict"), "verdict")
    name = manifest.model_s3_uri.rpartition("/")[2]
    deployed = {
        "ModelDataUrl": seal.place.model_file(manifest.model_sha256, name),
        "ImageUri": trained.of("image_uri"),
        "ExecutionRoleArn": trained.of("execution_role"),
    }
    for parameter, value in deployed.items():
        configuration.expect(value, configuration.of("Parameters", parameter), f"Parameters, {parameter}")
    configuration.expect(manifest.pipeline_execution_id, configuration.of("Tags", EXECUTION_TAG), f"Tags, {EXECUTION_TAG}")
    endpoint = str(configuration.of("Parameters", "EndpointName")).removesuffix(_PRODUCTION) + seal.stage.lower()
    tested.expect(endpoint, tested.of("endpoint"), "endpoint")
    _check_template(seal)


def _check_template(seal: SealInBundle) -> None:
    """The template from which production is deployed is the source's."""
    told = seal.manifest.deploys.get(ENDPOINT_TEMPLATE.name)
    if told is None or told != seal.manifest.code.get(ENDPOINT_TEMPLATE.as_posix()):
        raise SealBroken(f"{shown(f'{seal.folder}/{DEPLOYS}/{ENDPOINT_TEMPLATE.name}')} is not the source's {ENDPOINT_TEMPLATE}")


class _File:
    """A JSON file of the seal."""

    def __init__(self, files: Bundle, seal: SealInBundle, name: str) -> None:
        whole = f"{seal.folder}/{name}"
        self.name = shown(whole)
        if whole not in seal.files:
            raise SealBroken(f"{self.name} is not among the files of {seal.name}")
        self.document = read_json(seal.content(files, whole), self.name)

    def of(self, *members: str) -> Any:
        """The value of a member of a member ... Raises SealBroken if there is none."""
        value = self.document
        for member in members:
            if not isinstance(value, dict) or member not in value:
                raise SealBroken(f"{self.name} has no member {', '.join(members)}")
            value = value[member]
        return value

    def expect(self, expected: Any, found: Any, what: str) -> None:
        if found != expected:
            told = f": {shown(found)}, not {shown(expected)}" if isinstance(expected, str) else ""
            raise SealBroken(f"{self.name} differs from the manifest or from the file it was made from: {what}{told}")


def _inputs(prepared: _File) -> dict[Any, Any]:
    """The objects of the prepared data, as SealEvidence lists them in the manifest."""
    return {item["s3_uri"]: item["sha256"] for item in _objects(prepared)}


def _objects(prepared: _File) -> Iterator[dict[str, str]]:
    listed = [prepared.of("encoding")]
    for split in _SPLITS:
        objects = prepared.of(split, "objects")
        listed += objects if isinstance(objects, list) else [objects]
    for item in listed:
        if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("s3_uri", "sha256")):
            raise SealBroken(f"{prepared.name} lists an object without s3_uri and sha256")
        yield item
