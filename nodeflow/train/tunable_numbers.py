"""The numbers of nodes that may change while a training runs, such as the learning rate.

They are fed to each step like any other tensor. So a change needs no plan and no kernel, and a step
has the same bits as in a training that starts with that number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from nodeflow.errors import AttributeProblem, suggest
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.events import NumberChanged


class Fed(Protocol):
    """The interface of an object that makes the steps of a training."""

    def feed(self, tensor: Tensor, array: np.ndarray, /) -> None:
        """Set the value of a placeholder or constant that all later steps are fed with."""


class Numbers:
    """The numbers of a training (`Op.run_time`), and all their changes.

    Args:
        optimizer: the node that each step of the training runs.
        values: numbers by ``NODE.ATTR`` that replace the attributes: the final ones of an earlier
            part of the training.

    Attributes:
        changes: the changes in order. Another thread may read them.
        owners: the nodes that have numbers, by name.
    """

    def __init__(self, optimizer: Node, values: Mapping[str, float] | None = None) -> None:
        self.changes: list[NumberChanged] = []
        self.owners: dict[str, Node] = {}
        self._tensors: dict[tuple[str, str], list[tuple[Tensor, str]]] = {}
        graph = optimizer.graph
        for node in ancestors([optimizer]):
            name = node.made_by
            if node.op.id != "constant" or name is None or name not in graph:
                continue
            owner = graph.node(name)
            found = _constant_of(owner, node) if owner.op.run_time else None
            if found is not None:
                constant, attr = found
                self.owners[owner.name] = owner
                self._tensors.setdefault((owner.name, attr), []).append((node.outputs[0], constant))
        self._first = {key: float(self.owners[key[0]].attrs[key[1]]) for key in self._tensors}
        for name, value in (values or {}).items():
            node, _, attr = name.rpartition(".")
            if (node, attr) in self._first:
                self._first[node, attr] = float(value)

    def check(self, node: str, attr: str, value: Any) -> float:
        """Return the new value for an attribute of a node, after checking that it may be changed
        during the training.

        Raises:
            AttributeProblem: the training does not use this attribute as a number, the value comes
                from a wire, or it is out of range.
        """
        if (node, attr) not in self._tensors:
            known = [f"{n}.{a}" for n, a in self._tensors]
            raise AttributeProblem(
                f"{node}.{attr} does not change while training",
                hint=suggest(f"{node}.{attr}", known),
            )
        checked = self.owners[node].op.attr(attr).check(value)
        if checked is None or attr not in self._set_by(node, {attr: float(checked)}):
            raise AttributeProblem(f"{node}.{attr} = {value} needs another graph")
        return float(checked)

    def _set_by(self, node: str, values: Mapping[str, float]) -> set[str]:
        """Return which attributes of a node can be changed by changing only the value of a constant
        in the graph.

        Args:
            values: the changed attributes; other attributes have the node's values.
        """
        owner = self.owners[node]
        return {attr for attr, _ in owner.op.constants({**owner.attrs, **values}).values()}

    def set(self, step: int, node: str, attr: str, value: Any) -> NumberChanged | None:
        """Change a number, such as the learning rate, for all steps after ``step``, and return the
        change as an event. Return None if the number already has this value.

        Raises:
            AttributeProblem: the same as `check`.
        """
        value = self.check(node, attr, value)
        before = self.after(step)[node, attr]
        if value == before:
            return None
        change = NumberChanged(step, node, attr, value, before)
        self.changes.append(change)
        return change

    def after(self, step: int) -> dict[tuple[str, str], float]:
        """Return the values of all numbers that users may change, such as the learning rate, in the
        step that follows ``step`` steps, by node and attribute.
        """
        found = dict(self._first)
        for change in self.changes:
            if change.step <= step and (change.node, change.attr) in found:
                found[change.node, change.attr] = change.value
        return found

    def steps_to_change(self, step: int) -> int | None:
        """Return how many steps may run after ``step`` until the user's next change of a number,
        such as the learning rate. Return None if there is no later change.
        """
        later = [c.step - step for c in self.changes if c.step > step]
        return min(later, default=None)

    def values(self, step: int) -> dict[str, float]:
        """Return the changed values of the numbers that users may set during a training, such as
        the learning rate, in the step that follows ``step`` steps.

        The keys are ``NODE.ATTR``. Numbers equal to the node's attribute are left out.
        """
        return {
            f"{node}.{attr}": value
            for (node, attr), value in self.after(step).items()
            if value != float(self.owners[node].attrs[attr])
        }

    def constants(self, node: str, attr: str) -> list[str]:
        """Return the names of the constant nodes whose value is set by an attribute, such as the
        learning rate.
        """
        return [tensor.node.name for tensor, _ in self._tensors[node, attr]]

    def fed(self) -> dict[Tensor, str]:
        """Return the tensors through which the values that users may change are fed, such as the
        learning rate. Each comes with the name of its constant within the node.
        """
        return {t: constant for tensors in self._tensors.values() for t, constant in tensors}

    def feeds(self, step: int) -> dict[Tensor, np.ndarray]:
        """Return the feeds of the step that follows ``step``."""
        attrs: dict[str, dict[str, Any]] = {n: dict(o.attrs) for n, o in self.owners.items()}
        for (node, attr), value in self.after(step).items():
            attrs[node][attr] = value
        constants = {n: owner.op.constants(attrs[n]) for n, owner in self.owners.items()}
        return {
            tensor: np.array(constants[node][constant][1], numpy_dtype(tensor.dtype))
            for (node, _), tensors in self._tensors.items()
            for tensor, constant in tensors
        }

    def feeds_measuring(self, step: int, tensors: Iterable[Tensor]) -> dict[Tensor, np.ndarray]:
        """Return the current values of numbers, such as a dropout rate, as feeds for computing
        tensors outside training steps.

        Leave out numbers that only training steps use.
        """
        needed = ancestors([tensor.node for tensor in tensors])
        return {
            tensor: value
            for tensor, value in self.feeds(step).items()
            if tensor.node in needed and not self._only_in_steps(tensor.node)
        }

    def _only_in_steps(self, constant: Node) -> bool:
        op = self.owners[constant.made_by or ""].op
        return op.random or isinstance(op, Optimizer)

    def feed(self, stepper: Fed, step: int) -> None:
        """Pass to a stepper, which runs training steps, the values of the numbers that users may
        change, such as the learning rate, for the step that follows ``step`` steps.
        """
        for tensor, value in self.feeds(step).items():
            stepper.feed(tensor, value)


def _constant_of(owner: Node, constant: Node) -> tuple[str, str] | None:
    """Identify a constant node that belongs to another node: return its name within that node, and
    the attribute that sets its value. Return None if no attribute does.

    If the node has the same constant in a second dtype, its name has a number: ``Adam/beta1`` and
    ``Adam/beta1_1``.
    """
    name = constant.name.removeprefix(f"{owner.name}/")
    for known, (attr, _) in owner.op.constants(owner.attrs).items():
        rest = name.removeprefix(known)
        if name.startswith(known) and (not rest or (rest[:1] == "_" and rest[1:].isdecimal())):
            return known, attr
    return None
