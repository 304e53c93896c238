"""What a module of ``starters.kinds`` declares: one kind of graph to begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodeflow.document.model.document import Document
from nodeflow.document.starters.material import Material


@dataclass(frozen=True)
class Starter:
    """One kind of graph to begin with.

    Attributes:
        id: its stable name, which is also the task it solves (``Guess.task``).
        title: its name on screen, as what the user wants: ``Classify``.
        doc: one line of what the graph does.
        order: place among the others.
        misfit: why it cannot use this data, as a sentence; empty if it can.
        make: makes the document.
    """

    id: str
    title: str
    doc: str
    order: int
    misfit: Callable[[Material], str]
    make: Callable[[Material], Document]
