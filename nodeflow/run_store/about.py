"""What is known of a training that is to be kept, beside the training itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

Ids = tuple[Mapping[str, tuple[str, str]], Collection[str]]
"""Which variables of a document the variables are, and which belong to the optimizer."""


@dataclass(frozen=True)
class About:
    """What a surface says of a training.

    Attributes:
        text: the graph as .flow text; empty where there is none.
        file: the .flow file, or the program; empty where there is none.
        surface: ``window``, ``cli`` or ``python``.
        name: of the run; by default the file and the time.
        ids: which variables are which.
        states: folder in which the training keeps its states.
        resumes: the training goes on from such a state.
        anew: it is a run of its own even then, since something has changed.
        parent, parent_step: the run that it branches from.
        tags: that the run has from its beginning.
    """

    text: str = ""
    file: str = ""
    surface: str = "python"
    name: str = ""
    ids: Ids | None = None
    states: Path | None = None
    resumes: bool = False
    anew: bool = False
    parent: str = ""
    parent_step: int | None = None
    tags: tuple[str, ...] = ()
