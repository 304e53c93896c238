"""Checksums of the arrays in a file of weights, each bound to the owner of the array.

The owner is a text that names a run and a step, or a checkpoint. Because each checksum includes it,
an array that was copied from the file of another step does not match, though its bytes are intact.
CRC-32 finds every flipped bit and every damaged stretch of up to 32 bits, reads about 1.5 GB/s on
one core, and lets other threads run meanwhile.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

SUMS = "nodeflow_sums"
"""The entry of the metadata that holds the checksums, as JSON."""
KIND = "crc32"


class SumMismatch(ValueError):
    """The error that the bytes of an array differ from the bytes written for its owner."""


def array_sum(owner: str, name: str, dtype: str, shape: tuple[int, ...], data: Any) -> int:
    """Return the checksum of an array that belongs to ``owner``.

    Args:
        dtype: its name in the file.
        data: the bytes of the array in the file.
    """
    head = f"{owner}\0{name}\0{dtype}\0{','.join(map(str, shape))}\0"
    return zlib.crc32(data, zlib.crc32(head.encode(errors="surrogatepass")))


def words_sum(owner: str, words: Mapping[str, str]) -> int:
    """Return the checksum of the metadata's other words."""
    content = {name: text for name, text in words.items() if name != SUMS}
    text = json.dumps([owner, content], sort_keys=True)
    return zlib.crc32(text.encode())


def sums_text(owner: str, words: Mapping[str, str], sums: Mapping[str, int]) -> str:
    """Return the metadata entry for the checksums of some arrays."""
    content = {"kind": KIND, "of": owner, "words": words_sum(owner, words), "arrays": dict(sums)}
    return json.dumps(content, sort_keys=True)


class Sums:
    """The checksums of arrays in the metadata of a file.

    Args:
        words: the metadata of the file.

    Attributes:
        owner: the owner of the arrays; None if the file has no checksums.

    Raises:
        SumMismatch: the metadata was changed after the checksums were computed.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self.owner: str | None = None
        self._sums: Mapping[str, int] = {}
        if SUMS not in words:
            return
        content = json.loads(words[SUMS])
        if content["kind"] != KIND:
            raise ValueError(f"its checksums are of an unknown kind, {content['kind']!r:.20}")
        self.owner, self._sums = str(content["of"]), dict(content["arrays"])
        if content["words"] != words_sum(self.owner, words):
            raise SumMismatch("the checksum of its metadata does not match")

    def check(self, name: str, dtype: str, shape: tuple[int, ...], data: Any) -> None:
        """Raise SumMismatch if the bytes of an array do not match their checksum."""
        if self.owner is None:
            return
        if self._sums.get(name) != array_sum(self.owner, name, dtype, shape, data):
            raise SumMismatch(f"the checksum of {name} does not match")

    def check_names(self, names: Mapping[str, Any]) -> None:
        """Raise SumMismatch if the file lacks an array, or has an additional array."""
        if self.owner is not None and self._sums.keys() != names.keys():
            raise SumMismatch("its arrays differ from the written ones")


def little_endian(array: np.ndarray) -> Any:
    """Return the bytes of a contiguous array in little-endian order, as in files."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.reshape(-1).view(np.uint8).data
