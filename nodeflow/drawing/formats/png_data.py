"""Small PNG files from arrays, as data URIs."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np


def data_uri(pixels: np.ndarray) -> str:
    """Return (h, w, 3) uint8 as the data URI of a PNG; with a palette if that is smaller."""
    return "data:image/png;base64," + b64encode(png(pixels)).decode()


def png(pixels: np.ndarray) -> bytes:
    """Return (h, w, 3) uint8 as a PNG."""
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels, np.uint8).reshape(-1, 3)
    colors, index = np.unique(flat, axis=0, return_inverse=True)
    if len(colors) <= 256:
        rows, kind = index.astype(np.uint8).reshape(height, width), 3
        palette = _chunk(b"PLTE", colors.tobytes())
    else:
        rows, kind, palette = flat.reshape(height, 3 * width), 2, b""
    lines = np.zeros((height, rows.shape[1] + 1), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = rows
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9))
    return b"\x89PNG\r\n\x1a\n" + header + palette + body + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
