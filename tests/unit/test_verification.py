"""A bundle is accepted as it was sealed; every manipulation is refused by the name of the file. No network, no repository."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import assume, given
from hypothesis import strategies as st
from sealed_bundle import (
    APPROVAL,
    DEPLOYED,
    EXECUTION,
    HANDED,
    KEY,
    MODEL_FILE,
    PRODUCTION,
    PRODUCTION_TEST,
    QA,
    QA_TEST,
    SIGNER,
    SOURCE_FILE,
    TRAINING,
    Bundled,
    listed,
    seal_of,
    signer_of,
    two_seals,
    verify,
    without,
)

from mlkit.errors import MlkitError, NotFound, SealBroken, UsageError
from mlkit.evidence.bundle import BundleFolder
from mlkit.evidence.envelope import key_pem, sign
from mlkit.evidence.manifest import Manifest, Seal, sha256_of
from mlkit.evidence.run_record import Origin
from mlkit.evidence.verification import verify_bundle

BUNDLE = two_seals()
SECOND_KEY = signer_of(8)
Files = dict[str, bytes]
UNDECIDED = "No seal in the bundle holds an approval: nobody had decided when the newest one was made."


def refused(files: Files, name: str, *, key: bytes | None = KEY, head: str | None = BUNDLE.head) -> None:
    with pytest.raises(SealBroken, match=name):
        verify(files, public_key=key, head=head)


def test_an_untouched_bundle_is_proved_and_leaves_nothing_unproved():
    verified = verify(BUNDLE.files, public_key=KEY, head=BUNDLE.head)
    assert verified.unproved == ()
    assert (verified.head, verified.head_sha256, verified.seals, verified.files) == (BUNDLE.seals[1][1], BUNDLE.head, 2, 23)
    assert verified.proved == (
        f"{QA}/manifest.json of 2026-01-01T03:00:00+00:00 is signed by the key {SIGNER.public_key.keyid[:12]}.",
        f"{PRODUCTION}/manifest.json of 2026-01-02T03:00:00+00:00 is signed by the key {SIGNER.public_key.keyid[:12]}.",
        "It says: Approved by arn:aws:iam::1:user/ann at 2026-01-02T01:00:00+00:00.",
        f"{QA}/manifest.json is a parent of {PRODUCTION}/manifest.json.",
        f"{PRODUCTION}/manifest.json has the digest that you gave.",
        "23 files are as their seals list them. None is missing, none was added.",
        f"The model is {BUNDLE.seals[1][1].model_sha256[:12]}. Its verdict is PASS.",
        "Source, notebooks, hand-off files and what production deploys fit the records and manifests.",
    )


def test_a_bundle_of_qa_alone_or_without_pages_is_proved_too():
    alone = Bundled(files=without(BUNDLE.files, [PRODUCTION, PRODUCTION_TEST]))
    qa_head = sha256_of(BUNDLE.seals[0][1].to_bytes())
    assert verify(alone.files, public_key=KEY, head=qa_head).unproved == (UNDECIDED,)
    assert verify(alone.files, public_key=KEY, head=qa_head).lacking == ()
    plain = two_seals(page=None)
    assert verify(plain.files, public_key=KEY, head=plain.head).unproved == ()


def changed(name: str, data: bytes = b"another content") -> Callable[[Files], None]:
    return lambda files: files.update({name: data})


def flipped(name: str) -> Callable[[Files], None]:
    """The same size, one byte other."""
    return lambda files: files.update({name: files[name][:-1] + bytes([files[name][-1] ^ 1])})


def removed(*names: str) -> Callable[[Files], None]:
    def remove(files: Files) -> None:
        for name in list(files):
            if name.startswith(names):
                del files[name]

    return remove


def exchanged(one: str, other: str) -> Callable[[Files], None]:
    return lambda files: files.update({one: files[other], other: files[one]})


def signed_by(signer, *, keyid: str | None = None) -> Callable[[Files], None]:
    """The same statement, signed by another key; `keyid` is the one that the envelope then claims."""

    def sign_again(files: Files) -> None:
        statement = json.loads(files[f"{QA}/seal.dsse.json"])["payload"]
        document = json.loads(sign(base64.b64decode(statement), signer))
        document["signatures"][0]["keyid"] = keyid or document["signatures"][0]["keyid"]
        files[f"{QA}/seal.dsse.json"] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    return sign_again


MANIPULATIONS = {
    "a notebook is changed": (flipped(f"{TRAINING}/01.ipynb"), f"{TRAINING}/01.ipynb changed"),
    "a notebook is longer": (changed(f"{TRAINING}/01.ipynb"), f"{TRAINING}/01.ipynb changed"),
    "a record is changed": (flipped(f"{QA_TEST}/01.record.json"), f"{QA_TEST}/01.record.json changed"),
    "the model is changed": (flipped(MODEL_FILE), f"{MODEL_FILE} changed"),
    "the source is changed": (flipped(SOURCE_FILE), f"{SOURCE_FILE} changed"),
    "a hand-off file is changed": (flipped(f"{QA}/handoff/test_result.json"), f"{QA}/handoff/test_result.json changed"),
    "what production deploys is changed": (
        flipped(f"{PRODUCTION}/deploys/configuration_production.json"),
        f"{PRODUCTION}/deploys/configuration_production.json changed",
    ),
    "a page is changed": (flipped(f"{QA}/review.html"), f"{QA}/review.html changed"),
    "a manifest is changed": (flipped(f"{QA}/manifest.json"), f"{QA}/manifest.json is not the manifest that seal.dsse.json"),
    "a manifest is no JSON": (changed(f"{QA}/manifest.json"), f"{QA}/manifest.json is not the manifest that seal.dsse.json"),
    "two notebooks are exchanged": (exchanged(f"{TRAINING}/01.ipynb", f"{QA_TEST}/01.ipynb"), f"{TRAINING}/01.ipynb changed"),
    "two manifests are exchanged": (exchanged(f"{QA}/manifest.json", f"{PRODUCTION}/manifest.json"), f"{PRODUCTION}/manifest.json is not"),
    "two envelopes are exchanged": (exchanged(f"{QA}/seal.dsse.json", f"{PRODUCTION}/seal.dsse.json"), "manifest.json is not the manifest"),
    "a notebook is missing": (removed(f"{TRAINING}/01.ipynb"), f"{TRAINING}/01.ipynb is missing"),
    "the model is missing": (removed(MODEL_FILE), f"{MODEL_FILE} is missing"),
    "a page is missing": (removed(f"{QA}/review.html"), f"{QA}/review.html is missing"),
    "a manifest is missing": (removed(f"{QA}/manifest.json"), f"{QA}/manifest.json is missing"),
    "an envelope is missing": (removed(f"{QA}/seal.dsse.json"), f"{QA}/seal.dsse.json is missing"),
    "a seal's folder is all that is missing": (removed(PRODUCTION), "The bundle is cut off: no manifest in it has the digest"),
    "the later part is cut off": (removed(PRODUCTION, PRODUCTION_TEST), "The bundle is cut off: no manifest in it has the digest"),
    "all seals are missing": (removed(QA, PRODUCTION), "There is no seal: no folder <action>/<build> holds manifest.json"),
    "a file is added": (changed("notes.txt"), r"notes\.txt was added"),
    "a file is added to an attempt": (changed(f"{QA_TEST}/02.ipynb"), f"{QA_TEST}/02.ipynb was added"),
    "a file is added to a seal": (changed(f"{QA}/deploys/more.json"), f"{QA}/deploys/more.json was added"),
    "a copy of a seal is added": (
        lambda files: files.update({f"QA.SealEvidence/b4/{name}": files[f"{QA}/{name}"] for name in ("manifest.json", "seal.dsse.json")}),
        r"QA.SealEvidence/b4/manifest.json is in the wrong folder: it is the seal of QA.SealEvidence/b3",
    ),
    "a whole copy of a seal is added": (
        lambda files: files.update({name.replace(QA, "QA.SealEvidence/b4"): files[name] for name in list(files) if name.startswith(QA)}),
        r"QA.SealEvidence/b4/manifest.json is in the wrong folder: it is the seal of QA.SealEvidence/b3",
    ),
    "a seal is signed by another key": (
        signed_by(SECOND_KEY),
        f"{QA}/seal.dsse.json names another key: {SECOND_KEY.public_key.keyid}",
    ),
    "another key's signature claims to be of this key": (
        signed_by(SECOND_KEY, keyid=SIGNER.public_key.keyid),
        f"The signature of {QA}/seal.dsse.json does not fit its statement",
    ),
    "an envelope is none": (changed(f"{QA}/seal.dsse.json"), f"{QA}/seal.dsse.json is not JSON: line 1, column 1"),
    "an envelope holds no statement": (
        lambda files: files.update({f"{QA}/seal.dsse.json": sign(b"{}", SIGNER)}),
        f"The statement in {QA}/seal.dsse.json does not fit: the document has no member _type",
    ),
    "the bundle's key is another": (
        changed("evidence-key.pem", key_pem(SECOND_KEY.public_key)),
        f"evidence-key.pem in the bundle is another key than the one that you gave: {SECOND_KEY.public_key.keyid}",
    ),
    "the bundle's key is none": (changed("evidence-key.pem"), "evidence-key.pem in the bundle is not the public key of a seal"),
    "a page of no seal": (changed(f"{QA_TEST}/review.html"), f"{QA_TEST}/review.html was added: no seal has this folder"),
    "a manifest of no folder": (changed("manifest.json"), "manifest.json was added: no seal has this folder"),
    "a manifest among hand-off files": (changed(f"{QA}/handoff/manifest.json"), f"{QA}/handoff/manifest.json was added: no seal has"),
    "an envelope beside a model": (
        lambda files: files.update({MODEL_FILE.replace("model.tar.gz", "seal.dsse.json"): files[f"{QA}/seal.dsse.json"]}),
        f"{MODEL_FILE.replace('model.tar.gz', 'seal.dsse.json')} was added: no seal has this folder",
    ),
    "a seal's three files are missing": (
        removed(*(f"{QA}/{name}" for name in ("manifest.json", "seal.dsse.json", "review.html"))),
        f"{QA}/manifest.json is missing",
    ),
    "a folder is in place of a file": (
        lambda files: files.update({f"{QA_TEST}/01.ipynb/a": files.pop(f"{QA_TEST}/01.ipynb")}),
        f"{QA_TEST}/01.ipynb is a folder, not a file",
    ),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_a_manipulation_is_refused_by_name(name: str):
    manipulate, message = MANIPULATIONS[name]
    files = dict(BUNDLE.files)
    manipulate(files)
    refused(files, message)


def test_the_page_that_nobody_signed_is_refused():
    plain = two_seals(page=None)
    files = {**plain.files, f"{QA}/review.html": b"<p>PASS</p>"}
    refused(files, f"{QA}/review.html was added", head=plain.head)


def edited(**changes: object) -> Callable[[Manifest], Manifest]:
    return lambda manifest: replace(manifest, **changes)  # type: ignore[arg-type]


def one_attempt(**changes: object) -> Callable[[Manifest], Manifest]:
    """The first attempt is changed."""
    return lambda manifest: replace(manifest, attempts=(replace(manifest.attempts[0], **changes), *manifest.attempts[1:]))  # type: ignore[arg-type]


def unlisted(*names: str) -> Callable[[Manifest], Manifest]:
    return lambda manifest: replace(manifest, files=tuple(one for one in manifest.files if not one.s3_uri.endswith(names)))


def listing(name: str, data: bytes, **changes: object) -> Callable[[Manifest], Manifest]:
    """The manifest lists one more file."""
    return lambda manifest: replace(manifest, files=(*manifest.files, replace(listed(name, data), **changes)))  # type: ignore[arg-type]


OTHER = "9" * 64
# What a sealer with the right key may have got wrong, or may lie about: manifests that are signed and do not fit what they list.
WRONG_SEALS = {
    "of another pipeline": (edited(pipeline="other"), f"{QA}/manifest.json lists no file of its own execution"),
    "of another execution": (edited(pipeline_execution_id="e2"), f"{QA}/manifest.json lists no file of its own execution"),
    "of another action": (edited(action="QA.Other"), f"{QA}/manifest.json is in the wrong folder: it is the seal of QA.Other/b3"),
    "of another build": (edited(build="b9"), f"{QA}/manifest.json is in the wrong folder: it is the seal of QA.SealEvidence/b9"),
    "with no file": (edited(files=()), f"{QA}/manifest.json lists no file of its own execution"),
    "with another execution's file": (
        listing("x", b"", s3_uri="s3://evidence/line/e2/QA.TestEndpoint/b2/01.ipynb"),
        f"{QA}/manifest.json lists a file of another execution: s3://evidence/line/e2/QA.TestEndpoint/b2/01.ipynb",
    ),
    "with a file twice": (listing(f"{TRAINING}/01.ipynb", b""), f"{QA}/manifest.json lists a file twice"),
    "with a model that it does not list": (edited(model_sha256=OTHER), f"models/{OTHER}/model.tar.gz is not what the manifest of QA"),
    "with a model of another name": (edited(model_s3_uri="s3://lake/m.zip"), r"/m\.zip is not what the manifest of QA\.SealEvidence names"),
    "without its model": (unlisted("model.tar.gz"), f"{MODEL_FILE} is not what the manifest of QA"),
    "without its source": (unlisted(".zip"), f"{SOURCE_FILE} is not what the manifest of QA"),
    "with a file of no attempt": (
        listing("QA.Other/b1/01.ipynb", b""),
        r"QA\.Other/b1/01\.ipynb belongs to no attempt that the manifest of QA\.SealEvidence lists",
    ),
    "with an attempt left out": (
        lambda manifest: replace(manifest, attempts=manifest.attempts[1:]),
        f"{TRAINING}/01.ipynb belongs to no attempt",
    ),
    "with another record's digest": (one_attempt(records={"01.record.json": OTHER}), f"{TRAINING}/01.record.json is not the record"),
    "without a record": (one_attempt(records={}), f"{TRAINING}/01.ipynb has no record"),
    "with a record that is not sealed": (unlisted("ModelTraining/b1/01.record.json"), f"{TRAINING}/01.record.json is not the record"),
    "with a record more": (
        one_attempt(records={"01.record.json": OTHER, "02.record.json": OTHER}),
        f"{TRAINING}/01.record.json is not the record",
    ),
    "with a notebook taken out": (unlisted("ModelTraining/b1/01.ipynb"), f"{TRAINING}/01.ipynb is not the notebook of its record"),
    "with the second notebook taken out": (
        unlisted("ModelTraining/b1/02.more.ipynb"),
        f"{TRAINING}/02.more.ipynb is not the notebook of its record",
    ),
    "with other deployments": (
        edited(deploys={"sagemaker_prediction_endpoint.yaml": OTHER}),
        f"{QA}/deploys/configuration_production.json is not the file",
    ),
    "with a deployment that is not sealed": (
        unlisted("b3/deploys/sagemaker_prediction_endpoint.yaml"),
        f"{QA}/deploys/sagemaker_prediction_endpoint.yaml is not the file",
    ),
    "that trusts no attempt": (
        one_attempt(confirmed=False, status="Failed"),
        f"{QA}/handoff/metrics.json is not the file that the records name",
    ),
}

ON_DISK = {"with a file of no attempt": {"QA.Other/b1/01.ipynb": b""}}
TAKEN_OUT = {"with a deployment that is not sealed": [f"{QA}/deploys/sagemaker_prediction_endpoint.yaml"]}


@pytest.mark.parametrize("name", WRONG_SEALS)
def test_a_signed_seal_that_does_not_fit_its_files_is_refused_by_name(name: str):
    edit, message = WRONG_SEALS[name]
    made = two_seals(qa=edit)
    made.files |= ON_DISK.get(name, {})
    for gone in TAKEN_OUT.get(name, ()):
        del made.files[gone]
    refused(made.files, message, head=made.head)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executed_sha256": OTHER}, f"{TRAINING}/01.ipynb is not the notebook of its record"),
        ({"activity": None}, r"handoff/prepared_data\.json is not the file that the records name"),
        (
            {"origin": Origin(action="QA.TestEndpoint")},
            f"{TRAINING}/01.record.json is the record of QA.TestEndpoint in execution {EXECUTION}",
        ),
        (
            {"origin": Origin(pipeline_execution_id="e2")},
            r"01\.record\.json is the record of Build_and_Train\.ModelTraining in execution e2",
        ),
    ],
)
def test_a_record_that_does_not_fit_is_refused_though_it_is_signed(changes, message):
    made = two_seals(**changes)
    refused(made.files, message, head=made.head)


def test_a_record_of_no_known_origin_is_accepted():
    made = two_seals(origin=Origin())
    assert verify(made.files, public_key=KEY, head=made.head).unproved == ()


def test_a_handed_over_file_must_be_the_one_that_the_last_record_names():
    def earlier_result(manifest: Manifest) -> Manifest:
        stale = listed(f"{PRODUCTION}/handoff/test_result.json", HANDED["test_result"])
        return replace(manifest, files=tuple(stale if one.s3_uri == stale.s3_uri else one for one in manifest.files))

    made = two_seals(production=earlier_result)
    made.files[f"{PRODUCTION}/handoff/test_result.json"] = HANDED["test_result"]
    refused(made.files, f"{PRODUCTION}/handoff/test_result.json is not the file that the records name", head=made.head)


def test_bytes_that_are_no_record_are_refused():
    for data, message in (
        (b"[" * 100_000, "cannot be read: it is nested too deeply"),
        (b"\xff", "is not UTF-8 text: its byte 1"),
        (b"{}", "has the schema None, not mlkit.run/1"),
        (b'{"schema": "mlkit.run/1"}', "does not fit: the document has no member notebook"),
        (b'{"schema": 1, "schema": "mlkit.run/1"}', "has the member schema twice"),
    ):
        made = two_seals()
        made.files[f"{QA_TEST}/01.record.json"] = data
        told = listed(f"{QA_TEST}/01.record.json", data)

        def edit(manifest: Manifest, told=told, data=data) -> Manifest:
            attempts = (manifest.attempts[0], replace(manifest.attempts[1], records={"01.record.json": sha256_of(data)}))
            return replace(manifest, attempts=attempts, files=tuple(told if one.s3_uri == told.s3_uri else one for one in manifest.files))

        folder, manifest = made.seals[0]
        made.write_seal(folder, edit(manifest), page=b"")
        files = without(made.files, [PRODUCTION, PRODUCTION_TEST])
        refused(files, f"{QA_TEST}/01.record.json {message}", head=None)


# The chain of the seals.
def chained(*parents: Seal) -> Bundled:
    return two_seals(production=edited(parents=parents))


def test_seals_that_do_not_name_each_other_are_refused():
    made = chained()
    refused(made.files, f"{QA}/manifest.json was added: {PRODUCTION}/manifest.json does not name it as its parent", head=made.head)


def test_a_parent_by_another_address_is_refused():
    parent = seal_of(*BUNDLE.seals[0])
    made = chained(replace(parent, s3_uri=f"{parent.s3_uri}x"))
    refused(made.files, f"{PRODUCTION}/manifest.json names {QA}/manifest.json by another address", head=made.head)


def third_seal(*, sealed_at: str = "2026-01-03T00:00:00+00:00", order: int = 1) -> Bundled:
    """Three seals; `order` -1 turns the third one's parents around."""
    made = two_seals()
    parents = [seal_of(*one) for one in made.seals][::order]
    made.seal(
        "Production.SealEvidence/b7",
        sealed_at,
        {**HANDED, "test_result": made.files[f"{PRODUCTION}/handoff/test_result.json"]},
        parents=parents,
        approval=APPROVAL,
    )
    return made


