"""Rules for matrix products, attention, factorisations and transforms. Leading axes are a batch."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.rules.reductions import leading
from nodeflow.engine.rows.states import MixesRows, Rows, State
from nodeflow.graph.types import TensorType
from nodeflow.ops.linalg.einsum import parse
from nodeflow.ops.lowering import Attend, AttendGradient, Matmul


@follows(Matmul)
def product(call: Call) -> State:
    """Return how the result of a matrix product depends on the rows of the batch.

    The rows may be rows of the left matrix, columns of the right matrix, or a common batch axis. If
    they lie along the axis that is summed over, the result is a sum over the rows.
    """
    out = call.outs[0]
    kept: list[Rows] = []
    summed: list[Rows] = []
    for index, turned in enumerate((call.lowering.transpose_x, call.lowering.transpose_y)):
        rows, rank = call.rows(index), call.types[index].rank
        if rows is None:
            continue
        place = rows.axis - rank  # -1 and -2 are the axes of the matrix
        inner = (-2 if turned else -1) if index == 0 else (-1 if turned else -2)
        if place == inner:
            summed.append(rows)
        elif place >= -2:
            kept.append(rows.at(out.rank - 2 + index))
        else:
            kept.append(rows.at(out.rank + place))
    if (summed and kept) or len(set(kept)) > 1:
        raise MixesRows("multiplies rows with rows")
    if not summed:
        found = kept[0]
        for index, type_ in enumerate(call.types):
            place = found.axis - out.rank
            if place < -2:
                call.slice(index, found.at(type_.rank + place))
        return found
    if len({(r.outer, r.inner) for r in summed}) > 1:
        raise MixesRows("multiplies rows in different orders")
    for index, turned in enumerate((call.lowering.transpose_x, call.lowering.transpose_y)):
        inner = (-2 if turned else -1) if index == 0 else (-1 if turned else -2)
        call.slice(index, summed[0].at(call.types[index].rank + inner))
    return call.join("sum")


@follows_op("einsum")
def named_axes(call: Call) -> State:
    """Return how the result of an einsum depends on the rows of the batch.

    The rows are the axis of one letter. If the result lacks this letter, it is a sum over the rows.
    """
    inputs, out = parse(call.attrs["equation"], [t.rank for t in call.types])
    found = {(inputs[i][r.axis], r.at(0)) for i in range(len(inputs)) if (r := call.rows(i))}
    if len(found) > 1:
        raise MixesRows("multiplies rows with rows")
    ((letter, rows),) = found
    for index, letters in enumerate(inputs):
        if letters.count(letter) > 1:
            raise MixesRows("takes a diagonal of rows")
        if letter in letters:
            call.slice(index, rows.at(letters.index(letter)))
    return rows.at(out.index(letter)) if letter in out else call.join("sum")


@follows(Attend)
def attention(call: Call) -> Sequence[State]:
    """Return for each output of an attention the axis that holds the rows of the batch: a batch
    axis of queries and keys.
    """
    lead = _lead(call, ())
    return [lead.at(lead.axis + out.rank) for out in _of_ranks(call.outs, (2, 1))]


@follows(AttendGradient)
def attention_gradient(call: Call) -> Sequence[State]:
    """Return for each gradient of an attention the axis that holds the rows of the batch. Queries,
    keys and values must all have such an axis.
    """
    if any(call.rows(i) is None for i in range(3)):
        raise MixesRows("needs rows in queries, keys and values alike")
    lead = _lead(call, (3, 4))  # inputs 3 and 4 have one number for each query
    return [lead.at(lead.axis + out.rank) for out in _of_ranks(call.outs, (2, 2, 2))]


def _lead(call: Call, narrow: Sequence[int]) -> Rows:
    """Return the axis that holds the rows of the batch among the batch axes of an attention, as a
    negative number: -1 is the last batch axis.
    """
    found: set[Rows] = set()
    for index, type_ in enumerate(call.types):
        if (rows := call.rows(index)) is not None:
            inner = 1 if index in narrow else 2
            call.apart(rows, range(type_.rank - inner, type_.rank), "attends from row to row")
            found.add(rows.at(rows.axis - type_.rank + inner))
    if len(found) > 1:
        raise MixesRows("attends from row to row")
    (rows,) = found
    for index, type_ in enumerate(call.types):
        call.slice(index, rows.at(rows.axis + type_.rank - (1 if index in narrow else 2)))
    return rows


def _of_ranks(outs: Sequence[TensorType], inner: Sequence[int]) -> list[TensorType]:
    """Return the output types without their last axes. ``inner`` contains the number of axes to
    remove from each output.
    """
    return [t.with_shape(t.shape[: t.rank - n]) for t, n in zip(outs, inner, strict=True)]


MATRICES = (
    "cholesky", "qr", "svd", "eigh", "det", "slogdet", "inverse", "solve", "triangular_solve",
    "expm", "logm", "sqrtm", "lu",
)  # fmt: skip


@follows_op(*MATRICES)
def matrices(call: Call) -> State:
    return leading(call, 2, "uses the rows as rows of a matrix")


@follows_op("fft", "ifft", "rfft", "irfft", "dct")
def spectra(call: Call) -> State:
    return leading(call, 1, "transforms along the rows")


@follows_op("fft2d", "ifft2d", "rfft2d", "irfft2d")
def plane_spectra(call: Call) -> State:
    return leading(call, 2, "transforms along the rows")


@follows_op("fft3d", "ifft3d", "rfft3d", "irfft3d")
def space_spectra(call: Call) -> State:
    return leading(call, 3, "transforms along the rows")
