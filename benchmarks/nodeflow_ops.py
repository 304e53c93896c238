"""Cases of `op_workloads` as a user of nodeflow writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import op_workloads as ops
from workloads import Work

import nodeflow as nf
from nodeflow.ops.namespaces import nn

Formula = Callable[..., Any]


def normalized(x: Any) -> Any:
    return nf.group_normalization(x, groups=ops.GROUPS)


FORMULAS: dict[str, Formula] = {
    "atan2": nf.atan2,
    "power": nf.power,
    "power_2": lambda x: x**2,
    "power_3": lambda x: x**3,
    "power_half": lambda x: x**0.5,
    "floor_divide": lambda x, y: x // y,
    "modulo": lambda x, y: x % y,
    "sort_int32": nf.sort,
    "sort_uint8": nf.sort,
    "roll": lambda x: nf.roll(x, ops.TURN, 1),
    "reverse": lambda x: nf.reverse(x, [1]),
    "short_sums": lambda x: nf.reduce_sum(x, axis=1),
    "short_maxima": lambda x: nf.reduce_max(x, axis=1),
    "short_places": lambda x: nf.argmax(x, axis=1),
    "short_products": lambda x: nf.reduce_prod(x, axis=1),
    "norm": lambda x: nf.reduce_sum(nf.square(x)) ** 0.5,
    "squared_error": lambda x, y: nf.reduce_mean(nf.square(x - y)),
    "largest_difference": lambda x, y: nf.reduce_max(nf.abs(x - y)),
    "transpose": nf.transpose,
    "concat": lambda x, y: nf.concat([x, y], 1),
    "gather_columns": lambda x, columns: nf.gather(x, columns, axis=1),
    "take_along": lambda x, places: nf.take_along_axis(x, places, axis=1),
    "embedding": nf.gather,
    "segment_sum": nf.segment_sum,
    "bincount": lambda x: nf.bincount(x, minlength=1024, maxlength=1024),
    "searchsorted": nf.searchsorted,
    "product": lambda x: nf.reduce_prod(x, axis=1),
    "cumprod": lambda x: nf.cumprod(x, axis=1),
    "group_normalization": normalized,
    "group_normalization_gradient": lambda x, flow: nf.gradients(normalized(x), [x], [flow])[0],
    "depthwise": lambda x, filters: nn.depthwise_conv2d(x, filters, [1, 1, 1, 1], "SAME"),
    "max_pool_3": lambda x: nf.max_pool2d(x, size=3, strides=1, padding="same"),
    "max_pool_volumes": nf.max_pool3d,
    "fft": nf.fft,
    "cholesky": nf.cholesky,
}


def prepare(case: str, threads: int | None) -> Work:
    """Prepare one result, which the caller gets."""
    name = case.removeprefix("op_")
    with nf.Graph() as g:
        given = [
            nf.constant(a) if a.dtype.kind == "c" else nf.variable(a) for a in ops.arrays_of(case)
        ]
        result = FORMULAS.get(name, getattr(nf, name, None))(*given)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    call = session.make_callable(result, [])
    return Work(lambda: [np.real(call())], call)
