"""Many records at once, each written in its own way, are read as the protobuf library reads them. The first bad one is named."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_proto import Record, frame, payloads, record

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.inference import Predictions, decode_recordio_predictions, encode_recordio_predictions
from sagemaker_formats.recordio import Rows, alike, decode, encode, framing, layouts, reader, writer
from sagemaker_formats.recordio.message import RecordReader

MAGIC = struct.pack("<I", 0xCED7230A)
MAGIC_FLOAT = struct.unpack("<f", MAGIC)[0]
# its keys have one to five bytes
DIM = 2**33


def varint(value: int, *, size: int = 1) -> bytes:
    """The varint in at least `size` bytes."""
    low = value & 127
    if value < 128 and size == 1:
        return bytes([low])
    return bytes([low | 128]) + varint(value >> 7, size=max(1, size - 1))


def text(number: int, content: bytes, size: int = 1) -> bytes:
    return varint(number << 3 | 2) + varint(len(content), size=size) + content


@st.composite
def any_payload(draw: Any, *, labelled: bool) -> bytes:
    """A message that means one row, in one of the many ways that protobuf allows."""
    size = draw(st.sampled_from([1, 1, 1, 2, 5, 6]))

    def shuffled(*parts: bytes) -> bytes:
        return b"".join(draw(st.permutations(parts)) if draw(st.booleans()) else parts)

    n = draw(st.sampled_from([0, 1, 2, 2, 2, 2, 40]))
    values = draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, MAGIC_FLOAT]), min_size=n, max_size=n))
    keys = draw(st.lists(st.integers(0, DIM - 1) | st.integers(0, 300), min_size=n, max_size=n))
    packed_values, packed_keys = struct.pack(f"<{n}f", *values), b"".join(map(varint, keys))
    way = draw(st.sampled_from(["packed", "packed", "packed", "single", "pieces"]))
    if way == "packed":
        parts = (text(1, packed_values, size), text(2, packed_keys, size))
    elif way == "single":
        parts = (b"".join(b"\x0d" + struct.pack("<f", value) for value in values), b"".join(b"\x10" + varint(key) for key in keys))
    else:
        first = b"".join(map(varint, keys[:1]))
        parts = (text(1, packed_values[:4]) + text(1, packed_values[4:]), text(2, first) + text(2, packed_keys[len(first) :]))
    shape = draw(st.sampled_from([text(3, varint(DIM)), b"\x18" + varint(DIM)]))
    other = draw(st.sampled_from([b"", b"", text(15, b"abc"), b"\x78\x05", b"\x7d" + MAGIC, b"\x79" + 2 * MAGIC]))
    tensor = shuffled(*parts, shape, other)
    features = text(1, shuffled(text(1, b"values"), text(2, shuffled(text(2, tensor, size), other), size)), size)
    label = text(2, shuffled(text(1, b"values"), text(2, text(2, text(1, struct.pack("<f", draw(st.sampled_from([0, 1, MAGIC_FLOAT]))))))))
    uid = draw(st.sampled_from([b"", b"", text(3, b"u"), text(3, b"u" * 130)]))
    return shuffled(features, label if labelled else b"", uid, other)


@st.composite
def any_payloads(draw: Any) -> list[bytes]:
    kinds = draw(st.lists(any_payload(labelled=draw(st.booleans())), min_size=1, max_size=6))
    return draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=30))


def assert_rows(rows: Rows, messages: list[bytes]) -> None:
    """The rows are what the protobuf library reads."""
    assert len(rows) == len(messages)
    for row, payload in enumerate(messages):
        message = Record.FromString(payload)
        tensor, part = message.features["values"].float32_tensor, slice(rows.indptr[row], rows.indptr[row + 1])
        assert rows.keys[part].tolist() == list(tensor.keys)
        np.testing.assert_array_equal(rows.values[part], np.array(tensor.values, np.float32))
        assert (rows.labels is None) == (not message.label)
        if rows.labels is not None:
            assert [rows.labels[row]] == list(message.label["values"].float32_tensor.values)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(messages=any_payloads(), most=st.sampled_from([0, 1, 2, 16]), block=st.sampled_from([10, 500, 1 << 20]))
def test_rows_are_read_whatever_the_order_and_form_of_their_fields(
    messages: list[bytes], most: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "MAX_LAYOUTS", most)
    monkeypatch.setattr(reader, "BLOCK_SIZE", block)
    rows = decode(b"".join(map(frame, messages)))
    assert rows.feature_dim == DIM
    assert_rows(rows, messages)


def many_rows(n_rows: int = 3000, *, labelled: bool = True) -> Rows:
    """Rows of 0 to 60 features, of which every tenth value is 0."""
    draw = np.random.default_rng(5)
    indptr = np.concatenate([[0], np.cumsum(draw.integers(0, 61, n_rows))])
    return Rows(
        indptr=indptr,
        keys=draw.integers(0, 10 ** draw.integers(1, 9, indptr[-1]), indptr[-1]),
        values=draw.integers(0, 10, indptr[-1]).astype(np.float32),
        labels=draw.random(n_rows, np.float32) if labelled else None,
        feature_dim=DIM,
    )


@pytest.mark.parametrize("labelled", [True, False])
def test_the_size_of_blocks_does_not_change_bytes_or_rows(labelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_rows(labelled=labelled)
    data = encode(rows)
    monkeypatch.setattr(writer, "BLOCK_COST", 100)
    assert encode(rows) == data
    monkeypatch.setattr(reader, "BLOCK_SIZE", 1000)
    got = decode(data)
    for name in ("indptr", "keys", "values", "labels"):
        np.testing.assert_array_equal(getattr(got, name), getattr(rows, name))
    assert_rows(got, payloads(data))


def test_records_with_lengths_of_one_to_four_bytes_are_written_and_read() -> None:
    counts = np.array([1, 20, 5000, 400_000, 2])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    keys = np.concatenate([np.arange(count) for count in counts])
    rows = Rows(indptr=indptr, keys=keys, values=keys.astype(np.float32), labels=np.arange(5, dtype=np.float32), feature_dim=400_000)
    data = encode(rows)
    assert_rows(rows, payloads(data))
    assert_rows(decode(data), payloads(data))


def test_few_layouts_are_learned_from_many_rows() -> None:
    data = encode(many_rows())
    found: list[layouts.Layout] = []
    starts = np.cumsum([0, *(len(frame(payload)) for payload in payloads(data))])[:-1] + 8
    stops = starts + [len(payload) for payload in payloads(data)]
    _, table, refusal = layouts.find_parts(data, starts, stops, RecordReader(None), found)
    assert refusal == ""
    assert table.shape == (layouts.COLUMNS, 3000)
    assert len(found) == 2, "rows with features and rows without"


def sparse(values: int = 2, *, keys: bytes = b"\x01\x02", label: float | None = None) -> bytes:
    """A record of ten features with the packed keys given as bytes."""
    tensor = text(1, struct.pack(f"<{values}f", *[1.0] * values)) + text(2, keys) + text(3, b"\x0a")
    entry = text(1, b"values") + text(2, text(2, tensor))
    tail = b"" if label is None else text(2, text(1, b"values") + text(2, text(2, text(1, struct.pack("<f", label)))))
    return frame(text(1, entry) + tail)


GOOD = sparse()
BAD = {
    "key outside its shape": sparse(keys=b"\x01\x0a"),
    "does not match its keys": sparse(keys=b"\x01\x02\x03"),
    "number of values does not match": sparse(3),
    "message is malformed": sparse(keys=b"\x01\x82"),
    "its protobuf message": sparse(keys=b"\x01" + b"\x80" * 9 + b"\x00"),
    "differs from the feature_dim": frame(record([1, 1], [1, 2], [11]).SerializeToString()),
    "some records have a label": sparse(label=1.0),
    "is not one positive number": frame(record([1, 1], [1, 2], [5, 2]).SerializeToString()),
    "values does not match": frame(record([1, 1], [], [10]).SerializeToString()),
    "two feature tensors": frame(payloads(GOOD)[0] * 2),
    "no features": frame(b""),
    "begin with RecordIO's magic": b"\x00" + GOOD[1:],
    "continuation bits": GOOD[:7] + b"\x20" + GOOD[8:],
}


@pytest.mark.parametrize("block", [1000, 1 << 20])
@pytest.mark.parametrize("reason", BAD)
def test_the_first_bad_record_among_thousands_is_named(reason: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK_SIZE", block)
    for after in BAD.values():
        before = GOOD * 2000
        with pytest.raises(InvalidData, match=f"^record at byte {len(before)}: .*{reason}"):
            decode(before + BAD[reason] + GOOD * 10 + after)


@pytest.mark.parametrize(
    "keys", [b"", b"\x80", b"\x80\x80", b"\x01\x80", b"\x01\x02\x80", b"\x81\x00\x02", b"\x8b\x00\x02", b"\x80" * 8 + b"\x01\x01"]
)
@pytest.mark.parametrize("values", [0, 1, 2, 3, 10])
def test_keys_of_later_records_are_judged_as_those_of_the_first(values: int, keys: bytes) -> None:
    bad = sparse(values, keys=keys)

    def outcome(data: bytes, place: int) -> str:
        try:
            rows = decode(data)
        except InvalidData as error:
            return str(error).replace(f"byte {place}:", "the byte:")
        return str(rows[place // len(GOOD) :].keys.tolist())

    assert outcome(bad, 0) == outcome(GOOD * 3 + bad, 3 * len(GOOD))


def test_a_magic_number_in_values_hides_no_record() -> None:
    """Also where the word after it, taken as a length, leads to the next record or past the end."""
    length = struct.unpack("<f", struct.pack("<I", 4 * 3))[0]
    rows = []
    for second in (length, 1.0, MAGIC_FLOAT, -1.0):
        message = record([MAGIC_FLOAT, second, 1.0, 0.5, MAGIC_FLOAT], [1, 2, 3, 4, 5], [10], MAGIC_FLOAT)
        rows += [message.SerializeToString(), record([1.0], [7], [10], 1.0).SerializeToString()]
    messages = rows * 50
    assert_rows(decode(b"".join(map(frame, messages))), messages)


def test_a_magic_number_that_leads_to_the_next_record_is_data() -> None:
    payload = bytearray(record([MAGIC_FLOAT, 0.0, 1.0], [1, 2, 3], [10]).SerializeToString())
    place = payload.index(MAGIC)
    assert place % 4 == 0, "where a record could begin"
    payload[place + 4 : place + 8] = struct.pack("<I", len(frame(bytes(payload))) - 8 - place - 8)
    messages = [bytes(payload), payloads(GOOD)[0]] * 3
    assert_rows(decode(b"".join(map(frame, messages))), messages)


def test_a_record_with_continuation_bits_is_refused_also_where_another_record_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data of more than 512 MB may hold one. The limit stands for that."""
    monkeypatch.setattr(framing, "LENGTH_LIMIT", len(payloads(GOOD)[0]) + 1)
    assert len(decode(GOOD * 3)) == 3
    with pytest.raises(InvalidData, match=f"byte {len(GOOD)}: its length has continuation bits"):
        decode(GOOD + sparse(label=1.0) + GOOD)


