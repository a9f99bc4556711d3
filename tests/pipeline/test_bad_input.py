"""Bad input of every kind, typed as people type it: what is said, and what is left. docs/errors.md shows these rows."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_input import (
    Row,
    World,
    a_model_for_production,
    a_port_in_use,
    an_endpoint,
    an_uncommitted_file,
    another_pipeline_run,
    another_run_writes,
    may,
    needs_a_disk,
    no_credentials,
    no_initials,
    no_keys,
    nobody_answers,
    old_keys,
)
from error_table import DOCUMENT, WRITES, carried_out, exit_codes, kept_lines
from faults import may_mount
from project_pipeline import script
from waiting import HANG_S

from localaws import lifecycle

A_RUN = "mlkit run mine/plain.ipynb -p country de"
LOAD = "mlkit data load mine"
EXECUTION = "01234567-89ab-cdef-0123-456789abcdef"

# fmt: off
TYPED = [
    Row("an unknown command", "mlkit trian", 2, "No such command 'trian'"),
    Row("an unknown option", "mlkit run notebooks/02_train.ipynb --tune", 2, "No such option: --tune"),
    Row("an argument left out", "mlkit params", 2, "Missing argument"),
    Row("an option left out", "mlkit evidence seal", 2, "Missing option '--staging'"),
    Row("text for a number", "mlkit local up --port http", 2, "valid integer"),
    Row("a number out of range", "mlkit local up --port 99999", 2, "65535"),
    Row("a time limit of no time", f"{A_RUN} --cell-timeout 0", 2, "--cell-timeout is 0"),
    Row("an unknown choice", "mlkit data load mine/half.csv --half-stars up", 2, "--half-stars is 'up'"),
    Row("an unknown environment", "mlkit deploy staging", 2, "no environment 'staging'"),
    Row("initials that no bucket can have", "mlkit data load --your-initials ABC mine/ids.csv", 2, "your_initials is 'ABC'"),
    Row("initials of an empty variable", "mlkit undeploy dev", 2, "MLKIT_YOUR_INITIALS is set and empty", given=no_initials),
    Row("an unknown parameter of the pipeline", "mlkit pipeline deploy Emial=you@example.com", 2, "Did you mean Email?"),
    Row("a parameter of the pipeline without a value", "mlkit pipeline deploy Tune", 2, "'Tune' is not KEY=VALUE"),
    Row("a value that a template does not allow", "mlkit pipeline deploy BakeSeconds=3600", 2, "BakeSeconds is '3600'"),
    Row("a new pipeline without an address", "mlkit pipeline deploy GitHubUser=you", 2, "mlkit-ml-lab-pipeline needs Email"),
    Row("a pipeline before its lake", "mlkit pipeline deploy --your-initials xyz GitHubUser=you Email=you@example.com", 40,
        "No stack exports xyz-ml-lab-execution-role"),
    Row("an id that is none", "mlkit sweep everything", 2, "not the id of a pipeline execution"),
    Row("ids that are no pairs", "mlkit predict --user 1 --user 2 --movie 1", 2, "2 users and 1 movies"),
    Row("not in a project", "mlkit local run", 40, "No project at or above", where="nowhere"),
    Row("a question that nobody answers", "mlkit local reset", 2, "Nothing was deleted"),
]
PARAMETERS = [
    Row("an unknown parameter", "mlkit run notebooks/02_train.ipynb -p epoch 3", 10, "Did you mean `epochs`?"),
    Row("a value of another type", "mlkit run notebooks/02_train.ipynb -p epochs many", 10, "it is no whole number"),
    Row("a required parameter left out", "mlkit run mine/plain.ipynb", 10, "`country` (str) is required"),
    Row("a word of YAML for a text", "mlkit run mine/plain.ipynb -p country no", 10, "`no` is for a bool"),
    Row("-p without a value", "mlkit run notebooks/02_train.ipynb -p tune", 2, "-p needs a name and a value"),
    Row("a parameter twice", "mlkit run notebooks/02_train.ipynb -p epochs 1 -p epochs 2", 2, "-p epochs is given twice"),
    Row("a YAML file that is a list", "mlkit run notebooks/02_train.ipynb -f mine/list.yaml", 10, "is a list"),
    Row("a file that is no YAML", "mlkit run notebooks/02_train.ipynb -f mine/broken.yaml", 10, "is not YAML: line 2"),
    Row("a YAML file in another encoding", "mlkit run notebooks/01_prep.ipynb -f mine/latin1.yaml", 10, "not text in UTF-8"),
    Row("a number in quotes", "mlkit run notebooks/02_train.ipynb -f mine/quoted.yaml", 10, "it is a str; leave out the quotes"),
    Row("a name twice in a YAML file", "mlkit run notebooks/02_train.ipynb -f mine/twice.yaml", 10, "line 2: `epochs` is there twice"),
    Row("a date inside a mapping", "mlkit run notebooks/02_train.ipynb -f mine/dates.yaml", 10, "`usd_per_instance_hour.since` is a date"),
    Row("a value that is no choice", "mlkit run notebooks/01_prep.ipynb -p split newest", 10, "did you mean 'latest'?"),
    Row("a YAML file that does not exist", "mlkit run notebooks/02_train.ipynb -f mine/no.yaml", 40, "no file mine/no.yaml"),
]
NOTEBOOKS = [
    Row("a notebook that does not exist", "mlkit run notebooks/2_train.ipynb", 40, "no notebook notebooks/2_train.ipynb"),
    Row("a folder for a notebook", "mlkit params notebooks", 40, "no notebook notebooks"),
    Row("a file that is no notebook", "mlkit params mine/ids.csv", 11, "is not a notebook"),
    Row("a notebook that was cut off", "mlkit run mine/cut.ipynb", 11, "is not a notebook"),
    Row("a notebook in another encoding", "mlkit params mine/utf16.ipynb", 11, "is not a notebook"),
    Row("a parameter for a notebook without one", "mlkit run mine/untagged.ipynb -p epochs 3", 10, "no cell tagged `parameters`"),
    Row("an executed notebook as the source", "mlkit run mine/injected.ipynb", 11, "cell 2 is tagged `injected-parameters`"),
    Row("a cell that is none", "mlkit run mine/odd.ipynb", 11, "cell 2 is null or missing, not a cell"),
    Row("half of a character", "mlkit run mine/half.ipynb", 11, "cell 2 holds half of a surrogate pair"),
    Row("a folder without steps", "mlkit check mine", 40, "no mlkit.yml with steps to check"),
    Row("a step that mlkit.yml does not list", "mlkit run prep trian", 2, "There is no step trian. Did you mean train?"),
    Row("a step without its variables", "mlkit run train", 2, "takes execution_role from EXECUTION_ROLE, which is not set"),
    Row("a parameter for several steps", "mlkit run prep train -p tune True", 2, "-p tune can be given for one step only"),
    Row("the source as the executed notebook", "mlkit run mine/plain.ipynb mine/plain.ipynb -p country de", 2, "would replace its source"),
    Row("a folder as the executed notebook", "mlkit run mine/plain.ipynb mine -p country de", 2, "cannot be the folder mine"),
    Row("a file as the executed notebook's folder", "mlkit run mine/plain.ipynb mine/ids.csv/x.ipynb -p country de", 16,
        "mine/ids.csv cannot be written to: it is a file"),
    Row("a run while another writes the same notebook", A_RUN, 2, "Another run is writing", given=another_run_writes),
    Row("a full disk for the executed notebook", A_RUN, 16, "No space left on device", full_disk="executed"),
]
EVIDENCE = [
    Row("an evidence address that is none", f"{A_RUN} --evidence evidence/", 2, "'evidence/' is not an S3 address"),
    Row("an evidence bucket that does not exist", f"{A_RUN} --evidence s3://no-such-bucket/runs/", 40, "s3://no-such-bucket/runs/plain.ipynb"),
    Row("an evidence bucket without the right to write", f"{A_RUN} --evidence s3://mlkit-ml-id-lab/runs/", 41, "s3:PutObject",
        given=may("s3:ListBucket")),
    Row("a place of finished runs that does not exist", "mlkit run notebooks/02_train.ipynb --reuse --steps s3://no-such-bucket/steps", 40,
        "s3://no-such-bucket/steps"),
    Row("a folder without a seal", "mlkit verify mine", 36, "There is no seal: no folder <action>/<build> holds manifest.json"),
    Row("a seal of a pipeline that does not exist",
        "mlkit evidence seal --staging s3://staging --evidence-bucket s3://evidence --pipeline no"
        " --execution 01234567-89ab-cdef-0123-456789abcdef --action QA.Seal"
        " --build b:1 --tools-sha256 0 --evidence-key key --model-group mlkit-ml-lab", 40, "ListActionExecutions"),
    Row("exports before a training", "mlkit exports", 40, "trained_model.json does not exist"),
    Row("a seal that does not exist", "mlkit evidence verify-approval --seal-uri s3://mlkit-ml-id-lab/no.json --seal-sha256 0"
        " --pipeline no --execution 1 --evidence-key key --approved mine/approved", 40,
        "s3://mlkit-ml-id-lab/no.json"),
    Row("another file than the seal",
        "mlkit evidence verify-approval --seal-uri s3://mlkit-ml-id-lab/movielens-data/u.data/ratings.tsv --seal-sha256 0"
        " --pipeline no --execution 1 --evidence-key key --approved mine/approved", 33,
        "is not the approved one"),
]
LOADED = ("s3://mlkit-ml-id-lab/movielens-data/u.data/ratings.tsv",)
DATA = [
    Row("a file that does not exist", f"{LOAD}/no.csv", 40, "no file or folder mine/no.csv"),
    Row("another delimiter", f"{LOAD}/semicolons.csv", 0, "1 rating by 1 user of 1 movie", leaves=LOADED),
    Row("no delimiter", f"{LOAD}/spaces.csv", 20, "no tab, comma, semicolon or `::`"),
    Row("UTF-16", f"{LOAD}/utf16.csv", 0, "1 rating by 1 user of 1 movie", leaves=LOADED),
    Row("Latin-1 in a number", f"{LOAD}/latin1.csv", 20, "line 3: rating is 'caf\xe9'"),
    Row("an empty file", f"{LOAD}/empty.csv", 20, "is empty"),
    Row("a header and no rows", f"{LOAD}/header.csv", 20, "holds a header and no ratings"),
    Row("a header of other columns", f"{LOAD}/columns.csv", 20, "are missing in the header"),
    Row("text where an id should be", f"{LOAD}/names.csv", 20, "line 3: userid is 'anna'"),
    Row("a row that was cut off", f"{LOAD}/short.csv", 20, "line 3: 2 values instead of 4"),
    Row("a value left out", f"{LOAD}/nulls.csv", 20, "line 3: movieid is ''"),
    Row("half stars for a table of whole ones", f"{LOAD}/half.csv", 20, "line 2: rating is 3.5"),
    Row("half stars rounded down", f"{LOAD}/half.csv --half-stars round-down", 0, "Ratings between two stars, rounded down: 1 of 1",
        leaves=LOADED),
    Row("ids as pandas writes them", f"{LOAD}/floats.csv", 0, "2 ratings by 2 users of 1 movie", leaves=LOADED),
    Row("a number in another spelling", f"{LOAD}/exponent.csv", 20, "line 3: userid is '1e3', not a whole number; write it as 1000"),
    Row("an id above 2^63", f"{LOAD}/huge.csv", 20, "more than a column of type bigint holds"),
    Row("ids near 2^62", f"{LOAD}/ids.csv", 0, "1 rating by 1 user of 1 movie", leaves=LOADED),
    Row("a zip that is none", f"{LOAD}/ratings.zip", 20, "is damaged"),
    Row("a folder without ratings", f"{LOAD}/none", 20, "holds no ratings file"),
    Row("a folder with two files of ratings", f"{LOAD}/both", 20, "holds 2 ratings files"),
    Row("a data set that nobody publishes", "mlkit data fetch ml-10m", 2, "no data set 'ml-10m'"),
    Row("no lake under these initials", f"{LOAD}/ids.csv --your-initials xyz", 40, "aws cloudformation deploy"),
    Row("a full disk for what is loaded", f"{LOAD}/ids.csv", 16, "no room for the ratings", full_disk=".mlkit/data"),
]
CREDENTIALS = [
    Row("no credentials: loading", f"{LOAD}/ids.csv", 42, "mlkit local up", given=no_credentials),
    Row("no credentials: asking the endpoint", "mlkit predict --user 1 --movie 1", 42, "mlkit local up", given=no_credentials),
    Row("no credentials: deploying", "mlkit undeploy dev", 42, "mlkit local up", given=no_credentials),
    Row("no credentials: sweeping", f"mlkit sweep {EXECUTION}", 42, "mlkit local up", given=no_credentials),
    Row("no credentials: verifying", "mlkit evidence verify-approval --seal-uri s3://evidence/seal.json --seal-sha256 0 --pipeline no"
        " --execution 1 --evidence-key key --approved mine/approved", 42,
        "mlkit local up", given=no_credentials),
    Row("no credentials: evidence", f"{A_RUN} --evidence s3://evidence/runs/", 42, "mlkit local up", given=no_credentials),
    Row("no credentials: doctor", "mlkit doctor --aws", 42, "No AWS region is set", given=no_credentials),
    Row("a region and no credentials", "mlkit predict --user 1 --movie 1", 42, "mlkit local up", given=no_keys),
    Row("credentials that are unknown or expired", f"{LOAD}/ids.csv", 41, "Sign in again", given=old_keys),
    Row("nobody answers at the endpoint", "mlkit doctor", 42, "Could not connect to the endpoint URL", given=nobody_answers),
    Row("no right to see the table", f"{LOAD}/ids.csv", 41, "glue:GetTable", given=may("s3:*")),
    Row("no right to write the object", f"{LOAD}/ids.csv", 41, "s3:PutObject", given=may("glue:*")),
    Row("no right to delete the stack", "mlkit undeploy dev", 41, "cloudformation:DescribeStacks", given=may("s3:*")),
]
ENDPOINTS = [
    Row("a deployment before a training", "mlkit deploy dev", 40, "configuration_dev.json does not exist"),
    Row("a deployment to production without a reason", "mlkit deploy production", 2, "production needs a reason",
        given=a_model_for_production),
    Row("a bypass of another environment", "mlkit deploy production --bypass-pipeline qa", 2, "but the command changes production",
        given=a_model_for_production),
    Row("a question to an endpoint that is not there", "mlkit predict --environment qa --user 1 --movie 1", 40, "mlkit-ml-lab-qa"),
    Row("ids that the model never saw", "mlkit predict --user u1 --movie f1 --user nobody --movie f1", 0,
        "unseen: this id is not in the model", given=an_endpoint),
    Row("an endpoint that is not there taken down", "mlkit undeploy qa", 0, "There was no mlkit-ml-lab-qa"),
]
LOCAL = [
    Row("a pipeline run without a commit", "mlkit local run", 2, "has no commit to run", where="fresh"),
    Row("a pipeline run while another is at work", "mlkit local run", 2, "Another run is in progress", given=another_pipeline_run),
    Row("a walk while a pipeline run is at work", "mlkit local walk", 2, "Another run is in progress", given=another_pipeline_run),
    Row("an uncommitted change", "mlkit doctor", 0, "1 file is not committed", given=an_uncommitted_file),
    Row("an approval without a pipeline", 'mlkit local approve "fine"', 40, "no stack mlkit-ml-lab-pipeline"),
    Row("an approval with an empty comment", 'mlkit local approve ""', 2, "The comment is empty"),
    Row("the local AWS is started while it runs", "mlkit local up", 0, "answers at"),
    Row("another port for a local AWS that runs", "mlkit local up --port 4999", 50, "runs at"),
    Row("a port in use", "mlkit local up --port 4999", 50, "4999", given=a_port_in_use, where="fresh"),
    Row("a full disk for the local AWS", "mlkit local up --port 0", 16, "MB left", where="fresh", full_disk=".mlkit/local"),
    Row("a command for a local AWS that does not run", "mlkit local env", 50, "does not run", where="fresh"),
]
# fmt: on
SECTIONS = {
    "What is typed": TYPED,
    "Parameters": PARAMETERS,
    "Notebooks": NOTEBOOKS,
    "Evidence": EVIDENCE,
    "Data": DATA,
    "Credentials and rights": CREDENTIALS,
    "Endpoints": ENDPOINTS,
    "The local AWS": LOCAL,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.made_in(tmp_path_factory.mktemp("bad"))
    yield made
    lifecycle.down(made.project.local_home)


@pytest.fixture(scope="module")
def documented() -> Iterator[dict[str, dict[str, str]]]:
    with kept_lines(SECTIONS) as lines:
        yield lines


@pytest.mark.parametrize(("section", "row"), [pytest.param(name, row, id=row.what) for name, rows in SECTIONS.items() for row in rows])
def test_row(section: str, row: Row, world: World, documented: dict[str, dict[str, str]]) -> None:
    if needs_a_disk(row):
        pytest.skip("no disk can be mounted here")
    carried_out(section, row, world, documented)


def test_the_page_has_the_exit_codes_and_no_other_rows(documented: dict[str, dict[str, str]]) -> None:
    if not WRITES:
        assert exit_codes() in DOCUMENT.read_text()
        assert {name: list(lines) for name, lines in documented.items()} == {
            name: [row.what for row in rows] for name, rows in SECTIONS.items()
        }


@pytest.mark.skipif(not may_mount(), reason="no disk can be mounted here")
def test_a_disk_that_fills_up_loses_nothing_that_was_stored(world: World, tmp_path: Path) -> None:
    """What the full disk cannot take is refused, and all that was taken is there after a restart."""
    commands = """
        mount -t tmpfs -o size=6m none .mlkit/local && mlkit local up --port 0 && eval "$(mlkit local env)" && aws s3 mb s3://small-disk
        head -c 500000 /dev/zero | aws s3 cp - s3://small-disk/one && echo stored one
        head -c 3000000 /dev/zero | aws s3 cp - s3://small-disk/two || echo refused two
        mlkit local down && mlkit local up --port 0 && eval "$(mlkit local env)" && aws s3 ls s3://small-disk/; mlkit local down"""
    (world.fresh / ".mlkit" / "local").mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(script("mlkit")).parent), os.environ["PATH"]])}
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", commands],
        cwd=world.fresh,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert "stored one" in done.stdout, done.stdout + done.stderr
    assert "refused two" in done.stdout, done.stdout + done.stderr
    assert "The disk of the local AWS" in done.stderr
    listed = [line.split()[2:] for line in done.stdout.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]
    assert listed == [["500000", "one"]]
