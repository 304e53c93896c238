"""Files that a training writes for other programs while it runs.

Integrations write them: each offer for the purpose ``training_files`` is one kind of files. The
offer's name is the option of ``nodeflow train`` and the argument of `nf.train.train` that takes a
folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem
from nodeflow.manifests import offer, offers
from nodeflow.train.events import Event
from nodeflow.train.training import Training


class TrainingFiles(Protocol):
    """The files of one training.

    Attributes:
        folder: the training's own folder.
    """

    folder: Path

    def watch(
        self,
        session: Session,
        training: Training,
        events: Iterator[Event],
        *,
        variables: Callable[[], Mapping[str, np.ndarray]] | None = None,
        lost: Callable[[FileProblem], None] | None = None,
    ) -> Generator[Event, None, None]:
        """Yield the events of a training, and write files about them.

        Args:
            variables: returns the variables of the training, even after edits; by default the
                variables of the session.
            lost: called with the reason if the files can no longer be written; the training
                continues without them.

        Raises:
            FileProblem: the files cannot be written, and there is no `lost`.
        """
        ...


def begin(kind: str, folder: str | os.PathLike[str], name: str) -> TrainingFiles:
    """Create the files of one training, in a new folder.

    Args:
        kind: the kind of files, by the name under which an integration offers it.
        folder: the parent of the new folder.
        name: the beginning of the name of the new folder; may be empty.

    Raises:
        NotOffered: no installed integration writes files of this kind.
        FileProblem: the files cannot be written.
    """
    return offer("training_files", kind).load()(folder, name)


def taken(arguments: dict[str, Any]) -> dict[str, str | os.PathLike[str]]:
    """Remove those arguments of a training that name folders for files of other programs, such as
    ``tensorboard="logs"``. Return the folders by the kind of files.
    """
    kinds = [each.name for each in offers("training_files")]
    found = {kind: arguments.pop(kind) for kind in kinds if kind in arguments}
    return {kind: folder for kind, folder in found.items() if folder is not None}
