"""What a file of a model folder may hold: an ONNX graph, named tensors or JSON, and nothing that runs code.

Looks at bytes only; no loader of a model library sees them before they passed.
"""

import hashlib
import json
import math
from pathlib import PurePath
from typing import Any

from undertone.model import onnxfile

ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
ALLOWED_SUFFIXES = frozenset({".onnx", ".safetensors", ".json"})
OPSETS = {"": range(13, 29), "ai.onnx": range(13, 29), "com.microsoft": range(1, 2)}
IR_VERSIONS = range(7, 15)
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # raw, or torch's zip
_HEADER_LIMIT = 100_000_000  # as the safetensors library has it
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16}
_BITS |= {"I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64}


def check(name: str, data: bytes) -> None:
    """Raise ValueError, with the reason, where `data` is not what a file of that name may hold."""
    if data.startswith(_PICKLE_STARTS):
        raise ValueError(f"{name} holds a pickle, which could run code")
    {".onnx": _check_onnx, ".safetensors": _check_tensors, ".json": _check_json}[PurePath(name).suffix](name, data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_json(data: bytes) -> Any:
    """Return JSON of which no object has a key twice; two readers could take it differently. Raises ValueError."""
    try:
        return json.loads(data, object_pairs_hook=_unique)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has the same key twice")
    return made


def _check_json(name: str, data: bytes) -> None:
    try:
        content = read_json(data)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{name} does not hold a JSON object")


def _check_onnx(name: str, data: bytes) -> None:
    try:
        found = onnxfile.scan(data)
    except ValueError as error:
        raise ValueError(f"{name} is not a whole ONNX model ({error})") from error
    if not found.has_graph:
        raise ValueError(f"{name} is not a whole ONNX model (it has no graph)")
    if found.external_data:
        raise ValueError(f"{name} keeps tensors in other files")
    foreign = sorted(found.domains - ALLOWED_DOMAINS)
    if foreign:
        raise ValueError(f"{name} needs operators of {', '.join(foreign)}")
    if found.functions:
        raise ValueError(f"{name} defines operators of its own; inline them")
    if found.training:
        raise ValueError(f"{name} carries training graphs, which serving has no use for")
    if found.ir_version not in IR_VERSIONS:
        raise ValueError(f"{name} has IR version {found.ir_version}, valid are {_span(IR_VERSIONS)}")
    if not found.opsets:
        raise ValueError(f"{name} says no opset")
    for domain, version in sorted(found.opsets):
        if version not in OPSETS[domain]:
            raise ValueError(
                f"{name} wants opset {version} of {domain or 'ai.onnx'}, valid are {_span(OPSETS[domain])}"
            )


def _span(versions: range) -> str:
    return f"{versions[0]} to {versions[-1]}"


def _check_tensors(name: str, data: bytes) -> None:
    """Check the header against the file (safetensors format: u64 length, JSON, then the tensors without gaps)."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, _HEADER_LIMIT):
        raise ValueError(f"{name} is not a safetensors file: its header is longer than the file")
    try:
        header = read_json(data[8 : 8 + length])
        if not isinstance(header, dict):
            raise ValueError("the header is not an object")
        header.pop("__metadata__", None)
        spans = sorted(_tensor_span(key, entry) for key, entry in header.items())
        end = 0
        for start, stop in spans:
            if start != end:
                raise ValueError("tensors overlap or leave a gap")
            end = stop
        if end != len(data) - 8 - length:
            raise ValueError(f"the tensors take {end} bytes, the file has {len(data) - 8 - length} for them")
    except ValueError as error:
        raise ValueError(f"{name} is not a whole safetensors file ({error})") from error


def _tensor_span(key: str, entry: Any) -> tuple[int, int]:
    """Return where a tensor starts and stops, in bytes after the header."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor {key!r} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise ValueError(f"tensor {key!r} has the unknown type {dtype!r}")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"tensor {key!r} has an impossible shape or place")
    start, stop = offsets
    if stop - start != math.prod(shape) * _BITS[dtype] // 8:
        raise ValueError(f"tensor {key!r} has {stop - start} bytes, which is not its shape times its type")
    return start, stop


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
