"""Random graphs as plain data: built in nodeflow here, and in JAX by `tests/peers/jax_program.py`.

A program is a list of rows ``[op, [operands], attrs]``; row k computes value ``inputs + k``. Values
are scalars, vectors (4) or matrices (3, 4). Every value stays between about -4 and 4: what could
grow is squashed, so that 200 nodes neither overflow nor lose their digits.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.graph.graph import Graph, Tensor

INPUT_SHAPES = ((3, 4), (3, 4), (4,), (3, 1), ())
SMOOTH = {
    "add": 2, "subtract": 2, "multiply": 2, "tanh": 1, "sigmoid": 1, "softplus": 1, "sin": 1,
    "cos": 1, "negative": 1, "square": 1, "erf": 1, "gelu": 1, "softmax": 1, "exp_negative": 1,
    "log_positive": 1, "sqrt_positive": 1, "divide_positive": 2, "reduce_sum": 1,
    "reduce_mean": 1, "matmul": 2, "transpose_back": 1,
}  # fmt: skip
KINKED = {
    "relu": 1, "abs": 1, "maximum": 2, "minimum": 2, "clip": 1, "where_greater": 2,
    "reduce_max": 1, "reduce_min": 1, "leaky_relu": 1, "round_half": 1,
}  # fmt: skip
GROWING = {"add", "subtract", "multiply", "square", "reduce_sum", "matmul", "divide_positive",
           "softplus"}  # fmt: skip

Row = list[Any]


def program(seed: int, nodes: int, *, kinks: bool) -> list[Row]:
    """Rows of a random graph; with ``kinks`` also ops that have ties.

    Args:
        nodes: number of rows; each adds one to four nodes to the graph.
    """
    rng = random.Random(seed)
    kinds = SMOOTH | KINKED if kinks else SMOOTH
    names = sorted(kinds)
    shapes = list(INPUT_SHAPES)
    rows: list[Row] = []
    while len(rows) < nodes:
        name = rng.choice(names)
        operands = [_pick(rng, len(shapes)) for _ in range(kinds[name])]
        shape = _shape(name, [shapes[o] for o in operands])
        if shape is None:
            continue
        rows.append([name, operands, {}])
        shapes.append(shape)
    return rows


def _pick(rng: random.Random, count: int) -> int:
    """Recent values mostly, so that graphs grow deep; sometimes any."""
    return rng.randrange(max(0, count - 12), count) if rng.random() < 0.7 else rng.randrange(count)


def _shape(name: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The result's shape, or None where the op cannot take these."""
    if name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min"):
        return shapes[0][:-1] + (1,) if shapes[0] else None
    if name == "softmax":
        return shapes[0] or None
    if name == "transpose_back":
        return shapes[0] if len(shapes[0]) == 2 else None
    if name == "matmul":  # x (3, 4) times y (3, 4) transposed, times y again
        return (3, 4) if shapes == [(3, 4), (3, 4)] else None
    return np.broadcast_shapes(*shapes)


def inputs(seed: int, dtype: str, *, ties: bool) -> list[np.ndarray]:
    """Values of the inputs; with ``ties`` multiples of a half, so that many are equal."""
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-2, 2, shape) for shape in INPUT_SHAPES]
    return [np.asarray(np.round(a * 2) / 2 if ties else a, dtype) for a in arrays]


def build(rows: list[Row], dtype: str) -> tuple[Graph, list[Tensor], list[Tensor], Tensor]:
    """The graph, its placeholders, the value of each row, and a scalar that all of them reach."""
    with nf.Graph() as graph:
        fed = [nf.placeholder(dtype, list(s), name=f"input{i}") for i, s in enumerate(INPUT_SHAPES)]
        values = list(fed)
        for name, operands, _ in rows:
            value = _apply(name, *(values[o] for o in operands))
            values.append(nf.sin(value) * 2 if name in GROWING else value)
        total = nf.reduce_sum(values[len(fed)]) * 0.5
        for place, value in enumerate(values[len(fed) + 1 :]):
            total = total + nf.reduce_sum(value) * (0.5 + (place % 7) / 8)
    return graph, fed, values[len(fed) :], total


def _apply(name: str, *xs: Tensor) -> Tensor:
    x, y = xs[0], xs[-1]
    special = {
        "exp_negative": lambda: nf.exp(-nf.abs(nf.tanh(x) + 2)),
        "log_positive": lambda: nf.log(nf.square(x) + 1),
        "sqrt_positive": lambda: nf.sqrt(nf.square(x) + 1),
        "divide_positive": lambda: x / (nf.square(y) + 1),
        "matmul": lambda: nf.matmul(nf.matmul(x, y, transpose_y=True), y),
        "transpose_back": lambda: nf.transpose(nf.tanh(nf.transpose(x))),
        "clip": lambda: nf.clip_by_value(x, -1, 1),
        "where_greater": lambda: nf.where(x > y, x * 0.5, y),
        "round_half": lambda: x + nf.stop_gradient(nf.round(x * 2) * 0.5 - x),
        "softmax": lambda: nf.softmax(x, axis=-1),
    }
    if name in special:
        return special[name]()
    if name.startswith("reduce_"):
        return getattr(nf, name)(x, axis=-1, keepdims=True)
    return getattr(nf, name)(*xs)
