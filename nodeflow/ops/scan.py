"""The one loop: a piece of graph run for each step of sequences, carrying values along.

Its gradient is a scan the other way over the carried values that each step began with, so every
order exists. Where a step multiplies by a matrix that is the same in all steps, the gradient of
the matrix is one product over all steps and not a sum of small ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, RunError, ShapeError
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Attr, Op, Port, Sample
from nodeflow.graph.types import DTYPES, Dim, TensorType, numpy_dtype, shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.body import inline, make_body, output_types, parse, run_body, to_text
from nodeflow.ops.samples import values

NOTHING = "[0, [], []]"


@dataclass(frozen=True)
class Parts:
    """A scan's inputs: what is carried, what has one slice per step, what stays the same."""

    carried: Sequence[Any]
    sequences: Sequence[Any]
    constants: Sequence[Any]

    @classmethod
    def of(cls, inputs: Sequence[Any], attrs: Any) -> Parts:
        first = attrs["carried"]
        last = first + attrs["sequences"]
        return cls(inputs[:first], inputs[first:last], inputs[last:])


@register
class Scan(Op):
    """A loop over the steps of sequences."""

    id = "scan"
    category = "Internal"
    hidden = True
    doc = (
        "Runs a body for each step of sequences, carrying values from step to step.\n\nInputs: "
        "first values of what is carried, then sequences whose first axis is the steps, then "
        "constants. The body takes the carried values, one slice of each sequence and the "
        "constants; it gives the next carried values and this step's results. Outputs: the last "
        "carried values; with `history`, what each step began with, stacked; and the results, "
        "stacked. `reverse` goes from the last step to the first; stacked outputs stay in the "
        "sequences' order."
    )
    differentiable = True
    inputs = (Port("values", "Carried, sequences, constants.", DTYPES, variadic=True),)
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("body", "string", NOTHING, "What each step does, as text."),
        Attr("carried", "int", 0, "How many values are carried.", minimum=0),
        Attr("sequences", "int", 0, "How many inputs are sequences.", minimum=0),
        Attr("reverse", "bool", False, "From the last step to the first."),
        Attr("history", "bool", False, "Also what was carried before each step."),
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
                    f"what is carried is {old} at first and {new} after a step",
                    port=f"values.{place}",
                )
            carried.append(old.with_shape(unify_shapes(old.shape, new.shape)))
        stacked = [*(carried if attrs["history"] else ()), *made[len(carried) :]]
        return [*carried, *(t.with_shape((steps, *t.shape)) for t in stacked)]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
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
            for whole, value in zip(history, carried, strict=False):
                whole[step] = value
            slices = [s[step, ...] for s in parts.sequences]
            made = run_body(attrs["body"], [*carried, *slices, *parts.constants])
            carried = made[:count]
            for whole, value in zip(results, made[count:], strict=True):
                whole[step] = value
        return [*(np.array(c) for c in carried), *stacked]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Loop(**attrs)

    def gradient(self, node: Node, *grads: Tensor | None) -> Sequence[Tensor | None]:
        if not node.attrs["history"]:
            wide = F.scan(node.inputs, **{**node.attrs, "history": True})
            count = node.attrs["carried"]
            none = [None] * count
            return self.gradient(wide[0].node, *grads[:count], *none, *grads[count:])
        return _Backwards(node, grads).inputs()

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

        for dtype in ("float32", "float64"):
            arrays = values((2, 3), dtype), values((4, 2, 3), dtype), values((3, 3), dtype, -1, 1)
            for reverse, history in ((False, True), (True, False)):
                yield call(layer, arrays, carried=1, sequences=1, reverse=reverse, history=history)
        short = values((1, 1)), values((0, 1, 1)), values((1, 1))
        yield call(layer, (short[0], values((1, 1, 1)), short[2]), carried=1, sequences=1)
        empty = call(layer, (short[0], values((1, 1, 1)), short[2]), carried=1, sequences=1)
        yield Sample(short, empty.attrs)
        for dtype in ("int32", "int64", "uint8"):
            arrays = np.zeros((), dtype), values((5,), "bool")
            yield call(count, arrays, carried=1, sequences=1)


