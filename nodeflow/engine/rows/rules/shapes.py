"""Elements that move and stay as they are: shapes, slices, joining, borders."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.rules.reductions import leading
from nodeflow.engine.rows.states import MixesRows, Rows, State
from nodeflow.graph.types import TensorType, normalize_axis
from nodeflow.ops.lowering import Alias, Permute


@follows(Alias)
def reshaped(call: Call) -> State:
    rows = call.rows(0)
    if rows is None:  # the shape only is that of rows
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
    """Where the rows are when the same elements have another shape.

    Raises:
        MixesRows: no axis holds them whole.
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
        raise MixesRows("gives the rows a shape in which no axis holds them")
    return min(found, key=lambda r: (r.outer * r.inner, r.axis))


@follows(Permute)
def permuted(call: Call) -> State:
    rows = call.rows(0)
    assert rows is not None
    return rows.at(call.lowering.axes.index(rows.axis))


@follows_op("slice", "strided_slice", "split", "part_of_concat", "place_slice")
def part(call: Call) -> Sequence[State]:
    """Along the axis of the rows all of them are taken, in order."""
    rows = call.rows(0)
    if rows is None:
        return [call.without_rows()] * len(call.outs)
    size = rows.size(call.number)
    for name in ("begin", "strides"):
        numbers = call.attrs.get(name)
        if numbers is not None and rows.axis < len(numbers):
            number = numbers[rows.axis]
            if number not in ((0, None) if name == "begin" else (1,)):
                raise MixesRows("takes some of the rows, or takes them in another order")
    if any(out.shape[rows.axis] != size for out in call.outs):
        raise MixesRows("takes some of the rows")
    for name in ("size", "end"):
        call.counts(name, rows.axis)
    return [rows] * len(call.outs)


@follows_op("concat")
def joined(call: Call) -> State:
    axis = normalize_axis(call.attrs["axis"], call.outs[0].rank)
    found = {s for s in call.states if isinstance(s, Rows)}
    if len(found) > 1:
        raise MixesRows("puts rows together that are along different axes")
    (rows,) = found
    call.apart(rows, [axis], "puts batches one after the other")
    for index in range(len(call.types)):
        call.slice(index, rows)
    return rows


@follows_op("pad", "unpad")
def padded(call: Call) -> State:
    rows = call.rows(0)
    if rows is None:
        return call.without_rows()
    if any(call.attrs["paddings"][rows.axis]):
        raise MixesRows("puts a border before or after the rows")
    return rows


@follows_op("diag")
def on_diagonals(call: Call) -> State:
    return leading(call, 1, "puts rows on a diagonal")


@follows_op("diag_part", "place_diagonal")
def diagonals(call: Call) -> State:
    """The first is, or gives, a matrix; that of `place_diagonal` is its second input."""
    rows, matrix = call.rows(0), call.types[-1]
    if rows is None:
        return call.without_rows()
    call.apart(rows, range(matrix.rank - 2, matrix.rank), "takes rows for those of a matrix")
    if call.rows(1) not in (rows, None):
        raise MixesRows("combines each row with all others")
    if len(call.types) > 1:
        call.slice(1, rows)
    return rows
