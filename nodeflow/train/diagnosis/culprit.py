"""A search for the op that made the first bad value: the earliest one with finite inputs and a bad
output.

*Bad* means not finite. The search follows bad elements back from the loss or update to the elements
that caused them, in the schedule that ran. The earliest op where a bad value begins is the culprit.
A bad value that has no effect is ignored: a logarithm of zero that a `where` leaves out, or a mask
of minus infinity whose softmax is finite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.types import normalize_axes
from nodeflow.ops.elementwise import Elementwise

Values = Sequence[np.ndarray | None]
MOVING = frozenset(
    "reshape identity stop_gradient transpose expand_dims squeeze broadcast_to tile slice "
    "strided_slice gather gather_nd embedding_lookup concat stack unstack split pad reverse roll "
    "swap_axes flatten".split()
)
"""Ops whose outputs are elements of their inputs."""
COUNTING = frozenset("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
"""Dtypes that are never infinite, such as those for sizes and truth values."""
ALONG_AXIS = frozenset(("softmax", "log_softmax", "cumsum", "cumprod"))


@dataclass(frozen=True)
class Operand:
    """An input of the culprit.

    Attributes:
        name: name of the tensor.
        low, high: minimum and maximum of its finite elements; None if there are none.
        at: index of an element that caused the bad value; None if no single element did.
        value: that element.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    low: float | None
    high: float | None
    at: tuple[int, ...] | None = None
    value: float | None = None


@dataclass(frozen=True)
class Culprit:
    """The op that made the first bad value.

    Attributes:
        node: its name.
        op: id of the op.
        at: index of a bad element of its output.
        value: that element.
        count: the number of bad elements.
        size: the number of all elements.
        inputs: the inputs of the computation.
        of: the file's node that derived this node, such as a gradient; empty for a node in the
            file.
    """

    node: str
    op: str
    at: tuple[int, ...]
    value: float
    count: int
    size: int
    inputs: tuple[Operand, ...]
    of: str = ""


def find_culprit(schedule: Schedule, values: Values, watched: Sequence[int]) -> Culprit | None:
    """Find the op where a bad value began: trace the elements of the watched tensors that are not
    finite back through the graph. Return None if all are finite.

    Args:
        values: the values of all tensors of the schedule.
        watched: the indices of the tensors to start from.
    """
    trace = _Trace(schedule, values)
    for slot in watched:
        trace.follow(slot, trace.bad(slot))
    return trace.culprit()


