"""The IDX file format of MNIST: a magic number, the sizes, then the bytes; often gzipped."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from nodeflow.data.errors import DataFormatError
from nodeflow.errors import SurfaceText

UNSIGNED_BYTE = 8
GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, rank: int) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, compressed with gzip or not.

    Args:
        rank: number of dimensions expected: 3 for images, 1 for labels.

    Returns:
        Read-only uint8 array.

    Raises:
        DataFormatError: the file is damaged, truncated or of another kind.
        OSError: the file cannot be read.
    """
    raw = path.read_bytes()
    if raw[:2] == GZIP_MAGIC:
        raw = _unpack(raw, path)
    header = 4 + 4 * rank
    if len(raw) < header:
        raise _damaged(path, f"it has {len(raw)} bytes, fewer than its header")
    zero, kind, dims = struct.unpack(">HBB", raw[:4])
    if (zero, kind, dims) != (0, UNSIGNED_BYTE, rank):
        expected = f"0x{UNSIGNED_BYTE << 8 | rank:08x}"
        raise _damaged(path, f"its magic number is 0x{raw[:4].hex()}, expected {expected}")
    shape = struct.unpack(f">{rank}I", raw[4:header])
    if len(raw) - header != math.prod(shape):
        text = " x ".join(map(str, shape))
        raise _damaged(path, f"its header announces {text} bytes, but {len(raw) - header} follow")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _unpack(raw: bytes, path: Path) -> bytes:
    # zlib with a generous first buffer: 0.18 s for MNIST's 47 MB, where the gzip module takes 0.28.
    try:
        return zlib.decompress(raw, wbits=31, bufsize=max(6 * len(raw), 1 << 12))
    except zlib.error as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error


def _damaged(path: Path, why: str) -> DataFormatError:
    return DataFormatError(
        f"{path} is damaged: {why}",
        hint=SurfaceText(
            "Delete it and run: nodeflow data fetch mnist",
            cli="Delete it and run: nodeflow data fetch mnist",
            window="Delete it and choose Run > Download the full MNIST.",
        ),
    )
