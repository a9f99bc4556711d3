"""A table of labelled rows on the local Athena: what cannot be used is counted and left out, and a row's split is its own affair."""

import io
import uuid

import numpy as np
import pandas as pd
import pytest

from mlkit.aws.s3_objects import read_object
from mlkit.aws.session import Session
from mlkit.data.bad_rows import check_bad_rows
from mlkit.errors import InvalidData, NotFound, UsageError
from mlkit.notebook.handoff import PreparedData
from mlkit.settings import Project
from mlkit.tabular import (
    choose_columns,
    describe_features,
    find_lake,
    profile_table,
    save_prepared_data,
    start_run,
    store_encoding,
    unload_splits,
    write_channels,
)

COLUMNS = {"id": "bigint", "outcome": "string", "a": "double", "b": "int"}
GOOD = [f"{n},{'bad' if n % 3 == 0 else 'good'},{n / 8},{n % 7}" for n in range(400)]
DIRTY = [
    "900,good,,1", "901,,0.5,1", ",good,0.5,1",  # nulls
    "902,good,NaN,1", "903,bad,Infinity,2",
    "5,bad,1.5,3", "6,bad,0.75,6", "6,bad,0.75,6",  # another meaning of 5; copies of 6
]  # fmt: skip


@pytest.fixture
def make_source(local_aws, monkeypatch):
    for name, value in local_aws.environment.items():
        monkeypatch.setenv(name, value)

    def make(lines, *, columns=COLUMNS, positive="bad", **parts):
        initials = f"tab-{uuid.uuid4().hex[:8]}"
        bucket, database = f"{initials}-ml-id-lab", f"{initials}-ml-lab-things"
        s3, glue = local_aws.client("s3"), local_aws.client("glue")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="things/table.csv", Body="\n".join([",".join(columns), *lines, ""]).encode())
        glue.create_database(DatabaseInput={"Name": database})
        serde = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
        storage = {
            "Location": f"s3://{bucket}/things/",
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {"field.delim": ",", "serialization.format": ","}},
            "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        }
        about = {"classification": "csv", "skip.header.line.count": "1", "EXTERNAL": "TRUE"}
        glue.create_table(
            DatabaseName=database,
            TableInput={"Name": "t", "TableType": "EXTERNAL_TABLE", "Parameters": about, "StorageDescriptor": storage},
        )
        lake = find_lake(Session(), initials, dataset="things", table="t")
        return choose_columns(lake, **{"key": "id", "label": "outcome", "positive": positive, **parts})

    return make


def written(source, profile, tmp_path, **rule) -> tuple[PreparedData, dict[str, pd.DataFrame]]:
    """The hand-over, and the rows of each split by key; train and validation have lost their keys, so `a` stands for it."""
    rule = {"salt": "s", "test_fraction": 0.3, "validation_fraction": 0.2, "rows_per_shard": 100_000, **rule}
    run = start_run(source, usable=profile.usable, **rule)
    encoding = store_encoding(source, run, profile)
    unloaded = unload_splits(source, run, encoding)
    channels = write_channels(source, run, unloaded, encoding)
    prepared = save_prepared_data(source, run, encoding, channels, profile, unloaded, Project(root=tmp_path))
    return prepared, {name: rows(source, getattr(prepared, name)) for name in ("train", "validation", "test")}


def rows(source, channel):
    frames = []
    for item in channel.objects:
        data = io.BytesIO(read_object(source.lake.aws, item.s3_uri))
        is_csv = item.s3_uri.endswith(".csv")
        frames.append(pd.read_csv(data, header=None, names=["label", "a", "b"]) if is_csv else pd.read_parquet(data))
    return pd.concat(frames)


def test_unusable_rows_are_counted_and_left_out(make_source, tmp_path):
    source = make_source(GOOD + DIRTY)
    profile = profile_table(source)
    counted = (profile.rows_with_nulls, profile.rows_not_finite, profile.copies, profile.contradictory_rows, profile.usable)
    assert counted == (3, 2, 2, 2, 399)  # both meanings of 5 go, one row of 6 stays
    assert profile.classes == {"bad": 134, "good": 265}
    assert profile.bad_rows == 9
    with pytest.raises(
        InvalidData, match="Unusable rows: 3 with nulls, 2 with NaN or infinity, 2 copies, 2 with the key of a different row"
    ):
        check_bad_rows(profile, "refuse")
    _, splits = written(source, profile, tmp_path)
    together = pd.concat(splits.values())
    assert sorted(together["a"] * 8) == [n for n in range(400) if n != 5]
    assert (together["label"] == ((together["a"] * 8) % 3 == 0)).all()


