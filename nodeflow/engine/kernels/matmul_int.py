"""The kernel of integer matrix products, which BLAS does not offer."""

from __future__ import annotations

from functools import cache

from nodeflow.engine.kernels.expressions import numpy_name
from nodeflow.graph.types import numpy_dtype


@cache
def matmul_source(dtype: str, transpose_x: bool, transpose_y: bool) -> str:
    """Return the source of a kernel that multiplies two integer matrices. Sums wrap on overflow.

    Kernel arguments: 0, which is unused; x, y, out, m, n, k. A unit of work is a row of the output.
    """
    size, name = numpy_dtype(dtype).itemsize, numpy_name(dtype)
    x_at = "p * m + row" if transpose_x else "row * k + p"
    y_at = "j * k + p" if transpose_y else "p * n + j"
    return f"""import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, slot, view1


def kernel(args, task, ntasks):
    x, y, out = slot(args, 1), slot(args, 2), slot(args, 3)
    m, n, k = slot(args, 4), slot(args, 5), slot(args, 6)
    for row in range(m * task // ntasks, m * (task + 1) // ntasks):
        total = view1(out + {size} * row * n, n, {name})
        for j in range(n):
            total[j] = {name}(0)
        for p in range(k):
            factor = load(x + {size} * ({x_at}), {name})
            for j in range(n):
                total[j] = {name}(total[j] + factor * load(y + {size} * ({y_at}), {name}))
"""