def test_a_seal_that_was_made_again_names_all_that_were_before():
    made = third_seal()
    assert verify(made.files, public_key=KEY, head=made.head).seals == 3


def test_reordered_parents_are_refused():
    made = third_seal(order=-1)
    refused(made.files, f"The seals are reordered: {PRODUCTION}/manifest.json is not parent 1 of", head=made.head)


def test_a_parent_that_is_younger_than_its_child_is_refused():
    made = third_seal(sealed_at="2026-01-02T02:59:59+00:00")
    refused(made.files, f"The seals are reordered: {PRODUCTION}/manifest.json is not parent 2 of", head=made.head)


def test_a_seal_of_another_execution_is_refused():
    def of_another(manifest: Manifest) -> Manifest:
        moved = tuple(replace(one, s3_uri=one.s3_uri.replace(f"/line/{EXECUTION}/", "/line/e2/")) for one in manifest.files)
        return replace(manifest, pipeline_execution_id="e2", files=moved)

    made = two_seals(qa=of_another)
    refused(made.files, f"{QA}/manifest.json belongs to another execution than {PRODUCTION}/manifest.json", head=made.head)


def test_a_file_that_two_seals_list_differently_is_refused():
    def other_version(manifest: Manifest) -> Manifest:
        return replace(manifest, files=tuple(replace(one, version_id="2") for one in manifest.files))

    made = two_seals(qa=other_version)
    refused(made.files, "two seals list it differently", head=made.head)


