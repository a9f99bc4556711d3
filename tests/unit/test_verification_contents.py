"""Contents that a sealer with the right key may have made, or may lie about: each that does not fit the rest is refused by its name."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sealed_bundle import (
    APPROVAL,
    CODE,
    COMMIT,
    CONFIGURATION,
    DEPLOYED,
    EXECUTION,
    HANDED,
    KEY,
    MODEL_FILE,
    PREPARED,
    PRODUCTION,
    PRODUCTION_TEST,
    QA,
    QA_TEST,
    STORED,
    TESTED,
    TRAINED,
    TRAINING,
    Bundled,
    as_json,
    notebook,
    two_seals,
    verify,
    without,
    zipped,
)

from mlkit.errors import SealBroken
from mlkit.evidence import sealed_source
from mlkit.evidence.manifest import Manifest, Source, sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, Origin

OTHER = "9" * 64


def refused(made: Bundled, message: str, *, key: bytes | None = KEY) -> None:
    with pytest.raises(SealBroken) as raised:
        verify(made.files, public_key=key, head=made.head)
    assert str(raised.value) == message


def differs(name: str, what: str, folder: str = PRODUCTION) -> str:
    return f"{folder}/{name} differs from the manifest or from the file it was made from: {what}"


def handing(name: str, document: Any) -> dict[str, bytes]:
    return {**HANDED, name: as_json(document)}


def deploying(document: Any) -> dict[str, bytes]:
    return {**DEPLOYED, "configuration_production.json": as_json(document)}


def parameters(**changes: str) -> dict[str, bytes]:
    return deploying({**CONFIGURATION, "Parameters": {**CONFIGURATION["Parameters"], **changes}})


MODEL_ADDRESS = f"s3://evidence/line/{MODEL_FILE}"
ANOTHER = {**STORED, "sha256": OTHER}
ELSEWHERE = {**STORED, "s3_uri": "s3://lake/other/model.tar.gz"}
# The files of both seals, or of the last, and the first thing that is told. Production's folder is read first.
FILES: dict[str, tuple[dict[str, Any], str]] = {
    "another model is deployed": (
        {"deployed": parameters(ModelDataUrl="s3://evil/model.tar.gz")},
        differs("deploys/configuration_production.json", f"Parameters, ModelDataUrl: s3://evil/model.tar.gz, not {MODEL_ADDRESS}"),
    ),
    "another image is deployed": (
        {"deployed": parameters(ImageUri="evil:1")},
        differs("deploys/configuration_production.json", "Parameters, ImageUri: evil:1, not image:1"),
    ),
    "another role is deployed": (
        {"deployed": parameters(ExecutionRoleArn="arn:admin")},
        differs("deploys/configuration_production.json", "Parameters, ExecutionRoleArn: arn:admin, not arn:role"),
    ),
    "another execution is deployed": (
        {"deployed": deploying({**CONFIGURATION, "Tags": {"mlkit:pipeline-execution": "e2"}})},
        differs("deploys/configuration_production.json", f"Tags, mlkit:pipeline-execution: e2, not {EXECUTION}"),
    ),
    "nothing is deployed": (
        {"deployed": deploying({"Parameters": {}, "Tags": {}})},
        f"{PRODUCTION}/deploys/configuration_production.json has no member Parameters, ModelDataUrl",
    ),
    "the deployed configuration is a list": (
        {"deployed": deploying([])},
        f"{PRODUCTION}/deploys/configuration_production.json has no member Parameters, ModelDataUrl",
    ),
    "the configuration has a member twice": (
        {"deployed": {**DEPLOYED, "configuration_production.json": b'{"Tags": {}, "Tags": {}}'}},
        f"{PRODUCTION}/deploys/configuration_production.json has the member Tags twice",
    ),
    "no configuration is sealed": (
        {"deployed": {name: data for name, data in DEPLOYED.items() if name.endswith(".yaml")}},
        f"{PRODUCTION}/deploys/configuration_production.json is not among the files of {PRODUCTION}/manifest.json",
    ),
    "another template is deployed": (
        {"deployed": {**DEPLOYED, "sagemaker_prediction_endpoint.yaml": b"Resources: {Mine: {}}\n"}},
        f"{PRODUCTION}/deploys/sagemaker_prediction_endpoint.yaml is not the source's CloudFormation/sagemaker_prediction_endpoint.yaml",
    ),
    "no template is sealed": (
        {"deployed": {"configuration_production.json": DEPLOYED["configuration_production.json"]}},
        f"{PRODUCTION}/deploys/sagemaker_prediction_endpoint.yaml is not the source's CloudFormation/sagemaker_prediction_endpoint.yaml",
    ),
    "the verdict is another": (
        {"tested_in_production": as_json({**TESTED, "verdict": "FAIL", "endpoint": "mlkit-ml-lab-production"})},
        differs("handoff/test_result.json", "verdict: FAIL, not PASS"),
    ),
    "another model was tested": (
        {"tested_in_production": as_json({**TESTED, "model": ANOTHER, "endpoint": "mlkit-ml-lab-production"})},
        differs("handoff/test_result.json", f"model, sha256: {OTHER}, not {STORED['sha256']}"),
    ),
    "a model at another address was tested": (
        {"tested_in_production": as_json({**TESTED, "model": ELSEWHERE, "endpoint": "mlkit-ml-lab-production"})},
        differs("handoff/test_result.json", f"model, s3_uri: s3://lake/other/model.tar.gz, not {STORED['s3_uri']}"),
    ),
    "another endpoint was tested": (
        {"tested_in_production": as_json(TESTED)},
        differs("handoff/test_result.json", "endpoint: mlkit-ml-lab-qa, not mlkit-ml-lab-production"),
    ),
    "QA tested production": (
        {"handed": handing("test_result", {**TESTED, "endpoint": "mlkit-ml-lab-production"})},
        differs("handoff/test_result.json", "endpoint: mlkit-ml-lab-production, not mlkit-ml-lab-qa", QA),
    ),
    "the result has no verdict": (
        {"tested_in_production": as_json({"model": STORED})},
        f"{PRODUCTION}/handoff/test_result.json has no member verdict",
    ),
    "another model was trained": (
        {"handed": handing("trained_model", {**TRAINED, "model": ANOTHER})},
        differs("handoff/trained_model.json", f"model, sha256: {OTHER}, not {STORED['sha256']}"),
    ),
    "other data were prepared": (
        {"handed": handing("prepared_data", {**PREPARED, "train": PREPARED["test"]})},
        differs("handoff/prepared_data.json", "its objects"),
    ),
    "the prepared data list no object": (
        {"handed": handing("prepared_data", {**PREPARED, "train": {"objects": [1]}})},
        f"{PRODUCTION}/handoff/prepared_data.json lists an object without s3_uri and sha256",
    ),
    "the prepared data list no list": (
        {"handed": handing("prepared_data", {**PREPARED, "train": {"objects": {"s3_uri": "s3://a"}}})},
        f"{PRODUCTION}/handoff/prepared_data.json lists an object without s3_uri and sha256",
    ),
    "the model is of other data": (
        {"handed": handing("trained_model", {**TRAINED, "prepared_data": {}})},
        differs("handoff/trained_model.json", "prepared_data"),
    ),
    "a hand-off file is no JSON": (
        {"handed": {**HANDED, "trained_model": b"{"}},
        f"{PRODUCTION}/handoff/trained_model.json is not JSON: line 1, column 2",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_do_not_fit_the_manifest_are_refused(name: str) -> None:
    changes, message = FILES[name]
    refused(two_seals(**changes), message)
    refused(two_seals(**changes), message, key=None)


def test_qas_files_are_compared_as_productions_are() -> None:
    made = two_seals(deployed=parameters(ModelDataUrl="s3://evil/model.tar.gz"))
    alone = Bundled(files=without(made.files, [PRODUCTION, PRODUCTION_TEST]), seals=made.seals[:1])
    told = differs("deploys/configuration_production.json", f"Parameters, ModelDataUrl: s3://evil/model.tar.gz, not {MODEL_ADDRESS}", QA)
    refused(alone, told)


def edited(**changes: Any) -> Callable[[Manifest], Manifest]:
    return lambda manifest: replace(manifest, **changes)


def one_attempt(number: int = 0, **changes: Any) -> Callable[[Manifest], Manifest]:
    def edit(manifest: Manifest) -> Manifest:
        attempts = list(manifest.attempts)
        attempts[number] = replace(attempts[number], **changes)
        return replace(manifest, attempts=tuple(attempts))

    return edit


def approval(**changes: Any) -> Callable[[Manifest], Manifest]:
    return edited(approval=replace(APPROVAL, **changes))


NAME = f"{PRODUCTION}/manifest.json"
MANIFESTS: dict[str, tuple[Callable[[Manifest], Manifest], str]] = {
    "no approval": (edited(approval=None), f"{NAME} was sealed without an approval"),
    "a rejection": (approval(status="Rejected"), f"{NAME} was sealed after an approval that ended as Rejected"),
    "an approval before QA sealed": (
        approval(decided_at="2026-01-01T02:59:59+00:00"),
        f"{NAME}: the approval is of 2026-01-01T02:59:59+00:00, before {QA}/manifest.json was sealed at 2026-01-01T03:00:00+00:00",
    ),
    "an approval after production sealed": (
        approval(decided_at="2026-01-02T03:00:01+00:00"),
        f"{NAME}: the approval is of 2026-01-02T03:00:01+00:00, after the seal of 2026-01-02T03:00:00+00:00",
    ),
    "an approval at no time": (approval(decided_at="soon"), f"{NAME}: the approval is soon, which is no time"),
    "an approval without a zone": (
        approval(decided_at="2026-01-02T01:00:00"),
        f"{NAME}: the approval is 2026-01-02T01:00:00, without a time zone",
    ),
    "a seal before QA's": (
        lambda manifest: replace(manifest, sealed_at="2026-01-01T02:30:00+00:00", approval=None, attempts=()),
        f"The seals are reordered: {QA}/manifest.json is not parent 1 of {NAME}",
    ),
    "a seal before an attempt's end": (
        edited(sealed_at="2026-01-02T01:30:00+00:00"),
        f"{NAME}: {PRODUCTION_TEST} lasts from 2026-01-02T02:00:00+00:00 to 2026-01-02T02:00:00+00:00; "
        "the seal is of 2026-01-02T01:30:00+00:00",
    ),
    "an attempt that ends before it begins": (
        one_attempt(1, ended="2026-01-01T01:59:59+00:00"),
        f"{NAME}: {QA_TEST} lasts from 2026-01-01T02:00:00+00:00 to 2026-01-01T01:59:59+00:00; the seal is of 2026-01-02T03:00:00+00:00",
    ),
    "an attempt at no time": (one_attempt(1, ended=""), f"{NAME}: the end of {QA_TEST} is , which is no time"),
    "attempts in another order": (
        lambda manifest: replace(manifest, attempts=manifest.attempts[::-1]),
        f"{NAME} lists the attempt {QA_TEST} after one that began later",
    ),
    "an attempt twice": (
        lambda manifest: replace(manifest, attempts=(manifest.attempts[0], *manifest.attempts)),
        f"{NAME} lists the attempt {TRAINING} twice",
    ),
    "a failed attempt that confirmed": (
        one_attempt(status="Failed"),
        f"{NAME}: {TRAINING} confirmed its files, but ended as Failed",
    ),
    "another commit": (
        edited(source=Source(archive_sha256=sha256_of(zipped({})), variables={"CommitId": "0" * 40})),
        f"sources/{sha256_of(zipped({}))}.zip is not what the manifest of Production.SealEvidence names",
    ),
    "other inputs": (edited(inputs={}), differs("handoff/prepared_data.json", "its objects")),
    "another verdict": (edited(verdict="FAIL"), differs("handoff/test_result.json", "verdict: PASS, not FAIL")),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_does_not_fit_its_files_is_refused(name: str) -> None:
    edit, message = MANIFESTS[name]
    refused(two_seals(production=edit), message)


def test_a_failed_test_cannot_have_been_approved() -> None:
    made = two_seals(qa=edited(verdict="FAIL"))
    refused(made, f"{NAME}: {QA}/manifest.json was approved with the verdict FAIL")


def test_a_seal_of_production_that_names_no_earlier_one_is_refused() -> None:
    made = two_seals(production=edited(parents=()))
    alone = Bundled(files=without(made.files, [QA]), seals=made.seals[1:])
    refused(alone, f"{NAME} names no seal that was approved before it")


def test_the_order_of_times_is_that_of_instants_not_of_texts() -> None:
    made = two_seals(production=approval(decided_at="2026-01-02T03:30:00+01:00"))
    assert verify(made.files, public_key=KEY, head=made.head).unproved == ()


def sourced(files: Mapping[str, bytes], commit: str = COMMIT, *, known: Mapping[str, bytes] = CODE, **changes: Any) -> Bundled:
    """Both manifests list the code `known`; the archive holds `files`."""
    code = edited(code={name: sha256_of(data) for name, data in known.items()})
    return two_seals(source=zipped(files, commit), qa=code, production=code, **changes)


def source_of(made: Bundled) -> str:
    return next(name for name in made.files if name.startswith("sources/"))


def test_a_source_that_is_not_the_manifests_code_is_refused() -> None:
    notebooks = {**CODE, "notebooks/01.ipynb": notebook("another")}
    for files, name in (
        (notebooks, "notebooks/01.ipynb"),
        ({**CODE, "more.py": b""}, "more.py"),
        ({}, "CloudFormation/sagemaker_prediction_endpoint.yaml"),
    ):
        made = sourced(files)
        refused(made, f"{name} in {source_of(made)} is not the code that {NAME} lists")


def test_a_source_of_another_commit_is_refused() -> None:
    made = sourced(CODE, "0" * 40)
    refused(made, f"{source_of(made)} is of the commit {'0' * 40}; the commit of {NAME} is {COMMIT}")
    assert verify(sourced(CODE, "no commit").files, public_key=KEY).seals == 2


def test_a_source_that_is_no_archive_is_refused() -> None:
    made = two_seals(source=b"a source archive")
    refused(made, f"{source_of(made)} cannot be unpacked: An artifact is no zip archive: File is not a zip file")


def test_a_record_of_another_notebook_is_refused() -> None:
    def told(made: Bundled, name: str) -> None:
        refused(made, f"{TRAINING}/01.record.json is the record of another {name} than the source has")

    told(two_seals(notebook_sha256=OTHER), "notebooks/01.ipynb")
    for name in ("notebooks/03.ipynb", "../01.ipynb", "notebooks"):
        told(two_seals(notebook=name), name)
    told(two_seals(notebook="a\0b"), "a\\x00b")


def test_a_failed_attempts_notebook_may_be_another() -> None:
    made = two_seals(failed_first={"notebook_sha256": OTHER})
    assert verify(made.files, public_key=KEY, head=made.head).seals == 2


def test_a_record_of_another_commit_is_refused() -> None:
    for commit in ("0" * 40, "arn:1"):
        made = two_seals(origin=Origin(commit=commit))
        refused(made, f"{TRAINING}/01.record.json is the record of the commit {commit}; the manifest's commit is {COMMIT}")
    assert verify(two_seals(origin=Origin(commit=None)).files, public_key=KEY).seals == 2


def test_a_source_without_a_commit_fits_every_record() -> None:
    for variables in ({}, {"CommitId": ""}):

        def nameless(manifest: Manifest, variables: Mapping[str, str] = variables) -> Manifest:
            return replace(manifest, source=replace(manifest.source, variables=variables))

        made = two_seals(qa=nameless, production=nameless, source=zipped({**CODE}, "no commit"))
        assert verify(made.files, public_key=KEY).seals == 2


NO_NOTEBOOKS = [b"[]", b"{}", b'{"nbformat": 3, "cells": []}', b'{"nbformat": 4, "cells": {}}', b'{"nbformat": 4, "cells": [1]}']
NO_NOTEBOOKS += [
    b'{"nbformat": 4, "cells": [{"cell_type": "x", "source": ""}]}',
    b'{"nbformat": 4, "cells": [{"cell_type": "raw", "source": 1}]}',
]


def executed(data: bytes) -> Bundled:
    """The training's first executed notebook holds these bytes, and all digests fit."""
    made = two_seals(
        executed_sha256=sha256_of(data), qa=lambda manifest: _listing(manifest, data), production=lambda manifest: _listing(manifest, data)
    )
    made.files[f"{TRAINING}/01.ipynb"] = data
    return made


