"""The numbers of requests whose answers go to one reader of the window."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Awaited:
    """Numbers of requests, which count from 1.

    Attributes:
        oldest: answers to requests with smaller numbers no longer count.
        derived: the last request for previews of derived nodes; a training's previews say -1.
        predicting: the last request for predictions.
        download: the running download, or None.
        quiet: weights written for recovery; no message reports them.
    """

    oldest: int = 0
    derived: int = 0
    predicting: int = -2
    download: int | None = None
    quiet: set[int] = field(default_factory=set)
