"""Rules for ops that move elements unchanged: reshapes, slices, concatenation, padding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.rules.reductions import leading
from nodeflow.engine.rows.states import MixesRows, Rows, State, Taken
from nodeflow.graph.types import TensorType, normalize_axis
from nodeflow.ops.lowering import Alias, Permute
from nodeflow.ops.runtime_attributes import has_later


@follows(Alias)
def reshaped(call: Call) -> State:
    rows = call.rows(0)
    if rows is None:  # rows contribute their number only
        return call.without_rows()
    return in_shape(rows, call.types[0], call.outs[0], call.number)


@follows_op("reshape")
def in_given_shape(call: Call) -> State:
    rows = reshaped(call)
    if isinstance(rows, Rows):
        call.counts("shape", rows.axis)
    return rows


@follows_op("broadcast_to")
def repeated(call: Call) -> State:
    if call.rows(0) is None:
        return call.without_rows()
    rows = call.aligned([0], call.outs[0])
    call.counts("shape", rows.axis)
    return rows


def in_shape(rows: Rows, old: TensorType, new: TensorType, number: int) -> Rows:
    """Return the axis, and the position within it, of the rows of the batch in a reshaped array.

    Raises:
        MixesRows: no axis of the new shape contains the rows.
    """
    sizes = [d or 0 for d in old.shape]
    before = math.prod(sizes[: rows.axis]) * rows.outer
    after = math.prod(sizes[rows.axis + 1 :]) * rows.inner
    shape = [d or 0 for d in new.shape]
    found: list[Rows] = []
    for axis, size in enumerate(shape):
        lead, rest = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        if lead and rest and before % lead == 0 and after % rest == 0:
            moved = Rows(axis, before // lead, after // rest)
            if moved.size(number) == size:
                found.append(moved)
    if not found:
        raise MixesRows("reshapes the rows so that no axis contains them")
    return min(found, key=lambda r: (r.outer * r.inner, r.axis))


@follows(Permute)
def permuted(call: Call) -> State:
    rows = call.rows(0)
    assert rows is not None
    return rows.at(call.lowering.axes.index(rows.axis))


@follows_op("split", "part_of_concat", "place_slice")
def part(call: Call) -> Sequence[State]:
    """Return the axis and position of the rows in each output of a slice or split that cuts only
    between whole batches.

    The axis may contain one batch, or several batches one after the other.
    """
    rows = call.rows(0)
    if rows is None:
        return [call.without_rows()] * len(call.outs)
    axis, batch = rows.axis, call.number * rows.inner
    strides = call.attrs.get("strides")
    if strides is not None and axis < len(strides) and strides[axis] != 1:
        raise MixesRows("takes some of the rows, or takes them in another order")
    begin, begins = call.attrs.get("begin"), [0]
    if begin is not None and axis < len(begin):
        begins = [begin[axis] or 0]
    sizes = [out.shape[axis] or 0 for out in call.outs]
    numbers = [*begins, *sizes]
    if 0 in sizes or any(has_later(number) or number % batch for number in numbers):
        raise MixesRows("takes some of the rows")
    for name in ("begin", "size", "end"):
        call.counts(name, axis)
    if isinstance(call.attrs.get("parts"), tuple) and _is_along(call, axis):
        call.counts("parts")
    return [Rows(axis, size // batch, rows.inner) for size in sizes]


def _is_along(call: Call, axis: int) -> bool:
    return normalize_axis(call.attrs["axis"], call.types[0].rank) == axis


ALL = {"begin": 0, "size": -1, "end": None, "strides": 1}
"""Attribute values of a slice that takes a whole axis."""


@follows_op("slice", "strided_slice")
def sliced(call: Call) -> Sequence[State]:
    try:
        return part(call)
    except MixesRows as problem:
        raise MixesRows(str(problem), _taken(call)) from None


def _taken(call: Call) -> Taken | None:
    """Return the rows of the batch that a slice op selects, and attributes for the same op without
    this selection.

    Return None if the selection is known only at run time, or if other elements share the axis of
    the rows.
    """
    rows, attrs, number = call.rows(0), dict(call.attrs), call.number
    if rows is None or rows != Rows(axis := rows.axis) or any(map(has_later, attrs.values())):
        return None
    if "size" in attrs:
        which = range(number)[attrs["begin"][axis] :][: call.outs[0].shape[axis]]
    else:
        step = (attrs["strides"] or (1,) * (axis + 1))[axis]
        which = range(number)[attrs["begin"][axis] : attrs["end"][axis] : step]
    for name in ALL.keys() & attrs.keys():
        if (numbers := attrs[name]) is not None:
            attrs[name] = (*numbers[:axis], ALL[name], *numbers[axis + 1 :])
    return Taken(which, axis, attrs)


@follows_op("concat")
def joined(call: Call) -> State:
    axis = normalize_axis(call.attrs["axis"], call.outs[0].rank)
    found = {s for s in call.states if isinstance(s, Rows)}
    if {(rows.axis, rows.inner) for rows in found} == {(axis, next(iter(found)).inner)}:
        return _one_after_the_other(call)
    if len(found) > 1:
        raise MixesRows("concatenates rows along different axes")
    (rows,) = found
    for index in range(len(call.types)):
        call.slice(index, rows)
    return rows


def _one_after_the_other(call: Call) -> State:
    """Return the axis and position of the rows after several batches are concatenated along the
    axis of their rows. The result has the rows of each batch in turn.
    """
    found = [state for state in call.states if isinstance(state, Rows)]
    if len(found) < len(call.states):
        raise MixesRows("concatenates a batch with other rows")
    return Rows(found[0].axis, sum(rows.outer for rows in found), found[0].inner)


@follows_op("pad", "unpad")
def padded(call: Call) -> State:
    rows = call.rows(0)
    if rows is None:
        return call.without_rows()
    if any(call.attrs["paddings"][rows.axis]):
        raise MixesRows("pads the rows with further rows")
    return rows


@follows_op("diag")
def on_diagonals(call: Call) -> State:
    return leading(call, 1, "puts rows on a diagonal")


@follows_op("diag_part", "place_diagonal")
def diagonals(call: Call) -> State:
    """Return the axis along which the result of an op on diagonals of matrices holds the rows of
    the batch. With one input, the op reads the diagonals of the matrices. With two, it writes the
    first input on the diagonals of the second.
    """
    rows, matrix = call.rows(0), call.types[-1]
    if rows is None:
        return call.without_rows()
    call.apart(rows, range(matrix.rank - 2, matrix.rank), "uses the rows as rows of a matrix")
    if call.rows(1) not in (rows, None):
        raise MixesRows("combines each row with all others")
    if len(call.types) > 1:
        call.slice(1, rows)
    return rows
