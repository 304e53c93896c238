"""The content of a recording of a run, from which web pages are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nodeflow.document.model.document import Document
from nodeflow.host.protocol import Preview, ViewValue
from nodeflow.run_store.curves import Curve


@dataclass(frozen=True)
class RecordedStep:
    """The values of a recorded step.

    Attributes:
        values: previews by the names of nodes.
        views: contents of the views on nodes, by the names of nodes; one more if a stage has it.
    """

    step: int
    epoch: int
    values: Mapping[str, Preview]
    views: Mapping[str, ViewValue]


@dataclass(frozen=True)
class Recording:
    """The recording of a run.

    Attributes:
        title: the name of the run.
        document: the graph at the end of the run.
        curves: the curves of loss and metrics.
        marks: the edits during the run: the last step before each, and a few words.
        main: the key of the main view among the views; None if there is none.
        notices: facts that the reader has to know.
    """

    title: str
    document: Document
    steps: tuple[RecordedStep, ...]
    curves: tuple[Curve, ...]
    marks: tuple[tuple[int, str], ...] = ()
    main: str | None = None
    notices: tuple[str, ...] = ()
