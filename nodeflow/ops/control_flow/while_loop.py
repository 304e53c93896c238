"""A loop that repeats while a condition is true.

Its gradient is a scan in the opposite direction over the values at the start of each iteration
(`scan`, `while_gradient`), so gradients of every order exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, DtypeError, GraphError, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.session_hooks.interrupt import check_interrupt
from nodeflow.graph.types import (
    DTYPES,
    FLOATS,
    Dim,
    TensorType,
    numpy_dtype,
    shape_text,
    unify_shapes,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.control_flow.scan import NOTHING, Parts, loop_gradient, run_iteration
from nodeflow.ops.control_flow.scan_body import draws, make_body, output_types, parse
from nodeflow.ops.control_flow.while_gradient import as_scan, can_count
from nodeflow.ops.samples import values


@register
class WhileLoop(Op):
    """A subgraph that repeats while a condition is true."""

    id = "while_loop"
    widens = False
    category = "Internal"
    hidden = True
    doc = (
        "Runs a body while a condition is true, carrying values from iteration to "
        "iteration.\n\nInputs: the first carried values, then constants. Condition and body "
        "take both; the condition returns one bool, the body the next carried values and possibly "
        "results. Outputs: the last carried values; with `history`, the values at the start of "
        "each iteration, stacked, and the results, stacked. A carried value keeps dtype and "
        "shape, unless `invariants` leaves sizes unknown."
    )
    random = True
    differentiable = True
    inputs = (Port("values", "Carried, constants.", DTYPES, variadic=True),)
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("cond", "string", NOTHING, "Whether there is another iteration, as text."),
        Attr("body", "string", NOTHING, "The body of each iteration, as text."),
        Attr("carried", "int", 0, "Number of carried values.", minimum=0),
        Attr("history", "bool", False, "Also return the carried values before each iteration."),
        Attr(
            "maximum_iterations", "int", None, "The loop ends after this number of iterations.",
            minimum=0, optional=True,
        ),
        Attr("invariants", "json", None, "Shapes of carried values; null: unchanged."),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        count = attrs["carried"]
        for name in ("cond", "body"):
            if parse(attrs[name]).count != len(types) or not 0 < count <= len(types):
                raise GraphError(
                    f"a loop of {len(types)} values, {count} of them carried, does not fit a "
                    f"{name} that takes {parse(attrs[name]).count}",
                    port="values.0",
                )
        carried = _invariant(types[:count], attrs["invariants"])
        given = (*carried, *types[count:])
        _check_condition(output_types(attrs["cond"], given))
        made = output_types(attrs["body"], given)
        if len(made) < count:
            raise GraphError(f"the body returns {len(made)} values, but {count} are carried")
        carried = [
            check_carried(f"values.{i}", old, new, attrs["invariants"])
            for i, (old, new) in enumerate(zip(carried, made, strict=False))
        ]
        if not attrs["history"]:
            return carried
        steps: Dim = None
        return [*carried, *(t.with_shape((steps, *t.shape)) for t in (*carried, *made[count:]))]

    def reference(
        self, *arrays: np.ndarray, stream: Any = None, **attrs: Any
    ) -> Sequence[np.ndarray]:
        count, limit, history = attrs["carried"], attrs["maximum_iterations"], attrs["history"]
        parts = Parts.of(arrays, attrs)
        types = [TensorType(a.dtype.name, a.shape) for a in arrays]
        outs = self.infer(*types, **attrs)
        carried, constants = list(parts.carried), list(parts.constants)
        stacked: list[list[np.ndarray]] = [[] for _ in outs[count:]]
        iteration = 0
        while limit is None or iteration < limit:
            check_interrupt()
            given = [*carried, *constants]
            if not run_iteration(attrs["cond"], given, stream, iteration)[0]:
                break
            made = run_iteration(attrs["body"], given, stream, iteration)
            for kept, value in zip(stacked, [*carried, *made[count:]], strict=bool(history)):
                kept.append(value)
            carried = made[:count]
            _check_values(carried, outs, iteration)
            iteration += 1
        return [*(np.array(c) for c in carried), *map(_stack, stacked, outs[count:])]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        stays = [t.shape for t in types[: attrs["carried"]]] == [t.shape for t in outs]
        if attrs["history"] or not stays or draws(attrs["cond"]) or draws(attrs["body"]):
            return None
        limit = attrs["maximum_iterations"]
        return lowering.While(attrs["cond"], attrs["body"], attrs["carried"], limit)

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        if not can_count(node):
            return loop_gradient(node, grads)
        count = node.attrs["carried"]
        found = loop_gradient(as_scan(node), grads)
        return [*found[:count], *found[count + 1 :]]

    def samples(self) -> Iterator[Sample]:
        def call(arrays: Sequence[np.ndarray], test: Any, body: Any, **attrs: Any) -> Sample:
            types = [TensorType(a.dtype.name, a.shape) for a in arrays]
            smooth = any(a.dtype == "float64" for a in arrays)
            attrs["cond"], attrs["body"] = make_body(test, types)[0], make_body(body, types)[0]
            return Sample(tuple(arrays), attrs, smooth)

        def below(i: Tensor, *_: Tensor) -> Sequence[Tensor]:
            return [i < 3]

        def layer(i: Tensor, h: Tensor, w: Tensor) -> Sequence[Tensor]:
            return i + 1, F.tanh(F.matmul(h, w))

        start = np.array(0, "int32")
        for dtype in FLOATS:
            arrays = start, values((2, 3), dtype), values((3, 3), dtype, -1, 1)
            yield call(arrays, below, layer, carried=2)
            yield call(arrays, below, layer, carried=2, history=True)
        yield call(arrays, below, layer, carried=2, maximum_iterations=2)
        yield call((np.array(7, "int32"), *arrays[1:]), below, layer, carried=2)
        for dtype in (d for d in DTYPES if d not in FLOATS):
            arrays = start, values((1, 1), dtype), values((0, 3), dtype)
            yield call(arrays, below, lambda i, a, b: [i + 1, a, b], carried=3)


def _invariant(types: Sequence[TensorType], invariants: Any) -> list[TensorType]:
    """Return the types of the loop variables. Sizes that the shape invariants allow to change are
    unknown (None).

    Raises:
        AttributeProblem: the invariants are not one shape per loop variable.
        ShapeError: an initial value does not fit its invariant.
    """
    if invariants is None:
        return list(types)
    if not isinstance(invariants, (list, tuple)) or len(invariants) != len(types):
        raise AttributeProblem(
            f"invariants must be a list of {len(types)} shapes; null keeps a shape",
            port="invariants",
        )
    found = []
    for index, (type_, shape) in enumerate(zip(types, invariants, strict=True)):
        wanted = type_ if shape is None else type_.with_shape(shape)
        if not wanted.accepts(type_):
            raise ShapeError(
                f"{type_} at first does not fit its invariant {shape_text(wanted.shape)}",
                port=f"values.{index}",
            )
        found.append(wanted)
    return found


def _check_condition(types: Sequence[TensorType]) -> None:
    if [(t.dtype, t.shape) for t in types] != [("bool", ())]:
        said = " and ".join(map(str, types)) or "nothing"
        raise GraphError(f"the condition of a loop must be one bool, not {said}", port="cond")


def check_carried(
    name: str, old: TensorType, new: TensorType, invariants: Any = None
) -> TensorType:
    """Return the type of a loop variable, from its types before and after one iteration.

    Args:
        name: name of the loop variable, for errors.
        invariants: None, or the shapes that the user declared for loop variables.

    Raises:
        DtypeError, ShapeError: an iteration changes the type.
    """
    said = f"{name} is {old} at first and {new} after one iteration"
    if old.dtype != new.dtype:
        raise DtypeError(said, port=name, hint=f"Insert a Cast to {old.dtype} at the end.")
    if not old.accepts(new):
        hint = "Keep its shape, or say with shape_invariants which sizes change (None)."
        raise ShapeError(said, port=name, hint=hint)
    return old if invariants is not None else old.with_shape(unify_shapes(old.shape, new.shape))


def _check_values(
    carried: Sequence[np.ndarray], types: Sequence[TensorType], iteration: int
) -> None:
    for index, (value, type_) in enumerate(zip(carried, types, strict=False)):
        if value.shape != type_.shape and not type_.accepts(type_.with_shape(value.shape)):
            raise RunError(
                f"it is {type_} at first and {value.shape} after iteration {iteration}",
                port=f"values.{index}",
                hint="Keep its shape, or say with shape_invariants which sizes change (None).",
            )


def _stack(kept: Sequence[np.ndarray], type_: TensorType) -> np.ndarray:
    if not kept:
        shape = tuple(0 if d is None else d for d in type_.shape)
        return np.zeros((0, *shape[1:]), numpy_dtype(type_.dtype))
    if any(value.shape != kept[0].shape for value in kept):
        raise RunError(
            "the gradient of a loop needs carried values of one shape",
            hint="Keep their shapes, or stop the gradient with stop_gradient.",
        )
    return np.stack(kept)