class _Trace:
    """The elements that caused bad values: a mask for each slot."""

    def __init__(self, schedule: Schedule, values: Values) -> None:
        self._schedule, self._values = schedule, values
        self._led: dict[int, np.ndarray] = {}
        self._made: set[int] = set()
        self._constant: set[int] = set()
        for step in schedule.steps:
            self._made.update(step.outputs)
            given = (s for s in step.inputs if schedule.slots[s].type.dtype not in COUNTING)
            if self._constant.issuperset(given) and not step.node.op.random:
                self._constant.update(step.outputs)

    def bad(self, slot: int) -> np.ndarray:
        """Return a mask of the elements of a tensor that are not finite.

        Args:
            slot: the index of the tensor in the schedule.
        """
        value = self._values[slot]
        if value is None:
            return np.zeros(0, bool)
        if value.dtype.kind not in "fcV":
            return np.zeros(value.shape, bool)
        return ~np.isfinite(np.asarray(value, _wide(value)))

    def follow(self, slot: int, where: np.ndarray) -> None:
        """Mark elements of a tensor from which a value that is not finite may have come.

        Args:
            slot: the index of the tensor in the schedule.
            where: the mask of the elements.
        """
        if where.any():
            self._led[slot] = self._led.get(slot, np.zeros(where.shape, bool)) | where

    def culprit(self) -> Culprit | None:
        """Trace the marked elements back through the graph, from the last step of the schedule to
        the first. Return the earliest op, feed or variable where a bad value begins. Return None if
        there is none.
        """
        births: list[Step] = []
        silent: list[Step] = []
        meant: list[Step] = []
        for step in reversed(self._schedule.steps):
            out = next((s for s in step.outputs if s in self._led), None)
            if out is None:
                continue
            leading = self._leading(step)
            for slot, where in leading.items():
                self.follow(slot, where)
            if not leading:
                (meant if self._is_constant(step) else births).append(step)
            elif leading and self._begins_as_nan(step, leading):
                silent.append(step)
        feeds = [s for s in self._schedule.feeds.values() if self._has_nan(s)]
        if feeds:
            return self._described(None, feeds[0])
        given = [s for s in self._led if s not in self._made]
        found = births or silent or (meant if not given else [])
        if found:
            return self._described(found[-1], next(s for s in found[-1].outputs if s in self._led))
        return self._described(None, given[0]) if given else None

    def _is_constant(self, step: Step) -> bool:
        """Return whether the outputs of a step of the schedule depend only on constants and sizes.

        A bad value in them is then the user's intention, and not an error to search for.
        """
        return all(slot in self._constant for slot in step.outputs)

    def _has_nan(self, slot: int) -> bool:
        """Return whether a feed that led to a bad value has NaN. An infinity in a feed may be
        intended.
        """
        value = self._values[slot]
        return slot in self._led and value is not None and bool(np.isnan(value).any())

    def _begins_as_nan(self, step: Step, leading: Mapping[int, np.ndarray]) -> bool:
        """Return whether an op made NaN from inputs without NaN. An infinite input may be
        intended.
        """

        def is_nan(slot: int, where: np.ndarray) -> bool:
            value = self._values[slot]
            return value is not None and bool(np.isnan(value[where]).any())

        made = any(is_nan(s, self._led[s]) for s in step.outputs if s in self._led)
        return made and not any(is_nan(slot, where) for slot, where in leading.items())

    # ---- inputs that led to a bad output --------------------------------------------------------

    def _leading(self, step: Step) -> dict[int, np.ndarray]:
        """Find the bad elements of an op's inputs that caused the marked bad elements of its
        outputs. Return a mask for each such input, by the input's index in the schedule.
        """
        if is_assign(step.node):
            (slot,) = (s for s in step.outputs if s in self._led)
            return {step.inputs[-1]: self._led[slot]}
        bad = {s: self.bad(s) for s in dict.fromkeys(step.inputs)}
        bad = {s: where for s, where in bad.items() if where.any()}
        reached = {s: where & self._reach(step, s) for s, where in bad.items()}
        reached = {s: where for s, where in reached.items() if where.any()}
        if not reached:
            return {}
        if self._all_nan(step):
            only = {s: w & np.isnan(self._array(s)) for s, w in reached.items()}
            if any(w.any() for w in only.values()):
                reached = {s: w for s, w in only.items() if w.any()}
        return self._without_bystanders(step, reached)

    def _array(self, slot: int) -> np.ndarray:
        value = self._values[slot]
        assert value is not None
        return np.asarray(value, _wide(value)) if value.dtype.kind == "V" else value

    def _all_nan(self, step: Step) -> bool:
        marked = [s for s in step.outputs if s in self._led]
        return all(bool(np.isnan(self._array(s)[self._led[s]]).all()) for s in marked)

    def _reach(self, step: Step, slot: int) -> np.ndarray:
        """Return a mask of the elements of an input on which the marked elements of the step's
        output depend.
        """
        shape = self._array(slot).shape
        node, op = step.node, step.node.op
        out = next(s for s in step.outputs if s in self._led)
        marked = self._led[out]
        if isinstance(op, Elementwise):
            return _unbroadcast(marked, shape)
        if op.id in MOVING:
            return self._moved(step, slot, marked)
        if op.id in ALONG_AXIS and marked.shape == shape:
            axis = node.attrs.get("axis", -1)
            return np.broadcast_to(marked.any(axis=axis, keepdims=True), shape)
        if op.id.startswith("reduce_") and "axis" in node.attrs:
            axes = normalize_axes(node.attrs["axis"], len(shape))
            if not node.attrs.get("keepdims"):
                marked = np.expand_dims(marked, tuple(axes))
            return np.broadcast_to(marked, shape)
        if op.id == "matmul" and marked.ndim == len(shape) == 2:
            return self._rows_or_columns(step, slot, marked, shape)
        return np.ones(shape, bool)

    def _rows_or_columns(
        self, step: Step, slot: int, marked: np.ndarray, shape: tuple[int, ...]
    ) -> np.ndarray:
        """Return which elements of an operand of a matrix product influence the marked elements of
        the product: rows of the left operand, or columns of the right one, as a mask.
        """
        attrs, found = step.node.attrs, np.zeros(shape, bool)
        for number, own in enumerate(step.inputs):
            if own != slot:
                continue
            turned = bool(attrs.get(("transpose_x", "transpose_y")[number]))
            lines = np.asarray(marked.any(axis=1 - number))
            along_rows = (number == 0) != turned
            found |= lines[:, None] if along_rows else lines[None, :]
        return found

    def _moved(self, step: Step, slot: int, marked: np.ndarray) -> np.ndarray:
        """Return the input elements that an op moved to the marked elements of its output.

        They are found by running the op on the numbers of the elements.
        """
        node, shape = step.node, self._array(slot).shape
        sizes = [self._array(s).size for s in step.inputs]
        starts = [0, *accumulate(sizes)]
        given = []
        for start, own in zip(starts, step.inputs, strict=False):
            array = self._array(own)
            is_moved = array.dtype.kind in "fcV"
            numbers = np.arange(start + 1, start + 1 + array.size, dtype=np.float64)
            given.append(numbers.reshape(array.shape) if is_moved else array)
        try:
            outs = evaluate(node.op, given, node.attrs)
        except Exception:  # an unrelated op with this name: mark all elements
            return np.ones(shape, bool)
        outs = outs if isinstance(outs, (tuple, list)) else (outs,)
        chosen = [
            np.asarray(array)[self._led[s]]
            for s, array in zip(step.outputs, outs, strict=True)
            if s in self._led
        ]
        numbers = np.unique(np.concatenate([c.ravel() for c in chosen])).astype(np.int64)
        found = np.zeros(shape, bool)
        for start, own in zip(starts, step.inputs, strict=False):
            if own == slot:
                inside = numbers[(numbers > start) & (numbers <= start + found.size)]
                found.reshape(-1)[inside - start - 1] = True
        return found

    def _without_bystanders(
        self, step: Step, reached: dict[int, np.ndarray]
    ) -> dict[int, np.ndarray]:
        """Leave out the inputs of an op that did not cause its bad output: the output stays equally
        bad if the input's marked elements are replaced by 1.

        Args:
            reached: the mask of bad elements of each input, by the input's index in the schedule.
        """
        if step.node.op.random or step.node.op.stateful:
            return reached
        kept = {}
        for slot, where in reached.items():
            mended = self._mended_by(step, slot, where)
            if mended is None:
                return reached
            if isinstance(step.node.op, Elementwise):
                mended = _unbroadcast(mended, where.shape) & where
                if mended.any():
                    kept[slot] = mended
            elif mended.any():
                kept[slot] = where
        return kept or reached

    def _mended_by(self, step: Step, slot: int, where: np.ndarray) -> np.ndarray | None:
        """Evaluate a step again with the marked elements of one input replaced by 1. Return a mask
        of the marked output elements that become finite.

        Only the first output with marked elements counts. Return None if the step cannot be
        evaluated.
        """
        given = [self._array(s) for s in step.inputs]
        other = np.where(where, np.ones((), self._array(slot).dtype), self._array(slot))
        given = [other if s == slot else array for s, array in zip(step.inputs, given, strict=True)]
        try:
            with np.errstate(all="ignore"):
                outs = evaluate(step.node.op, given, step.node.attrs)
        except (NodeflowError, ArithmeticError, ValueError, TypeError):
            return None
        outs = outs if isinstance(outs, (tuple, list)) else (outs,)
        for out, array in zip(step.outputs, outs, strict=True):
            if out in self._led:
                return self._led[out] & np.isfinite(np.asarray(array, _wide(np.asarray(array))))
        return None

    # ---- in words -----------------------------------------------------------------------------

    def _described(self, step: Step | None, slot: int) -> Culprit:
        """Return a description of the place where a bad value begins: the node, the first bad
        element, and the values that it is computed from.

        Args:
            step: the step that computes the value; None for a fed value or a variable.
            slot: the index of the tensor in the schedule.
        """
        marked, value = self._led[slot], self._array(slot)
        at = _first(marked)
        tensor = self._schedule.slots[slot]
        node = tensor.node if step is None else step.node
        inputs = () if step is None else tuple(self._operands(step, slot, at))
        return Culprit(
            node.name,
            node.op.id,
            at,
            float(np.real(value[at])),
            int(self.bad(slot).sum()),
            value.size,
            inputs,
            _origin(node),
        )

    def _operands(self, step: Step, slot: int, at: tuple[int, ...]) -> Iterator[Operand]:
        one = np.zeros(self._array(slot).shape, bool)
        one[at] = True
        others = {s: w for s, w in self._led.items() if s not in step.outputs}
        self._led = {**others, slot: one}
        for own in step.inputs:
            array = self._array(own)
            place: tuple[int, ...] | None = None
            if array.dtype.kind in "fiub" and array.size:
                reach = self._reach(step, own)
                if isinstance(step.node.op, Elementwise) or step.node.op.id in MOVING:
                    place = _first(reach) if reach.any() else None
                elif reach.any():  # of several summands, the largest
                    sizes = np.where(reach, np.abs(np.asarray(array, np.float64)), -1.0)
                    place = _index(int(np.argmax(sizes)), array.shape)
            yield _operand(self._schedule.slots[own].name, array, place)


def _operand(name: str, array: np.ndarray, at: tuple[int, ...] | None) -> Operand:
    shown = np.asarray(array, _wide(array))
    finite = shown[np.isfinite(shown)] if shown.dtype.kind in "fiub" else shown[:0]
    low = float(finite.min()) if finite.size else None
    high = float(finite.max()) if finite.size else None
    value = None if at is None else float(shown[at])
    return Operand(name, str(array.dtype), array.shape, low, high, at, value)


def _origin(node: Node) -> str:
    return node.derived_from or ""


def _wide(array: np.ndarray) -> np.dtype:
    """Return a dtype in which numpy can test for finite values; it cannot test bfloat16."""
    return np.dtype(np.float32) if array.dtype.kind == "V" else array.dtype


def _unbroadcast(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reduce a mask over a broadcast result to the shape of one operand: an element is True if it
    was broadcast to any True element.
    """
    if mask.shape == shape:
        return mask
    extra = mask.ndim - len(shape)
    inner = np.asarray(mask.any(axis=tuple(range(extra))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and inner.shape[i] != 1)
    return np.asarray(inner.any(axis=axes, keepdims=True)).reshape(shape)


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return _index(int(np.argmax(mask)), mask.shape)


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape))
