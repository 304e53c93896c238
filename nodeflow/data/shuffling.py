"""The order of rows in an epoch: a pure function of seed and epoch, the same on every machine.

An epoch's order sorts one Threefry key per row. So it needs no generator state, agrees on every
platform and numpy version, and any epoch can be computed without the ones before it.
"""

from __future__ import annotations

import numpy as np

from nodeflow.ops.distributions.random_bits import threefry2x32

# Separates shuffling from the streams of the ops, which are keyed by (run seed, stream name).
SHUFFLE = 0x5348554C


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return a permutation of ``rows`` row numbers, int64 (rows,), for one epoch.

    Args:
        seed: any integer; its lowest 64 bits are used.
        epoch: 0 for the first.
    """
    mask = 0xFFFFFFFF
    key0, key1 = threefry2x32(seed & mask, (seed >> 32) & mask, SHUFFLE, epoch & mask)
    # Two words per row: with 64-bit keys, two of 10^6 rows agree with probability 3e-8.
    high, low = threefry2x32(key0, key1, np.arange(rows, dtype=np.uint32), 0)
    keys = high.astype(np.uint64) << np.uint64(32) | low
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)
