"""Cases of `row_workloads` in numpy."""

from __future__ import annotations

import numpy as np
import row_workloads as rows
from workloads import Work


def prepare(case: str) -> Work:
    work, times = single(case), range(rows.copies(case))
    return Work(work.first, lambda: [work.again() for _ in times], len(times))


def single(case: str) -> Work:
    kind, scale = rows.parts(case)
    if kind in rows.DRAWN:
        rng, n = np.random.default_rng(0), rows.ELEMENTS[scale]
        draw = rng.standard_normal if kind == "normal" else rng.random
        return Work(lambda: [rows.moments(draw(n, "float32"))], lambda: draw(n, "float32"))
    if kind in rows.MOVED:
        return moved(case)
    x = rows.vector(case)
    compute = {
        "sort": lambda: [np.sort(x)],
        "argsort": lambda: [np.argsort(x, kind="stable")],
        "top_k": lambda: top_k(x),
        "cumsum": lambda: [np.cumsum(x)],
        "cumsum_down": lambda: [np.cumsum(x, axis=0)],
    }[kind]
    first = compute
    if kind.startswith("cumsum"):  # the last of many sums are far off in float32
        first = lambda: [np.cumsum(x, axis=0, dtype="float64")]  # noqa: E731
    return Work(first, compute)


def top_k(x):
    places = np.argpartition(-x, rows.TOP - 1)[:, : rows.TOP]
    found = np.take_along_axis(x, places, 1)
    order = np.argsort(-found)
    return [np.take_along_axis(found, order, 1), np.take_along_axis(places, order, 1)]


def moved(case: str) -> Work:
    kind, _ = rows.parts(case)
    moves = rows.moves(case)
    table, named, values = moves.table, moves.rows, moves.values
    if kind == "gather":
        return Work(lambda: [table[named]], lambda: table[named])

    def change():
        if kind == "scatter_add":
            np.add.at(table, named, values)
        else:
            table[named] = values
        return [table]

    return Work(lambda: [change()[0].copy()], change)
