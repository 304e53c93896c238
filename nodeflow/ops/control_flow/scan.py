"""Scans: loops over sequences. A subgraph runs for each step and carries values along.

The gradient of a scan is a scan in the opposite direction over the carried values at the start of
each step, so gradients of every order exist. If a step multiplies by a matrix that is the same in
all steps, the gradient of the matrix is one product over all steps, and not a sum of small ones.
The loop stacks the values of each step that the body's gradient uses (`remember`), so nothing is
computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from nodeflow.errors import Cancelled, GraphError, NodeflowError, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.session_hooks.interrupt import check_interrupt
from nodeflow.graph.types import (
    COMPLEX,
    DTYPES,
    FLOATS,
    INTEGERS,
    Dim,
    TensorType,
    numpy_dtype,
    shape_text,
    unify_shapes,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.control_flow.scan_body import (
    add_input,
    draws,
    inline,
    make_body,
    nodes_between,
    output_types,
    parse,
    run_body,
    to_text,
)
from nodeflow.ops.samples import values

NOTHING = "[0, [], []]"


@dataclass(frozen=True)
class Parts:
    """The inputs of a scan: carried values, sequences with one slice per step, and constants."""

    carried: Sequence[Any]
    sequences: Sequence[Any]
    constants: Sequence[Any]

    @classmethod
    def of(cls, inputs: Sequence[Any], attrs: Any) -> Parts:
        first = attrs["carried"]
        last = first + attrs.get("sequences", 0)
        return cls(inputs[:first], inputs[first:last], inputs[last:])


@register
class Scan(Op):
    """A loop over the steps of sequences."""

    id = "scan"
    widens = False
    category = "Internal"
    hidden = True
    doc = (
        "Runs a body for each step of sequences, carrying values from step to step.\n\nInputs: "
        "the first carried values, then sequences whose first axis is the steps, then constants. "
        "The body takes the carried values, one slice of each sequence and the constants; it "
        "returns the next carried values and the results of this step. Outputs: the last carried "
        "values; with `history`, the values at the start of each step, stacked; and the results, "
        "stacked. `reverse` goes from the last step to the first; stacked outputs stay in the "
        "sequences' order."
    )
    random = True
    differentiable = True
    inputs = (Port("values", "Carried, sequences, constants.", DTYPES, variadic=True),)
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("body", "string", NOTHING, "The body of each step, as text."),
        Attr("carried", "int", 0, "Number of carried values.", minimum=0),
        Attr("sequences", "int", 0, "Number of inputs that are sequences.", minimum=0),
        Attr("reverse", "bool", False, "From the last step to the first."),
        Attr("history", "bool", False, "Also return the carried values before each step."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        parts = Parts.of(types, attrs)
        count = parse(attrs["body"])[0]
        if not parts.sequences or count != len(types):
            raise GraphError(
                f"a scan of {len(types)} inputs, {len(parts.sequences)} of them sequences, does "
                f"not fit a body that takes {count}",
                port="values.0",
            )
        steps: Dim = None
        for place, type_ in enumerate(parts.sequences, attrs["carried"]):
            if not type_.rank or (None not in (steps, type_.shape[0]) and steps != type_.shape[0]):
                raise ShapeError(
                    f"a sequence of shape {shape_text(type_.shape)} does not have "
                    f"{'any' if steps is None else steps} steps",
                    port=f"values.{place}",
                )
            steps = type_.shape[0] if steps is None else steps
        slices = [t.with_shape(t.shape[1:]) for t in parts.sequences]
        made = output_types(attrs["body"], (*parts.carried, *slices, *parts.constants))
        carried = []
        for place, (old, new) in enumerate(zip(parts.carried, made, strict=False)):
            if not old.accepts(new):
                raise ShapeError(
                    f"a carried value is {old} at first and {new} after a step",
                    port=f"values.{place}",
                )
            carried.append(old.with_shape(unify_shapes(old.shape, new.shape)))
        stacked = [*(carried if attrs["history"] else ()), *made[len(carried) :]]
        return [*carried, *(t.with_shape((steps, *t.shape)) for t in stacked)]

    def reference(
        self, *arrays: np.ndarray, stream: Any = None, **attrs: Any
    ) -> Sequence[np.ndarray]:
        parts = Parts.of(arrays, attrs)
        steps = parts.sequences[0].shape[0]
        if any(s.shape[0] != steps for s in parts.sequences):
            raise RunError("sequences of different length", port=f"values.{attrs['carried']}")
        types = [TensorType(a.dtype.name, a.shape) for a in arrays]
        outs = self.infer(*types, **attrs)
        count = len(parts.carried)
        stacked = [np.empty(t.shape, numpy_dtype(t.dtype)) for t in outs[count:]]  # type: ignore
        history = stacked[:count] if attrs["history"] else []
        results = stacked[len(history) :]
        carried = list(parts.carried)
        order = range(steps - 1, -1, -1) if attrs["reverse"] else range(steps)
        for step in order:
            check_interrupt()
            for whole, value in zip(history, carried, strict=False):
                whole[step] = value
            slices = [s[step, ...] for s in parts.sequences]
            inputs = [*carried, *slices, *parts.constants]
            made = run_iteration(attrs["body"], inputs, stream, step)
            carried = made[:count]
            for whole, value in zip(results, made[count:], strict=True):
                whole[step] = value
        return [*(np.array(c) for c in carried), *stacked]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return None if draws(attrs["body"]) else lowering.Loop(**attrs)

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        return loop_gradient(node, grads)

    def samples(self) -> Iterator[Sample]:
        def call(function: Any, arrays: Sequence[np.ndarray], **attrs: Any) -> Sample:
            parts = Parts.of(arrays, attrs)
            seen = [*parts.carried, *(s[0] for s in parts.sequences), *parts.constants]
            types = [TensorType(np.asarray(a).dtype.name, np.shape(a)) for a in seen]
            attrs["body"] = make_body(function, types)[0]
            return Sample(tuple(arrays), attrs, smooth=arrays[0].dtype == "float64")

        def layer(h: Tensor, x: Tensor, w: Tensor) -> Sequence[Tensor]:
            new = F.tanh(F.matmul(h, w) + x)
            return new, new * h

        def count(n: Tensor, x: Tensor) -> Sequence[Tensor]:
            return n + 1, F.where(x, n, 0)

        for dtype in FLOATS:
            arrays = values((2, 3), dtype), values((4, 2, 3), dtype), values((3, 3), dtype, -1, 1)
            for reverse, history in ((False, True), (True, False)):
                yield call(layer, arrays, carried=1, sequences=1, reverse=reverse, history=history)
        short = values((1, 1)), values((0, 1, 1)), values((1, 1))
        yield call(layer, (short[0], values((1, 1, 1)), short[2]), carried=1, sequences=1)
        empty = call(layer, (short[0], values((1, 1, 1)), short[2]), carried=1, sequences=1)
        yield Sample(short, empty.attrs)
        for dtype in INTEGERS + COMPLEX:
            arrays = np.zeros((), dtype), values((5,), "bool")
            yield call(count, arrays, carried=1, sequences=1)


def run_iteration(
    text: str, inputs: Sequence[np.ndarray], stream: Any, iteration: int
) -> list[np.ndarray]:
    """Run the body of a loop for one iteration and return its outputs. Errors name the
    iteration.
    """
    try:
        return run_body(text, inputs, stream, iteration)
    except NodeflowError as error:
        if not isinstance(error, Cancelled):
            error.message = f"{error.message}, in iteration {iteration}"
        raise


def loop_gradient(node: Node, grads: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
    """Return the gradients of a loop's inputs: a scan in the opposite direction.

    Args:
        node: a ``scan``, or a ``while_loop``, which has no sequences.
        grads: one for each of its outputs.
    """
    if node.attrs["history"]:
        return _Backwards(node, grads).inputs()
    count = node.attrs["carried"]
    outputs = [*range(count), *(i for i, g in enumerate(grads) if i >= count and g is not None)]
    wide = _remembering(node, outputs)
    return loop_gradient(wide, [*grads[:count], *[None] * count, *grads[count:]])


def _remembering(node: Node, outputs: Sequence[int]) -> Node:
    """Add a copy of a loop with further outputs: the intermediate values of all iterations that the
    gradient of ``outputs`` reads. Return its node.
    """
    parts = Parts.of([t.type for t in node.inputs], node.attrs)
    slices = [t.with_shape(t.shape[1:]) for t in parts.sequences]
    types = [*parts.carried, *slices, *parts.constants]
    body = remember(node.attrs["body"], types, len(parts.carried) + len(slices), outputs)
    attrs = {**node.attrs, "body": body, "history": True}
    return node.graph.add_node(node.op, node.inputs, attrs, stream=node.stream)


def remember(
    text: str, types: Sequence[TensorType], changing: int, outputs: Sequence[int] | None = None
) -> str:
    """Add outputs to a loop's body: the intermediate values of an iteration that the gradient
    reads. So the backward loop does not compute them again.

    Args:
        text: the body, as text.
        types: types of the body's inputs. The first ``changing`` differ from iteration to
            iteration.
        outputs: numbers of the outputs that have a gradient; None means all.
    """
    graph = Graph()
    inputs = [add_input(graph, t) for t in types]
    made = inline(graph, text, inputs)
    mark = len(graph.nodes)
    ys = made if outputs is None else [made[i] for i in outputs]
    with graph:
        floats = [t for t in inputs if t.type.is_float]
        found = gradients([y for y in ys if y.type.is_float], floats)
    backwards = nodes_between(inputs, [t for t in found if t is not None])
    changed = set(inputs[:changing])
    for node in graph.nodes[:mark]:
        if node.op.random or not changed.isdisjoint(node.inputs):
            changed.update(node.outputs)
    used = {t for n in backwards if n.index >= mark for t in n.inputs if t.node.index < mark}
    used = (used & changed) - {*inputs, *made}
    return to_text(inputs, [*made, *sorted(used, key=lambda t: (t.node.index, t.index))])


class _Backwards:
    """The gradient of one scan that keeps its history: a scan in the opposite direction.

    It carries the gradients of the carried values. At each step it runs the gradient of the body on
    the values at the start of the step, and on the values that the forward scan stored for that
    step.
    """

    def __init__(self, node: Node, grads: Sequence[Tensor | None]) -> None:
        self.node = node
        count = node.attrs["carried"]
        self.parts = Parts.of(node.inputs, node.attrs)
        self.history = node.outputs[count : 2 * count]
        self.results = node.outputs[2 * count :]
        self.by_last, self.by_history = grads[:count], grads[count : 2 * count]
        self.by_results = grads[2 * count :]
        self.floats = [i for i, t in enumerate(self.parts.carried) if t.type.is_float]
        self.graph = Graph()
        self.sequence_of: dict[Tensor, Tensor] = {}
        """The sequence of each slice in the body's graph."""

    def inputs(self) -> list[Tensor | None]:
        """Return the gradients of the scan's inputs."""
        self._build()
        stacked = self._loop()
        by_carried = dict(zip(self.floats, self.last, strict=False))
        by_constant = dict(zip(self.summed, self.last[len(self.floats) :], strict=True))
        for index, pairs in self.products.items():
            terms = [all_steps_product(stacked[a], stacked[b]) for a, b in pairs]
            by_constant[index] = reduce(add, terms)
        by_slices = iter(self.by_slices)
        return [
            *(by_carried.get(i) for i in range(len(self.parts.carried))),
            *(stacked[next(by_slices)] if t.type.is_float else None for t in self.parts.sequences),
            *(by_constant.get(i) for i in range(len(self.parts.constants))),
        ]

    def _loop(self) -> dict[Tensor, Tensor]:
        """Add the scan that computes the gradient of a loop to the graph.

        Return a dict from each tensor of the body that stands for one slice to the sequence of all
        slices: an input sequence or a stacked output.
        """
        factors = [t for pairs in self.products.values() for pair in pairs for t in pair]
        wanted = dict.fromkeys([*self.by_slices, *factors])
        results = [t for t in wanted if t not in self.sequence_of]
        outputs = [*self.by_carried, *self.totals, *results]
        known = [*self.by_new, *self.sums, *self.sequence_of, *self.constants]
        used = {t for n in nodes_between(known, outputs) for t in n.inputs}.union(outputs)
        slices = [t for t in self.sequence_of if t in used] or list(self.sequence_of)[:1]
        constants = [i for i, t in enumerate(self.constants) if t in used]
        starts = [self._start(i) for i in self.floats]
        starts += [F.zeros_like(self.parts.constants[i]) for i in self.summed]
        inner = [*self.by_new, *self.sums, *slices, *(self.constants[i] for i in constants)]
        outs = self.node.graph.add_node(
            "scan",
            [
                *starts,
                *(self.sequence_of[t] for t in slices),
                *(self.parts.constants[i] for i in constants),
            ],
            {
                "body": to_text(inner, outputs),
                "carried": len(starts),
                "sequences": len(slices),
                "reverse": not self.node.attrs.get("reverse", False),
            },
            stream=self.node.stream,
        ).outputs
        self.last = outs[: len(starts)]
        return {**self.sequence_of, **dict(zip(results, outs[len(starts) :], strict=True))}

    def _start(self, index: int) -> Tensor:
        grad = self.by_last[index]
        return F.zeros_like(self.parts.carried[index]) if grad is None else grad

    def _inner(self, type_: TensorType) -> Tensor:
        return add_input(self.graph, type_)

    def _slice(self, sequence: Tensor) -> Tensor:
        """Add an input for one element of a sequence to the graph of the loop's body. Return the
        input.
        """
        slice_ = self._inner(sequence.type.with_shape(sequence.shape[1:]))
        self.sequence_of[slice_] = sequence
        return slice_

    def _build(self) -> None:
        """Build the body of the backward scan, in a separate graph."""
        results = [(i, g) for i, g in enumerate(self.by_results) if g is not None]
        touched = [(i, g) for i in self.floats if (g := self.by_history[i]) is not None]
        self.by_new = [self._inner(self.parts.carried[i].type) for i in self.floats]
        before = [self._slice(t) for t in self.history]
        slices = [self._slice(t) for t in self.parts.sequences]
        by_result = [self._slice(g) for _, g in results]
        by_before = {i: self._slice(g) for i, g in touched}
        self.constants = [self._inner(t.type) for t in self.parts.constants]

        given = [*before, *slices, *self.constants]
        made = inline(self.graph, self.node.attrs["body"], given, quiet=True)
        count = len(before)
        ys = [made[i] for i in self.floats] + [made[count + i] for i, _ in results]
        xs = [before[i] for i in self.floats]
        float_slices = [s for s in slices if s.type.is_float]
        float_constants = [(i, c) for i, c in enumerate(self.constants) if c.type.is_float]
        wanted = [*xs, *float_slices, *(c for _, c in float_constants)]
        with self.graph:
            found = gradients(ys, wanted, [*self.by_new, *by_result])
            self.by_carried = [
                self._add(g, by_before.get(i), x)
                for i, x, g in zip(self.floats, xs, found, strict=False)
            ]
            found = found[len(xs) :]
            self.by_slices = [
                F.zeros_like(s) if g is None else g
                for s, g in zip(float_slices, found, strict=False)
            ]
            self._share_out(float_constants, found[len(float_slices) :])
        known = {*before, *slices, *self.constants}
        for tensor, result in zip(made[count:], self.results, strict=True):
            if tensor not in known:
                self.sequence_of.setdefault(tensor, result)

    def _share_out(
        self, constants: Sequence[tuple[int, Tensor]], found: Sequence[Tensor | None]
    ) -> None:
        """Divide the gradients of the loop's constants into two kinds, and store them. If a
        gradient is a sum of matrix products, keep the factors, to multiply them once for all steps.
        Sum any other gradient step by step.
        """
        self.products: dict[int, list[tuple[Tensor, Tensor]]] = {}
        self.summed: list[int] = []
        self.sums: list[Tensor] = []
        self.totals: list[Tensor] = []
        for (i, constant), grad in zip(constants, found, strict=True):
            terms = None if grad is None else _products(grad)
            if terms:
                self.products[i] = [(t.node.inputs[0], t.node.inputs[1]) for t in terms]
            elif grad is not None:
                self.summed.append(i)
                self.sums.append(self._inner(constant.type))
                self.totals.append(self.sums[-1] + grad)

    @staticmethod
    def _add(grad: Tensor | None, other: Tensor | None, like: Tensor) -> Tensor:
        if grad is None:
            return F.zeros_like(like) if other is None else other
        return grad if other is None else grad + other


def _products(grad: Tensor) -> list[Tensor] | None:
    """Return the terms of a gradient that is a sum of matrix products a^T b; None for others."""
    if grad.node.op.id == "add":
        left, right = (_products(t) for t in grad.node.inputs)
        return left + right if left and right else None
    attrs = grad.node.attrs
    matrices = all(len(t.shape) == 2 for t in grad.node.inputs)
    if grad.node.op.id == "matmul" and matrices and attrs["transpose_x"]:
        return None if attrs["transpose_y"] else [grad]
    return None


def all_steps_product(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum over steps of a^T b: (steps, rows, m) and (steps, rows, n) give (m, n)."""
    m, n = a.shape[-1], b.shape[-1]
    if not m or not n:  # a reshape cannot infer the number of rows here
        return F.einsum([a, b], equation="trm,trn->mn")
    tall, other = F.reshape(a, shape=(-1, m)), F.reshape(b, shape=(-1, n))
    return F.matmul(tall, other, transpose_x=True)
