"""Rules for elementwise ops, and for values that depend only on sizes."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.rows.call import Call
from nodeflow.engine.rows.registry import follows, follows_op
from nodeflow.engine.rows.states import SAME, State
from nodeflow.graph.types import normalize_axes, normalize_axis
from nodeflow.ops.lowering import Elementwise, Known


@follows(Elementwise)
def elementwise(call: Call) -> State:
    return call.aligned(range(len(call.types)), call.outs[0])


ONE_BY_ONE = (
    "complex", "real", "imag", "angle", "conj", "check_numerics", "lgamma", "digamma", "polygamma",
    "igamma", "igammac", "betainc", "zeta", "erfinv", "erfcinv", "ndtri", "bessel_i0", "bessel_i0e",
    "bessel_i1", "bessel_i1e", "gamma_quantile", "poisson_quantile",
)  # fmt: skip
"""Ops without a lowering whose inputs broadcast."""


@follows_op(*ONE_BY_ONE)
def one_by_one(call: Call) -> State:
    return call.aligned(range(len(call.types)), call.outs[0])


@follows_op("bitcast")
def read_again(call: Call) -> State:
    """Return the axis along which the result of a bitcast holds the rows of the batch. A bitcast
    splits or merges numbers along the last axis.
    """
    rows, (x,), (out,) = call.rows(0), call.types, call.outs
    if x.shape != out.shape:
        call.apart(rows, range(min(x.rank, out.rank), x.rank), "makes one number of several rows")
    return call.states[0]


@follows(Known)
def known(call: Call) -> State:
    return call.without_rows()


@follows_op("shape")
def sizes(call: Call) -> State:
    return call.without_rows()


@follows_op("rank")
def rank(call: Call) -> State:
    return SAME


@follows_op("size")
def size(call: Call) -> State:
    rows = call.rows(0)
    axes = normalize_axes(call.attrs["axis"], call.types[0].rank)
    return call.without_rows() if rows is not None and rows.axis in axes else SAME


@follows_op("positions")
def positions(call: Call) -> State:
    rows = call.rows(0)
    axis = normalize_axis(call.attrs["axis"], call.types[0].rank)
    return call.without_rows() if rows is not None and rows.axis == axis else SAME


@follows_op(
    "log_uniform_candidate_sampler", "uniform_candidate_sampler", "fixed_unigram_candidate_sampler"
)
def sampled(call: Call) -> Sequence[State]:
    """Return how the outputs of a candidate sampler depend on the rows of the batch. Candidates are
    drawn for the whole batch.

    The expected counts of the true classes have the rows of the first input.
    """
    return [SAME, call.states[0], SAME]


@follows_op("case_check")
def checked(call: Call) -> State:
    return call.aligned(range(len(call.types)), call.outs[0])


@follows_op("random_uniform_like")
def drawn_like(call: Call) -> State:
    """Return the axis along which a random op's result holds the rows of the batch. It is the axis
    of the input, because the result has the input's shape.

    Each element is drawn by its number among all elements, so a block of rows draws the same
    numbers.
    """
    return call.states[0]


@follows_op("assert_true")
def asserted(call: Call) -> State:
    return call.join("any")


@follows_op("group")
def group(call: Call) -> State:
    return SAME


@follows_op("print")
def printed(call: Call) -> State:
    return call.states[0]
