"""The messages to and from the process that shows views of several runs."""

from __future__ import annotations

from dataclasses import dataclass

from nodeflow.host.protocol import ViewSpec, ViewValue


@dataclass(frozen=True)
class AskRunViews:
    """A request for one view of several runs, on the data of the first run.

    Attributes:
        number: the number that the answers repeat.
        runs: ids of kept runs.
        best: whether to use the weights of the best epoch, where they are known.
    """

    number: int
    runs: tuple[str, ...]
    spec: ViewSpec
    best: bool = False


@dataclass(frozen=True)
class RunView:
    """The answer with the view of one run.

    Attributes:
        note: a remark about its data or weights that the user has to know.
    """

    number: int
    run: str
    value: ViewValue
    note: str = ""
