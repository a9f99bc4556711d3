"""The codec against the protobuf library, on any rows, and against every way in which data can be wrong."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from record_proto import Record, frame, payloads, record
from scipy.sparse import csr_array, csr_matrix

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import Rows, decode, encode, from_csr, read, write_shard

# the first record of ml-100k: user 196 -> column 0, movie 242 -> column 995 of 2625, rated 3
FIRST_OF_ML_100K = bytes.fromhex(
    "0a23d7ce 35000000 0a1f0a0676616c756573 1215 1213 0a08 0000803f0000803f 1203 00e307 1a02 c114"
    "1212 0a0676616c756573 1208 1206 0a04 00000000 000000"
)
FLOATS = st.floats(width=32, allow_nan=False)
KEY_WIDTHS = [1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152, 2**62]


def make_rows(rows: list[tuple[list[int], list[float]]], labels: list[float] | None = None, feature_dim: int = 10) -> Rows:
    return Rows(
        indptr=np.cumsum([0, *(len(keys) for keys, _ in rows)]),
        keys=np.array([key for keys, _ in rows for key in keys], np.int64),
        values=np.array([value for _, values in rows for value in values], np.float32),
        labels=None if labels is None else np.array(labels, np.float32),
        feature_dim=feature_dim,
    )


@st.composite
def any_rows(draw: Any) -> Rows:
    feature_dim = draw(st.sampled_from(KEY_WIDTHS))
    key = st.integers(0, feature_dim - 1) | st.sampled_from([width - 1 for width in KEY_WIDTHS if width <= feature_dim])
    lengths = draw(st.lists(st.integers(0, 40) | st.sampled_from([0, 1, 2]), min_size=1, max_size=8))
    rows = []
    for length in lengths:
        rows.append((draw(st.lists(key, min_size=length, max_size=length)), draw(st.lists(FLOATS, min_size=length, max_size=length))))
    labels = draw(st.none() | st.lists(FLOATS, min_size=len(rows), max_size=len(rows)))
    return make_rows(rows, labels, feature_dim)


def assert_same(left: Rows, right: Rows) -> None:
    assert left.feature_dim == right.feature_dim
    np.testing.assert_array_equal(left.indptr, right.indptr)
    np.testing.assert_array_equal(left.keys, right.keys)
    np.testing.assert_array_equal(left.values, right.values)
    assert (left.labels is None) == (right.labels is None)
    if left.labels is not None:
        np.testing.assert_array_equal(left.labels, right.labels)


def test_the_first_record_of_ml_100k_is_written_byte_for_byte() -> None:
    rows = make_rows([([0, 995], [1.0, 1.0])], [0.0], feature_dim=2625)
    assert encode(rows) == FIRST_OF_ML_100K
    assert_same(decode(FIRST_OF_ML_100K), rows)


@given(any_rows())
def test_any_rows_come_back_as_they_were(rows: Rows) -> None:
    assert_same(decode(encode(rows)), rows)


@given(any_rows())
def test_the_protobuf_library_reads_what_we_write(rows: Rows) -> None:
    messages = [Record.FromString(payload) for payload in payloads(encode(rows))]
    assert len(messages) == len(rows)
    for row, message in enumerate(messages):
        tensor = message.features["values"].float32_tensor
        assert list(tensor.keys) == rows.keys[rows.indptr[row] : rows.indptr[row + 1]].tolist()
        assert list(tensor.values) == rows.values[rows.indptr[row] : rows.indptr[row + 1]].tolist()
        assert list(tensor.shape) == [rows.feature_dim]
        assert ("values" in message.label) == (rows.labels is not None)
        if rows.labels is not None:
            assert list(message.label["values"].float32_tensor.values) == [rows.labels[row]]


@given(any_rows())
def test_we_read_what_the_protobuf_library_writes(rows: Rows) -> None:
    data = b""
    for row in range(len(rows)):
        part = slice(rows.indptr[row], rows.indptr[row + 1])
        label = None if rows.labels is None else float(rows.labels[row])
        message = record(rows.values[part].tolist(), rows.keys[part].tolist(), [rows.feature_dim], label, uid="u", metadata="m")
        data += frame(message.SerializeToString())
    assert_same(decode(data), rows)


@settings(max_examples=30)
@given(any_rows(), st.integers(1, 200))
def test_a_stream_gives_the_same_rows_whatever_its_block_size(rows: Rows, block_bytes: int) -> None:
    blocks = list(read(io.BytesIO(encode(rows)), block_bytes=block_bytes))
    np.testing.assert_array_equal(np.concatenate([block.keys for block in blocks]), rows.keys)
    np.testing.assert_array_equal(np.concatenate([block.values for block in blocks]), rows.values)
    np.testing.assert_array_equal(np.concatenate([np.diff(block.indptr) for block in blocks]), np.diff(rows.indptr))
    assert sum(map(len, blocks)) == len(rows)


def test_a_shard_is_written_in_parts_of_bounded_size() -> None:
    rows = make_rows([([row % 10], [row]) for row in range(100)], [0.0] * 100)

    class Recorder(io.BytesIO):
        largest = 0

        def write(self, data: Any) -> int:
            self.largest = max(self.largest, len(data))
            return super().write(data)

    file = Recorder()
    assert write_shard(file, [rows[:60], rows[60:]], block_rows=7) == 100
    assert file.getvalue() == encode(rows)
    assert file.largest == len(encode(rows[:7]))


def test_a_magic_number_inside_a_payload_is_just_data() -> None:
    magic = np.frombuffer(struct.pack("<I", 0xCED7230A), np.float32)
    rows = make_rows([([1, 2], [magic[0], 1.0]), ([3], [2.0])], [magic[0], 1.0])
    assert_same(decode(encode(rows)), rows)


@pytest.mark.parametrize("width", KEY_WIDTHS)
def test_keys_around_every_change_of_width_survive(width: int) -> None:
    keys = sorted({0, max(width - 2, 0), width - 1})
    rows = make_rows([(keys, [1.0] * len(keys))] * 3, [1.0, 0.0, 1.0], feature_dim=width)
    assert_same(decode(encode(rows)), rows)


def test_rows_too_long_for_one_byte_lengths_mix_with_short_ones() -> None:
    rows = make_rows(
        [([1], [1.0]), (list(range(500)), [0.5] * 500), ([2, 3], [1.0, 2.0]), (list(range(22)), [1.0] * 22)] * 300, feature_dim=500
    )
    assert_same(decode(encode(rows)), rows)


def test_dense_records_become_sparse_rows_without_their_zeros() -> None:
    data = b"".join(frame(record(row, label=label).SerializeToString()) for row, label in (([0, 1.5, 0], 1.0), ([2, 0, 3], 0.0)))
    assert_same(decode(data), make_rows([([1], [1.5]), ([0, 2], [2, 3])], [1.0, 0.0], feature_dim=3))


def test_values_and_keys_that_are_not_packed_are_read_too() -> None:
    tensor = b"".join(b"\x0d" + struct.pack("<f", value) for value in (1.0, 2.0)) + b"\x10\x05\x10\x07" + b"\x18\x0a"
    value = b"\x12" + bytes([len(tensor)]) + tensor
    entry = b"\x12" + bytes([len(value)]) + value + b"\x0a\x06values"  # the value before the name
    assert_same(decode(frame(b"\x0a" + bytes([len(entry)]) + entry)), make_rows([([5, 7], [1.0, 2.0])]))


def test_an_empty_row_has_neither_values_nor_keys() -> None:
    rows = make_rows([([], []), ([4], [1.0]), ([], [])], [1.0, 0.0, 1.0])
    tensor = Record.FromString(payloads(encode(rows))[0]).features["values"].float32_tensor
    assert not tensor.values
    assert not tensor.keys
    assert_same(decode(encode(rows)), rows)


def test_the_shape_may_be_missing_if_the_caller_knows_it() -> None:
    data = frame(record([1.0], [3]).SerializeToString())
    assert decode(data, feature_dim=10).feature_dim == 10
    with pytest.raises(InvalidData, match="shape"):
        decode(data)


def _float64() -> Any:
    message = Record()
    message.features["values"].float64_tensor.values.append(1.0)
    return message


def _int_label() -> Any:
    message = record([1.0], [1], [10])
    message.label["values"].int32_tensor.values.append(1)
    return message


def _bytes() -> Any:
    message = Record()
    message.features["values"].bytes.value.append(b"x")
    return message


def _named(name: str) -> Any:
    message = Record()
    message.features[name].float32_tensor.values.append(1.0)
    return message


def _two_labels() -> Any:
    message = record([1.0], [1], [10])
    message.label["values"].float32_tensor.values.extend([0.0, 1.0])
    return message


GOOD = frame(record([1.0], [1], [10]).SerializeToString())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (_float64(), "Float64"),
        (_int_label(), "Int32"),
        (_bytes(), "bytes"),
        (_named("pixels"), "another name"),
        (_two_labels(), "exactly one value"),
        (Record(), "no features"),
        (record([1.0, 2.0], [1], [10]), "does not match"),
        (record([1.0, 2.0], [], [10]), "does not match"),
        (record([1.0], [10], [10]), "outside its shape"),
        (record([1.0, 2.0], [1, 11], [10]), "outside its shape"),
        (record([1.0], [1], [11]), "differs"),
        (record([1.0], [1], [5, 2]), "shape"),
        (record([1.0], [1], [0]), "shape"),
        (record([1.0], [1], [10], 1.0), "some have none"),
    ],
)
def test_a_record_that_is_not_honoured_is_refused_with_its_place(message: Any, reason: str) -> None:
    data = GOOD * 2 + frame(message.SerializeToString()) + GOOD
    with pytest.raises(InvalidData, match=f"record at byte {2 * len(GOOD)}: .*{reason}"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00" + GOOD, "at byte 0: it does not begin"),
        (GOOD + b"\x00\x00\x00\x00" * 4, f"at byte {len(GOOD)}: it does not begin"),
        (GOOD + GOOD[:5], f"at byte {len(GOOD)}: the data end"),
        (GOOD + struct.pack("<II", 0xCED7230A, 1 << 29 | 8) + bytes(8), "several parts"),
        (b"", "no record"),
    ],
)
def test_broken_framing_is_refused_with_its_place(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidData, match=reason):
        decode(data)


def test_data_cut_anywhere_are_refused() -> None:
    data = encode(make_rows([([1, 2], [1.0, 2.0])] * 2, [0.0, 1.0]))
    for size in (size for size in range(1, len(data)) if size != len(data) // 2):
        where = 0 if size < len(data) // 2 else len(data) // 2
        with pytest.raises(InvalidData, match=f"record at byte {where}: the data end"):
            decode(data[:size])
        with pytest.raises(InvalidData, match=f"record at byte {where}: the data end"):
            list(read(io.BytesIO(data[:size]), block_bytes=10))


@settings(max_examples=300)
@given(st.integers(0, 2 * len(FIRST_OF_ML_100K) - 1), st.integers(0, 255))
@example(len(FIRST_OF_ML_100K) + 5, 1)
@example(len(FIRST_OF_ML_100K) + 8 + 11, 0x16)
@example(len(FIRST_OF_ML_100K) + 8 + 15, 4)
@example(len(FIRST_OF_ML_100K) + 8 + 25, 2)
def test_a_damaged_byte_is_refused_or_changes_what_protobuf_reads_too(place: int, byte: int) -> None:
    data = bytearray(FIRST_OF_ML_100K * 2)
    data[place] = byte
    try:
        rows = decode(bytes(data))
    except InvalidData:
        return
    for row, payload in enumerate(payloads(bytes(data))):
        tensor = Record.FromString(payload).features["values"].float32_tensor
        part = slice(rows.indptr[row], rows.indptr[row + 1])
        assert rows.keys[part].tolist() == list(tensor.keys)
        np.testing.assert_array_equal(rows.values[part], np.array(tensor.values, np.float32))


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_random_payloads_never_crash_the_reader(payload: bytes) -> None:
    try:
        decode(FIRST_OF_ML_100K + frame(payload))
    except InvalidData as error:
        message = str(error)
    else:
        return
    assert f"byte {len(FIRST_OF_ML_100K)}" in message


def test_a_stream_refuses_what_differs_between_its_blocks() -> None:
    labelled = frame(record([1.0], [1], [10], 1.0).SerializeToString())
    with pytest.raises(InvalidData, match=f"byte {len(GOOD)}: some records have a label"):
        list(read(io.BytesIO(GOOD + labelled), block_bytes=len(GOOD)))
    other = frame(record([1.0], [1], [11]).SerializeToString())
    with pytest.raises(InvalidData, match=f"byte {len(GOOD)}: its shape differs"):
        list(read(io.BytesIO(GOOD + other), block_bytes=len(GOOD)))


def test_an_empty_file_has_no_blocks() -> None:
    assert list(read(io.BytesIO(b""))) == []


@pytest.mark.parametrize(
    ("member", "array", "reason"),
    [
        ("values", np.ones(2, np.float64), "values must be a one-dimensional float32 array, not float64"),
        ("labels", np.ones(2, np.int64), "labels must be a one-dimensional float32 array, not int64"),
        ("labels", np.ones(1, np.float32), "1 labels for 2 rows"),
        ("labels", np.ones(3, np.float32), "3 labels for 2 rows"),
        ("labels", np.ones((2, 1), np.float32), "2 dimensions"),
        ("values", np.ones(3, np.float32), "3 values for 2 keys"),
        ("keys", np.array([0, 10]), "feature_dim is 10"),
        ("keys", np.array([-1, 1]), "keys lie between -1"),
        ("indptr", np.array([0, 2, 1]), "indptr"),
        ("indptr", np.array([0, 1, 3]), "indptr"),
        ("feature_dim", 0, "at least 1"),
    ],
)
def test_rows_refuse_other_types_and_lengths(member: str, array: Any, reason: str) -> None:
    members: dict[str, Any] = {
        "indptr": np.array([0, 1, 2]),
        "keys": np.array([3, 4]),
        "values": np.ones(2, np.float32),
        "labels": np.zeros(2, np.float32),
        "feature_dim": 10,
    }
    Rows(**members)
    with pytest.raises(InvalidData, match=reason):
        Rows(**{**members, member: array})


def test_rows_cannot_be_changed_afterwards() -> None:
    rows = make_rows([([1], [1.0])])
    with pytest.raises(ValueError, match="read-only"):
        rows.keys[0] = 2


@given(arrays.arrays(np.float32, (4, 6), elements=st.sampled_from([0, 1, 2.5])))
def test_scipy_matrices_go_in_and_come_out(dense: Any) -> None:
    for kind in (csr_array, csr_matrix):
        rows = from_csr(kind(dense), np.arange(4))
        np.testing.assert_array_equal(decode(encode(rows)).to_csr().toarray(), dense)


def test_float64_and_integers_become_float32_by_rule() -> None:
    rows = from_csr(csr_array(np.array([[0.1, 0], [0, 3]])), np.array([0, 1]))
    assert rows.values.tolist() == [np.float32(0.1), 3.0]
    assert rows.labels is not None
    assert rows.labels.dtype == np.float32
    assert from_csr(csr_array(np.array([[True]])), np.array([True])).values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.array([2**24 + 1]), "exactly"),
        (np.array([1e300]), "too large"),
        (np.array(["1"]), "cannot become"),
        (np.array([1j]), "cannot become"),
    ],
)
def test_a_value_that_float32_cannot_represent_is_refused(labels: Any, reason: str) -> None:
    with pytest.raises(InvalidData, match=reason):
        from_csr(csr_array(np.array([[1.0]])), labels)


def test_infinities_stay_infinite() -> None:
    assert from_csr(csr_array(np.array([[np.inf]])), np.array([0.0])).values.tolist() == [np.inf]
