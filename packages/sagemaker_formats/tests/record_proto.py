"""SageMaker's public record.proto as protobuf messages: the oracle for the RecordIO tests."""

import struct
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
TENSORS = {"Float32Tensor": FIELD.TYPE_FLOAT, "Float64Tensor": FIELD.TYPE_DOUBLE, "Int32Tensor": FIELD.TYPE_INT32}


def _add(message: Any, name: str, number: int, type_: int, *, repeated: bool = False, of: str = "", packed: bool = False) -> None:
    label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, type=type_, label=label)
    if of:
        field.type_name = f".aialgs.data.{of}"
    if packed:
        field.options.packed = True


def _build() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="aialgs.data", syntax="proto2")
    for name, kind in TENSORS.items():
        tensor = file.message_type.add(name=name)
        _add(tensor, "values", 1, kind, repeated=True, packed=True)
        _add(tensor, "keys", 2, FIELD.TYPE_UINT64, repeated=True, packed=True)
        _add(tensor, "shape", 3, FIELD.TYPE_UINT64, repeated=True, packed=True)
    content = file.message_type.add(name="Bytes")
    _add(content, "value", 1, FIELD.TYPE_BYTES, repeated=True)
    _add(content, "content_type", 2, FIELD.TYPE_STRING)
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for number, name, of in (
        (2, "float32_tensor", "Float32Tensor"),
        (3, "float64_tensor", "Float64Tensor"),
        (7, "int32_tensor", "Int32Tensor"),
        (9, "bytes", "Bytes"),
    ):
        _add(value, name, number, FIELD.TYPE_MESSAGE, of=of)
        value.field[-1].oneof_index = 0
    record = file.message_type.add(name="Record")
    for number, name in ((1, "features"), (2, "label")):
        entry = record.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add(entry, "key", 1, FIELD.TYPE_STRING)
        _add(entry, "value", 2, FIELD.TYPE_MESSAGE, of="Value")
        _add(record, name, number, FIELD.TYPE_MESSAGE, repeated=True, of=f"Record.{name.title()}Entry")
    for number, name in ((3, "uid"), (4, "metadata"), (5, "configuration")):
        _add(record, name, number, FIELD.TYPE_STRING)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


Record = _build()


def frame(payload: bytes) -> bytes:
    """The payload as one RecordIO record."""
    return struct.pack("<II", 0xCED7230A, len(payload)) + payload + bytes(-len(payload) % 4)


def payloads(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        magic, length = struct.unpack_from("<II", data, at)
        assert magic == 0xCED7230A
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + (length + 3) // 4 * 4
    return found


def record(values: Any, keys: Any = (), shape: Any = (), label: float | None = None, **rest: str) -> Any:
    message = Record(**rest)
    tensor = message.features["values"].float32_tensor
    tensor.SetInParent()
    tensor.values.extend(values)
    tensor.keys.extend(keys)
    tensor.shape.extend(shape)
    if label is not None:
        message.label["values"].float32_tensor.values.append(label)
    return message
