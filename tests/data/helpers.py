"""Shared by the tests of the data layer: a small MNIST on disk; Threefry in plain integers."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

MASK = 0xFFFFFFFF


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes, built from the format's description."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def small_mnist(folder: Path, *, packed: bool = True, train: int = 5200, test: int = 90) -> dict:
    """Write the four files with random pixels; returns the arrays."""
    rng = np.random.default_rng(7)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, train, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, test, dtype=np.uint8),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        raw = idx_bytes(array)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(raw, 1))
        else:
            (folder / name).write_bytes(raw)
    return arrays


def threefry(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry-2x32-20 in plain integers, from the paper of Salmon et al. (2011)."""
    schedule = (*key, 0x1BD11BDA ^ key[0] ^ key[1])
    a, b = (counter[0] + key[0]) & MASK, (counter[1] + key[1]) & MASK
    for index in range(20):
        turn = (13, 15, 26, 6, 17, 29, 16, 24)[index % 8]
        a = (a + b) & MASK
        b = ((b << turn | b >> (32 - turn)) & MASK) ^ a
        if index % 4 == 3:
            step = index // 4 + 1
            a = (a + schedule[step % 3]) & MASK
            b = (b + schedule[(step + 1) % 3] + step) & MASK
    return a, b
