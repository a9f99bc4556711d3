"""Bad input that shows only while a notebook or the pipeline runs: what is said, and what is left. docs/errors.md shows these rows."""

import io
import json
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest
from bad_input import (
    BIG,
    Row,
    World,
    a_model_for_production,
    an_unanswered_mail,
    an_uncommitted_file,
    commit_all,
    handed_over,
    may_all_but,
    no_keys,
)
from error_table import WRITES, carried_out, kept_lines

from localaws import lifecycle

PREP, TRAIN, TEST = (f"mlkit run notebooks/{name}.ipynb" for name in ("01_prep", "02_train", "03_test_endpoint"))
NOTEBOOK = ("executed/*",)
QUERIES = (*NOTEBOOK, "s3://mlkit-ml-id-lab/athena-results/*")
OBJECTS = (*QUERIES, "s3://mlkit-ml-id-lab/prepared/*")
ALL = (*OBJECTS, "handoff/*", ".mlkit/steps/*")
EXECUTED = "executed/01_prep.ipynb"
NOBODY = "arn:aws:iam::123456789012:role/nobody"

# fmt: off
CELLS = [
    Row("no lake under these initials", f"{PREP} -p your_initials xyz", 40, "no bucket xyz-ml-id-lab", leaves=NOTEBOOK),
    Row("no such table", f"{PREP} -p table ratings", 40, "Table ratings not found", leaves=NOTEBOOK),
    Row("an empty table", f"{PREP} -p table empty", 20, "no usable rows", leaves=QUERIES),
    Row("nulls, ratings out of range, duplicates", f"{PREP} -p table flawed", 0, "4 of 1204 rows dropped", leaves=ALL, notebook=EXECUTED),
    Row("the same, to be refused", f"{PREP} -p table flawed -p bad_rows refuse", 20, "Unusable rows: 1 with nulls", leaves=QUERIES),
    Row("one user with 20 ratings", f"{PREP} -p table one_user", 20, "validation split is empty", leaves=OBJECTS),
    Row("ratings that are all alike", f"{PREP} -p table all_loved", 20, "a model cannot learn from one label", leaves=OBJECTS),
    Row("ids near 2^62", f"{PREP} -p table near_2_62", 0, "0 of 1200 rows dropped", leaves=ALL, notebook=EXECUTED),
    Row("ids that are text", f"{PREP} -p table named", 0, "0 of 1200 rows dropped", leaves=ALL, notebook=EXECUTED),
    Row("a number that makes no sense", f"{PREP} -p rows_per_shard 0", 2, "rows_per_shard is 0", leaves=QUERIES),
    Row("no credentials", PREP, 42, "Unable to locate credentials", leaves=NOTEBOOK, given=no_keys),
    Row("no right to query", PREP, 41, "athena:StartQueryExecution", leaves=NOTEBOOK, given=may_all_but("athena:StartQueryExecution")),
    Row("a training before the preparation", TRAIN, 40, "prepared_data.json does not exist", leaves=NOTEBOOK, given=handed_over(None)),
    Row("no stack that exports the role", TRAIN, 40, "No stack exports xyz-ml-lab-execution-role", leaves=NOTEBOOK,
        given=handed_over("xyz")),
    Row("more instance hours than allowed", f"{TRAIN} -p max_runtime_s 72000", 25, "nothing was started", leaves=NOTEBOOK,
        given=handed_over("mlkit")),
    Row("a role that SageMaker cannot take", f"{TRAIN} -p execution_role {NOBODY}", 41, "role/nobody", leaves=NOTEBOOK,
        given=handed_over("mlkit")),
    Row("a test before the training", TEST, 40, "trained_model.json does not exist", leaves=NOTEBOOK),
]
PIPELINE = [
    Row("a connection whose handshake is not finished", "mlkit local run", 24, "Finish the connection's handshake",
        given=an_uncommitted_file,
        leaves=(".mlkit/last_run.json", "stack mlkit-ml-lab-pipeline*", "s3://mlkit-ml-id-lab/movielens-data/*",
                "s3://mlkit-ml-lab-pipeline-foundation-evidencebucket-*/tools/*")),
    Row("the same, before a run", "mlkit doctor", 60, "mlkit to GitHub is PENDING"),
    Row("an e-mail that nobody has answered", "mlkit doctor", 0, "you@example.com has not confirmed", given=an_unanswered_mail),
    Row("a deployment beside the pipeline", "mlkit deploy production", 34, "production belongs to the pipeline",
        given=a_model_for_production),
    Row("an approval that nothing waits for", 'mlkit local approve "fine"', 2, "No approval is pending"),
]
# fmt: on
SECTIONS = {"In the cells of the notebooks": CELLS, "The pipeline": PIPELINE}
PENDING = {
    "arn": "arn:aws:codeconnections:us-east-1:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef",
    "name": "mlkit",
    "provider": "GitHub",
    "tags": {},
    "status": "PENDING",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World.made_in(tmp_path_factory.mktemp("runs"), connections=[PENDING])
    made.add_tables()
    about = made.project.root / "mlkit.yml"
    about.write_text(about.read_text().replace("source: ml-100k", "source: mine/ids.csv"))
    commit_all(made.project.root)
    yield made
    lifecycle.down(made.project.local_home)


@pytest.fixture(scope="module")
def documented() -> Iterator[dict[str, dict[str, str]]]:
    with kept_lines(SECTIONS) as lines:
        yield lines


@pytest.mark.parametrize("row", CELLS, ids=lambda row: row.what)
def test_cells(row: Row, world: World, documented: dict[str, dict[str, str]]) -> None:
    carried_out("In the cells of the notebooks", row, world, documented)
    if row.what.startswith("ids"):
        assert prepared_users(world) == ({str(BIG + n) for n in range(60)} if "near" in row.what else {f"user-{n}" for n in range(1, 61)})


def prepared_users(world: World) -> set[str]:
    """The users' ids in the index that the last preparation made."""
    handed = json.loads((world.project.handoff / "prepared_data.json").read_text())
    bucket, _, key = handed["encoding"]["s3_uri"].removeprefix("s3://").partition("/")
    body = world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return {row["id"] for row in pq.read_table(io.BytesIO(body)).to_pylist() if row["field"] == "user"}


def test_the_pipeline(world: World, documented: dict[str, dict[str, str]]) -> None:
    """In this order: the first makes the stack that the others ask about."""
    first, *others = [carried_out("The pipeline", row, world, documented) for row in PIPELINE]
    assert "This run does not include uncommitted changes" in first.out
    assert others


def test_the_page_has_no_other_rows(documented: dict[str, dict[str, str]]) -> None:
    if not WRITES:
        assert {name: list(lines) for name, lines in documented.items()} == {
            name: [row.what for row in rows] for name, rows in SECTIONS.items()
        }
