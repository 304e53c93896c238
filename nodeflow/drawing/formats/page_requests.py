"""The window's requests to the process that draws pages of recordings, and the answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EstimatePage:
    """A request for the size of a run's page, without drawing all its steps. Answer:
    `PageEstimate`.
    """

    run: str


@dataclass(frozen=True)
class PageEstimate:
    """The expected size of a page.

    Attributes:
        size: bytes of the page.
        steps: the number of steps on the page; 0 if it has only the curves.
        notices: facts that its readers have to know.
    """

    size: int
    steps: int
    notices: tuple[str, ...]


@dataclass(frozen=True)
class DrawPage:
    """A request for the page of a run. Answer: `DrawnPage`."""

    run: str
    title: str


@dataclass(frozen=True)
class DrawnPage:
    """The contents of a page."""

    content: bytes


Request = EstimatePage | DrawPage
Answer = PageEstimate | DrawnPage
