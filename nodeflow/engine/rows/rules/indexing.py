"""Rules for ops that read or write elements by indices."""

from __future__ import annotations

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.rules.reductions import leading
from nodeflow.engine.rows.states import MixesRows, Rows, State
from nodeflow.graph.types import normalize_axis
from nodeflow.ops.lowering import Gather, MarkRows, Pick, ScatterAdd


@follows(Gather)
def gathered(call: Call) -> State:
    axis, (table, indices) = call.lowering.axis, (call.rows(0), call.rows(1))
    if table is not None and indices is not None:
        raise MixesRows("selects rows by indices from other rows")
    if indices is not None:
        return indices.at(indices.axis + axis)
    assert table is not None
    call.apart(table, [axis], "takes rows by their numbers")
    longer = call.types[1].rank - 1
    return table.at(table.axis + (longer if table.axis > axis else 0))


@follows(ScatterAdd)
def added(call: Call) -> State:
    """Return the axis along which the result of a scatter-add holds the rows of the batch. If the
    scattered axis is the axis of the rows, return the state of a reduction over the rows.
    """
    axis, (x, indices) = call.lowering.axis, (call.rows(0), call.rows(1))
    rank = call.types[1].rank
    named = None if indices is None else indices.at(indices.axis + axis)
    if named is not None and x is not None and x != named:
        raise MixesRows("adds rows at indices from other rows")
    rows = named or x
    assert rows is not None
    if axis <= rows.axis < axis + rank:
        call.slice(0, rows)
        call.slice(1, rows.at(rows.axis - axis))
        return call.join(call.lowering.kind)
    return rows.at(rows.axis - (rank - 1 if rows.axis > axis else 0))


@follows(Pick)
def picked(call: Call) -> State:
    last = call.types[0].rank - 1
    call.apart(call.rows(0), [last], "picks one of the rows")
    found = {rows for i in (0, 1) if (rows := call.rows(i)) is not None}
    if len(found) > 1:
        raise MixesRows("picks elements of rows by indices from other rows")
    (rows,) = found
    for index in (0, 1):
        call.slice(index, rows)
    return rows


@follows(MarkRows)
def marked(call: Call) -> State:
    return call.join("any")


@follows_op("gather_nd")
def gathered_parts(call: Call) -> State:
    table, indices = call.rows(0), call.rows(1)
    if (rows := _first_axis(call, 0, 1)) is not None:
        return rows
    if table is not None or indices is None or indices.axis == call.types[1].rank - 1:
        raise MixesRows("takes rows by their numbers")
    return indices


@follows_op("scatter_nd_like")
def added_like(call: Call) -> State:
    """Return the axis along which the result of a scatter-add holds the rows of the batch. The
    third input only gives the shape of the result.

    If the indices are the rows, return the state of a sum over the rows.
    """
    x, indices, like = call.rows(0), call.rows(1), call.rows(2)
    rows = _first_axis(call, 0, 1)
    if rows is not None and like in (rows, None):
        call.slice(2, rows)
        return rows
    if x is None and indices is None:
        return call.without_rows()
    if rows is not None or like is not None or x != indices:
        raise MixesRows("adds rows at indices from other rows")
    return call.join("sum")


def _first_axis(call: Call, *inputs: int) -> Rows | None:
    """Return the axis that holds the rows of the batch, if it is the same batch axis in all given
    inputs that have the rows. Otherwise return None.
    """
    found = {rows for index in inputs if (rows := call.rows(index)) is not None}
    if len(found) != 1 or next(iter(found)).axis >= call.attrs["batch_dims"]:
        return None
    (rows,) = found
    for index in inputs:
        call.slice(index, rows)
    return rows


@follows_op("put_along_axis")
def put(call: Call) -> State:
    """Return the axis along which the result of an element replacement holds the rows of the batch.
    Each row may only be changed by updates from the same row.

    Indices or updates that broadcast along the rows are refused.
    """
    axis = normalize_axis(call.attrs["axis"], call.types[0].rank)
    found = {rows for index in range(3) if (rows := call.rows(index)) is not None}
    (rows, *others) = found
    call.apart(rows, [axis], "changes rows by their numbers")
    if others or any(t.shape[rows.axis] != rows.size(call.number) for t in call.types):
        raise MixesRows("changes rows by their numbers")
    for index in range(3):
        call.slice(index, rows)
    return rows


@follows_op("segment_sum")
def summed(call: Call) -> State:
    rows = call.rows(0)
    if rows is None or rows.axis or call.rows(1) not in (rows, None):
        raise MixesRows("sums rows in segments that other rows define")
    call.slice(1, rows)
    return call.join("sum")


@follows_op("scatter_nd")
def added_parts(call: Call) -> State:
    indices, updates = call.rows(0), call.rows(1)
    rows = indices or updates
    if rows is None or {indices, updates} - {rows, None} or rows.axis >= call.types[0].rank - 1:
        raise MixesRows("adds rows at indices from other rows")
    call.slice(0, rows)
    call.slice(1, rows)
    return call.join("sum")


@follows_op("searchsorted")
def places(call: Call) -> State:
    """Return the axis along which the result of a sorted search holds the rows of the batch. The
    sorted sequences and the searched values must have the same rows.
    """
    return leading(call, 1, "searches among the rows")
