"""Rules for convolutions and pooling. The rows are the pictures, along the first axis."""

from __future__ import annotations

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.states import MixesRows, Rows, State
from nodeflow.ops.lowering import Convolve, FilterGradient, Pool

CONVOLUTIONS = (
    "conv2d", "conv2d_input_gradient", "conv2d_transpose", "conv3d", "conv3d_input_gradient",
    "conv3d_transpose",
)  # fmt: skip


def pictures(call: Call) -> Rows:
    """Return the axis along which the result of an image op holds the rows of the batch: the first,
    where each row is one picture.

    Raises:
        MixesRows: the rows are along another axis than the first.
    """
    for index in range(len(call.types)):
        rows = call.rows(index)
        if rows is not None and rows.axis:
            raise MixesRows("uses the rows as positions or channels of a picture")
    found = {s for s in call.states if isinstance(s, Rows)}
    if len(found) > 1:
        raise MixesRows("combines pictures of different rows")
    (rows,) = found
    for index in range(len(call.types)):
        call.slice(index, rows)
    return rows


@follows(Convolve)
@follows_op(*CONVOLUTIONS)
def convolved(call: Call) -> State:
    if call.rows(1) is not None:
        raise MixesRows("uses the rows as filters")
    if call.rows(0) is None:  # the rows are in a `like`, which gives its shape only
        return call.without_rows()
    rows = call.rows(0)
    assert rows is not None
    call.apart(rows, range(1, call.types[0].rank), "uses the rows as positions in a picture")
    return rows


@follows(FilterGradient)
@follows_op("conv2d_filter_gradient", "conv3d_filter_gradient")
def filters(call: Call) -> State:
    """Return the state of the gradient of a convolution filter: it is a sum over the pictures of
    the batch.
    """
    if len(call.types) > 2 and call.rows(2) is not None:
        raise MixesRows("uses the rows as filters")
    pictures(call)
    return call.join("sum")


POOLS = (
    "max_pool2d", "put_at_largest", "take_at_largest", "average_pool2d", "average_pool2d_gradient",
    "max_pool3d", "put_at_largest3d", "take_at_largest3d", "average_pool3d",
    "average_pool3d_gradient",
)  # fmt: skip


@follows(Pool)
@follows_op(*POOLS, "resize", "resize_gradient")
def pooled(call: Call) -> State:
    return call.without_rows() if call.rows(0) is None else pictures(call)


PLACES = (
    "max_pool_with_argmax", "max_pool3d_with_argmax", "max_unpool2d", "max_unpool3d",
    "take_at_places", "take_at_places3d",
)  # fmt: skip


@follows_op(*PLACES)
def placed(call: Call) -> State:
    if call.attrs["counted"] == "batch":
        raise MixesRows("numbers positions across all pictures")
    if any(call.rows(index) is None for index in range(len(call.types))):
        raise MixesRows("combines rows of pictures or positions with one of the other")
    return pictures(call)
