"""Sizes of what kernels work on at a time, chosen from the processor's caches.

Nothing here changes a bit of a result, so it may differ from machine to machine: pieces of a sum go
on where the last one ended. What decides the order of a sum comes from shapes and from
`devicelib.vector_width`. A kernel's text holds the sizes that it was written with, so machines that
share a folder of kernels do not mix them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.caches import Caches, caches

PAGE = 4096
"""Bytes after which addresses share a set of the first cache, in every processor with pages of this
size: the set is looked up while the page still is. Rows so far apart evict each other."""


@dataclass(frozen=True)
class Blocks:
    """Sizes for one machine.

    Attributes:
        panel: bytes of columns that stay in the first cache beside the rows that go through them.
        rows_in_place: rows of an operand, far from each other, that stay in the first cache.
        operand_in_place: bytes up to which a product of many rows reads its second operand where it
            lies.
        operand_far: bytes from which a transposed first operand is copied for few columns, too.
        filters_in_place: bytes up to which a picture reads narrow filters where they lie.
        ahead: bytes up to which what is read next comes into the second cache beside what is read.
        numbers: how many a loop makes before the next one reads them.
        line: bytes of a line of the caches.
    """

    panel: int
    rows_in_place: int
    operand_in_place: int
    operand_far: int
    filters_in_place: int
    ahead: int
    numbers: int
    line: int

    @property
    def turned(self) -> int:
        """Rows and columns that are transposed at a time: a line of float32."""
        return self.line // 4


def blocks_of(sizes: Caches, *, zen: bool) -> Blocks:
    """The blocks for such caches.

    Sizes go by the largest power of two, which first caches of 48 KB and 32 KB have in common; a
    panel is larger on Sapphire Rapids, where reading results again for each 64 terms, with AVX-512,
    costs 3 of 100.

    Args:
        zen: whether AMD makes the processor. With its Zen 5 of 1 MB per core an operand of 2 MB may
            lie where it is; with Intel's Sapphire Rapids of 2 MB reading one of 1 MB there takes
            1.03 to 1.2 times as long as copying it, and copying gains from 256 KB on.
    """
    first = 1 << (sizes.first.bit_length() - 1)
    return Blocks(
        panel=first // 2 if zen else sizes.first * 7 // 12 // 1024 * 1024,
        rows_in_place=first // sizes.line // 4,
        operand_in_place=2 * sizes.second if zen else sizes.second // 8,
        operand_far=2 * sizes.second,
        filters_in_place=sizes.second // 4,
        ahead=sizes.second // 2,
        numbers=first // 16,
        line=sizes.line,
    )


@cache
def blocks() -> Blocks:
    """Those of this machine."""
    return blocks_of(caches(), zen="sse4a" in processor.features())  # which only AMD has
