"""Edits of numbers, passed on to the training that runs without building anything."""

from __future__ import annotations

from nodeflow.document.build.built import Build
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.train.control import Control
from nodeflow.train.numbers import Numbers
from nodeflow.train.training import Training

Place = tuple[str, str]
"""What tells a node apart that a document derives: the path of ids of the document's node, and
what follows that one's name."""


class LiveNumbers:
    """Compares the document with what the training has.

    Args:
        build: that the training is made of.
        control: of the training.
    """

    def __init__(self, build: Build, training: Training, control: Control) -> None:
        self._control = control
        self._numbers = Numbers(training.optimizer)
        self._places = places(build, self._numbers)
        self._has = self._numbers.after(0)

    def follow(self, document: Document) -> None:
        """Set the numbers that the document has otherwise; what is out of range is left alone, and
        what lies inside of a subgraph or layer, which `follow_build` finds."""
        for name, owner in self._numbers.owners.items():
            path, rest = self._places.get(name, ("", ""))
            record = document.nodes.get(path)
            if record is None or rest or record.op != owner.op.id:
                continue
            known = {attr: owner.op.attr(attr) for attr in owner.op.run_time}
            try:
                attrs = {a: k.check(record.attrs.get(a, k.default)) for a, k in known.items()}
                owner.op.infer(*(t.type for t in owner.inputs), **{**owner.attrs, **attrs})
            except NodeflowError:
                continue  # a problem at its node says so
            for attr in owner.op.run_time:
                self._set(name, attr, attrs[attr])

    def follow_build(self, build: Build, training: Training) -> None:
        """The same of a document that is built, wherever the numbers are."""
        others = Numbers(training.optimizer)
        names = {place: name for name, place in places(build, others).items()}
        values = others.after(0)
        for name, attr in list(self._has):
            value = values.get((names.get(self._places.get(name, ("", "")), ""), attr))
            if value is not None:
                self._set(name, attr, value)

    def _set(self, name: str, attr: str, value: object) -> None:
        if (name, attr) not in self._has:
            return
        try:
            wanted = self._numbers.check(name, attr, value)
        except NodeflowError:
            return
        if wanted != self._has[name, attr]:
            self._has[name, attr] = wanted
            self._control.set_number(name, attr, wanted)


def places(build: Build, numbers: Numbers) -> dict[str, Place]:
    """Where the nodes with numbers come from, by name."""
    own = {node.name: path for path, node in build.nodes.items()}
    found: dict[str, Place] = {}
    for name, owner in numbers.owners.items():
        first = owner.derived_from or name
        if name in own:
            found[name] = own[name], ""
        elif first in own:
            found[name] = own[first], name.removeprefix(first)
    return found
