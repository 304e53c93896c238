"""Sizes of the blocks that kernels work on, chosen from the processor's caches.

These sizes do not affect the bits of a result, because each piece of a sum continues where the
previous one ended. So they may differ between machines. The order of a sum follows from shapes
and from `devicelib.vector_width`. A kernel's text contains its block sizes, so machines that
share a folder of kernels do not mix them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nodeflow.engine import processor
from nodeflow.engine.caches import Caches, caches

PAGE = 4096
"""Distance in bytes between addresses that share a set of the first-level cache. Rows at this
distance evict each other. This holds for every processor with pages of this size, because it
looks up the set in parallel with the page.
"""


@dataclass(frozen=True)
class Blocks:
    """Block sizes for one machine.

    Attributes:
        panel: bytes of columns of the second operand that stay in the first-level cache beside
            the rows multiplied with them, or arrive from the second-level cache in time.
        rows_in_place: number of distant operand rows that stay in the first-level cache.
        rows_direct: number of rows of a task below which a matrix product reads its second
            operand in place and does not copy it.
        operand_in_place: size of the second operand in bytes up to which it is read in place
            for any number of rows.
        operand_far: size in bytes from which a transposed first operand is copied even for few
            columns.
        filters_in_place: size in bytes up to which a convolution reads narrow filters in place.
        ahead: size in bytes up to which the next data is prefetched into the second-level cache
            beside the current data.
        numbers: number of elements that a loop computes before the next loop reads them.
        line: bytes of a cache line.
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
        """Number of rows and columns of the square tiles in which kernels transpose: as many
        float32 as fit in a cache line.
        """
        return self.line // 4


def blocks_of(sizes: Caches, *, zen: bool, avx512: bool) -> Blocks:
    """Return the block sizes of matrix kernels (such as the bytes of a panel, a block of the second
    operand) for a processor with these cache sizes.

    Sizes follow the largest power of two in the first-level cache, which is the same for 48 KB and
    32 KB. A panel is larger on Sapphire Rapids, because reading results again for every 64 terms
    costs 3 % with AVX-512.

    Args:
        zen: whether AMD makes the processor. On AMD's Zen 5 with 1 MB of second-level cache per
            core, an operand of 2 MB may stay in place. On Intel's Sapphire Rapids with 2 MB,
            reading an operand of 1 MB in place takes 1.03 to 1.2 times as long as copying it, and
            so does one of 128 KB that comes from the third-level cache. If an operand of 128 KB is
            in a nearer cache, copying takes up to 1.04 times as long, so smaller operands are read
            in place.
        avx512: whether vectors have 512 bits. Products with AVX2 vectors have no time for a term
            that is not in the first-level cache. On Zen 4, whose first-level cache has 32 KB and 8
            ways, copying takes 0.7 to 0.93 of the time of reading in place for 64 rows or more, and
            1.02 to 1.1 for 32 or fewer. With AVX-512 on the same processor, copying takes 1.03 to
            1.05, because there is time to fetch panels from the second-level cache. Panels of 64
            KB, for which results are read again less often, take 0.82 to 0.95 of the time of panels
            of 16 KB.
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
    """Return the block sizes for this machine."""
    features = processor.features()
    return blocks_of(caches(), zen="sse4a" in features, avx512="avx512f" in features)
