import pytest

from mlkit.data.sql import SplitShape, identifier, text, unload_sql
from mlkit.errors import UsageError


@pytest.mark.parametrize("name", ['u"; DROP TABLE x', "", "a b", "a.b"])
def test_a_name_that_could_break_out_of_its_quotes_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        identifier(name)


def test_a_literal_stays_a_literal_whatever_it_holds() -> None:
    assert text("it's") == "'it''s'"


@pytest.mark.parametrize("shape", [{"salt": "it's"}, {"salt": ""}, {"salt": "s", "shards": 10_001}, {"salt": "s", "shards": 0}])
def test_a_salt_that_is_no_word_and_too_many_shards_are_refused(shape: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SplitShape(**shape)  # type: ignore[arg-type]


def test_unload_writes_only_below_a_prefix() -> None:
    with pytest.raises(UsageError):
        unload_sql("SELECT 1", "s3://bucket")
    assert "partitioned_by = ARRAY['split', 'shard']" in unload_sql("SELECT 1", "s3://bucket/p/", partitioned_by=("split", "shard"))