# What stays unproved.
def test_what_the_bundle_alone_cannot_prove_is_listed():
    assert verify(BUNDLE.files).unproved == (
        "No signature was checked: anybody may have written the seals. Give the public key: --key.",
        "A later seal may be cut off. Give the digest of the newest manifest: --head.",
    )
    verified = verify({**BUNDLE.files, "evidence-key.pem": KEY}, head=BUNDLE.head)
    assert verified.unproved == (
        "The key is the bundle's own evidence-key.pem: whoever made the bundle may have signed it. Get the key elsewhere: --key.",
    )
    assert "is signed by the key" in verified.proved[0]
    assert "fits its statement" in verify(BUNDLE.files).proved[0]


def test_the_bundles_key_is_accepted_beside_the_same_key():
    assert verify({**BUNDLE.files, "evidence-key.pem": KEY}, public_key=KEY, head=BUNDLE.head).unproved == ()


def test_an_earlier_head_leaves_open_what_follows():
    verified = verify(BUNDLE.files, public_key=KEY, head=sha256_of(BUNDLE.seals[0][1].to_bytes()))
    assert verified.unproved == (f"{PRODUCTION}/manifest.json is newer than the digest that you gave: what follows it may be cut off.",)
    assert f"{QA}/manifest.json has the digest that you gave." in verified.proved