def _listing(manifest: Manifest, data: bytes) -> Manifest:
    files = (
        replace(one, sha256=sha256_of(data), size_bytes=len(data)) if one.s3_uri.endswith(f"{TRAINING}/01.ipynb") else one
        for one in manifest.files
    )
    return replace(manifest, files=tuple(files))


@pytest.mark.parametrize("data", NO_NOTEBOOKS)
def test_an_executed_notebook_that_is_none_is_refused(data: bytes) -> None:
    refused(executed(data), f"{TRAINING}/01.ipynb is not a Jupyter notebook: it needs nbformat 4 and a list of cells")


def test_an_executed_notebook_that_is_no_json_is_refused() -> None:
    refused(executed(b"garbage"), f"{TRAINING}/01.ipynb is not JSON: line 1, column 1")
    refused(executed(b'{"cells": [], "cells": []}'), f"{TRAINING}/01.ipynb has the member cells twice")


def test_a_notebooks_source_may_be_a_list_of_lines() -> None:
    cells = [{"cell_type": kind, "source": ["a"]} for kind in ("code", "markdown", "raw")]
    made = executed(json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert verify(made.files, public_key=KEY, head=made.head).unproved == ()


def test_what_is_too_large_to_be_read_is_told_as_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    made = two_seals()
    monkeypatch.setattr(sealed_source, "MOST_NOTEBOOK", max(len(data) for name, data in made.files.items() if name.endswith(".ipynb")))
    monkeypatch.setattr(sealed_source, "MOST_ARCHIVE", len(made.files[source_of(made)]))
    assert verify(made.files, public_key=KEY, head=made.head).unproved == ()
    monkeypatch.setattr(sealed_source, "MOST_NOTEBOOK", len(made.files[f"{TRAINING}/02.more.ipynb"]) - 1)
    monkeypatch.setattr(sealed_source, "MOST_ARCHIVE", len(made.files[source_of(made)]) - 1)
    unproved = verify(made.files, public_key=KEY, head=made.head).unproved
    assert f"{TRAINING}/02.more.ipynb is larger than 0 MB: whether it is a notebook was not checked." in unproved
    assert f"{source_of(made)} is larger than 0 MB: it was not unpacked and compared with the manifest's code." in unproved
    assert not any(f"{TRAINING}/01.ipynb" in line for line in unproved)


def wrote(path: str, role: str = "output", sha256: str = OTHER) -> Activity:
    files = [
        FileRecord(role="output", path=f"handoff/{name}.json", sha256=sha256_of(HANDED[name]))
        for name in ("prepared_data", "trained_model")
    ]
    return Activity(files=(*files, FileRecord(role=role, path=path, sha256=sha256)))


def test_a_notebook_that_read_what_nobody_wrote_is_refused() -> None:
    made = two_seals(activity=wrote("handoff/earlier.json", "input"))
    refused(made, f"{TRAINING}/01.record.json read a handoff/earlier.json that no earlier notebook of this execution wrote")


def test_a_file_that_two_actions_wrote_is_refused() -> None:
    made = two_seals(activity=wrote("handoff/test_result.json"))
    refused(made, f"{QA_TEST}/01.record.json wrote handoff/test_result.json, which ModelTraining hands over")