def test_the_features_are_described_over_the_usable_rows(make_source):
    source = make_source(GOOD + DIRTY)
    table = describe_features(source, profile_table(source))
    assert table.loc["a", ["lowest", "highest"]].tolist() == [0, 399 / 8]
    assert table.loc["b", "mean"] == pytest.approx(np.mean([n % 7 for n in range(400) if n != 5]), rel=1e-3)


def test_a_row_stays_in_its_split_when_the_table_grows(make_source, tmp_path):
    halves = [make_source(GOOD[:200]), make_source(GOOD)]
    before, after = (written(source, profile_table(source), tmp_path)[1] for source in halves)
    for name, frame in before.items():
        assert set(frame["a"]) == {value for value in after[name]["a"] if value < 200 / 8}
    sizes = [len(after[name]) for name in ("test", "validation", "train")]
    assert sizes == pytest.approx([120, 56, 224], rel=0.2)


def test_more_shards_hold_the_same_rows_and_another_salt_chooses_others(make_source, tmp_path):
    source = make_source(GOOD)
    profile = profile_table(source)
    one, first = written(source, profile, tmp_path)
    many, second = written(source, profile, tmp_path, rows_per_shard=100)
    _, other = written(source, profile, tmp_path, salt="t")
    assert (len(one.train.objects), len(many.train.objects)) == (1, 4)
    assert [sorted(frame["a"]) for frame in first.values()] == [sorted(frame["a"]) for frame in second.values()]
    assert sorted(first["test"]["a"]) != sorted(other["test"]["a"])


def test_the_same_rows_give_the_same_objects(make_source, tmp_path):
    source = make_source(GOOD)
    profile = profile_table(source)
    first, second = (written(source, profile, tmp_path)[0] for _ in range(2))
    assert first.run_id != second.run_id
    for name in ("train", "validation", "test"):
        assert [item.sha256 for item in getattr(first, name).objects] == [item.sha256 for item in getattr(second, name).objects]
    assert first.encoding.sha256 == second.encoding.sha256


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([line.replace("good", "bad") for line in GOOD], r"outcome holds 1 classes: 'bad' \(400 rows\)\. It must hold two"),
        ([*GOOD, "900,ugly,1,1"], "outcome holds 3 classes"),
        (DIRTY[:5], r"has no usable rows \(5 rows in all\)"),
    ],
)
def test_a_table_that_is_not_of_two_classes_is_refused(make_source, lines, told):
    with pytest.raises(InvalidData, match=told):
        profile_table(make_source(lines))


def test_a_positive_class_that_does_not_occur_is_refused_with_those_that_do(make_source):
    with pytest.raises(InvalidData, match=r"'bad'.*'good'.*It must hold two, one of them 'Bad'"):
        profile_table(make_source(GOOD, positive="Bad"))


def test_an_empty_split_is_refused(make_source, tmp_path):
    source = make_source(GOOD[:20])
    with pytest.raises(InvalidData, match="The train split is empty"):
        written(source, profile_table(source), tmp_path, test_fraction=0.9999)


def test_a_lake_that_is_not_there_is_told_by_its_bucket(make_source):
    make_source(GOOD[:3])
    with pytest.raises(NotFound, match="no bucket nobody-ml-id-lab"):
        find_lake(Session(), "nobody", dataset="things", table="t")


MIXED = {"id": "bigint", "outcome": "string", "a": "double", "site": "string"}
GAPS = [
    f"{n},{('one', 'two', 'three')[n % 3]},{'' if n % 10 == 0 else n / 8},{'' if n % 7 == 0 else ('north', 'south')[n % 2]}"
    for n in range(300)
]


