"""Looks into an ONNX file without loading it: its operator domains, and whether it points elsewhere.

A walk over the protobuf wire format that knows the few fields it asks for (onnx.proto3); it neither
validates the graph nor needs the `onnx` package.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Field numbers of onnx.proto3.
_MODEL_IR_VERSION, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTIONS = 1, 7, 8, 20, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_ATTRIBUTE, _NODE_DOMAIN = 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS, _ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES = 5, 10, 22, 23
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_EXTERNAL_DATA, _TENSOR_LOCATION = 13, 14
_SPARSE_VALUES, _SPARSE_INDICES = 1, 2
_DEEPEST = 16


@dataclass(slots=True)
class OnnxContents:
    ir_version: int = 0
    opsets: set[tuple[str, int]] = field(default_factory=set)  # (domain, version)
    domains: set[str] = field(default_factory=set)
    has_graph: bool = False
    external_data: bool = False
    functions: bool = False  # operators that the model defines itself
    training: bool = False  # graphs that are only run to train


def scan(data: bytes) -> OnnxContents:
    """Return what the ONNX model in `data` uses. Raises ValueError where the bytes are not a whole model."""
    contents = OnnxContents()
    for number, value in _fields(memoryview(data)):
        if number == _MODEL_IR_VERSION:
            contents.ir_version = _number(value)
        elif number == _MODEL_GRAPH:
            contents.has_graph = True
            _graph(_message(value), contents, 0)
        elif number == _MODEL_OPSET:
            _opset(_message(value), contents)
        elif number == _MODEL_TRAINING:
            contents.training = True
        elif number == _MODEL_FUNCTIONS:
            contents.functions = True
    return contents


def _opset(data: memoryview, contents: OnnxContents) -> None:
    domain, version = "", 0
    for number, value in _fields(data):
        if number == _OPSET_DOMAIN:
            domain = bytes(_message(value)).decode()
        elif number == _OPSET_VERSION:
            version = _number(value)
    contents.domains.add(domain)
    contents.opsets.add((domain, version))


def _graph(data: memoryview, contents: OnnxContents, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("graphs are nested too deep")
    for number, value in _fields(data):
        if number == _GRAPH_NODE:
            _node(_message(value), contents, depth)
        elif number == _GRAPH_INITIALIZER:
            _tensor(_message(value), contents)
        elif number == _GRAPH_SPARSE:
            _sparse(_message(value), contents)


def _node(data: memoryview, contents: OnnxContents, depth: int) -> None:
    _domain(data, _NODE_DOMAIN, contents)
    for number, value in _fields(data):
        if number == _NODE_ATTRIBUTE:
            for kind, inner in _fields(_message(value)):
                if kind in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _tensor(_message(inner), contents)
                elif kind in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    _graph(_message(inner), contents, depth + 1)
                elif kind in (_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES):
                    _sparse(_message(inner), contents)


def _sparse(data: memoryview, contents: OnnxContents) -> None:
    for number, value in _fields(data):
        if number in (_SPARSE_VALUES, _SPARSE_INDICES):
            _tensor(_message(value), contents)


def _tensor(data: memoryview, contents: OnnxContents) -> None:
    for number, value in _fields(data):
        if number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_LOCATION and value != 0):
            contents.external_data = True


def _domain(data: memoryview, wanted: int, contents: OnnxContents) -> None:
    for number, value in _fields(data):
        if number == wanted:
            contents.domains.add(bytes(_message(value)).decode())


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message is due")
    return value


def _number(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ValueError("a message stands where a number is due")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of one message; bytes are views, never copies."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        if not 8 <= key < 1 << 32:
            raise ValueError("a field number is out of range")
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} is unknown")
        if at + length > end:
            raise ValueError("the file ends inside a field")
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the file ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is longer than 10 bytes")
