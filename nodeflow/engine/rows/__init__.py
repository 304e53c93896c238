"""How the rows of a batch go through a graph: alone, joined, or mixed.

A graph that treats each row alone, up to sums, means, extremes and counts over all of them, gives
the same on parts of a batch, if the joins are made over all parts. So its rows may be shared among
processes, or come in blocks that fit the memory. `analyse` finds that out for a schedule, before
anything runs, from the types and the lowerings of its ops; it computes nothing.

    flow = analyse(schedule, types, {slot: 0})  # axis 0 of this feed is the rows
    flow.states[slot]    # SAME, COUNTED, JOINED, MIXED, or Rows(axis, outer, inner)
    flow.joins[index]    # what the step with that index joins over rows: Join("sum"), ...
    flow.mixing          # the nodes that mix rows otherwise, the first one first, and why
    flow.sliced[slot]    # a value that is no rows has a slice for each row here: along which axis
    flow.passes[slot]    # joins between the feeds and this value, at most: 0 needs no other rows

Gradients are ordinary nodes, so the analysis sees that a gradient of weights is a sum over rows.
A rule for each kind of lowering says what becomes of its rows (`rules/`); what has none mixes them.

May be imported from everywhere in the engine above `schedule`; must not import kernels, the planner
or the runtime, nor numba or jax.
"""

from nodeflow.engine.rows.analysis import Mixing, RowFlow, analyse
from nodeflow.engine.rows.states import COUNTED, JOINED, MIXED, SAME, Join, Rows, State, Taken

__all__ = [
    "COUNTED", "JOINED", "MIXED", "SAME", "Join", "Mixing", "RowFlow", "Rows", "State", "Taken",
    "analyse",
]  # fmt: skip