def test_a_parent_that_is_not_in_the_bundle_is_listed():
    files = without(BUNDLE.files, [QA])
    address = f"s3://evidence/line/{EXECUTION}/{QA}/manifest.json"
    assert verify(files, public_key=KEY, head=BUNDLE.head).unproved == (f"The earlier seal {address} is not in the bundle.",)


def test_the_champions_seal_is_listed():
    champion = Seal(s3_uri="s3://evidence/line/e0/P.S/b/manifest.json", sha256=OTHER)
    made = two_seals(production=edited(champion=champion))
    unproved = verify(made.files, public_key=KEY, head=made.head).unproved
    assert unproved == ("The model that production served has a seal of its own: s3://evidence/line/e0/P.S/b/manifest.json.",)


def test_an_attempt_that_no_build_confirmed_is_listed_once_and_hands_over_nothing():
    made = two_seals(failed_first={"ended": None, "executed_sha256": None})
    assert verify(made.files, public_key=KEY, head=made.head).unproved == (
        "Build_and_Train.ModelTraining/b0 ended as Failed: its build confirmed none of its files.",
        "Build_and_Train.ModelTraining/b0/01.ipynb: its record does not tell its digest.",
    )


def test_a_failed_attempts_notebook_must_be_that_of_its_record_too():
    made = two_seals(failed_first={"executed_sha256": OTHER})
    refused(made.files, r"Build_and_Train.ModelTraining/b0/01.ipynb is not the notebook", head=made.head)


