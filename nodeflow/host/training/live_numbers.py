"""Numbers of optimizers that were edited, passed to the running training without a build."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build_result import Build
from nodeflow.errors import NodeflowError
from nodeflow.train.control import Control
from nodeflow.train.training import Training
from nodeflow.train.tunable_numbers import Numbers

Place = tuple[str, str]
"""A key for a derived node: the path of ids of its document node, and the rest of its name."""


class LiveNumbers:
    """A follower that passes edited numbers, such as learning rates, to the running training.

    Args:
        build: the build of the training.
        control: the control of the training.
    """

    def __init__(self, build: Build, training: Training, control: Control) -> None:
        self._control = control
        self._numbers = Numbers(training.optimizer)
        self._places = places(build, self._numbers)
        self._has = self._numbers.after(0)

    def follow(self, document: Document) -> None:
        """Pass changed numbers in the document, such as a learning rate, to the running training.

        Skip numbers that are out of range, and nodes inside a subgraph or layer, which
        `follow_build` handles.
        """
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
                continue  # its node shows the problem
            for attr in owner.op.run_time:
                self._set(name, attr, attrs[attr])

    def follow_build(self, build: Build, training: Training) -> None:
        """Pass numbers that differ in a new build of the document to the running training.

        Unlike `follow`, it also handles nodes inside subgraphs and layers.
        """
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
    """Return for each node with changeable numbers its place in the document: the path of the
    document node that it belongs to, and a suffix. The suffix is the rest of the node's name if the
    node was derived from that document node.
    """
    own = {node.name: path for path, node in build.nodes.items()}
    found: dict[str, Place] = {}
    for name, owner in numbers.owners.items():
        first = owner.derived_from or name
        if name in own:
            found[name] = own[name], ""
        elif first in own:
            found[name] = own[first], name.removeprefix(first)
    return found
