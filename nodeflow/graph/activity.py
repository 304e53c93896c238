"""What is being computed, for whoever watches the process from outside.

A process that hangs in a node, or dies in it, cannot say so any more; so it is noted before. Work
that takes long beside nodes, such as unpacking a file, says how far it is.
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
    """Call ``write`` with what is computed from now on, and with "" when it is done."""
    global _write
    _write = write


def show_progress_by(show: Callable[[str, float], None] | None) -> None:
    """Call ``show`` with what takes long and which part of it is done, and with "" at its end."""
    global _show
    _show = show


def note(node: Node) -> None:
    """This node is computed now."""
    if _write is not None:
        place = getattr(node.op, "place", "")  # of the user's own ops: a file and a line
        _write(f"{node.name} ({node.op.id}{f', {place}' if place else ''})")


def note_progress(what: str, part: float) -> None:
    """This part of something that takes long is done, from 0 to 1; "" is the end of it."""
    if _show is not None:
        _show(what, part)


@contextmanager
def ending() -> Iterator[None]:
    """After this block nothing is computed."""
    try:
        yield
    finally:
        if _write is not None:
            _write("")