class _Backwards:
    """The gradient of one scan that keeps its history: a scan the other way.

    It carries the gradients of what was carried. At each step it runs the body's own gradient, on
    the values that the step began with.
    """

    def __init__(self, node: Node, grads: Sequence[Tensor | None]) -> None:
        self.node = node
        count = node.attrs["carried"]
        self.parts = Parts.of(node.inputs, node.attrs)
        self.history = node.outputs[count : 2 * count]
        self.by_last, self.by_history = grads[:count], grads[count : 2 * count]
        self.by_results = grads[2 * count :]
        self.floats = [i for i, t in enumerate(self.parts.carried) if t.type.is_float]

    def inputs(self) -> list[Tensor | None]:
        """The gradients of the scan's inputs."""
        self._build()
        starts = [self._start(i) for i in self.floats]
        sums = [F.zeros_like(self.parts.constants[i]) for i in self.summed]
        outs = F.scan(
            [*starts, *sums, *self.sequences, *self.parts.constants],
            body=to_text(self.inner_inputs, self.inner_outputs),
            carried=len(starts) + len(sums),
            sequences=len(self.sequences),
            reverse=not self.node.attrs["reverse"],
        )
        found: dict[Tensor, Tensor] = dict(zip(self.float_carried, outs, strict=False))
        rest = outs[len(starts) :]
        found.update(zip((self.parts.constants[i] for i in self.summed), rest, strict=False))
        rest = rest[len(sums) :]
        result: list[Tensor | None] = [found.get(t) for t in self.parts.carried]
        by_slices = iter(rest)
        result += [next(by_slices) if t.type.is_float else None for t in self.parts.sequences]
        pieces = list(by_slices)
        for index, constant in enumerate(self.parts.constants):
            if index in self.products:
                result.append(self._product(constant, pieces))
            else:
                result.append(found.get(constant))
        return result

    @property
    def float_carried(self) -> list[Tensor]:
        return [self.parts.carried[i] for i in self.floats]

    def _start(self, index: int) -> Tensor:
        grad = self.by_last[index]
        return F.zeros_like(self.parts.carried[index]) if grad is None else grad

    def _build(self) -> None:
        """The body of the backward scan, in a graph of its own."""
        graph = Graph()
        text = self.node.attrs["body"]

        def inner(type_: TensorType) -> Tensor:
            return graph.apply("placeholder", dtype=type_.dtype, shape=type_.shape)

        def one(sequence: Tensor) -> Tensor:
            return inner(sequence.type.with_shape(sequence.shape[1:]))

        results = [(i, g) for i, g in enumerate(self.by_results) if g is not None]
        touched = [(i, g) for i in self.floats if (g := self.by_history[i]) is not None]
        by_new = [inner(t.type) for t in self.float_carried]
        before, slices = [one(t) for t in self.history], [one(t) for t in self.parts.sequences]
        by_result, by_before = [one(g) for _, g in results], {i: one(g) for i, g in touched}
        constants = [inner(t.type) for t in self.parts.constants]
        self.sequences = [
            *self.history, *self.parts.sequences, *(g for _, g in results), *(g for _, g in touched)
        ]  # fmt: skip

        made = inline(graph, text, [*before, *slices, *constants])
        count = len(before)
        ys = [made[i] for i in self.floats] + [made[count + i] for i, _ in results]
        xs = [before[i] for i in self.floats]
        float_slices = [s for s in slices if s.type.is_float]
        float_constants = [(i, c) for i, c in enumerate(constants) if c.type.is_float]
        wanted = [*xs, *float_slices, *(c for _, c in float_constants)]
        with graph:
            found = gradients(ys, wanted, [*by_new, *by_result])
            by_xs = [
                self._add(g, by_before.get(i), x)
                for i, x, g in zip(self.floats, xs, found, strict=False)
            ]
            found = found[len(xs) :]
            by_slices = [
                F.zeros_like(s) if g is None else g
                for s, g in zip(float_slices, found, strict=False)
            ]
            self.products: dict[int, list[Tensor]] = {}
            self.summed: list[int] = []
            sums, totals = [], []
            for (i, c), g in zip(float_constants, found[len(float_slices) :], strict=True):
                terms = None if g is None else _products(g)
                if terms:
                    self.products[i] = [t for term in terms for t in term.node.inputs]
                elif g is not None:
                    self.summed.append(i)
                    sums.append(inner(c.type))
                    totals.append(sums[-1] + g)
        factors = [t for pairs in self.products.values() for t in pairs]
        self.inner_inputs = [
            *by_new, *sums, *before, *slices, *by_result, *by_before.values(), *constants
        ]  # fmt: skip
        self.inner_outputs = [*by_xs, *totals, *by_slices, *factors]

    @staticmethod
    def _add(grad: Tensor | None, other: Tensor | None, like: Tensor) -> Tensor:
        if grad is None:
            return F.zeros_like(like) if other is None else other
        return grad if other is None else grad + other

    def _product(self, constant: Tensor, pieces: list[Tensor]) -> Tensor | None:
        """The sum over all steps of a^T b, as one product; takes its factors off ``pieces``."""
        index = self.parts.constants.index(constant)
        total = None
        for _ in range(len(self.products[index]) // 2):
            a, b = pieces.pop(0), pieces.pop(0)
            term = all_steps_product(a, b)
            total = term if total is None else total + term
        return total


def _products(grad: Tensor) -> list[Tensor] | None:
    """The terms of a sum of products a^T b of matrices, or None where it is anything else."""
    if grad.node.op.id == "add":
        left, right = (_products(t) for t in grad.node.inputs)
        return left + right if left and right else None
    attrs = grad.node.attrs
    matrices = all(len(t.shape) == 2 for t in grad.node.inputs)
    if grad.node.op.id == "matmul" and matrices and attrs["transpose_x"]:
        return None if attrs["transpose_y"] else [grad]
    return None


def all_steps_product(a: Tensor, b: Tensor) -> Tensor:
    """The sum over steps of a^T b: (steps, rows, m) and (steps, rows, n) give (m, n)."""
    m, n = a.shape[-1], b.shape[-1]
    if m is None or n is None:
        return F.einsum([a, b], equation="trm,trn->mn")
    tall, other = F.reshape(a, shape=(-1, m)), F.reshape(b, shape=(-1, n))
    return F.matmul(tall, other, transpose_x=True)
