"""The verb that sets or frees the number of examples that a model takes at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.errors import CannotEdit
from nodeflow.integrations.onnx.surgery.operation import Equal, Operation, title

Size = int | str


def batch(operation: Operation, options: Mapping[str, Any]) -> None:
    """Set the batch to a number, or free it with a name such as ``batch``.

    The batch is the first axis of the first input. If it has a name, every axis of this name
    changes; if not, the first axis of the same size of each input with two or more axes, and of
    each output. Reshapes to a fixed batch take any batch then.
    """
    graph, new = operation.graph, _size(options["size"])
    fed = operation.fed
    first = operation.dims(fed[0]) if fed else None
    if not first:
        raise CannotEdit(
            f"the input {fed[0]!r} has no known first axis" if fed else "the model has no input"
        )
    old = first[0]
    if old == new:
        raise CannotEdit(f"the batch of the input {fed[0]!r} is already {new}")
    places = {
        name: axis
        for name in [*fed, *(value.name for value in graph.output)]
        if (axis := _axis(operation.dims(name), old, name == fed[0])) is not None
    }
    changed = operation.after(name for name in fed if name in places)
    places = {name: axis for name, axis in places.items() if name in changed}
    for value in graph.output:  # some programs give the batch of an output another name
        dims = operation.dims(value.name)
        if value.name in changed and dims and isinstance(dims[0], str):
            places.setdefault(value.name, 0)
    _mend_reshapes(operation, old, changed)
    for value in (*graph.input, *graph.output):
        if value.name in places:
            dim = value.type.tensor_type.shape.dim[places[value.name]]
            if isinstance(new, int):
                dim.dim_value = new
            else:
                dim.dim_param = new
    operation.forget_types(changed)
    rows = new if isinstance(new, int) else 2 * (old if isinstance(old, int) else 1)

    def equal(name: str) -> Equal:
        return (
            Equal(name, name, _repeated(rows, places[name]))
            if name in places
            else Equal(name, name)
        )

    operation.inputs = [equal(name) for name in fed]
    operation.outputs = [
        equal(v.name) for v in graph.output if v.name in places or v.name not in changed
    ]
    shown = ", ".join(f"axis {axis} of {name}" for name, axis in places.items())
    operation.done.append(f"the batch is {new}: {shown}")


def _size(given: Any) -> Size:
    try:
        number = int(given)
    except ValueError:
        return str(given)
    if number < 1:
        raise CannotEdit(f"the batch cannot be {number}", hint="Give a number from 1, or a name.")
    return number


def _axis(dims: list[Size] | None, old: Size, is_first: bool) -> int | None:
    """Return the axis of a tensor that is the batch, or None."""
    if not dims:
        return None
    if isinstance(old, str) and old:
        return dims.index(old) if old in dims else None
    return 0 if dims[0] == old and (len(dims) > 1 or is_first) else None


def _mend_reshapes(operation: Operation, old: Size, changed: set[str]) -> None:
    """Let reshapes to a fixed batch take any batch."""
    if not isinstance(old, int):
        return
    for node in operation.graph.node:
        if node.op_type != "Reshape" or node.domain or node.input[0] not in changed:
            continue
        shape, dims = operation.array(node.input[1]), operation.dims(node.input[0])
        if shape is None or not dims or dims[0] != old or not shape.size or shape[0] != old:
            continue
        if any(a.name == "allowzero" and a.i for a in node.attribute):
            continue
        made = shape.copy()
        made[0] = 0 if -1 in shape else -1
        node.input[1] = operation.add_weight(f"{node.output[0]}_shape", made)
        operation.done.append(f"{title(node)} reshapes any batch")
    operation.drop_dead()


def _repeated(rows: int, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that repeats the examples of an array along an axis, in turn, until there
    are ``rows`` examples.
    """
    return lambda array: np.take(array, np.arange(rows) % array.shape[axis], axis)
