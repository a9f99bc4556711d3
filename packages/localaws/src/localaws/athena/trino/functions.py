"""The scalar functions that were verified against Trino's documentation. The compiler refuses all others.

Where a line is more than DuckDB's function of the same name, the two engines differ; the comments say how (DuckDB 2.0).
"""

from localaws.athena.trino.signatures import read

# The white space that trim removes without a second argument. DuckDB's trim removes blanks only.
_SPACE = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(28) || chr(29) || chr(30) || chr(31) || chr(8195) || chr(12288)"
_PADDING = "Padding string must not be empty and target length must not be negative"

# bitwise_right_shift shifts in zeros for a negative number too, so the sign's bits are masked out.
_NUMBERS = """
abs(N) -> N = abs({0})
ceil(F) -> F = ceil({0})
ceil(D) -> whole(D) = ceil({0})
ceiling(F) -> F = ceil({0})
ceiling(D) -> whole(D) = ceil({0})
floor(F) -> F = floor({0})
floor(D) -> whole(D) = floor({0})
round(F) -> F = round({0})
round(D) -> whole(D) = round({0})
round(F, bigint) -> F = round({0}, CAST({1} AS INTEGER))
round(D, bigint) -> wider(D) = round({0}, CAST({1} AS INTEGER))
truncate(double) -> double = trunc({0})
sign(F) -> F = sign({0})
sqrt(double) -> double = sqrt({0})
cbrt(double) -> double = cbrt({0})
exp(double) -> double = exp({0})
ln(double) -> double = ln({0})
log2(double) -> double = log2({0})
log10(double) -> double = log10({0})
log(double, double) -> double = ln({1}) / ln({0})
power(double, double) -> double = pow({0}, {1})
pow(double, double) -> double = pow({0}, {1})
pi() -> double = pi()
e() -> double = exp(1)
infinity() -> double = 'inf'::DOUBLE
nan() -> double = 'nan'::DOUBLE
is_nan(double) -> boolean = isnan({0})
is_finite(double) -> boolean = isfinite({0})
is_infinite(double) -> boolean = isinf({0})
radians(double) -> double = radians({0})
degrees(double) -> double = degrees({0})
sin(double) -> double = sin({0})
cos(double) -> double = cos({0})
tan(double) -> double = tan({0})
asin(double) -> double = asin({0})
acos(double) -> double = acos({0})
atan(double) -> double = atan({0})
atan2(double, double) -> double = atan2({0}, {1})
random() -> double = random()
rand() -> double = random()
bitwise_and(bigint, bigint) -> bigint = {0} & {1}
bitwise_or(bigint, bigint) -> bigint = {0} | {1}
bitwise_xor(bigint, bigint) -> bigint = xor({0}, {1})
bitwise_not(bigint) -> bigint = ~{0}
bitwise_right_shift(bigint, bigint) -> bigint =
    CASE WHEN {1} < 0 THEN CAST(fail(INVALID_FUNCTION_ARGUMENT, 'Shift must not be negative', varchar) AS BIGINT)
    WHEN {1} >= 64 THEN 0 WHEN {1} = 0 THEN {0} ELSE ({0} >> {1}) & (9223372036854775807 >> ({1} - 1)) END
from_base(varchar, bigint) -> bigint = from_base({0}, {1})
"""

# DuckDB's md5, sha1 and sha256 return hexadecimal text. It has no xxhash64, crc32, sha512, from_base and big-endian conversions like
# Trino's; athena/duck.py defines them.
_BYTES = """
xxhash64(varbinary) -> varbinary = xxhash64({0})
crc32(varbinary) -> bigint = crc32({0})
md5(varbinary) -> varbinary = unhex(md5({0}))
sha1(varbinary) -> varbinary = unhex(sha1({0}))
sha256(varbinary) -> varbinary = unhex(sha256({0}))
sha512(varbinary) -> varbinary = sha512({0})
from_big_endian_64(varbinary) -> bigint = from_big_endian_64({0})
to_big_endian_64(bigint) -> varbinary = to_big_endian_64({0})
to_utf8(varchar) -> varbinary = encode({0})
from_utf8(varbinary) -> varchar = decode({0})
to_hex(varbinary) -> varchar = hex({0})
from_hex(varchar) -> varbinary = unhex({0})
to_base64(varbinary) -> varchar = to_base64({0})
from_base64(varchar) -> varbinary = from_base64({0})
length(varbinary) -> bigint = octet_length({0})
"""

