"""Cases of `op_workloads` in eager PyTorch. Pictures have their channels last here as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import op_workloads as ops
import torch
import torch.nn.functional as F
from workloads import Work

Formula = Callable[..., Any]


def summed(values: torch.Tensor, segments: torch.Tensor) -> torch.Tensor:
    return torch.zeros(int(segments[-1]) + 1, values.shape[1]).index_add_(0, segments, values)


def gradient(x: torch.Tensor, flowing: torch.Tensor) -> torch.Tensor:
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.group_norm(x, ops.GROUPS), x, flowing)[0]


FORMULAS: dict[str, Formula] = {
    "atan2": torch.atan2,
    "power": torch.pow,
    "power_2": lambda x: x**2,
    "power_3": lambda x: x**3,
    "power_half": lambda x: x**0.5,
    "floor_divide": lambda x, y: x // y,
    "modulo": lambda x, y: x % y,
    "sort_int32": lambda x: x.sort()[0],
    "sort_uint8": lambda x: x.sort()[0],
    "roll": lambda x: x.roll(ops.TURN, 1),
    "reverse": lambda x: x.flip(1),
    "short_sums": lambda x: x.sum(1),
    "short_maxima": lambda x: x.amax(1),
    "short_places": lambda x: x.argmax(1),
    "short_products": lambda x: x.prod(1),
    "norm": torch.linalg.vector_norm,
    "squared_error": torch.nn.functional.mse_loss,
    "largest_difference": lambda x, y: (x - y).abs().max(),
    "transpose": lambda x: x.t().contiguous(),
    "concat": lambda x, y: torch.cat([x, y], 1),
    "gather_columns": lambda x, columns: x[:, columns],
    "take_along": lambda x, places: x.gather(1, places),
    "embedding": lambda table, rows: table[rows],
    "segment_sum": summed,
    "bincount": lambda x: torch.bincount(x.ravel(), minlength=1024).to(torch.int32),
    "searchsorted": torch.searchsorted,
    "product": lambda x: x.prod(1),
    "cumprod": lambda x: x.cumprod(1),
    "group_normalization": lambda x: F.group_norm(x, ops.GROUPS),
    "group_normalization_gradient": gradient,
    "depthwise": lambda x, filters: F.conv2d(x, filters, padding=1, groups=filters.shape[0]),
    "max_pool_3": lambda x: F.max_pool2d(x, 3, 1, 1),
    "max_pool_volumes": lambda x: F.max_pool3d(x, 2),
    "fft": torch.fft.fft,
    "cholesky": torch.linalg.cholesky,
}


def prepare(case: str) -> Work:
    name = case.removeprefix("op_")
    formula = FORMULAS.get(name) or getattr(torch, name)
    given = [_given(x) for x in map(torch.from_numpy, ops.arrays_of(case))]
    pictures = given[0].dim() > 3

    def first() -> list[Any]:
        out = formula(*given)
        return [np.real((out.movedim(1, -1) if pictures else out).detach().numpy())]

    return Work(first, lambda: formula(*given))


def _given(x: torch.Tensor) -> torch.Tensor:
    """Return an array as PyTorch wants it: 64-bit indices, channels before the axes of space."""
    if x.dtype == torch.int32 and x.numel() < 1 << 20:
        return x.long()
    if x.dim() == 5:
        return x.movedim(-1, 1)
    if x.dim() == 4:
        return x.permute(0, 3, 1, 2) if x.shape[0] > 3 else x.permute(2, 3, 0, 1).contiguous()
    return x
