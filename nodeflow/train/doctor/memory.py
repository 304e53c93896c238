"""Whether a training step leaves memory to everything else."""

from __future__ import annotations

from collections.abc import Iterator

from nodeflow.engine.memory import Needs
from nodeflow.errors import SurfaceText
from nodeflow.number_text import bytes_text
from nodeflow.train.diagnosis.hints import Hint

MOST_OF_IT = 0.6
"""Copies of the variables, batches that are read ahead and other programs need some as well."""


def check_memory(needs: Needs | None, limit: int | None, free: int | None) -> Iterator[Hint]:
    """A machine that swaps is a thousand times slower.

    Args:
        needs: what a step holds at a time, as far as that is known.
        limit: what it may; None without a limit.
        free: what is free, where the system says.
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
                window="Make the batches smaller, or set a limit (Run > Engine > Memory…): what "
                "does not fit is computed again.",
            ),
            needs.node or "",
        )
