"""Facts to record with a run that the training itself does not know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

Ids = tuple[Mapping[str, tuple[str, str]], Collection[str]]
"""The identities of the variables in a document, and the names of the optimizer's variables."""


@dataclass(frozen=True)
class About:
    """Facts about a training known to the program part that started it: window, command line or
    Python.

    Attributes:
        text: the graph as .flow text; empty if there is none.
        file: the .flow file, or the program; empty if there is none.
        surface: ``window``, ``cli`` or ``python``.
        name: the name of the run; by default the file and the time.
        ids: the identities of the variables.
        states: folder for the training's checkpoints.
        resumes: whether the training resumes from a checkpoint.
        anew: whether a resumed training is a separate run, because something has changed.
        parent, parent_step: the run that it branches from, and the last step before the branch.
        tags: tags that the run has from its beginning.
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
