"""The numbers of an optimizer that may change while it trains, such as the learning rate.

They are fed to each step like any other tensor, so a change needs no plan and no kernel, and a step
has the bits that it has in a training which has that number from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from nodeflow.errors import AttributeProblem, suggest
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.events import NumberChanged


class Fed(Protocol):
    """What makes the steps of a training."""

    def feed(self, tensor: Tensor, array: np.ndarray, /) -> None:
        """Give a tensor that is fed to all steps another value, from the next step on."""


class Numbers:
    """The numbers of the optimizers that a training runs, and all their changes.

    Args:
        optimizer: what each step of the training runs.
        values: by ``NODE.ATTR``, where they are not those of the attributes: what an earlier part
            of the training ended with.

    Attributes:
        changes: in order; another thread may read them.
        optimizers: by name.
    """

    def __init__(self, optimizer: Node, values: Mapping[str, float] | None = None) -> None:
        self.changes: list[NumberChanged] = []
        self.optimizers = {n.name: n for n in ancestors([optimizer]) if isinstance(n.op, Optimizer)}
        self._tensors: dict[tuple[str, str], list[Tensor]] = {}
        for node in ancestors([optimizer]):
            if node.op.id == "constant" and node.made_by in self.optimizers:
                owner = self.optimizers[node.made_by]
                attr = _attr_of(owner, node)
                if attr is not None:
                    self._tensors.setdefault((owner.name, attr), []).append(node.outputs[0])
        self._first = {key: float(self.optimizers[key[0]].attrs[key[1]]) for key in self._tensors}
        for name, value in (values or {}).items():
            node, _, attr = name.rpartition(".")
            if (node, attr) in self._first:
                self._first[node, attr] = float(value)

    def check(self, node: str, attr: str, value: Any) -> float:
        """A number that may be set.

        Raises:
            AttributeProblem: the optimizer has no such number, it comes from a wire, or it is out
                of range.
        """
        if (node, attr) not in self._tensors:
            known = [f"{n}.{a}" for n, a in self._tensors]
            raise AttributeProblem(
                f"{node}.{attr} does not change while training",
                hint=suggest(f"{node}.{attr}", known),
            )
        return float(self.optimizers[node].op.attr(attr).check(value))

    def set(self, step: int, node: str, attr: str, value: Any) -> NumberChanged | None:
        """Note a number that all steps after ``step`` have; None where they have it already.

        Raises:
            AttributeProblem: as `check`.
        """
        value = self.check(node, attr, value)
        before = self.after(step)[node, attr]
        if value == before:
            return None
        change = NumberChanged(step, node, attr, value, before)
        self.changes.append(change)
        return change

    def after(self, step: int) -> dict[tuple[str, str], float]:
        """All numbers in the step that follows ``step``, by node and attribute."""
        found = dict(self._first)
        for change in self.changes:
            if change.step <= step:
                found[change.node, change.attr] = change.value
        return found

    def steps_to_change(self, step: int) -> int | None:
        """How many steps after ``step`` have the same numbers; None for all."""
        later = [c.step - step for c in self.changes if c.step > step]
        return min(later, default=None)

    def values(self, step: int) -> dict[str, float]:
        """Those in the step that follows ``step`` and differ from the attributes, by
        ``NODE.ATTR``."""
        return {
            f"{node}.{attr}": value
            for (node, attr), value in self.after(step).items()
            if value != float(self.optimizers[node].attrs[attr])
        }

    def fed(self) -> dict[Tensor, str]:
        """The tensors that are fed, with the attribute that each one is."""
        return {t: attr for (_, attr), tensors in self._tensors.items() for t in tensors}

    def feeds(self, step: int) -> dict[Tensor, np.ndarray]:
        """What is fed to the step that follows ``step``."""
        return {
            tensor: np.array(value, numpy_dtype(tensor.dtype))
            for key, value in self.after(step).items()
            for tensor in self._tensors[key]
        }

    def feed(self, stepper: Fed, step: int) -> None:
        """Give a stepper the numbers of the step that follows ``step``."""
        for tensor, value in self.feeds(step).items():
            stepper.feed(tensor, value)


def _attr_of(owner: Node, constant: Node) -> str | None:
    """The number that a derived constant holds: ``Adam/beta1`` and, of another dtype,
    ``Adam/beta1_1``."""
    assert isinstance(owner.op, Optimizer)
    name = constant.name.removeprefix(f"{owner.name}/")
    for attr in owner.op.numbers:
        rest = name.removeprefix(attr)
        if name.startswith(attr) and (not rest or (rest[:1] == "_" and rest[1:].isdecimal())):
            return attr
    return None
