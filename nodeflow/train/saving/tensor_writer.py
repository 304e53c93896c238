"""A writer of safetensors files that writes one array after another.

The safetensors library builds the whole file in memory and copies it once more. For the snapshots
of a run, that takes as much memory as the training itself.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.graph.types import dtype_name
from nodeflow.train.saving.checksums import SUMS, array_sum, little_endian, sums_text

CODES = {
    "uint64": "U64", "int64": "I64", "float64": "F64", "float32": "F32", "uint32": "U32",
    "int32": "I32", "bfloat16": "BF16", "float16": "F16", "uint16": "U16", "int16": "I16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""The format's name of each dtype, in the order of the arrays in a file: larger elements first, so
that each array is aligned."""


def write_tensors(
    file: IO[Any],
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None,
    owner: str | None = None,
) -> None:
    """Write contiguous arrays by name, with metadata, like `safetensors.numpy.save`.

    Args:
        metadata: texts by name, written to the header; None for no metadata.
        owner: the owner that checksums of the arrays include; None for no checksums.

    Raises:
        FileProblem: the format lacks the dtype of an array.
        OSError: the file cannot be written.
    """
    codes = {name: _code(name, array) for name, array in arrays.items()}
    if owner is not None:
        words = dict(metadata or {})
        sums = {
            name: array_sum(owner, name, codes[name], array.shape, little_endian(array))
            for name, array in arrays.items()
        }
        metadata = {**words, SUMS: sums_text(owner, words, sums)}
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    ranks = {code: rank for rank, code in enumerate(CODES.values())}
    order = sorted(arrays, key=lambda name: (ranks[codes[name]], name.encode()))
    end = 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        shape = list(arrays[name].shape)
        header[name] = {"dtype": codes[name], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(8 * math.ceil(len(text) / 8))
    file.write(struct.pack("<Q", len(text)) + text)
    for name in order:
        file.write(little_endian(arrays[name]))


def _code(name: str, array: np.ndarray) -> str:
    code = CODES.get(dtype_name(array.dtype))
    if code is None:
        raise FileProblem(f"{name} is {array.dtype}, which safetensors files cannot hold")
    return code
