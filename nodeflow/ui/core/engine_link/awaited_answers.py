"""The request numbers by which the window recognizes the answers it still waits for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Awaited:
    """The numbers of the awaited requests. Numbers count from 1.

    Attributes:
        oldest: answers to requests with smaller numbers are ignored.
        derived: the last request for previews of generated nodes. Previews of a training have
            the number -1.
        predicting: the last request for predictions.
        download: the running download, or None.
        quiet: requests that write weights for recovery, without a message in the window.
    """

    oldest: int = 0
    derived: int = 0
    predicting: int = -2
    download: int | None = None
    quiet: set[int] = field(default_factory=set)
