"""Exchange of measurements between several processes, so that each process has all of them."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

from nodeflow.engine.sharing import Sharing

Part = tuple[tuple[np.ndarray, ...], ...]
"""The contribution of a batch: groups of arrays."""


def gathered(peers: Sharing, own: Mapping[int, Part]) -> dict[int, Part]:
    """Exchange evaluation results between processes. Each process passes the results of the batches
    that it computed, and gets the results of all processes, by batch number.
    """
    return {n: part for data in peers.gather(_packed(own)) for n, part in _unpacked(data).items()}


def _packed(parts: Mapping[int, Part]) -> bytes:
    arrays: dict[str, Any] = {
        f"{number}/{group}/{index}": array
        for number, part in parts.items()
        for group, found in enumerate(part)
        for index, array in enumerate(found)
    }
    sizes = [[number, *map(len, part)] for number, part in parts.items()]
    with BytesIO() as file:
        np.savez(file, **arrays, sizes=np.array(sizes, np.int64))
        return file.getvalue()


def _unpacked(data: bytes) -> dict[int, Part]:
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        return {
            int(number): tuple(
                tuple(arrays[f"{number}/{group}/{index}"] for index in range(size))
                for group, size in enumerate(sizes)
            )
            for number, *sizes in arrays["sizes"]
        }
