"""Verbs that put a step before an input or behind an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nodeflow.integrations.onnx.call import carrier
from nodeflow.integrations.onnx.errors import CannotEdit, onnx_package
from nodeflow.integrations.onnx.surgery.operation import (
    Equal,
    Operation,
    read_others,
    unchanged,
)

FLOATS = ("f", "V")


def normalize(operation: Operation, options: Mapping[str, Any]) -> None:
    """Subtract a mean from an input and divide by a standard deviation, channel by channel.

    The input keeps its name and type, and takes raw numbers then. Give one number, or one for each
    channel; the channels are the axis 1 unless you say otherwise.
    """
    graph = operation.graph
    name = _one(options.get("input"), operation.fed, "input")
    dtype = np.dtype(carrier(operation.kind(name)) or "i8")
    dims = operation.dims(name)
    if dtype.kind not in FLOATS or dims is None:
        raise CannotEdit(f"the input {name!r} is no tensor of floats with known axes")
    mean, std = (np.atleast_1d(options.get(key) or default) for key, default in _PLAIN)
    if not np.all(std):
        raise CannotEdit(f"the standard deviation for the input {name!r} is 0")
    axis = options.get("axis", 1)
    shape = _channels(name, dims, axis, max(mean.size, std.size))
    inner = operation.fresh(f"{name}_normalized")
    read_others(graph.node, {name: inner})
    centred = operation.fresh(f"{name}_centred")
    arrays = [(a.reshape(-1, *shape) if a.size > 1 else a).astype(dtype) for a in (mean, std)]
    mean_name = operation.add_weight(f"{name}_mean", arrays[0])
    std_name = operation.add_weight(f"{name}_std", arrays[1])
    operation.insert(0, "Sub", [name, mean_name], centred)
    operation.insert(1, "Div", [centred, std_name], inner)
    raw = [
        Equal(n, n, (lambda a: a * arrays[1] + arrays[0]) if n == name else unchanged)
        for n in operation.fed
    ]
    operation.inputs, operation.relative = raw, 1e-3
    operation.done.append(f"{name} is normalized with mean {_text(mean)} and std {_text(std)}")


_PLAIN = (("mean", [0.0]), ("std", [1.0]))


def argmax(operation: Operation, options: Mapping[str, Any]) -> None:
    """Put an argmax behind an output, which gives the index of the largest number.

    The new output takes the place of the old one; its name ends in ``_argmax``. The axis is the
    last one unless you say otherwise.
    """
    onnx = onnx_package()
    graph = operation.graph
    name = _one(options.get("result"), [v.name for v in graph.output], "output")
    axis = options.get("axis", -1)
    kind, dims = operation.kind(name), operation.dims(name)
    if kind in (onnx.TensorProto.STRING, onnx.TensorProto.BOOL):
        raise CannotEdit(f"the output {name!r} has no numbers", node=operation.made_by(name))
    if dims is not None and not -len(dims) <= axis < len(dims):
        raise CannotEdit(
            f"the output {name!r} has {len(dims)} axes, and no axis {axis}",
            node=operation.made_by(name),
        )
    if axis < 0 and operation.opset < 11:  # negative axes exist since then
        if dims is None:
            raise CannotEdit(f"the axes of the output {name!r} are unknown", hint="Give the axis.")
        axis += len(dims)
    made = operation.fresh(f"{name}_argmax")
    operation.insert(len(graph.node), "ArgMax", [name], made, axis=axis, keepdims=0)
    place = next(i for i, value in enumerate(graph.output) if value.name == name)
    left = (
        None if dims is None else [d or None for i, d in enumerate(dims) if i != axis % len(dims)]
    )
    value = onnx.helper.make_tensor_value_info(made, onnx.TensorProto.INT64, left)
    graph.output[place].CopyFrom(value)
    operation.outputs = [
        Equal(v.name, name, lambda a: np.asarray(np.argmax(a, axis)))
        if v.name == made
        else Equal(v.name, v.name)
        for v in graph.output
    ]
    operation.done.append(f"{made} takes the place of the output {name}")


def _one(given: str | None, names: list[str], what: str) -> str:
    """Return the name of the input or output that the user chose. Without a choice, the model must
    have only one.

    Raises:
        CannotEdit: the name is unknown, or there are several to choose from.
    """
    listed = ", ".join(names) or "none"
    if given is None:
        if len(names) != 1:
            raise CannotEdit(f"the model has {len(names)} {what}s", hint=f"Choose one: {listed}.")
        return names[0]
    if given not in names:
        raise CannotEdit(f"the model has no {what} {given!r}", hint=f"It has {listed}.")
    return given


def _channels(name: str, dims: list[int | str], axis: int, count: int) -> list[int]:
    """Return as many sizes of 1 as the input has axes after the channel axis, for reshaping an
    array with ``count`` numbers, one per channel. A single number needs none.

    Raises:
        CannotEdit: there is no such axis, or its size is not ``count``.
    """
    if count == 1:
        return []
    if not -len(dims) <= axis < len(dims):
        raise CannotEdit(f"the input {name!r} has {len(dims)} axes, and no axis {axis}")
    size = dims[axis]
    if isinstance(size, int) and size != count:
        raise CannotEdit(
            f"the input {name!r} has {size} channels in axis {axis}, and {count} numbers are given"
        )
    return [1] * (len(dims) - 1 - axis % len(dims))


def _text(array: np.ndarray) -> str:
    return ", ".join(f"{float(x):g}" for x in array)
