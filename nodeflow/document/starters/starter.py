"""The declaration of a starter: a kind of graph to begin with, made by a module of ``kinds``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nodeflow.document.model.document import Document
from nodeflow.document.starters.material import Material


@dataclass(frozen=True)
class Starter:
    """A kind of graph to begin with.

    Attributes:
        id: its stable name, which is also the task it solves (``Guess.task``).
        title: its name on screen, a verb for the user's goal: ``Classify``.
        doc: one line about the graph.
        order: its position among the others.
        misfit: returns why it cannot use the data, as a sentence; "" if it can.
        make: makes the document.
    """

    id: str
    title: str
    doc: str
    order: int
    misfit: Callable[[Material], str]
    make: Callable[[Material], Document]