# replace: DuckDB leaves the text unchanged for an empty search text, so that case is refused.
# substr: a start of 0, or before the text's first character, gives an empty text in Trino, but not always in DuckDB.
#   left(text, 0) is that empty text, and stays NULL for NULL.
# lpad, rpad: DuckDB returns an empty text for a negative length, where Trino fails.
# split_part: beyond the last part the result is NULL; DuckDB's split_part returns an empty text.
# split: DuckDB splits by an empty delimiter into characters, where Trino fails.
_TEXTS = f"""
length(varchar) -> bigint = length({{0}})
lower(varchar) -> varchar = lower({{0}})
upper(varchar) -> varchar = upper({{0}})
trim(varchar) -> varchar = trim({{0}}, {_SPACE})
trim(varchar, varchar) -> varchar = trim({{0}}, {{1}})
ltrim(varchar) -> varchar = ltrim({{0}}, {_SPACE})
ltrim(varchar, varchar) -> varchar = ltrim({{0}}, {{1}})
rtrim(varchar) -> varchar = rtrim({{0}}, {_SPACE})
rtrim(varchar, varchar) -> varchar = rtrim({{0}}, {{1}})
replace(varchar, varchar) -> varchar = replace({{0}}, {{1}}, '')
replace(varchar, varchar, varchar) -> varchar =
    CASE WHEN {{1}} = '' THEN fail(NOT_SUPPORTED, 'replace of an empty text', varchar) ELSE replace({{0}}, {{1}}, {{2}}) END
strpos(varchar, varchar) -> bigint = strpos({{0}}, {{1}})
starts_with(varchar, varchar) -> boolean = starts_with({{0}}, {{1}})
chr(bigint) -> varchar = chr(CAST({{0}} AS INTEGER))
substr(varchar, bigint) -> varchar =
    CASE WHEN {{1}} = 0 OR {{1}} < -length({{0}}) THEN left({{0}}, 0) ELSE substring({{0}}, {{1}}) END
substr(varchar, bigint, bigint) -> varchar =
    CASE WHEN {{2}} IS NULL THEN NULL
    WHEN {{1}} = 0 OR {{1}} < -length({{0}}) OR {{2}} <= 0 THEN left({{0}}, 0)
    ELSE substring({{0}}, {{1}}, {{2}}) END
lpad(varchar, bigint, varchar) -> varchar =
    CASE WHEN {{1}} < 0 OR {{2}} = '' THEN fail(INVALID_FUNCTION_ARGUMENT, '{_PADDING}', varchar)
    ELSE lpad({{0}}, CAST({{1}} AS INTEGER), {{2}}) END
rpad(varchar, bigint, varchar) -> varchar =
    CASE WHEN {{1}} < 0 OR {{2}} = '' THEN fail(INVALID_FUNCTION_ARGUMENT, '{_PADDING}', varchar)
    ELSE rpad({{0}}, CAST({{1}} AS INTEGER), {{2}}) END
split_part(varchar, varchar, bigint) -> varchar =
    CASE WHEN {{1}} = '' THEN fail(NOT_SUPPORTED, 'split_part by an empty delimiter', varchar)
    WHEN {{2}} < 1 THEN fail(INVALID_FUNCTION_ARGUMENT, 'Index must be greater than zero', varchar)
    ELSE string_split({{0}}, {{1}})[{{2}}] END
split(varchar, varchar) -> array(varchar) =
    CASE WHEN {{1}} = '' THEN [fail(INVALID_FUNCTION_ARGUMENT, 'The delimiter may not be the empty string', varchar)]
    ELSE string_split({{0}}, {{1}}) END
regexp_like(varchar, varchar) -> boolean = regexp_matches({{0}}, {{1}})
"""

# millisecond: DuckDB counts from the start of the minute. day_of_week: Monday is 1, as in DuckDB's isodow.
_MOMENTS = """
year(M) -> bigint = year({0})
quarter(M) -> bigint = quarter({0})
month(M) -> bigint = month({0})
week(M) -> bigint = week({0})
week_of_year(M) -> bigint = week({0})
year_of_week(M) -> bigint = isoyear({0})
yow(M) -> bigint = isoyear({0})
day(M) -> bigint = day({0})
day_of_month(M) -> bigint = day({0})
day_of_week(M) -> bigint = isodow({0})
dow(M) -> bigint = isodow({0})
day_of_year(M) -> bigint = dayofyear({0})
doy(M) -> bigint = dayofyear({0})
hour(M) -> bigint = hour({0})
minute(M) -> bigint = minute({0})
second(M) -> bigint = second({0})
millisecond(M) -> bigint = millisecond({0}) % 1000
last_day_of_month(M) -> date = last_day(CAST({0} AS DATE))
to_unixtime(timestamp) -> double = epoch({0})
to_unixtime(timestamptz) -> double = epoch({0})
from_unixtime(double) -> timestamptz = CAST(epoch_ms(CAST(round({0} * 1000) AS BIGINT)) AS TIMESTAMP WITH TIME ZONE)
"""

# contains: a value that is not found is NULL if the array holds a NULL; DuckDB's list_contains returns false.
# element_at: index 0 fails in Trino and is NULL in DuckDB; beyond the end both return NULL.
# sequence: Trino allows at most 10,000 entries, and counts down if the second number is smaller.
_ARRAYS = """
cardinality(array(T)) -> bigint = len({0})
contains(array(T), T) -> boolean =
    CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN list_contains({0}, {1}) THEN true
    WHEN len({0}) > list_count({0}) THEN NULL ELSE false END
element_at(array(T), bigint) -> T =
    CASE WHEN {1} = 0 THEN {0}[CAST(fail(INVALID_FUNCTION_ARGUMENT, 'SQL array indices start at 1', varchar) AS BIGINT)]
    ELSE {0}[{1}] END
array_join(array(varchar), varchar) -> varchar = array_to_string({0}, {1})
array_sort(array(T)) -> array(T) = list_sort({0}, 'ASC', 'NULLS LAST')
sequence(bigint, bigint) -> array(bigint) =
    CASE WHEN abs({1} - {0}) >= 10000
    THEN [CAST(fail(INVALID_FUNCTION_ARGUMENT, 'result of sequence function must not have more than 10000 entries', varchar) AS BIGINT)]
    ELSE generate_series({0}, {1}, CASE WHEN {0} <= {1} THEN 1 ELSE -1 END) END
"""

SCALARS = read(_NUMBERS + _BYTES + _TEXTS + _MOMENTS + _ARRAYS)
