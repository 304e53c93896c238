"""The cases in numpy, written by hand as a user would."""

from __future__ import annotations

import numpy as np
import numpy_rows
import row_workloads
import workloads
from workloads import Work


def prepare(case: str, threads: int | None, _: str) -> Work:
    if case in workloads.TRAINING:
        return training(*workloads.training_case(case))
    if case.startswith("reduce_"):
        return reduction(case.removeprefix("reduce_"))
    if case in row_workloads.CASES:
        return numpy_rows.prepare(case)
    return {"elem": elem, "chain": chain, "wide": wide, "rnn": rnn}[case]()


def training(optimizer: str, batch: int) -> Work:
    data = workloads.digits()
    images, labels = data.floats()
    weights = [w.copy() for w in data.weights]
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in weights]
    rows = workloads.order(batch)
    taken = 0

    def update(grads):
        nonlocal taken
        taken += 1
        for w, d, (m, v) in zip(weights, grads, moments, strict=True):
            if optimizer == "sgd":
                w -= np.float32(workloads.SGD["learning_rate"]) * d
            elif optimizer == "momentum":
                m *= np.float32(workloads.MOMENTUM["momentum"])
                m += d
                w -= np.float32(workloads.MOMENTUM["learning_rate"]) * m
            else:
                b1, b2 = np.float32(0.9), np.float32(0.999)
                m *= b1
                m += (1 - b1) * d
                v *= b2
                v += (1 - b2) * d * d
                rate = 0.001 * np.sqrt(1 - 0.999**taken) / (1 - 0.9**taken)
                w -= np.float32(rate) * m / (np.sqrt(v) + np.float32(1e-8))

    def step(x, y):
        w1, b1, w2, b2 = weights
        h = np.maximum(x @ w1 + b1, 0)
        z = h @ w2 + b2
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        c = np.clip(p, 1e-10, 0.9999999)
        loss = -(y * np.log(c) + (1 - y) * np.log(1 - c)).sum(1).mean()
        g = -(y / c - (1 - y) / (1 - c)) / np.float32(len(x)) * (p == c)
        dz = p * (g - (g * p).sum(1, keepdims=True))
        dh = (dz @ w2.T) * (h > 0)
        update((x.T @ dh, dh.sum(0), h.T @ dz, dz.sum(0)))
        return float(loss)

    def steps(count):
        return [step(images[which], labels[which]) for which in rows[:count]]

    return Work(lambda: [steps(5)], lambda: steps(len(rows)), len(rows))


def rnn() -> Work:
    data = workloads.walks()
    kernel, recurrent, bias, w, b = weights = [a.copy() for a in data.weights]
    labels, order = data.one_hot(), workloads.walk_order()

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def step(x, y):
        x = np.ascontiguousarray(x.transpose(1, 0, 2))
        steps, rows, _ = x.shape
        projected = (x.reshape(steps * rows, -1) @ kernel + bias).reshape(steps, rows, -1)
        h = c = np.zeros((rows, len(recurrent)), np.float32)
        kept, before = [], np.empty((steps, *h.shape), np.float32)
        for t in range(steps):
            before[t] = h
            i, f, g, o = np.split(projected[t] + h @ recurrent, 4, axis=1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            old, c = c, f * c + i * g
            kept.append((i, f, g, o, old, np.tanh(c)))
            h = o * kept[-1][-1]
        logits = h @ w + b
        e = np.exp(logits - logits.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        loss = -(y * np.log(p)).sum(1).mean()
        by_logits = (p - y) / np.float32(rows)
        by_h, by_c, by_gates = by_logits @ w.T, np.zeros_like(c), np.empty_like(projected)
        for t in reversed(range(steps)):
            i, f, g, o, old, tanh_c = kept[t]
            by_c = by_c + by_h * o * (1 - tanh_c * tanh_c)
            parts = by_c * g * i * (1 - i), by_c * old * f * (1 - f), by_c * i * (1 - g * g)
            by_gates[t] = np.concatenate([*parts, by_h * tanh_c * o * (1 - o)], 1)
            by_c, by_h = by_c * f, by_gates[t] @ recurrent.T
        flat = by_gates.reshape(steps * rows, -1)
        grads = (
            x.reshape(steps * rows, -1).T @ flat, before.reshape(steps * rows, -1).T @ flat,
            flat.sum(0), h.T @ by_logits, by_logits.sum(0),
        )  # fmt: skip
        for weight, grad in zip(weights, grads, strict=True):
            weight -= np.float32(workloads.RNN_RATE) * grad
        return float(loss)

    def steps(count):
        return [step(data.sequences[which], labels[which]) for which in order[:count]]

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def elem() -> Work:
    x, y = workloads.pair()

    def compute():
        return [np.tanh((x * 2 + y) * (x - y)) / (1 + np.exp(-x)) + np.sqrt(y * y + 1)]

    return Work(compute, compute)


def chain() -> Work:
    def compute():
        v = np.float32(1)
        for _ in range(workloads.CHAIN):
            v = v * np.float32(0.999) + np.float32(0.001)
        return [v]

    return Work(compute, compute)


def wide() -> Work:
    x, matrices = workloads.branches()

    def compute():
        return [np.float32(sum((np.tanh(x @ m) * np.float32(0.5)).sum() for m in matrices))]

    return Work(compute, compute)


def reduction(kind: str) -> Work:
    x = workloads.cube()
    axes = [a for a in workloads.REDUCE_AXES if a is not None or kind not in ("softmax", "argmax")]

    def softmax(axis):
        e = np.exp(x - x.max(axis, keepdims=True))
        return (e / e.sum(axis, keepdims=True)).max(1)

    def compute():
        return [softmax(a) if kind == "softmax" else getattr(np, kind)(x, axis=a) for a in axes]

    return Work(compute, compute)
