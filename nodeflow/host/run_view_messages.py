"""What is asked of the process that compares runs, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.protocol import ViewSpec, ViewValue


@dataclass(frozen=True)
class AskRunViews:
    """One view of several runs, on the data of the first.

    Attributes:
        number: that answers repeat.
        runs: ids of kept runs.
        best: with the weights of the best epoch, where they are known.
    """

    number: int
    runs: tuple[str, ...]
    spec: ViewSpec
    best: bool = False


@dataclass(frozen=True)
class RunView:
    """The view of one run.

    Attributes:
        note: what the user has to know about its data or weights.
    """

    number: int
    run: str
    value: ViewValue
    note: str = ""
