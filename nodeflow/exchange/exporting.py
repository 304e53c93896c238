"""Graphs written as files of other programs, for ``nodeflow export`` and the window.

Integrations write the files (purpose ``exporter``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session


@dataclass(frozen=True)
class Exported:
    """A graph as the content of a file.

    Attributes:
        text: a description of the content, for people.
        inputs: names of the inputs in the file.
        outputs: names of the tensors that it computes.
        facts: further facts for the output of ``--json``.
    """

    content: bytes
    text: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    facts: Mapping[str, Json]


class Exporter(Protocol):
    """The interface of an object that writes graphs as files of another program."""

    def reading(self, document: Document) -> AbstractContextManager[None]:
        """Return a context manager that is active while a document is built and exported.

        It may register ops that nodeflow lacks, for nodes imported from the other program's files.
        """
        ...

    def exported(
        self, task: Task, session: Session, fetches: Sequence[str], options: Mapping[str, Json]
    ) -> Exported:
        """Export the graph that computes predictions, together with the values of variables in a
        session.

        Args:
            fetches: names of the tensors to compute; default: the predictions.
            options: values of the options in the manifest; None for an option that is not given.

        Raises:
            NodeflowError: some nodes cannot be written; the message names all of them.
        """
        ...
