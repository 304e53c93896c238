"""Gradients of loops with a maximum: sequences have the maximum length, with zeros at the end.

The gradient of a `while_loop` is a scan over a range with as many numbers as the loop made
iterations (`ops.control_flow.while_gradient`). JAX compiles for known sizes, so the range gets
the length of the loop's maximum, and each scan over it gets the true length as a further input.
Beyond the true length the scan changes nothing and stacks zeros. Sums over steps are not
affected by these zeros. Ops that would be affected are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.errors import OWN_ENGINE, NotOnJax

_KEEP_ZEROS = frozenset(
    "add cast identity multiply negative reshape scan stop_gradient zeros_like".split()
)
"""Ops whose result is 0 where their inputs are 0."""
_ADD_UP = frozenset("einsum matmul reduce_sum".split())
"""Ops that sum over all steps in the gradient of a loop, so that zeros do not affect the result."""


class Padding:
    """The slots that contain sequences with zeros at their end.

    Attributes:
        types: the types of the schedule's slots, with the maximum as the length of such sequences.
        ranges: the slots with the numbers of a loop's steps, and the maximum number of steps.

    Raises:
        NotOnJax: a loop has no maximum, or an op that the zeros would affect uses its steps.
    """

    def __init__(self, schedule: Schedule, types: Sequence[TensorType]) -> None:
        self.types = list(types)
        self.ranges: dict[int, int] = {}
        self._length: dict[int, int] = {}
        """For the slot of each padded sequence, the slot with its true length."""
        if all(t.is_static for t in types):
            return
        maker = {slot: step for step in schedule.steps for slot in step.outputs}
        for step in schedule.steps:
            counted = self._counted(step, maker)
            if counted is not None:
                self.ranges[step.outputs[0]] = counted
                self._length[step.outputs[0]] = step.inputs[0]
                self.types[step.outputs[0]] = TensorType("int32", (counted,))
            elif not is_assign(step.node):
                self._specialise(step)

    def length(self, step: Step, values: Mapping[int, Any]) -> Any:
        """Return the true number of steps of a loop over padded sequences; None for any other
        step.
        """
        if step.node.op.id != "scan":
            return None
        found = [self._length[s] for s in step.inputs if s in self._length]
        return values[found[0]] if found else None

    def _counted(self, step: Step, maker: Mapping[int, Step]) -> int | None:
        """If a step is the range over the iterations of a while loop with a variable number of
        iterations, return the loop's maximum number of iterations. Return None for any other step.
        """
        if step.node.op.id != "range" or self.types[step.outputs[0]].is_static:
            return None
        loop = maker.get(step.inputs[0]) if len(step.inputs) == 1 else None
        if loop is None or loop.node.op.id != "while_loop":
            return None
        limit = loop.node.attrs["maximum_iterations"]
        if limit is None:
            raise _without_maximum(step.node)
        return limit

    def _specialise(self, step: Step) -> None:
        """Infer the output types of a step if they are not fully known, and record which of the
        outputs are padded sequences.
        """
        node = step.node
        inputs = [self.types[s] for s in step.inputs]
        if any(not self.types[s].is_static for s in step.outputs):
            outs = infer_types(node.op, inputs, node.attrs, node.name)
            for slot, type_ in zip(step.outputs, outs, strict=True):
                self.types[slot] = type_
        padded = next((self._length[s] for s in step.inputs if s in self._length), None)
        if padded is None:
            return
        if node.op.id in _ADD_UP:
            return
        if node.op.id not in _KEEP_ZEROS:
            raise NotOnJax(
                f"{node.op.id} takes the steps of a loop whose number a run finds out",
                node=node.name,
                hint=OWN_ENGINE,
            )
        carried = node.attrs["carried"] if node.op.id == "scan" else 0
        for slot in step.outputs[carried:]:
            self._length[slot] = padded


def _without_maximum(steps: Node) -> NotOnJax:
    scope = steps.name.rpartition("/")[0]  # of the gradients of a loop, which is named after it
    loops = [n.name for n in steps.graph.nodes if n.op.id == "while_loop"]
    named = [name for name in loops if f"/{scope}".endswith(f"/{name}_grad")]
    return NotOnJax(
        "the gradient of a while_loop without a maximum needs sizes that only a run finds out",
        node=max(named, key=len, default=steps.name),
        hint="Give the loop maximum_iterations.",
    )
