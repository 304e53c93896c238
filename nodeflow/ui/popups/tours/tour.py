"""What a guided tour is: data; the panel over the canvas walks through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nodeflow.document.model.document import Document


@dataclass
class Progress:
    """What has happened since a tour began, for its steps to look at.

    Attributes:
        document: the graph that is shown.
        selected: names of the selected nodes.
        trainings: how many trainings have ended.
        sketched: whether the nodes show what was drawn by hand.
        seen: names of all nodes that were selected since the tour began.
    """

    document: Document
    selected: frozenset[str] = frozenset()
    trainings: int = 0
    sketched: bool = False
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Step:
    """One step: what to do, how, and how to see that it is done."""

    title: str
    how: str
    is_done: Callable[[Progress], bool]
    op: str = ""
    """The op in the palette that the step is about."""


@dataclass(frozen=True)
class Tour:
    """A guided tour.

    Attributes:
        id: its action in the window.
        title: on buttons and menus.
        steps: done in order, though a later one may be done first.
        done: what is shown when all are done.
        finished: what the status bar then says.
        example: the example that it begins with; without one, with an empty canvas.
        next: the id of the tour that it leads to.
    """

    id: str
    title: str
    steps: tuple[Step, ...]
    done: Step
    finished: str
    example: str = ""
    next: str = ""


def never(_: Progress) -> bool:
    """The end of a tour is no step to be done."""
    return False
