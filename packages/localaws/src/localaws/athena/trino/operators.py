"""Compiles arithmetic, comparison and concatenation, with Trino's result types and errors."""

from localaws.athena.trino.casts import Typed, coerce, fail, quote
from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.types import (
    BOOLEAN,
    DOUBLE,
    INTEGERS,
    REAL,
    UNKNOWN,
    VARCHAR,
    Type,
    as_decimal,
    common_type,
    decimal,
    duckdb_name,
    is_numeric,
)


def _mismatch(operator: str, left: Type, right: Type, where: str) -> QueryError:
    return QueryError("TYPE_MISMATCH", f"{where}: Cannot apply operator: {left} {operator} {right}")


def unify(values: list[Typed], *, where: str, what: str) -> tuple[Type, list[str]]:
    """The common type of several expressions, and each expression as that type."""
    kind = UNKNOWN
    for value in values:
        shared = common_type(kind, value.kind)
        if shared is None:
            text = f"{what} must be the same type or coercible to a common type: {kind} and {value.kind}"
            raise QueryError("TYPE_MISMATCH", f"{where}: {text}")
        kind = shared
    return kind, [coerce(value, kind) for value in values]


def compare(operator: str, left: Typed, right: Typed, *, where: str) -> Typed:
    kind = common_type(left.kind, right.kind)
    if kind is None:
        raise _mismatch(operator, left.kind, right.kind, where)
    one, two = coerce(left, kind), coerce(right, kind)
    return Typed(sql=f"({one} {operator} {two}{_without_nan(operator, one, two) if kind in (REAL, DOUBLE) else ''})", kind=BOOLEAN)


def _without_nan(operator: str, left: str, right: str) -> str:
    """A condition that corrects comparisons with NaN. In DuckDB NaN equals itself and is greater than every number.

    In Trino it is neither equal to, less than nor greater than any number.
    """
    match operator:
        case "<>":
            return f" OR (isnan({left}) AND {right} IS NOT NULL)"
        case "<" | "<=":
            return f" AND NOT isnan({right})"
        case "=" | ">" | ">=":
            return f" AND NOT isnan({left})"
    return ""  # IS DISTINCT FROM: two NaN are not distinct, in both engines


def arithmetic(operator: str, left: Typed, right: Typed, *, where: str) -> Typed:
    """`+ - * / %` on two numbers. DuckDB fails for an integer overflow and an integer division by zero, as Trino does."""
    if left.kind == UNKNOWN and right.kind == UNKNOWN:
        raise _mismatch(operator, left.kind, right.kind, where)
    if left.kind == UNKNOWN:
        left = Typed(sql=coerce(left, right.kind), kind=right.kind)
    if right.kind == UNKNOWN:
        right = Typed(sql=coerce(right, left.kind), kind=left.kind)
    if not (is_numeric(left.kind) and is_numeric(right.kind)):
        raise _mismatch(operator, left.kind, right.kind, where)
    kind = common_type(left.kind, right.kind)
    assert kind is not None
    if kind.name == "decimal":
        return _decimal_arithmetic(operator, left, right)
    symbol = "//" if operator == "/" and kind in INTEGERS else operator  # DuckDB's / of integers is a double
    return Typed(sql=f"({coerce(left, kind)} {symbol} {coerce(right, kind)})", kind=kind)


def _decimal_arithmetic(operator: str, left: Typed, right: Typed) -> Typed:
    """Arithmetic on decimals. The result types are those of Trino's documentation, "Decimal functions and operators"."""
    one, two = as_decimal(left.kind), as_decimal(right.kind)
    p1, s1, p2, s2 = one.precision or 0, one.scale or 0, two.precision or 0, two.scale or 0
    scale = max(s1, s2)
    if operator == "/":
        return _decimal_division(left, right, decimal(p1 + s2 + max(0, s2 - s1), scale), scale - s1 + s2)
    if operator == "*":
        kind = decimal(p1 + p2, s1 + s2)
        if (kind.scale or 0) > 38:
            raise QueryError("INVALID_FUNCTION_ARGUMENT", f"DECIMAL scale must be in range [0, precision (38)]: {kind.scale}")
        factors = f"CAST({left.sql} AS {duckdb_name(decimal(p1 + p2, s1))}) * CAST({right.sql} AS {duckdb_name(decimal(p1 + p2, s2))})"
        return Typed(sql=f"CAST({factors} AS {duckdb_name(kind)})", kind=kind)
    whole = min(p1 - s1, p2 - s2) if operator == "%" else 1 + max(p1 - s1, p2 - s2)
    kind = decimal(whole + scale, scale)
    wide = duckdb_name(decimal(1 + max(p1 - s1, p2 - s2) + scale, scale))
    return Typed(sql=f"CAST(CAST({left.sql} AS {wide}) {operator} CAST({right.sql} AS {wide}) AS {duckdb_name(kind)})", kind=kind)


def _unscaled(value: Typed, kind: Type) -> str:
    return f"CAST(replace(CAST(CAST({value.sql} AS {duckdb_name(kind)}) AS VARCHAR), '.', '') AS HUGEINT)"


def _decimal_division(left: Typed, right: Typed, kind: Type, shift: int) -> Typed:
    """Exact division of the unscaled numbers, rounded half up. DuckDB itself divides decimals as doubles."""
    top, bottom = f"({_unscaled(left, as_decimal(left.kind))} * {10**shift}::HUGEINT)", _unscaled(right, as_decimal(right.kind))
    return Typed(sql=scaled_quotient(top, bottom, kind), kind=kind)


def scaled_quotient(top: str, bottom: str, kind: Type) -> str:
    """HUGEINT / HUGEINT, rounded half away from zero. The quotient is the unscaled value of the decimal type `kind`."""
    zero = f"CAST({fail('DIVISION_BY_ZERO', quote('Division by zero'), VARCHAR)} AS HUGEINT)"
    away = f"CASE WHEN abs({top} % {bottom}) * 2 >= abs({bottom}) THEN sign({top}) * sign({bottom}) ELSE 0 END"
    quotient = f"CASE WHEN {bottom} = 0 THEN {zero} ELSE ({top} // {bottom}) + {away} END"
    scale = kind.scale or 0
    unit = "" if scale == 0 else f" * CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale},{scale}))"
    return f"CAST(CAST({quotient} AS DECIMAL({38 - scale},0)){unit} AS {duckdb_name(kind)})"


def concat(left: Typed, right: Typed, *, where: str) -> Typed:
    if left.kind.element is not None and right.kind.element is not None:
        kind = common_type(left.kind, right.kind)
        if kind is not None:
            joined = f"list_concat({coerce(left, kind)}, {coerce(right, kind)})"
            # DuckDB's list_concat ignores NULL; in Trino the result is NULL.
            return Typed(sql=f"CASE WHEN {left.sql} IS NULL OR {right.sql} IS NULL THEN NULL ELSE {joined} END", kind=kind)
    texts = all(value.kind.name in ("varchar", "unknown") for value in (left, right))
    bytes_ = left.kind.name == right.kind.name == "varbinary"
    if not texts and not bytes_:
        raise QueryError("TYPE_MISMATCH", f"{where}: Unexpected parameters ({left.kind}, {right.kind}) for function concat")
    return Typed(sql=f"({left.sql} || {right.sql})", kind=left.kind if bytes_ else VARCHAR)
