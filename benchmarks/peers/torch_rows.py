"""Cases of `row_workloads` in eager PyTorch."""

from __future__ import annotations

import row_workloads as rows
import torch
from workloads import Work


def prepare(case: str) -> Work:
    work, times = single(case), range(rows.copies(case))
    return Work(work.first, lambda: [work.again() for _ in times], len(times))


def single(case: str) -> Work:
    kind, scale = rows.parts(case)
    if kind in rows.DRAWN:
        draw, n = torch.randn if kind == "normal" else torch.rand, rows.ELEMENTS[scale]
        return Work(lambda: [rows.moments(draw(n).numpy())], lambda: draw(n))
    if kind in rows.MOVED:
        return moved(case)
    x = torch.from_numpy(rows.vector(case))
    compute = {
        "sort": lambda x: [torch.sort(x)[0]],
        "argsort": lambda x: [torch.argsort(x, stable=True)],
        "top_k": lambda x: torch.topk(x, rows.TOP),
        "cumsum": lambda x: [torch.cumsum(x, 0)],
        "cumsum_down": lambda x: [torch.cumsum(x, 0)],
    }[kind]
    exact = x.double() if kind.startswith("cumsum") else x
    return Work(lambda: [v.numpy() for v in compute(exact)], lambda: compute(x))


def moved(case: str) -> Work:
    kind, _ = rows.parts(case)
    moves = rows.moves(case)
    table, named, values = map(torch.from_numpy, (moves.table, moves.rows, moves.values))
    if kind == "gather":
        take = lambda: torch.index_select(table, 0, named)  # noqa: E731
        return Work(lambda: [take().numpy()], take)
    long = named.long()  # index_copy_ needs this type

    def change():
        if kind == "scatter_add":
            table.index_add_(0, named, values)
        else:
            table.index_copy_(0, long, values)
        return [table]

    return Work(lambda: [change()[0].numpy().copy()], change)
