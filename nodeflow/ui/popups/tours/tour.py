"""Guided tours as data. The panel over the canvas shows their steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nodeflow.document.model.document import Document


@dataclass
class Progress:
    """The state of a tour, for the checks of its steps.

    Attributes:
        document: the shown graph.
        selected: names of the selected nodes.
        trainings: number of trainings that have ended since the tour began.
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
    """One step of a tour: its title, its instructions, and a check whether it is done."""

    title: str
    how: str
    is_done: Callable[[Progress], bool]
    op: str = ""
    """The op in the palette that the step uses."""


@dataclass(frozen=True)
class Tour:
    """A guided tour.

    Attributes:
        id: the id of the action that starts the tour.
        title: the text on buttons and in menus.
        steps: the steps in order, though a later step may be done first.
        done: the text shown when all steps are done.
        finished: the text of the status bar afterwards.
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
    """Return False. This is the check of a tour's last text, which never counts as done."""
    return False
