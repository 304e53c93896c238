"""Cases of `row_workloads` as a user of nodeflow writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import row_workloads as rows
from workloads import Work

import nodeflow as nf
from nodeflow.ops.variables.scatter import scatter_add, scatter_update


def prepare(case: str, threads: int | None) -> Work:
    """Prepare all copies of a case that one call computes; the first one is compared."""
    made = scattered if case.startswith("scatter") else stored
    count = rows.copies(case)
    with nf.Graph() as g:
        every = [made(case) for _ in range(count)]
        once = nf.group(every[0][0])
        again = nf.group(*(ran for ran, _ in every))
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()

    def first() -> list[np.ndarray]:
        session.run(once)
        found = session.run(every[0][1])
        return [rows.moments(found[0])] if rows.parts(case)[0] in rows.DRAWN else found

    return Work(first, lambda: session.run(again), count)


def stored(case: str) -> tuple[Any, list[Any]]:
    """Return the op to run, and the variables for its results: no copy of results is timed."""
    results = computed(case)
    kept = [nf.variable(np.zeros([d or 0 for d in r.shape], r.dtype)) for r in results]
    return nf.group(*map(nf.assign, kept, results)), kept


def computed(case: str) -> list[Any]:
    kind, scale = rows.parts(case)
    if kind in rows.DRAWN:
        draw = nf.random_normal if kind == "normal" else nf.random_uniform
        return [draw([rows.ELEMENTS[scale]])]
    if kind == "gather":
        moves = rows.moves(case)
        return [nf.gather(nf.variable(moves.table), nf.constant(moves.rows))]
    x = nf.variable(rows.vector(case))
    if kind == "top_k":
        return list(nf.top_k(x, k=rows.TOP))
    if kind == "cumsum_down":
        return [nf.cumsum(x, axis=0)]
    return [getattr(nf, kind)(x)]


def scattered(case: str) -> tuple[Any, list[Any]]:
    """Return the op that changes a variable, and the variable."""
    moves = rows.moves(case)
    table = nf.variable(moves.table)
    change = scatter_add if rows.parts(case)[0] == "scatter_add" else scatter_update
    return change(table, nf.constant(moves.rows), nf.variable(moves.values)), [table]
