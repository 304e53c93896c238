"""Edits of an optimizer's numbers, passed on to the training that runs."""

from __future__ import annotations

from nodeflow.document.build.built import Build
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.train.control import Control
from nodeflow.train.numbers import Numbers
from nodeflow.train.training import Training


class LiveNumbers:
    """Compares the document with what the training has.

    Args:
        build: that the training is made of.
        control: of the training.
    """

    def __init__(self, build: Build, training: Training, control: Control) -> None:
        self._control = control
        self._numbers = Numbers(training.optimizer)
        self._ids = {
            node.name: record
            for record, node in build.nodes.items()
            if node.name in self._numbers.optimizers
        }
        self._has = self._numbers.after(0)

    def follow(self, document: Document) -> None:
        """Set the numbers that the document has otherwise; what is out of range is left alone."""
        for (name, attr), value in list(self._has.items()):
            record = document.nodes.get(self._ids.get(name, ""))
            if record is None:
                continue  # deleted, or inside of a subgraph
            default = self._numbers.optimizers[name].op.attr(attr).default
            try:
                wanted = self._numbers.check(name, attr, record.attrs.get(attr, default))
            except NodeflowError:
                continue  # a problem at its node says so
            if wanted != value:
                self._has[name, attr] = wanted
                self._control.set_number(name, attr, wanted)
