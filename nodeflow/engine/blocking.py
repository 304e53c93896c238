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
        panel: bytes of columns that stay in the first cache beside the rows that go through them,
            or come from the second one in time.
        rows_in_place: rows of an operand, far from each other, that stay in the first cache.
        rows_direct: rows of a task below which a product reads its second operand where it lies.
        operand_in_place: bytes up to which it does so of more rows, too.
        operand_far: bytes from which a transposed first operand is copied for few columns, too.
        filters_in_place: bytes up to which a picture reads narrow filters where they lie.
        ahead: bytes up to which what is read next comes into the second cache beside what is read.
        numbers: how many a loop makes before the next one reads them.
        line: bytes of a line of the caches.
    """

    panel: int
    rows_in_place: int
    rows_direct: int
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


def blocks_of(sizes: Caches, *, zen: bool, avx512: bool) -> Blocks:
    """The blocks for such caches.

    Sizes go by the largest power of two, which first caches of 48 KB and 32 KB have in common; a
    panel is larger on Sapphire Rapids, where reading results again for each 64 terms, with AVX-512,
    costs 3 of 100.

    Args:
        zen: whether AMD makes the processor. With its Zen 5 of 1 MB per core an operand of 2 MB may
            lie where it is; with Intel's Sapphire Rapids of 2 MB reading one of 1 MB there takes
            1.03 to 1.2 times as long as copying it, and one of 128 KB that comes from the third
            cache as much longer. Of one of 128 KB that is near, copying takes up to 1.04 times as
            long, so smaller ones are read where they are.
        avx512: whether vectors are that wide. Those of AVX2 leave a product no time for a term that
            is not in the first cache: with 32 KB, of 8 ways, in Zen 4, copying takes 0.7 to 0.93 of
            the time for 64 rows or more, and 1.02 to 1.1 for 32 or fewer. With AVX-512 the same
            processor takes 1.03 to 1.05 for copying; it has time to fetch panels from the second
            cache, and those of 64 KB, for which results are read again less often, take 0.82 to
            0.95 of the time of 16 KB.
    """
    first = 1 << (sizes.first.bit_length() - 1)
    scarce = not avx512 and sizes.first <= 32 << 10
    in_place = 2 * sizes.second if zen else sizes.second // 32
    panel = first // 2 if zen else sizes.first * 7 // 12 // 1024 * 1024
    return Blocks(
        panel=max(panel, min(sizes.second, 1 << 20) // 16) if zen and avx512 else panel,
        rows_in_place=first // sizes.line // 4,
        rows_direct=48 if scarce else 96,
        operand_in_place=0 if scarce else in_place,
        operand_far=2 * sizes.second,
        filters_in_place=sizes.second // 4,
        ahead=sizes.second // 2,
        numbers=first // 16,
        line=sizes.line,
    )


@cache
def blocks() -> Blocks:
    """Those of this machine."""
    features = processor.features()
    return blocks_of(caches(), zen="sse4a" in features, avx512="avx512f" in features)
