"""Which node is being computed, for whoever watches the process from outside.

A process that hangs in a node, or dies in it, cannot say so any more; so it is noted before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeflow.graph.graph import Node

_write: Callable[[str], None] | None = None


def report_to(write: Callable[[str], None] | None) -> None:
    """Call ``write`` with what is computed from now on, and with "" when it is done."""
    global _write
    _write = write


def note(node: Node) -> None:
    """This node is computed now."""
    if _write is not None:
        place = getattr(node.op, "place", "")  # of the user's own ops: a file and a line
        _write(f"{node.name} ({node.op.id}{f', {place}' if place else ''})")


@contextmanager
def ending() -> Iterator[None]:
    """After this block nothing is computed."""
    try:
        yield
    finally:
        if _write is not None:
            _write("")
