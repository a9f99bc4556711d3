"""What a channel's files hold, against files written by other libraries."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import dump_svmlight_file

from localaws.xgboost.data import Rows, check_labels, data_format, read_channel
from localaws.xgboost.hyperparameters import parse


def write(folder: Path, **files: bytes | str) -> Path:
    channel = folder / "train"
    for name, content in files.items():
        path = channel / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    channel.mkdir(exist_ok=True)
    return channel


def read(folder: Path, kind: str = "csv", *, csv_weights: bool = False, **files: bytes | str) -> Rows:
    return read_channel(write(folder, **files), kind, csv_weights=csv_weights)


def numbers(n_rows: int, n_columns: int) -> Any:
    values = np.random.default_rng(3).normal(size=(n_rows, n_columns)).astype(np.float32)
    values[values > 1.5] = np.nan
    values[:, 0] = np.arange(n_rows) % 2
    return values


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_csv_of_pandas_is_read_to_the_bit(tmp_path: Path, delimiter: str) -> None:
    values = numbers(500, 5)
    text = pd.DataFrame(values).to_csv(header=False, index=False, sep=delimiter, na_rep="nan")
    rows = read(tmp_path, a=text)
    np.testing.assert_array_equal(rows.features, values[:, 1:])
    np.testing.assert_array_equal(rows.labels, values[:, 0])
    assert rows.weights is None


def test_files_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    rows = read(tmp_path, b="3,1\n", a="1,1\n\n2,1", c__d="4,1\n", empty="")
    assert rows.labels.tolist() == [1, 2, 3, 4]


def test_empty_cells_are_missing_and_zeros_are_not(tmp_path: Path) -> None:
    rows = read(tmp_path, a="\ufeff1,,0\r\n0, 2.5,NaN\r\n")
    np.testing.assert_array_equal(rows.features, np.array([[np.nan, 0], [2.5, np.nan]], np.float32))


def test_csv_weights_are_the_second_column(tmp_path: Path) -> None:
    rows = read(tmp_path, csv_weights=True, a="1,0.5,7,8\n0,2,9,10\n")
    assert rows.weights is not None
    assert (rows.weights.tolist(), rows.features.tolist()) == ([0.5, 2], [[7, 8], [9, 10]])


def test_libsvm_of_sklearn_is_read_to_the_bit(tmp_path: Path) -> None:
    values = np.nan_to_num(numbers(300, 6))
    values[np.abs(values) < 0.5] = 0
    dump_svmlight_file(values[:, 1:], values[:, 0], str(tmp_path / "a"), zero_based=True, comment="by sklearn")
    rows = read(tmp_path, "libsvm", a=(tmp_path / "a").read_bytes())
    assert isinstance(rows.features, csr_array)
    np.testing.assert_array_equal(rows.features.toarray(), values[:, 1:])
    np.testing.assert_array_equal(rows.labels, values[:, 0])


def test_libsvm_lines_may_have_weights_blank_lines_and_different_widths(tmp_path: Path) -> None:
    rows = read(tmp_path, "libsvm", a="1:0.5 2:3 0:1 # why\n\n0\n", b="1 4:1\n")
    assert rows.weights is not None
    assert (rows.labels.tolist(), rows.weights.tolist()) == ([1, 0, 1], [0.5, 1, 1])
    assert rows.features.toarray().tolist() == [[1, 0, 3, 0, 0], [0] * 5, [0, 0, 0, 0, 1]]
    assert rows.features.nnz == 3


def test_parquet_of_pandas_is_read_to_the_bit(tmp_path: Path) -> None:
    values = numbers(200, 4)
    pd.DataFrame(values, columns=list("yabc")).assign(i=range(200)).to_parquet(tmp_path / "a.parquet")
    files: dict[str, Any] = {"y=1__a": (tmp_path / "a.parquet").read_bytes()}
    rows = read(tmp_path, "parquet", **files)
    np.testing.assert_array_equal(rows.features[:, :3], values[:, 1:])
    np.testing.assert_array_equal(rows.features[:, 3], range(200))


HEADER = "Non-numeric value 'label' found in the header line 'label,a...' of file 'a'. CSV format require no header line in it."


@pytest.mark.parametrize(
    ("kind", "files", "reason"),
    [
        ("csv", {}, "No data in training channel path /opt/ml/input/data/train"),
        ("csv", {"a": ""}, "No data in training channel path"),
        ("csv", {"a": "label,a\n1,2\n"}, HEADER),
        ("csv", {"a": "1,2\n1,no\n"}, "Failed to load csv data with exception:\na: .*invalid value 'no'"),
        ("csv", {"a": "1,2\n1,NA\n"}, "invalid value 'NA'"),
        ("csv", {"a": '"1",2\n'}, "Non-numeric value '\"1\"' found"),
        ("csv", {"a": "1,2\n1,2,3\n"}, "Failed to load csv data with exception:\na: .*Expected 2 columns, got 3"),
        ("csv", {"a": "1,2\n", "b": "1,2,3\n"}, r"have different numbers of features: \[1, 2\]"),
        ("csv", {"a": "1,5;2,5\n"}, "Could not determine delimiter on line 1,5;2,5 of file 'a'"),
        ("csv", {"a": "1\n2\n"}, "Could not determine delimiter on line 1 of file 'a'"),
        ("csv", {"a": "1,2\n".encode("utf-16")}, "File 'a' is not text in UTF-8"),
        ("csv", {"a": "1,2\n".encode("utf-16-le")}, "File 'a' is not text in UTF-8: it holds zero bytes"),
        ("csv", {"a": b"\xe9,2\n"}, "File 'a' is not text in UTF-8"),
        ("csv", {"a": '1,2\n"1",2\n'}, "invalid value '\"1\"'"),
        ("csv", {"a": b"\x1f\x8b\x08\x00\xff"}, "File 'a' is not text in UTF-8"),
        ("csv", {"a": "1,2\n1,\u00e9\n".encode("latin-1")}, "Failed to load csv data with exception"),
        ("csv", {"a": "1,2\n,2\n"}, r"Label contains NaN, infinity or a value too large \(channel 'train'\)"),
        ("csv", {"a": "1,1e39\n"}, "Input data contains `inf` or a value too large"),
        ("csv", {"a": "1,2\n", ".hidden": "1,2\n"}, "Hidden file found in the data path! Remove that before training."),
        ("csv", {"b__c__d__e": "1,2\n"}, "Folder depth exceed the limit: 3."),
        ("libsvm", {"a": "0,1.5,2\n"}, "First line '0,1.5,2...' of file 'a' is not 'LIBSVM' format."),
        ("libsvm", {"a": "0 1:2\n1 2:x\n"}, "Failed to load libsvm data with exception:\na: line 2: could not convert"),
        ("libsvm", {"a": "0 1:2\n1 qid:2 1:3\n"}, "line 2: invalid literal"),
        ("libsvm", {"a": "0 1:2\n1 -1:3\n"}, "a feature's index is not from 0"),
        ("libsvm", {"a": f"0 1:2\n1 {2**31}:3\n"}, "a feature's index is not from 0"),
        ("libsvm", {"a": f"0 1:2\n1 {2**70}:3\n"}, "line 2: "),
        ("libsvm", {"a": "0 1:2\n1 3:1 3:2\n"}, "a line names a feature twice"),
        ("libsvm", {"a": "0 1:2\n1 1:inf\n"}, "a value too large"),
        ("libsvm", {"a": "0 1:2\nnan 1:1\n"}, "Label contains NaN"),
        ("parquet", {"a": "1,2\n"}, "Failed to load parquet data with exception:\na: "),
    ],
)
def test_an_unreadable_file_is_the_users_error(tmp_path: Path, kind: str, files: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)^ClientError: .*{reason}"):
        read(tmp_path, kind, **files)


def test_text_in_parquet_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"y": [1.0], "a": ["x"]}).to_parquet(tmp_path / "a")
    with pytest.raises(ValueError, match="Failed to load parquet data"):
        read(tmp_path, "parquet", a=(tmp_path / "a").read_bytes())


def channels(*types: str | None) -> dict[str, dict[str, str]]:
    return {name: {"ContentType": kind} if kind else {} for name, kind in zip(("train", "validation"), types, strict=False)}


def test_the_content_type_says_the_format_and_is_libsvm_by_default() -> None:
    formats: dict[str, list[str | None]] = {
        "csv": ["csv", "text/csv", "Text/CSV", "text/csv; label_size=1", "text/csv;charset=utf-8"],
        "libsvm": [None, "", "libsvm", "text/libsvm", "text/x-libsvm"],
        "parquet": ["application/x-parquet", "parquet"],
    }
    for kind, content_types in formats.items():
        assert {data_format(channels(content_type, content_type)) for content_type in content_types} == {kind}
    assert data_format(channels("text/libsvm", None)) == "libsvm"


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        (("application/json",), "application/json is not an accepted ContentType: csv, text/csv, libsvm"),
        (("text/csv;label_size=2",), "Optional parameter label_size must be equal to 1"),
        (("text/csv", "application/octet-stream"), "not an accepted ContentType"),
        (("text/csv", "text/libsvm"), "must have the same ContentType"),
        (("application/x-recordio-protobuf",), "not honoured by the local AWS"),
    ],
)
def test_other_content_types_are_refused(types: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^ClientError: .*{reason}"):
        data_format(channels(*types))


@pytest.mark.parametrize(
    ("objective", "good", "bad", "reason"),
    [
        ("binary:logistic", [0, 0.3, 1], [0, 2], r"label must be in \[0,1\] for logistic regression"),
        ("binary:logistic", [0, 1], [-1, 1], r"label must be in \[0,1\] for logistic regression"),
        ("binary:hinge", [0, 1], [0, 0.5], "label must be 0 or 1"),
        ("multi:softmax", [0, 1, 2], [1, 2, 3], r"label must be in \[0, num_class\)"),
        ("multi:softprob", [0, 2], [0.5, 1], r"label must be in \[0, num_class\)"),
        ("reg:squarederror", [-7, 1e9], None, ""),
    ],
)
def test_labels_must_suit_the_objective(objective: str, good: list[float], bad: list[float] | None, reason: str) -> None:
    params = parse({"num_round": "1", "objective": objective, **({"num_class": "3"} if objective.startswith("multi") else {})})

    def rows(labels: list[float], weight: float = 1) -> Rows:
        weights = np.full(len(labels), weight, np.float32)
        return Rows(features=np.zeros((len(labels), 1), np.float32), labels=np.array(labels, np.float32), weights=weights)

    check_labels(rows(good), params, "train")
    if bad is not None:
        with pytest.raises(ValueError, match=f"^ClientError: {reason} .*channel 'validation'"):
            check_labels(rows(bad), params, "validation")
    with pytest.raises(ValueError, match="Weights must be positive"):
        check_labels(rows(good, -1), params, "train")
