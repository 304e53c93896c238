"""Graphs that several engine tests use, and what numpy says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import nodeflow as nf
from nodeflow.graph.graph import Node, Tensor


@dataclass
class Network:
    """784-300-10 as in the tutorial, with gradient descent."""

    graph: nf.Graph
    x: Tensor
    y: Tensor
    loss: Tensor
    probabilities: Tensor
    train: Node
    initial: list[np.ndarray]


NAMES = ("W1", "b1", "W2", "b2")


def network(
    dtype: str = "float64", sizes: tuple[int, int, int] = (784, 300, 10), rate: float = 0.5
) -> Network:
    """The classic network, built from its ops as a user would."""
    rng = np.random.default_rng(0)
    n, hidden, classes = sizes
    shapes = ((n, hidden), (hidden,), (hidden, classes), (classes,))
    scales = (0.03, 1, 0.03, 1)
    initial = [rng.normal(0, s, d).astype(dtype) for d, s in zip(shapes, scales, strict=True)]
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None, n], name="x")
        y = nf.placeholder(dtype, [None, classes], name="y")
        w1, b1, w2, b2 = (
            nf.variable(value, dtype=dtype, name=name)
            for value, name in zip(initial, NAMES, strict=True)
        )
        p = nf.softmax(nf.relu(x @ w1 + b1) @ w2 + b2, name="p")
        clipped = nf.clip_by_value(p, 1e-10, 0.9999999)
        terms = y * nf.log(clipped) + (1 - y) * nf.log(1 - clipped)
        loss = nf.negative(nf.reduce_mean(nf.reduce_sum(terms, axis=1)), name="loss")
        train = graph.apply("gradient_descent", loss, learning_rate=rate, name="train")
    return Network(graph, x, y, loss, p, train, initial)


def numpy_step(
    parameters: list[np.ndarray], x: np.ndarray, y: np.ndarray, rate: float = 0.5
) -> float:
    """One step of the same program by hand; changes ``parameters``, returns the loss before it."""
    w1, b1, w2, b2 = parameters
    h = np.maximum(x @ w1 + b1, 0)
    z = h @ w2 + b2
    e = np.exp(z - z.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    clipped = np.clip(p, 1e-10, 0.9999999)
    loss = -(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)).sum(1).mean()
    g = -(y / clipped - (1 - y) / (1 - clipped)) / len(x) * (p == clipped)
    dz = p * (g - (g * p).sum(1, keepdims=True))
    dh = (dz @ w2.T) * (h > 0)
    gradients = (x.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0))
    for value, gradient in zip(parameters, gradients, strict=True):
        value -= w1.dtype.type(rate) * gradient
    return float(loss)


def images_and_labels(rows: int, features: int = 784) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images with a pattern for each of ten classes, and the class numbers."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 10, rows).astype(np.uint8)
    patterns = rng.random((10, features)) < 0.2
    noise = rng.random((rows, features)) < 0.05
    return ((patterns[labels] ^ noise) * 50).astype(np.uint8), labels


def run(wanted: Sequence[nf.Tensor], **options) -> list[np.ndarray]:
    """What a session of its own, with initial variables, computes."""
    with nf.Session(wanted[0].node.graph, **{"tier": "compiled", **options}) as s:
        s.initialize()
        return s.run(list(wanted))


def same(found: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    """Whether they have the same bits."""
    return all(a.tobytes() == b.tobytes() for a, b in zip(found, other, strict=True))
