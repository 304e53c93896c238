"""The tensors that an optimizer derives: gradients, and next values of variables."""

from __future__ import annotations

from nodeflow.graph.graph import Graph, Tensor
from nodeflow.ops.macro_ops import Optimizer

GRADIENTS = "gradients/"


def next_value(graph: Graph, tensor: Tensor) -> Tensor | None:
    """Return the value that the next step would assign to a variable, or None if it has none."""
    for optimizer in graph.nodes:
        if not isinstance(optimizer.op, Optimizer):
            continue
        for assign in optimizer.control_inputs:
            if assign.op.id == "assign" and assign.inputs[0] is tensor:
                return assign.inputs[1]
    return None


def gradient(graph: Graph, tensor: Tensor) -> Tensor | None:
    """Return the gradient of the loss with respect to a tensor, or None if training derives none.

    For a variable, it is the gradient that its update reads. For other tensors, it is the gradient
    that the gradient rule of the tensor's op reads.
    """
    value = next_value(graph, tensor)
    if value is not None:
        return _read_by_update(value, tensor)
    return _read_by_rule(graph, tensor)


def _read_by_update(value: Tensor, variable: Tensor) -> Tensor | None:
    """Find the gradient that an update of a variable uses, by searching the inputs of the
    variable's new value breadth first. Return None if there is none.

    The search stops at the nearest gradient of the variable's shape. Further away may be gradients
    of other variables, because clipping by the global norm reads them all.
    """
    level, seen = [value.node], {value.node}
    while level:
        further = []
        for node in level:
            for given in node.inputs:
                above = given.node
                if "_grad/" in above.name or above.name.startswith(GRADIENTS):
                    if given.shape == variable.shape:
                        return given
                elif above.derived_from is not None and above not in seen:
                    seen.add(above)
                    further.append(above)
        level = further
    return None


def _read_by_rule(graph: Graph, tensor: Tensor) -> Tensor | None:
    inside = f"/{tensor.node.name}_grad/"
    for node in graph.nodes:
        if node.derived_from is None or inside not in node.name:
            continue
        for given in node.inputs:
            is_from_above = given.node.derived_from is not None and inside not in given.node.name
            if is_from_above and given.shape == tensor.shape and given.dtype == tensor.dtype:
                return given
    return None
