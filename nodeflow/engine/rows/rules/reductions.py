"""Rules for reductions along axes, and for ops that proceed along an axis step by step."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows
from nodeflow.engine.rows.states import MixesRows, Rows, State
from nodeflow.ops.lowering import (
    AddAlong,
    ChangeRows,
    Distinct,
    FirstOccurrences,
    Largest,
    NumberRows,
    Order,
    OtherProducts,
    PairsInOrder,
    PutRows,
    Reduce,
    Running,
    SortValues,
    TakeAlong,
)

JOINS = ("sum", "mean", "prod", "max", "min")


@follows(Reduce)
def reduced(call: Call) -> State:
    rows, axes, kind = call.rows(0), call.lowering.axes, call.lowering.kind
    if rows is None:
        return call.without_rows()
    if rows.axis in axes:
        if kind not in JOINS:
            raise MixesRows("searches among the rows")
        return call.join(kind)
    gone = call.types[0].rank - call.outs[0].rank
    if gone == len(axes):
        return rows.at(rows.axis - sum(a < rows.axis for a in axes))
    return rows.at(rows.axis - gone)  # the reduced axes are dropped or have size 1 at the end


@follows(Running)
def running(call: Call) -> State:
    rows = call.rows(0)
    call.apart(rows, [call.lowering.axis], "goes from row to row")
    return rows or call.without_rows()


@follows(Order, Largest, SortValues, OtherProducts)
def last_axis(call: Call) -> State:
    last = call.types[0].rank - 1
    found = call.aligned(range(len(call.types)), call.types[0])
    call.apart(found, [last], "puts the rows in order")
    return found


@follows(TakeAlong, AddAlong)
def along(call: Call) -> State:
    found = call.aligned([0, 1], call.types[1])
    call.apart(found, [call.lowering.axis], "takes rows by their numbers")
    return found


@follows(NumberRows, ChangeRows)
def changed(call: Call) -> Sequence[State]:
    raise MixesRows("changes rows by their numbers")


@follows(Distinct, PairsInOrder, FirstOccurrences, PutRows)
def compared(call: Call) -> Sequence[State]:
    raise MixesRows("compares rows with each other")


def leading(call: Call, inner: int, what: str) -> Rows:
    """Return the axis that holds the rows of the batch in the inputs of an op that works along
    their last ``inner`` axes.

    Raises:
        MixesRows: the rows are along one of the last axes, or differ between the inputs.
    """
    found = {s for s in call.states if isinstance(s, Rows)}
    if len(found) > 1:
        raise MixesRows("combines each row with all others")
    (rows,) = found
    for index, type_ in enumerate(call.types):
        if call.rows(index) is not None:
            call.apart(rows, range(type_.rank - inner, type_.rank), what)
        call.slice(index, rows)
    return rows
