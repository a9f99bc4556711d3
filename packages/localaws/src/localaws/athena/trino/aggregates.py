"""The aggregate and window functions that were verified against Trino's documentation."""

from localaws.athena.trino.operators import scaled_quotient
from localaws.athena.trino.signatures import read
from localaws.athena.trino.types import Type

# Where Trino and DuckDB 2.0 differ:
# - count_if of no rows is 0 in Trino; DuckDB's count_if is NULL.
# - DuckDB's sum of integers is a HUGEINT. `apply` casts it to bigint, so an overflow fails as in Trino.
# - min_by and max_by may return NULL; DuckDB's arg_min and arg_max skip rows whose first argument is NULL.
# - approx_distinct and approx_percentile are exact here.
AGGREGATES = read("""
count(T) -> bigint = count({0}){over}
count_if(boolean) -> bigint = count(CASE WHEN {0} THEN 1 END){over}
sum(bigint) -> bigint = sum({0}){over}
sum(D) -> sum(D) = sum({0}){over}
sum(real) -> real = sum({0}){over}
sum(double) -> double = sum({0}){over}
avg(bigint) -> double = avg({0}){over}
avg(D) -> D = avg({0}){over}
avg(real) -> real = avg({0}){over}
avg(double) -> double = avg({0}){over}
min(T) -> T = min({0}){over}
max(T) -> T = max({0}){over}
min_by(T, U) -> T = arg_min_null({0}, {1}){over}
max_by(T, U) -> T = arg_max_null({0}, {1}){over}
arbitrary(T) -> T = any_value({0}){over}
any_value(T) -> T = any_value({0}){over}
bool_and(boolean) -> boolean = bool_and({0}){over}
bool_or(boolean) -> boolean = bool_or({0}){over}
every(boolean) -> boolean = bool_and({0}){over}
array_agg(T) -> array(T) = list({0}){over}
approx_distinct(T) -> bigint = count(DISTINCT {0}){over}
approx_distinct(T, double) -> bigint = count(DISTINCT {0}){over}
approx_percentile(F, double) -> F = quantile_disc({0}, {1}){over}
stddev(double) -> double = stddev_samp({0}){over}
stddev_samp(double) -> double = stddev_samp({0}){over}
stddev_pop(double) -> double = stddev_pop({0}){over}
variance(double) -> double = var_samp({0}){over}
var_samp(double) -> double = var_samp({0}){over}
var_pop(double) -> double = var_pop({0}){over}
covar_samp(double, double) -> double = covar_samp({0}, {1}){over}
covar_pop(double, double) -> double = covar_pop({0}, {1}){over}
corr(double, double) -> double = corr({0}, {1}){over}
""")

WINDOWS = read("""
row_number() -> bigint = row_number(){over}
rank() -> bigint = rank(){over}
dense_rank() -> bigint = dense_rank(){over}
percent_rank() -> double = percent_rank(){over}
cume_dist() -> double = cume_dist(){over}
ntile(bigint) -> bigint = ntile({0}){over}
lag(T) -> T = lag({0}){over}
lag(T, bigint) -> T = lag({0}, {1}){over}
lag(T, bigint, T) -> T = lag({0}, {1}, {2}){over}
lead(T) -> T = lead({0}){over}
lead(T, bigint) -> T = lead({0}, {1}){over}
lead(T, bigint, T) -> T = lead({0}, {1}, {2}){over}
first_value(T) -> T = first_value({0}){over}
last_value(T) -> T = last_value({0}){over}
nth_value(T, bigint) -> T = nth_value({0}, {1}){over}
""")


def decimal_average(value: str, over: str, kind: Type) -> str:
    """avg of decimals. Trino keeps their scale and rounds half up; DuckDB's avg returns a double."""
    top = f"CAST(replace(CAST(sum({value}){over} AS VARCHAR), '.', '') AS HUGEINT)"
    return scaled_quotient(top, f"nullif(CAST(count({value}){over} AS HUGEINT), 0)", kind)
