"""Reports of the current computation, for an observer outside the process.

A process that hangs or crashes in a node can no longer report the node. So each node is reported
before it is computed. Other long work, such as unpacking a file, reports its progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeflow.graph.graph import Node

_write: Callable[[str], None] | None = None
_show: Callable[[str, float], None] | None = None


def report_to(write: Callable[[str], None] | None) -> None:
    """Set a function that is called with the name of each computation that begins from now on, and
    with "" when the computation is done.
    """
    global _write
    _write = write


def show_progress_by(show: Callable[[str, float], None] | None) -> None:
    """Call ``show`` with the name of long work and the fraction that is done, and with "" at its
    end.
    """
    global _show
    _show = show


def note(node: Node) -> None:
    """Report that this node is being computed."""
    if _write is not None:
        place = getattr(node.op, "place", "")  # for user ops: a file and a line
        _write(f"{node.name} ({node.op.id}{f', {place}' if place else ''})")


def note_progress(what: str, part: float) -> None:
    """Report the progress of long work: the name of the work and the fraction that is done, from 0
    to 1. An empty name ends the work.
    """
    if _show is not None:
        _show(what, part)


@contextmanager
def ending() -> Iterator[None]:
    """Report after this block that nothing is being computed."""
    try:
        yield
    finally:
        if _write is not None:
            _write("")
