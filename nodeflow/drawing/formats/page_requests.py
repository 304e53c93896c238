"""What the window asks of the process that draws pages of recordings, and its answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EstimatePage:
    """Tell the size of the page of a run, without all of its steps; answered by `PageEstimate`."""

    run: str


@dataclass(frozen=True)
class PageEstimate:
    """The expected size of a page.

    Attributes:
        size: bytes of the page.
        steps: the number of steps on the page; 0 if it has the curves alone.
        notices: facts that its readers have to know.
    """

    size: int
    steps: int
    notices: tuple[str, ...]


@dataclass(frozen=True)
class DrawPage:
    """Draw the page of a run; answered by `DrawnPage`."""

    run: str
    title: str


@dataclass(frozen=True)
class DrawnPage:
    """The contents of a page."""

    content: bytes


Request = EstimatePage | DrawPage
Answer = PageEstimate | DrawnPage
