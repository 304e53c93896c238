"""Guided tours as data. The panel over the canvas walks through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nodeflow.document.model.document import Document


@dataclass
class Progress:
    """The events since a tour began, for the checks of its steps.

    Attributes:
        document: the shown graph.
        selected: names of the selected nodes.
        trainings: number of trainings that have ended.
        sketched: whether the nodes show a hand-drawn picture.
        seen: names of all nodes that were selected since the tour began.
    """

    document: Document
    selected: frozenset[str] = frozenset()
    trainings: int = 0
    sketched: bool = False
    seen: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Step:
    """One step: its title, its instructions, and a check that it is done."""

    title: str
    how: str
    is_done: Callable[[Progress], bool]
    op: str = ""
    """The op in the palette that the step uses."""


@dataclass(frozen=True)
class Tour:
    """A guided tour.

    Attributes:
        id: its action in the window.
        title: on buttons and menus.
        steps: done in order, though a later step may be done first.
        done: shown when all steps are done.
        finished: text of the status bar afterwards.
        example: the example that it starts with; empty for an empty canvas.
        next: the id of the following tour.
    """

    id: str
    title: str
    steps: tuple[Step, ...]
    done: Step
    finished: str
    example: str = ""
    next: str = ""


def never(_: Progress) -> bool:
    """Return False, because the end of a tour is no step to be done."""
    return False