def test_categories_and_missing_values_become_columns_and_empty_fields(make_source, tmp_path):
    source = make_source(GAPS, columns=MIXED, positive="", task="multi-class", categorical=["site"], missing="keep")
    profile = profile_table(source)
    assert (profile.usable, profile.classes) == (300, {"one": 100, "three": 100, "two": 100})
    assert profile.categories["site"].keys() == {"north", "south"}
    shown = describe_features(source, profile)
    assert shown["missing"].tolist() == [30, 43]
    assert shown["categories"].tolist() == ["", "north, south"]
    run = start_run(source, usable=300, salt="s", test_fraction=0.3, validation_fraction=0.2, rows_per_shard=100_000)
    encoding = store_encoding(source, run, profile)
    unloaded = unload_splits(source, run, encoding)
    channels = write_channels(source, run, unloaded, encoding)
    assert "label 1" in encoding.summary().index
    written = read_object(source.lake.aws, channels.train.objects[0].s3_uri).decode().splitlines()
    assert {line.count(",") for line in written} == {3}
    fields = [line.split(",") for line in written]
    assert {tuple(row[2:]) for row in fields} == {("", ""), ("0", "1"), ("1", "0")}
    for label, a, north, south in fields:
        if a:
            number = round(float(a) * 8)
            assert int(label) == (0, 2, 1)[number % 3]  # one, three, two
            assert (north, south) == (("", "") if number % 7 == 0 else ("1", "0") if number % 2 == 0 else ("0", "1"))
    assert channels.train.labels.keys() == {"rows of one", "rows of three", "rows of two"}
    prepared = save_prepared_data(source, run, encoding, channels, profile, unloaded, Project(root=tmp_path))
    assert (prepared.feature_dim, prepared.target.classes) == (3, ("one", "three", "two"))


def test_a_regression_s_labels_are_numbers_in_every_split(make_source, tmp_path):
    lines = [f"{n},{n / 4},{n / 8},{n % 7}" for n in range(400)]
    source = make_source(lines, columns={**COLUMNS, "outcome": "double"}, positive="", task="regression", unit="mm")
    profile = profile_table(source)
    assert profile.histogram is not None
    assert profile.histogram["rows"].sum() == 400
    prepared, splits = written(source, profile, tmp_path)
    together = pd.concat(splits.values())
    assert (together["label"] == together["a"] * 2).all()
    assert prepared.target.unit == "mm"
    highest = max(getattr(prepared, name).labels["highest"] for name in ("train", "validation", "test"))
    assert highest == 399 / 4


def test_a_regression_of_one_number_cannot_be_learned(make_source, tmp_path):
    source = make_source([f"{n},7,{n / 8},1" for n in range(50)], columns={**COLUMNS, "outcome": "int"}, task="regression")
    with pytest.raises(InvalidData, match="have the outcome 7: a model cannot learn from one label") as caught:
        written(source, profile_table(source), tmp_path)
    assert caught.value.cure == "Check the table."


def test_a_class_without_a_training_row_is_a_warning(make_source, tmp_path, capsys):
    lines = [f"{n},{'rare' if n == 3 else ('one', 'two')[n % 2]},{n / 8},1" for n in range(200)]
    for salt in "abcdefgh":
        source = make_source(lines, positive="", task="multi-class")
        prepared, _ = written(source, profile_table(source), tmp_path, salt=salt)
        if not prepared.train.labels["rows of rare"]:
            break
    assert "No row of the train split has the outcome rare, so the model never predicts it." in capsys.readouterr().err


def test_a_column_of_too_many_categories_is_refused_with_their_number(make_source):
    lines = [f"{n},{'bad' if n % 3 == 0 else 'good'},{n / 8},place {n}" for n in range(120)]
    source = make_source(lines, columns=MIXED, categorical=["site"])
    with pytest.raises(InvalidData, match="site has 120 categories, and a column may have 1 to 100"):
        profile_table(source)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"task": "ranking"}, "task is 'ranking'"),
        ({"missing": "impute"}, "missing is 'impute'"),
        ({"unit": "mm"}, "unit is 'mm', and classes have none"),
        ({"task": "regression", "label": "a", "left_out": ["outcome"], "unit": "<mm>"}, "unit is '<mm>'"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(make_source, parts, told):
    with pytest.raises(UsageError, match=told):
        make_source(GOOD[:3], **parts)
