"""What `mlkit run` takes for the executed notebook's address, and what it refuses by name."""

from pathlib import Path

import pytest

from mlkit.cli.notebook_addresses import Destination, local_notebook
from mlkit.errors import UsageError

NOTEBOOK = Path("notebooks/01_prep.ipynb")


@pytest.mark.parametrize(
    ("executed", "evidence", "path", "s3_prefix"),
    [
        (None, "", "executed/01_prep.ipynb", ""),
        (None, "s3://bucket/attempt/", "executed/01_prep.ipynb", "s3://bucket/attempt/"),
        ("out/one.ipynb", "", "out/one.ipynb", ""),
        ("out/one.ipynb", "s3://bucket/attempt", "out/one.ipynb", "s3://bucket/attempt"),
        ("s3://bucket/one.ipynb", "", "executed/one.ipynb", "s3://bucket"),
        ("s3://bucket/a/b/one.ipynb", "", "executed/one.ipynb", "s3://bucket/a/b"),
    ],
)
def test_an_executed_notebook_goes_to_a_file_and_below_a_prefix(executed, evidence, path, s3_prefix):
    assert Destination.of(executed, NOTEBOOK, evidence) == Destination(path=Path(path), s3_prefix=s3_prefix)


@pytest.mark.parametrize(
    ("executed", "evidence", "says"),
    [
        ("-", "", "standard output"),
        ("s3://", "", "does not name an object"),
        ("s3://bucket", "", "does not name an object"),
        ("s3://bucket/", "", "does not name an object"),
        ("s3://bucket/folder/", "", "does not name an object"),
        ("gs://bucket/one.ipynb", "", "mlkit cannot write to gs://bucket/one.ipynb"),
        ("https://host/one.ipynb", "", "mlkit cannot write to https://host/one.ipynb"),
        ("s3://bucket/one.ipynb", "s3://bucket/attempt", "two places"),
    ],
)
def test_an_address_that_cannot_be_written_to_is_refused_by_name(executed, evidence, says):
    with pytest.raises(UsageError, match=says):
        Destination.of(executed, NOTEBOOK, evidence)


@pytest.mark.parametrize("address", ["-", "s3://bucket/one.ipynb", "https://host/one.ipynb"])
def test_a_notebook_that_is_no_file_here_is_refused_by_name(address):
    with pytest.raises(UsageError, match="cannot be read from"):
        local_notebook(address)
