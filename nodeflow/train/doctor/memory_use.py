"""A check whether a training step leaves enough memory to the rest of the system."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.engine.memory import Needs
from nodeflow.errors import SurfaceText
from nodeflow.number_text import bytes_text
from nodeflow.train.diagnosis.hints import Hint

MOST_OF_IT = 0.6
"""Fraction of free memory for a step. Snapshots, batches read ahead and other programs need it."""


def check_memory(needs: Needs | None, limit: int | None, free: int | None) -> Iterator[Hint]:
    """Yield a hint if a step may swap memory to disk, which makes it a thousand times slower.

    Args:
        needs: the memory that a step holds at a time; None if unknown.
        limit: the limit of this memory; None without a limit.
        free: the free memory; None if the system does not report it.
    """
    if needs is None or free is None:
        return
    taken = needs.bytes if limit is None else min(needs.bytes, limit)
    if taken > MOST_OF_IT * free:
        yield Hint(
            "memory",
            "A step takes most of the free memory",
            f"The values of a training step take up to {bytes_text(taken)}, and {bytes_text(free)} "
            "are free. What does not fit goes to the disk, which is a thousand times slower.",
            SurfaceText(
                "Make the batches smaller, or limit the memory: nf.Session(memory=...) computes "
                "again what does not fit.",
                cli="Make the batches smaller, or give --memory: what does not fit is computed "
                "again.",
                window="Make the batches smaller, or set a limit (Run → Engine → Memory…): what "
                "does not fit is computed again.",
            ),
            needs.node or "",
        )