def with_fields(*, value: bytes = b"", tensor: bytes = b"", label: bytes = b"") -> bytes:
    """A record with more fields at the end of its Value, of its tensor, and of its label's tensor."""
    features = text(1, b"values") + text(2, text(2, text(1, bytes(4)) + text(2, b"\x01") + text(3, b"\x0a") + tensor) + value)
    return frame(text(1, features) + text(2, text(1, b"values") + text(2, text(2, text(1, bytes(4)) + label))))


@pytest.mark.parametrize(
    "fields",
    [
        {"value": b"\x50\x01"},
        {"value": text(4, b"abc")},
        {"tensor": b"\x20\x01"},
        {"label": b"\x18\x01"},
        {"label": text(2, b"\x00")},
        {"label": text(1, b"")},
    ],
)
def test_fields_that_mean_nothing_are_skipped(fields: dict[str, bytes]) -> None:
    rows = decode((with_fields() + with_fields(**fields)) * 2)
    assert rows.keys.tolist() == [1] * 4
    assert rows.labels.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"value": b"\x48\x01"}, "malformed"),
        ({"value": b"\x20\x01"}, "malformed"),
        ({"value": text(2, b"")}, "malformed"),
        ({"tensor": b"\x08\x01"}, "malformed"),
        ({"tensor": text(1, b"abc")}, "malformed"),
        ({"tensor": b"\x15" + bytes(4)}, "malformed"),
        ({"tensor": b"\x00\x01"}, "malformed"),
        ({"tensor": b"\x23"}, "malformed"),
        ({"tensor": b"\x1d" + bytes(4)}, "shape"),
        ({"tensor": b"\x18\x0a"}, "shape"),
        ({"tensor": text(3, b"\x80")}, "shape"),
        ({"label": b"\x08\x01"}, "malformed"),
        ({"label": text(1, b"abc")}, "exactly one value"),
        ({"label": text(1, bytes(4))}, "exactly one value"),
    ],
)
def test_fields_that_break_a_message_are_refused(fields: dict[str, bytes], reason: str) -> None:
    good = with_fields()
    with pytest.raises(InvalidData, match=f"byte {2 * len(good)}: .*{reason}"):
        decode(good * 2 + with_fields(**fields))


