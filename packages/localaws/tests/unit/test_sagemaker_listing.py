from datetime import UTC, datetime

import pytest

from localaws.sagemaker.listing import select
from localaws.sagemaker.resource_tables import Resource


def resources(count):
    return [Resource(name=f"Name-{n}", arn=f"arn-{n}", created=float(n // 2), modified=float(n)) for n in range(count)]


def names(records):
    return [record.name for record in records]


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_the_order_is_whole_also_when_times_are_equal():
    chosen = names(select(resources(25), {}, order="Descending"))
    assert sorted(chosen) == sorted(names(resources(25)))
    assert chosen[0] == "Name-24"
    assert chosen == names(select(reversed(resources(25)), {}, order="Descending"))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"NameContains": "NAME-3"}, ["Name-3"]),
        ({"CreationTimeAfter": at(1)}, ["Name-4", "Name-5"]),
        ({"CreationTimeBefore": at(1)}, ["Name-0", "Name-1"]),
        ({"LastModifiedTimeAfter": at(4)}, ["Name-5"]),
        ({"LastModifiedTimeBefore": at(1)}, ["Name-0"]),
        ({"StatusEquals": "even"}, ["Name-0", "Name-2", "Name-4"]),
        ({"SortBy": "Status", "SortOrder": "Descending", "CreationTimeBefore": at(1)}, ["Name-1", "Name-0"]),
        ({"SortBy": "Score"}, ["Name-5"]),
    ],
)
def test_filters_and_orders_are_the_requests(request_, expected):
    chosen = select(
        resources(6),
        request_,
        order="Ascending",
        status=lambda r: "odd" if r.modified % 2 else "even",
        values={"Score": lambda r: 1.0 if r.name == "Name-5" else None},
    )
    assert names(chosen) == expected
