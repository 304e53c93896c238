"""A graph that fits a line, its data, and what numpy makes of them."""

from __future__ import annotations

import numpy as np

import nodeflow as nf


def fitted_line(rate: float = 0.1) -> tuple[nf.Graph, dict]:
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    with nf.Graph() as graph:
        inputs = nf.placeholder("float32", [None, 1], name="x")
        wanted = nf.placeholder("float32", [None, 1], name="y")
        w, b = nf.variable(0.0, name="w"), nf.variable(0.0, name="b")
        loss = nf.reduce_mean(nf.square(inputs * w + b - wanted), name="error")
        nf.gradient_descent(loss, learning_rate=rate, name="descent")
    return graph, {inputs: x, wanted: 3 * x + 1}


def truth(epochs: int, rate: float = 0.1) -> np.ndarray:
    """The losses of `fitted_line` without shuffling, by numpy in float64."""
    x = np.linspace(-1, 1, 40, dtype=np.float32).astype(np.float64)
    y, w, b, losses = 3 * x + 1, 0.0, 0.0, []
    for _ in range(epochs):
        for start in range(0, 40, 4):
            part = slice(start, start + 4)
            off = w * x[part] + b - y[part]
            losses.append(np.mean(off**2))
            w -= rate * np.mean(2 * off * x[part])
            b -= rate * np.mean(2 * off)
    return np.array(losses)