def test_dense_rows_lose_zeros_among_other_rows() -> None:
    dense = [record([0, 1.5, -0.0, np.nan], [], [4]), record([0, 0, 0, 0]), record([2.5, 0, 0, 1])]
    others = [record([0.0, 1.0], [3, 0], [4]), record([], [], [4])]
    rows = decode(b"".join(frame(message.SerializeToString()) for message in [dense[0], others[0], dense[1], others[1], dense[2]]))
    assert np.diff(rows.indptr).tolist() == [2, 2, 0, 0, 2]
    assert rows.keys.tolist() == [1, 3, 3, 0, 0, 3]
    np.testing.assert_array_equal(rows.values, np.array([1.5, np.nan, 0, 1, 2.5, 1], np.float32))


@pytest.mark.parametrize("size", [3, 5])
def test_a_dense_row_of_another_size_is_refused(size: int) -> None:
    data = frame(record([1.0] * 4).SerializeToString())
    with pytest.raises(InvalidData, match=f"byte {2 * len(data)}: its shape differs"):
        decode(data * 2 + frame(record([1.0] * size).SerializeToString()))


def test_a_row_above_the_limit_of_a_record_is_refused_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_rows(500)
    sizes = [len(frame(payload)) for payload in payloads(encode(rows))]
    monkeypatch.setattr(writer, "LENGTH_LIMIT", max(sizes) + 1)
    assert len(encode(rows)) == sum(sizes)
    monkeypatch.setattr(writer, "LENGTH_LIMIT", max(sizes))
    for cost in (10, writer.BLOCK_COST):
        monkeypatch.setattr(writer, "BLOCK_COST", cost)
        with pytest.raises(InvalidData, match=f"row {np.argmax(sizes)} does not fit into a record of {max(sizes)} bytes"):
            encode(rows)


