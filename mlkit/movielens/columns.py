"""The columns of ratings: their names in files, and their types and delimiter in the lake's table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlkit.data.cell_values import WHOLE, Unfit, is_number, is_text, numbers
from mlkit.data.row_files import Header, WrongHeader
from mlkit.errors import InvalidData

COLUMNS = ("userid", "movieid", "rating", "timestamp")
DELIMITER = "\t"  # of the lake's file, as CloudFormation/datalake.yaml tells Athena
# Lower case, without spaces, hyphens and underscores.
_NAMES = {
    "userid": ("userid", "user", "uid", "customerid", "reviewerid"),
    "movieid": ("movieid", "movie", "itemid", "item", "iid", "filmid", "film"),
    "rating": ("rating", "ratings", "stars", "score"),
    "timestamp": ("timestamp", "time", "ts", "unixtime", "unixtimestamp", "ratedat"),
}
_MEANT = {name: column for column, names in _NAMES.items() for name in names}
_RECBOLE = re.compile(r":(token|float)$")
ACCEPTED = (
    "Expected are user, movie, rating, timestamp in this order, or a header that names them (userId, user_id, movieId, item_id, ...); "
    "separated by tab, comma, semicolon or `::`."
)


@dataclass(frozen=True, kw_only=True)
class ColumnTypes:
    """The Glue types of the table's columns. `text_ids` and `half_stars` are next steps for a table that needs such columns."""

    userid: str = "bigint"
    movieid: str = "bigint"
    rating: str = "bigint"
    text_ids: str = "Deploy the lake with IdType=string: its table holds ids that are text."
    half_stars: str = "deploy the lake with RatingType=double"

    @classmethod
    def of_table(cls, types: Mapping[str, str], **commands: str) -> "ColumnTypes":
        """The types of the lake's table. `commands` are `text_ids` and `half_stars`.

        Raises InvalidData for a missing column, or a column of a type that ids or ratings cannot have.
        """
        found = {column: types.get(column, "missing") for column in COLUMNS}
        for column in ("userid", "movieid"):
            if found[column] not in WHOLE and not is_text(found[column]):
                raise InvalidData(
                    f"The table's {column} is {found[column]}", cure="Ids are whole numbers (bigint) or text (string): correct the table."
                )
        if not is_number(found["rating"]):
            raise InvalidData(f"The table's rating is {found['rating']}", cure="Ratings are bigint or double: correct the table.")
        return cls(userid=found["userid"], movieid=found["movieid"], rating=found["rating"], **commands)

    @property
    def keeps_half_stars(self) -> bool:
        return self.rating not in WHOLE


def header_of(values: list[str]) -> Header:
    """The columns, from the first line. Without a header they have MovieLens' order. Raises WrongHeader."""
    names = [_MEANT.get(re.sub(r"[\s_-]", "", _RECBOLE.sub("", value.lower())), "") for value in values]
    if len(values) == len(COLUMNS) and _are_numbers(values[2:]):
        return Header(names=COLUMNS, in_file=False)
    if len(values) != len(COLUMNS) and _are_numbers(values):
        raise WrongHeader(f"{len(values)} values instead of {len(COLUMNS)}")
    if missing := [column for column in COLUMNS if column not in names]:
        raise WrongHeader(f"the columns {', '.join(missing)} are missing in the header, and the line is not a rating")
    if unknown := [value or "''" for value, name in zip(values, names, strict=True) if not name]:
        raise WrongHeader(f"the header has more columns than expected: {', '.join(unknown)}")
    if len(names) > len(COLUMNS):
        raise WrongHeader("the header names a column twice")
    return Header(names=tuple(names))


def _are_numbers(values: list[str]) -> bool:
    import pyarrow as pa

    try:
        numbers(pa.array(values))
    except Unfit:
        return False
    return True
