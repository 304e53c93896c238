"""A branch: a run executes one of two subgraphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import BOOL, DTYPES, FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.control_flow.scan import NOTHING
from nodeflow.ops.control_flow.scan_body import (
    add_input,
    draws,
    inline,
    make_body,
    output_types,
    parse,
    run_body,
    to_text,
)
from nodeflow.ops.samples import values


@register
class Cond(Op):
    """A branch: one of two subgraphs runs, chosen by a condition."""

    id = "cond"
    widens = False
    category = "Internal"
    hidden = True
    doc = (
        "The outputs of one of two subgraphs, chosen by a condition that a run "
        "computes.\n\nOnly the chosen one runs. Both take all values and return the same number "
        "of outputs, of equal dtypes. If a size differs between them, it is known only after the "
        "run. Gradient: a cond of the gradients of both."
    )
    random = True
    differentiable = True
    inputs = (
        Port("pred", "Which one runs.", BOOL, accepts_bool=False),
        Port("values", "Values that both can use.", DTYPES, variadic=True),
    )
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("true_body", "string", NOTHING, "The subgraph for a true condition, as text."),
        Attr("false_body", "string", NOTHING, "The subgraph for a false condition, as text."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        if types[0].shape:
            raise ShapeError(
                f"the condition must be one bool, not {types[0]}",
                port="pred",
                hint="Use where to choose by element, or reduce_all for one bool.",
            )
        bodies = attrs["true_body"], attrs["false_body"]
        for body in bodies:
            if parse(body).count != len(types) - 1:
                raise GraphError(
                    f"{len(types) - 1} values do not fit a branch that takes {parse(body).count}",
                    port="values.0",
                )
        one, other = (output_types(body, tuple(types[1:])) for body in bodies)
        if len(one) != len(other):
            raise GraphError(f"the branches return {len(one)} and {len(other)} values")
        pairs = enumerate(zip(one, other, strict=True))
        return [either_type(f"output {i}", a, b) for i, (a, b) in pairs]

    def reference(
        self, *arrays: np.ndarray, stream: Any = None, **attrs: Any
    ) -> Sequence[np.ndarray]:
        body = attrs["true_body" if arrays[0] else "false_body"]
        return [np.array(a) for a in run_body(body, arrays[1:], stream)]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return None if any(map(draws, attrs.values())) else lowering.Branch(**attrs)

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        given = {i: g for i, g in enumerate(grads) if g is not None}
        floats = [i for i, t in enumerate(node.inputs[1:]) if t.type.is_float]
        yes, no = (
            _Backwards(node, node.attrs[name], floats, given)
            for name in ("true_body", "false_body")
        )
        reached = [i for i in floats if yes.found[i] is not None or no.found[i] is not None]
        if not reached:
            return [None] * len(node.inputs)
        bodies = {"true_body": yes.text(reached), "false_body": no.text(reached)}
        inputs = [*node.inputs, *given.values()]
        outs = node.graph.add_node("cond", inputs, bodies, stream=node.stream).outputs
        by_value = dict(zip(reached, outs, strict=True))
        return [None, *(by_value.get(i) for i in range(len(node.inputs) - 1))]

    def samples(self) -> Iterator[Sample]:
        def call(arrays: Sequence[np.ndarray], yes: Any, no: Any, smooth: bool = False) -> Sample:
            types = [TensorType(a.dtype.name, a.shape) for a in arrays[1:]]
            bodies = {"true_body": make_body(yes, types)[0], "false_body": make_body(no, types)[0]}
            return Sample(tuple(arrays), bodies, smooth)

        def scaled(x: Tensor, w: Tensor) -> Sequence[Tensor]:
            return F.tanh(x * w), x

        def other(x: Tensor, w: Tensor) -> Sequence[Tensor]:
            return x * x, F.zeros_like(x)

        for pred in (True, False):
            for dtype in FLOATS:
                arrays = np.array(pred), values((2, 3), dtype), values((3,), dtype)
                yield call(arrays, scaled, other, smooth=dtype == "float64")
            for dtype in (d for d in DTYPES if d not in FLOATS):
                arrays = np.array(pred), values((2, 3), dtype)
                yield call(arrays, lambda x: [x], lambda x: [F.zeros_like(x)])
        yield call((np.array(True), values((0, 3))), lambda x: [x], lambda x: [-x])
        yield call((np.array(False), values((1, 1))), lambda x: [x], lambda x: [-x])


def either_type(name: str, one: TensorType, other: TensorType) -> TensorType:
    """Return the type of an output that comes from one of two branches.

    Raises:
        DtypeError: the dtypes differ.
    """
    if one.dtype != other.dtype:
        raise DtypeError(
            f"{name} is {one} where the condition is true and {other} where it is false",
            hint="Insert a Cast into one branch.",
        )
    if one.ndims is None or one.ndims != other.ndims:
        return one if one == other else one.with_shape(UNKNOWN)
    dims = zip(one.shape, other.shape, strict=True)
    return one.with_shape(a if a == b else None for a, b in dims)


class _Backwards:
    """A branch body that computes the gradients of the inputs from gradients of some outputs."""

    def __init__(
        self, node: Node, text: str, floats: Sequence[int], grads: Mapping[int, Tensor]
    ) -> None:
        self.graph = Graph()
        types = [t.type for t in (*node.inputs[1:], *grads.values())]
        self.inputs = [add_input(self.graph, t) for t in types]
        weights = self.inputs[len(node.inputs) - 1 :]
        made = inline(self.graph, text, self.inputs[: len(node.inputs) - 1], quiet=True)
        with self.graph:
            ys, xs = [made[i] for i in grads], [self.inputs[i] for i in floats]
            self.found = dict(zip(floats, gradients(ys, xs, weights), strict=True))

    def text(self, wanted: Sequence[int]) -> str:
        """Return the gradients of the inputs in ``wanted`` as the text of a subgraph. An input that
        the output does not depend on gets zeros.
        """
        with self.graph:
            grads = [(self.found[i], self.inputs[i]) for i in wanted]
            outs = [F.zeros_like(like) if grad is None else grad for grad, like in grads]
        return to_text(self.inputs, outs)
