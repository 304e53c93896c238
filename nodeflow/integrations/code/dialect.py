"""The code of ops in a library: a table with an expression for each op."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.integrations.code.layer_variables import layer_variables
from nodeflow.ops.composed import resolve
from nodeflow.ops.runtime_attributes import LATER, RuntimeAttributes
from nodeflow.ops.sliding_windows import explicit_pads
from nodeflow.ops.training_mode import is_flag


class Unwritten(Exception):
    """An error: a library cannot express an argument of an op."""


@dataclass(frozen=True)
class Call:
    """An op to be written.

    Attributes:
        node: the op, with its attributes and types.
        args: expressions of its inputs, mostly names.
        name: the name of the node in the code.
        weights: expressions of a layer's variables, by their short names.
        training: the expression of the training phase.
        number: number of the node's random draw; nodes that must draw different values have
            different numbers.
        value: a function that returns the expression of an already computed tensor.
        size_of: a template for a size, from a tensor and an axis.
    """

    node: Node
    args: Sequence[str]
    name: str = "x"
    weights: Mapping[str, str] = field(default_factory=dict)
    training: str = "training"
    number: int = 1
    value: Callable[[Tensor], str] = lambda tensor: "x"
    size_of: str = "{}.shape[{}]"

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self.node.attrs

    @property
    def types(self) -> Sequence[TensorType]:
        """The types of the inputs."""
        return [t.type for t in self.node.inputs]

    @property
    def rank(self) -> int:
        """Rank of the first input."""
        return len(self.node.inputs[0].shape)

    @property
    def dtype(self) -> str:
        """The dtype of the first output."""
        return self.node.outputs[0].dtype

    def known(self, name: str) -> Any:
        """Return the value of an attribute, which may also come from a tensor that is connected in
        its place.

        The value, or a size in a tuple, is None if it is known only at run time.
        """
        op = self.node.op
        value = self.attrs[name]
        if isinstance(op, RuntimeAttributes):
            value = op.bound(self.types, self.attrs)[name]
        if value is LATER:
            return None
        if isinstance(value, tuple):
            return tuple(None if v is LATER else v for v in value)
        return value

    def sizes(self, name: str = "shape") -> tuple[int, ...] | None:
        """Return the sizes given by an attribute, or by the tensor that is connected in its place.
        Return None if some of them are known only at run time.
        """
        value = self.known(name)
        return None if value is None or None in value else tuple(value)

    def size(self, tensor: Tensor, axis: int) -> str:
        """Return the expression of a size, such as ``x.shape[0]``."""
        return self.size_of.format(self.value(tensor), axis)

    def phase(self, port: int = 1) -> str | None:
        """Return the expression that is true if the node acts as in training.

        Return None if this depends on a tensor of the graph other than the flag that a training
        feeds.
        """
        if len(self.node.inputs) <= port:
            return self.training
        wired = resolve(self.node.inputs[port])
        if is_flag(wired):
            return self.training
        return str(bool(wired.node.attrs["value"])) if wired.node.op.id == "constant" else None


Write = Callable[[Call], str | None]
Expression = str | Write
"""The code for an op: a template such as ``torch.exp({0})``, or a function, which returns None
if the library cannot express the op.
"""


@dataclass(frozen=True)
class Dialect:
    """A library that code is written for.

    Attributes:
        id: its name on the command line, after ``--to``.
        title: its name for users.
        ops: the expression of each op.
        helpers: functions that expressions call, by name; the code contains those that it calls.
        flag: the expression that is true in training.
        flag_tensor: the same expression as a tensor.
        modules: layers that keep their variables in an object of the library.
        moving: layers whose calls also return the new values of their moving averages.
        sizes: another dialect for integers that follow from shapes; None for this one.
        size_of: a template for a size, from a tensor and an axis.
    """

    id: str
    title: str
    ops: Mapping[str, Expression]
    helpers: Mapping[str, str]
    flag: str = "training"
    flag_tensor: str = "training"
    modules: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()
    sizes: Dialect | None = None
    size_of: str = "{}.shape[{}]"

    def expression(self, call: Call) -> str | None:
        """Return the source code that computes an op in the target library. Return None if the
        library has no code for it.
        """
        if self.sizes is not None and follows_from_shapes(call.node):
            return self.sizes.expression(call)
        if self.sizes is not None and _has_late_sizes(call.node):
            return None
        found = self.ops.get(call.node.op.id)
        if any(t.dtype not in DTYPES for t in (*call.node.inputs, *call.node.outputs)):
            return None
        if found is None:
            return None
        try:
            return found(call) if callable(found) else found.format(*call.args, **call.attrs)
        except Unwritten:
            return None

    def writes(self, node: Node) -> bool:
        """Return whether the dialect can write an op."""
        if node.op.id in ("placeholder", "variable"):
            return True
        if node.op.id not in self.ops and (self.sizes is None or node.op.id not in self.sizes.ops):
            return False
        weights = dict.fromkeys(layer_variables(node), "x")
        return (
            self.expression(Call(node, tuple("x" for _ in node.inputs), "x", weights)) is not None
        )

    def reads(self, node: Node) -> Iterable[Tensor]:
        """Return the tensors that the code for a node reads: its inputs, and the variables of a
        layer that is written as an expression.
        """
        if node.op.id in self.modules:
            return node.inputs
        return (*node.inputs, *(v.outputs[0] for v in layer_variables(node).values()))


DTYPES = frozenset("float32 float64 int8 int16 int32 int64 uint8 bool".split())
"""The dtypes that all libraries have."""
SIZE_OPS = frozenset("shape size rank".split())
"""Ops that read only shapes, so that their results are known before any values."""

PLACES = frozenset(("begin", "value"))
"""Runtime attributes that do not affect shapes."""


def follows_from_shapes(node: Node) -> bool:
    """Return whether a node's integers can be computed from shapes of other tensors and
    constants.
    """
    seen: set[Node] = set()
    stack, found = [node], False
    while stack:
        node = stack.pop()
        if node in seen or node.op.id in SIZE_OPS:
            found = found or node.op.id in SIZE_OPS
            continue
        seen.add(node)
        plain = all(t.dtype in ("int32", "int64", "bool") for t in node.outputs)
        if not plain or node.op.random or (not node.inputs and node.op.id != "constant"):
            return False
        stack.extend(t.node for t in node.inputs)
    return found


def _has_late_sizes(node: Node) -> bool:
    """Return whether the output sizes of a node depend on values that are known only at run time. A
    function that is compiled by ``jit`` does not allow that.
    """
    op = node.op
    if not isinstance(op, RuntimeAttributes):
        return False
    wired = {name: t for name, t in op.wired(node.inputs).items() if name not in PLACES}
    return any(
        t.type.value is None or None in t.type.value
        for t in wired.values()
        if not follows_from_shapes(resolve(t).node)
    )


def pair(sizes: Sequence[int]) -> tuple[int, ...]:
    """Return height and width. A single number stands for both."""
    return tuple(sizes) * 2 if len(sizes) == 1 else tuple(sizes)


def channels_first_pads(call: Call, filters: bool) -> tuple[tuple[int, int], ...] | None:
    """Return the explicit padding of the height and width of channels-first images, as in ONNX
    models.

    Return None for other layouts of images or filters, or if the padding depends on the size of the
    image.

    Args:
        filters: whether the op has filters, whose first axis is the outputs.
    """
    attrs = call.attrs
    if attrs["layout"] != "NCHW" or (filters and attrs["filter_layout"] != "OIHW"):
        return None
    if attrs["pads"] is not None:
        return explicit_pads(attrs["pads"], 2)
    return ((0, 0), (0, 0)) if attrs["padding"] == "valid" else None


def axes_text(axis: Any, rank: int) -> str:
    """Format axes for Python: a number, a tuple, or None for all axes."""
    if axis is None:
        return "None"
    axes = [axis] if isinstance(axis, int) else list(axis)
    return str(axes[0]) if len(axes) == 1 else str(tuple(axes))


def permutation(call: Call) -> tuple[int, ...]:
    """Return the order of axes of a transpose; by default the reverse order."""
    return tuple(call.attrs["perm"] or reversed(range(call.rank)))


def one_unknown(sizes: Sequence[int | None] | None) -> tuple[int, ...] | None:
    """Return the sizes with -1 for one unknown size.

    Return None if several sizes, or the rank, are unknown.
    """
    if sizes is None:
        return None
    written = tuple(-1 if size is None else size for size in sizes)
    return written if written.count(-1) <= 1 else None


def literal(value: Any) -> str:
    """Return an attribute value as the text of a Python literal."""
    if isinstance(value, str):  # numbers that JSON lacks are strings in files
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, np.ndarray):
        return literal(value.tolist())
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def tuple_text(values: Iterable[object]) -> str:
    """Return a tuple as Python code."""
    written = [str(value) for value in values]
    return f"({written[0]},)" if len(written) == 1 else f"({', '.join(written)})"