@pytest.mark.parametrize("labelled", [True, False])
def test_many_predictions_come_back_in_order(labelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK_SIZE", 1000)
    scores = np.arange(3000, dtype=np.float32)
    got = decode_recordio_predictions(encode_recordio_predictions(Predictions(scores=scores, labels=scores % 2 if labelled else None)))
    np.testing.assert_array_equal(got.scores, scores)
    assert (got.labels is None) == (not labelled)
    if got.labels is not None:
        np.testing.assert_array_equal(got.labels, scores % 2)


def test_an_empty_answer_has_no_predictions() -> None:
    got = decode_recordio_predictions(b"")
    assert len(got) == 0
    assert got.scores.dtype == np.float32
    assert got.labels is None


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([b"", text(3, b"uid"), text(1, b"any"), b"\x38\x05"])), min_size=1, max_size=40))
def test_predictions_of_many_forms_are_read_in_order(forms: list[tuple[bool, bytes]]) -> None:
    data = b""
    for row, (score_first, other) in enumerate(forms):
        entries = []
        for name, value in ((b"score", row + 0.5), (b"predicted_label", row)):
            entries.append(text(2, text(1, name) + text(2, text(2, text(1, struct.pack("<f", value))))))
        data += frame(other + b"".join(entries if score_first else entries[::-1]))
    got = decode_recordio_predictions(data)
    assert got.labels is not None
    assert got.scores.tolist() == [row + 0.5 for row in range(len(forms))]
    assert got.labels.tolist() == list(range(len(forms)))


ALIKE = {
    "one short key": (1, [(0, 100)], True),
    "two columns, short and long": (2, [(0, 943), (943, 2625)], True),
    "keys of two and three bytes": (2, [(130, 16_000), (16_384, 20_000)], True),
    "long keys of one length": (3, [(2_100_000, 2**28)] * 3, True),
    "records of several sizes": (3, [(0, 20_000)] * 3, False),
    "too many combinations": (16, [(0, 300)] * 16, False),
    "sixteen keys": (16, [(200, 300)] * 16, True),
    "as many as fields are written for": (17, [(0, 100)] * 17, False),
}


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("case", ALIKE)
def test_rows_that_are_alike_have_the_bytes_of_protobuf(case: str, labelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    n_entries, ranges, is_alike = ALIKE[case]
    draw, n_rows = np.random.default_rng(len(case)), 300
    keys = np.column_stack([draw.integers(low, high, n_rows) for low, high in ranges])
    values = draw.normal(size=(n_rows, n_entries)).astype(np.float32)
    labels = draw.normal(size=n_rows).astype(np.float32)
    rows = Rows(
        indptr=np.arange(0, keys.size + 1, n_entries), keys=keys.ravel(), values=values.ravel(), labels=labels if labelled else None,
        feature_dim=ranges[-1][1],
    )  # fmt: skip
    expected = [
        frame(record(value, key, [ranges[-1][1]], label if labelled else None).SerializeToString())
        for value, key, label in zip(values.tolist(), keys.tolist(), labels.tolist(), strict=True)
    ]
    told = []
    write = alike.write_alike
    monkeypatch.setattr(alike, "FEWEST_ROWS", 2)
    monkeypatch.setattr(writer, "BLOCK_COST", 1000)
    monkeypatch.setattr(writer, "write_alike", lambda *of, **options: told.append(write(*of, **options)) or told[-1])
    assert encode(rows) == b"".join(expected)
    assert (told[0] is not None) == is_alike
