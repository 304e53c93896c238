"""The path of a batch's rows through a graph: are rows treated separately, reduced or mixed?

Suppose a graph treats each row separately, except for sums, means, extremes and counts over all
rows (batch reductions, `Join`). It then gives the same results on parts of a batch, if the
reductions combine all parts. So its rows may be shared among processes, or processed in blocks
that fit into memory. `analyse` finds out whether a schedule does that, from types and the
lowerings of its ops, before anything runs. It computes no values.

    flow = analyse(schedule, types, {slot: 0})  # axis 0 of this feed is the rows
    flow.states[slot]    # SAME, COUNTED, JOINED, MIXED, or Rows(axis, outer, inner)
    flow.joins[index]    # batch reductions of the step with that index: Join("sum"), ...
    flow.mixing          # the nodes that mix rows otherwise, the first one first, and why
    flow.sliced[slot]    # the axis of a value without rows that has a slice for each row
    flow.passes[slot]    # number of reductions between feeds and value; 0: needs no other rows

Gradients are ordinary nodes, so the analysis sees that a gradient of weights is a sum over
rows. A rule for each kind of lowering gives the states of its outputs (`rules/`). A lowering
without a rule mixes rows.

All modules of the engine above `schedule` may import this package. It must not import kernels,
the planner, the runtime, numba or another backend.
"""

from nodeflow.engine.rows.analysis import Mixing, RowFlow, analyse
from nodeflow.engine.rows.states import COUNTED, JOINED, MIXED, SAME, Join, Rows, State, Taken

__all__ = [
    "COUNTED", "JOINED", "MIXED", "SAME", "Join", "Mixing", "RowFlow", "Rows", "State", "Taken",
    "analyse",
]  # fmt: skip
