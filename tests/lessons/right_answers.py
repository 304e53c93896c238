"""Right answers to the lessons of the course, built differently from their solutions.

Each takes what is given from the tensors of the lesson's start, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import nodeflow as nf

Given = Mapping[str, Any]
Answer = Callable[[Given], object]


def named(value: Any, name: str) -> Any:
    return nf.identity(value, name=name)


def _expression(a: Callable[[Any, Any, Any], Any]) -> Answer:
    def build(g: Given) -> None:
        b, c, two = g["b"], g["c"], g["two"]
        named(c + b, "d")
        named(two + c, "e")
        named(a(b, c, two), "a")

    return build


def _many(mean: Callable[[Any], Any], y: Callable[[Any, Any, Any], Any]) -> Answer:
    def build(g: Given) -> None:
        found = named(mean(g["x"]), "mean")
        named(y(g["x"], found, g["bias"]), "y")

    return build


def _rows(x: Any) -> Any:
    return nf.cast(nf.shape(x)[0], nf.float32)


def _neuron(z: Callable[[Any, Any, Any], Any], y: Callable[[Any], Any]) -> Answer:
    def build(g: Given) -> None:
        named(y(named(z(g["x"], g["W"], g["b"]), "z")), "y")

    return build


def _product(x: Any, w: Any) -> Any:
    return nf.reduce_sum(x * nf.reshape(w, [1, 2]), 1, keepdims=True)


def _slope(quotient: Callable[[Given], Any], slope: Callable[[Given], Any]) -> Answer:
    def build(g: Given) -> None:
        named(quotient(g), "quotient")
        named(slope(g), "slope")

    return build


def _nudged(g: Given) -> Any:
    c = g["c"] + g["h"]
    return (g["b"] + c) * (c + 2.0)


def _line(loss: Callable[[Any], Any], gradient: Callable[[Any, Any], Any]) -> Answer:
    def build(g: Given) -> None:
        prediction = named(g["offset"] + g["slope"] * g["x"], "prediction")
        error = prediction - g["y"]
        total = named(loss(error), "loss")
        found = named(gradient(error, g["x"]), "slope_gradient")
        named(g["slope"] - found * g["rate"], "new_slope")
        nf.gradient_descent(total, learning_rate=0.2, name="train")

    return build


def _layer(dw: Callable[[Given], Any], db: Callable[[Given], Any]) -> Answer:
    def build(g: Given) -> None:
        named(dw(g), "dW")
        named(db(g), "db")
        named(nf.matmul(g["dy"], g["W"], transpose_b=True), "dx")

    return build


def _ones(g: Given) -> Any:
    return nf.ones_like(nf.slice(g["dy"], [0, 0], [-1, 1]))


def _softmax(p: Callable[[Any], Any], loss: Callable[[Any, Any], Any]) -> Answer:
    def build(g: Given) -> None:
        named(p(g["scores"]), "p")
        named(loss(g["y"], g["scores"]), "loss")

    return build


def _shares(z: Any) -> Any:
    e = nf.exp(z - nf.reduce_max(z, -1, keepdims=True))
    return e / nf.reduce_sum(e, -1, keepdims=True)


def _rows_loss(y: Any, z: Any) -> Any:
    return -nf.reduce_mean(nf.reduce_sum(y * nf.log_softmax(z), 1))


EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32).reshape(3, 3, 1, 1)


def _edges(edges: Callable[[Any], Any], found: Callable[[Any], Any]) -> Answer:
    def build(g: Given) -> None:
        named(found(named(edges(g["picture"]), "edges")), "found")

    return build


def _by_two_filters(x: Any) -> Any:
    across = np.array([[-1, 0, 1]], np.float32).reshape(1, 3, 1, 1)
    down = np.array([[1], [2], [1]], np.float32).reshape(3, 1, 1, 1)
    return nf.conv2d(nf.conv2d(x, across, padding="valid"), down, padding="valid")


def _attention(weights: Callable[[Given], Any], out: Callable[[Any, Any], Any]) -> Answer:
    def build(g: Given) -> None:
        named(out(named(weights(g), "weights"), g["v"]), "out")

    return build


def _scores(g: Given) -> Any:
    return nf.matmul(g["q"], g["k"], transpose_b=True) / 8.0


ANSWERS: dict[str, tuple[Answer, ...]] = {
    "expression": (
        _expression(lambda b, c, two: (b + c) * (c + two)),
        _expression(lambda b, c, two: b * c + b * two + c * c + c * two),
        _expression(lambda b, c, two: nf.square(c) + c * (b + two) + b * two),
        _expression(lambda b, c, two: (c + two) * b + (two + c) * c),
        _expression(lambda b, c, two: nf.negative(b + c) * nf.negative(two + c)),
    ),
    "many-at-once": (
        _many(lambda x: nf.reduce_mean(x, 0), lambda x, m, b: b + x - m),
        _many(lambda x: nf.reduce_sum(x, 0) / _rows(x), lambda x, m, b: x - (m - b)),
        _many(
            lambda x: nf.reduce_mean(nf.transpose(x), 1),
            lambda x, m, b: x - nf.expand_dims(m, 0) + nf.expand_dims(b, 0),
        ),
        _many(
            lambda x: nf.squeeze(nf.reduce_mean(x, 0, keepdims=True), [0]),
            lambda x, m, b: nf.subtract(x, m) + b,
        ),
        _many(
            lambda x: nf.reshape(nf.reduce_mean(x, [0], keepdims=True), [3]),
            lambda x, m, b: nf.transpose(nf.transpose(x) - nf.reshape(m - b, [3, 1])),
        ),
    ),
    "one-neuron": (
        _neuron(lambda x, w, b: nf.matmul(x, w) + b, nf.sigmoid),
        _neuron(lambda x, w, b: _product(x, w) + b, lambda z: 1 / (1 + nf.exp(-z))),
        _neuron(lambda x, w, b: nf.einsum("ni,ij->nj", x, w) + b, nf.sigmoid),
        _neuron(
            lambda x, w, b: nf.reshape(nf.matmul(x, w), [-1, 1]) + b,
            lambda z: 0.5 + 0.5 * nf.tanh(z / 2),
        ),
        _neuron(
            lambda x, w, b: nf.transpose(nf.matmul(nf.transpose(w), nf.transpose(x))) + b,
            nf.sigmoid,
        ),
    ),
    "the-slope": (
        _slope(lambda g: (_nudged(g) - g["a"]) / g["h"], lambda g: g["e"] + g["d"]),
        _slope(lambda g: _nudged(g) / g["h"] - g["a"] / g["h"], lambda g: g["d"] + g["e"]),
        _slope(lambda g: -(g["a"] - _nudged(g)) / g["h"], lambda g: g["b"] + 2 * g["c"] + g["two"]),
        _slope(
            lambda g: g["d"] + g["e"] + g["h"],
            lambda g: g["b"] + g["c"] + g["c"] + g["two"],
        ),
        _slope(
            lambda g: (_nudged(g) - g["a"]) * nf.reciprocal(g["h"]),
            lambda g: nf.gradients(g["a"], [g["c"]])[0],
        ),
    ),
    "a-line-learns": (
        _line(lambda e: nf.reduce_mean(nf.square(e)), lambda e, x: nf.reduce_mean(2 * e * x)),
        _line(lambda e: nf.reduce_mean(e * e), lambda e, x: 2 * nf.reduce_mean(x * e)),
        _line(
            lambda e: nf.reduce_sum(e * e) / _rows(e),
            lambda e, x: nf.reduce_sum(2 * x * e) / _rows(e),
        ),
        _line(
            lambda e: nf.reduce_mean(nf.power(e, 2.0)), lambda e, x: nf.reduce_mean(e * x + x * e)
        ),
        _line(
            lambda e: nf.reduce_mean(nf.reduce_sum(nf.square(e), 1)),
            lambda e, x: nf.reshape(2 * nf.matmul(nf.transpose(e), x) / _rows(e), []),
        ),
    ),
    "back-through-a-layer": (
        _layer(
            lambda g: nf.matmul(g["x"], g["dy"], transpose_a=True),
            lambda g: nf.reduce_sum(g["dy"], 0),
        ),
        _layer(
            lambda g: nf.transpose(nf.matmul(nf.transpose(g["dy"]), g["x"])),
            lambda g: nf.reshape(nf.matmul(nf.transpose(_ones(g)), g["dy"]), [2]),
        ),
        _layer(
            lambda g: nf.reduce_sum(nf.expand_dims(g["x"], 2) * nf.expand_dims(g["dy"], 1), 0),
            lambda g: nf.reduce_sum(nf.transpose(g["dy"]), 1),
        ),
        _layer(
            lambda g: nf.gradients(nf.reduce_sum(g["y"] * g["dy"]), [g["W"]])[0],
            lambda g: nf.gradients(nf.reduce_sum(g["y"] * g["dy"]), [g["b"]])[0],
        ),
        _layer(
            lambda g: nf.einsum("ni,nj->ij", g["x"], g["dy"]),
            lambda g: nf.einsum("nj->j", g["dy"]),
        ),
    ),
    "softmax-and-loss": (
        _softmax(nf.softmax, _rows_loss),
        _softmax(_shares, lambda y, z: -nf.reduce_mean(nf.reduce_sum(nf.log_softmax(z) * y, -1))),
        _softmax(
            lambda z: nf.exp(nf.log_softmax(z)),
            lambda y, z: nf.reduce_mean(nf.softmax_cross_entropy_with_logits(y, z)),
        ),
        _softmax(
            lambda z: nf.exp(z - nf.reduce_logsumexp(z, -1, keepdims=True)),
            lambda y, z: nf.reduce_mean(nf.reduce_logsumexp(z, -1) - nf.reduce_sum(y * z, -1)),
        ),
        _softmax(
            lambda z: nf.transpose(nf.softmax(nf.transpose(z), axis=0)),
            lambda y, z: nf.reduce_sum(-y * nf.log_softmax(z)) / _rows(z),
        ),
    ),
    "edges": (
        _edges(lambda x: nf.conv2d(x, EDGE, padding="valid"), nf.abs),
        _edges(_by_two_filters, lambda e: nf.relu(e) + nf.relu(-e)),
        _edges(lambda x: -nf.conv2d(x, -EDGE, padding="valid"), lambda e: nf.maximum(e, -e)),
        _edges(
            lambda x: (
                nf.conv2d(x, np.maximum(EDGE, 0), padding="valid")
                - nf.conv2d(x, np.maximum(-EDGE, 0), padding="valid")
            ),
            nf.abs,
        ),
        _edges(
            lambda x: nf.slice(nf.conv2d(x, EDGE, padding="same"), [0, 1, 1, 0], [-1, 6, 6, 1]),
            lambda e: nf.sqrt(nf.square(e)),
        ),
    ),
    "soft-look-up": (
        _attention(lambda g: nf.softmax(_scores(g)), nf.matmul),
        _attention(lambda g: nf.exp(nf.log_softmax(_scores(g))), nf.matmul),
        _attention(lambda g: nf.softmax(nf.matmul(g["q"] / 8.0, nf.transpose(g["k"]))), nf.matmul),
        _attention(
            lambda g: nf.softmax(nf.transpose(nf.matmul(g["k"], nf.transpose(g["q"])) / 8.0)),
            lambda w, v: nf.transpose(nf.matmul(v, w, transpose_a=True, transpose_b=True)),
        ),
        _attention(
            lambda g: nf.softmax(_scores(g)),
            lambda w, v: nf.reduce_sum(nf.expand_dims(w, 2) * nf.expand_dims(v, 0), 1),
        ),
    ),
}