def is_same_key(content: bytes) -> bool:
    """PEM has bytes without a meaning: the last line's end, for example."""
    try:
        return load_pem_public_key(content) == load_pem_public_key(KEY)
    except (ValueError, UnsupportedAlgorithm):
        return False


# Any byte.
@given(data=st.data())
def test_a_flipped_byte_of_any_file_is_refused(data: st.DataObject):
    files = {**BUNDLE.files, "evidence-key.pem": KEY}
    name = data.draw(st.sampled_from(sorted(files)))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    bit = data.draw(st.integers(0, 7))
    content = bytearray(files[name])
    content[place] ^= 1 << bit
    assume(name != "evidence-key.pem" or not is_same_key(bytes(content)))
    for key in (KEY, None):
        with pytest.raises(SealBroken):
            verify({**files, name: bytes(content)}, public_key=key, head=BUNDLE.head)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("../.."),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_a_manifest_or_record_of_any_content_ends_as_an_error_of_mlkit(data: st.DataObject):
    """Without a key anybody can write a statement that fits: then nothing but mlkit's own checks reads the rest."""
    files = dict(BUNDLE.files)
    document = json.loads(files[f"{QA}/manifest.json"])
    told = f"{TRAINING}/01.record.json"
    files[told] = content = data.draw(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
    document["attempts"][0]["records"]["01.record.json"] = sha256_of(content)
    next(one for one in document["files"] if one["s3_uri"].endswith(told)).update(sha256=sha256_of(content), size_bytes=len(content))
    inner = data.draw(st.sampled_from([document, document["files"][0], document["attempts"][0], document["source"]]))
    if data.draw(st.booleans()):
        inner[data.draw(st.sampled_from(sorted(inner)) | st.text())] = data.draw(JSON)
    files[f"{QA}/manifest.json"] = manifest = json.dumps(document).encode()
    model = {"name": str(document["model_s3_uri"]).rpartition("/")[2], "digest": {"sha256": str(document["model_sha256"])}}
    statement = json.loads(_statement_about(manifest))
    statement["subject"].append(model)
    files[f"{QA}/seal.dsse.json"] = sign(json.dumps(statement).encode(), SIGNER)
    del files[f"{QA}/review.html"]
    with pytest.raises(MlkitError):
        verify(without(files, [PRODUCTION, PRODUCTION_TEST]))


def test_another_kind_of_key_is_a_mistake_of_the_caller():
    with pytest.raises(UsageError, match="not a public key in PEM"):
        verify(BUNDLE.files, public_key=b"no key")


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"schema": ' + b"[" * 100_000])
def test_a_manifest_that_is_nested_too_deeply_is_refused(data: bytes):
    statement = sign(_statement_about(data), SIGNER)
    files = {f"{QA}/manifest.json": data, f"{QA}/seal.dsse.json": statement}
    refused(files, f"{QA}/manifest.json cannot be read: it is nested too deeply", head=None)


def _statement_about(data: bytes) -> bytes:
    subjects = [{"name": "manifest.json", "digest": {"sha256": sha256_of(data)}}]
    kinds = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1"}
    return json.dumps({**kinds, "subject": subjects, "predicate": {"a": "b"}}).encode()


def test_a_statement_about_another_model_is_refused():
    data = BUNDLE.seals[0][1].to_bytes()
    files = {f"{QA}/manifest.json": data, f"{QA}/seal.dsse.json": sign(_statement_about(data), SIGNER)}
    refused(files, f"{QA}/seal.dsse.json signs another model than manifest.json beside it names", head=None)


def test_a_statement_about_no_manifest_is_refused():
    statement = json.loads(_statement_about(b""))
    statement["subject"][0]["name"] = "another.json"
    files = {f"{QA}/manifest.json": b"", f"{QA}/seal.dsse.json": sign(json.dumps(statement).encode(), SIGNER)}
    refused(files, f"{QA}/manifest.json is not the manifest that seal.dsse.json beside it signs", head=None)


def test_names_in_messages_hold_no_control_characters():
    with pytest.raises(SealBroken) as raised:
        verify({**BUNDLE.files, "\x1b[2J\nall is well": b""}, public_key=KEY)
    assert str(raised.value) == "\\x1b[2J\\nall is well was added: no seal lists it"


# The folder on the disk.
def written(folder, files: Files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return BundleFolder(folder)


def test_a_folder_is_a_bundle(tmp_path):
    bundle = written(tmp_path, BUNDLE.files)
    assert (dict(bundle), len(bundle)) == (BUNDLE.files, len(BUNDLE.files))
    assert verify_bundle(bundle, public_key=KEY, head=BUNDLE.head).unproved == ()
    with pytest.raises(KeyError):
        bundle["../outside"]


def test_a_link_in_a_folder_is_refused(tmp_path):
    written(tmp_path / "a", BUNDLE.files)
    os.symlink(tmp_path, tmp_path / "a" / "link")
    with pytest.raises(SealBroken, match=r"^link is not a file but a link or a device: sealed evidence has none"):
        BundleFolder(tmp_path / "a")


def test_a_pipe_in_a_folder_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SealBroken, match="pipe is not a file but a link or a device"):
        BundleFolder(tmp_path)


def test_no_folder_is_no_bundle(tmp_path):
    with pytest.raises(NotFound, match="nowhere is not a folder") as raised:
        BundleFolder(tmp_path / "nowhere")
    assert raised.value.cure == "Name the folder that `mlkit evidence fetch` wrote."


def test_asking_for_a_file_reads_none(tmp_path):
    bundle = written(tmp_path, {"a": b""})
    (tmp_path / "a").unlink()
    assert "a" in bundle


def test_the_bundle_deploys_what_the_manifest_says():
    assert set(BUNDLE.seals[1][1].deploys) == set(DEPLOYED)
