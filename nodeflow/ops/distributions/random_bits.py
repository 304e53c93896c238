"""Threefry-2x32-20: random bits as a pure function of key and counter.

From J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). It uses only add, xor
and rotate on uint32, so numpy and compiled code give the same bits on every platform.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PARITY = np.uint32(0x1BD11BDA)
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
ROUNDS = 20


def threefry2x32(
    key0: Any, key1: Any, counter0: Any, counter1: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return two random words for each key and counter. The four arguments broadcast.

    Args:
        key0, key1, counter0, counter1: uint32 scalars or arrays.

    Returns:
        Two new uint32 arrays of the broadcast shape.
    """
    words = [np.asarray(word, dtype=np.uint32) for word in (key0, key1, counter0, counter1)]
    first, second, x, y = np.broadcast_arrays(*words)
    with np.errstate(over="ignore"):  # uint32 scalars warn when they wrap, arrays do not
        x, y = mixed(first, second, x, y)
    return np.asarray(x), np.asarray(y)


def mixed(first: Any, second: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Apply the Threefry-2x32 rounds to a counter (x, y) with the key (first, second). Return two
    arrays of random words.

    All arguments are uint32 arrays of one shape, of numpy or a library with the same operators.
    """
    schedule = (first, second, first ^ second ^ PARITY)
    x, y = x + schedule[0], y + schedule[1]
    for index in range(ROUNDS):
        turn = ROTATIONS[index % 8]
        x = x + y
        y = (y << np.uint32(turn) | y >> np.uint32(32 - turn)) ^ x
        if index % 4 == 3:
            step = index // 4 + 1
            x = x + schedule[step % 3]
            y = y + schedule[(step + 1) % 3] + np.uint32(step)
    return x, y
