"""The cases in JAX, jitted, buffers donated.

As ``jaxscan``, a whole stretch of training is one ``lax.scan``, which is the fair opponent of a
compiled training loop.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import jax_models
import jax_rows
import model_workloads
import numpy as np
import row_workloads
import workloads
from workloads import Work


def prepare(case: str, threads: int | None, library: str) -> Work:
    if case in workloads.TRAINING:
        return training(*workloads.training_case(case), scan=library == "jaxscan")
    if case.startswith("reduce_"):
        return reduction(case.removeprefix("reduce_"))
    if case in row_workloads.CASES:
        return jax_rows.prepare(case)
    if case in workloads.WORDS:
        return words(case)
    if case in model_workloads.CASES:
        return jax_models.prepare(case)
    return {
        "elem": elem,
        "chain": chain,
        "wide": wide,
        "rnn": lambda: rnn(scan=library == "jaxscan"),
        "cnn": cnn,
    }[case]()


def loss_of(weights, x, y):
    w1, b1, w2, b2 = weights
    p = jnp.clip(jax.nn.softmax(jax.nn.relu(x @ w1 + b1) @ w2 + b2), 1e-10, 0.9999999)
    return -jnp.mean(jnp.sum(y * jnp.log(p) + (1 - y) * jnp.log(1 - p), 1))


def new_weights(optimizer, weights, grads, moments, taken):
    """Return updated weights and moments after step number ``taken``, counted from 1."""
    pairs = zip(weights, grads, strict=True)
    if optimizer == "sgd":
        return [w - workloads.SGD["learning_rate"] * g for w, g in pairs], moments
    if optimizer == "momentum":
        rate, share = workloads.MOMENTUM["learning_rate"], workloads.MOMENTUM["momentum"]
        moments = [share * m + g for m, g in zip(moments, grads, strict=True)]
        return [w - rate * m for w, m in zip(weights, moments, strict=True)], moments
    first = [0.9 * m + 0.1 * g for m, g in zip(moments[0], grads, strict=True)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(moments[1], grads, strict=True)]
    rate = 0.001 * jnp.sqrt(1 - 0.999**taken) / (1 - 0.9**taken)
    pairs = zip(weights, first, second, strict=True)
    return [w - rate * m / (jnp.sqrt(v) + 1e-8) for w, m, v in pairs], (first, second)


def training(optimizer: str, batch: int, *, scan: bool) -> Work:
    data = workloads.digits()
    images, labels = data.floats()
    rows = workloads.order(batch)

    def zeros():
        return [jnp.zeros(w.shape) for w in data.weights]

    moments = {"sgd": list, "momentum": zeros, "adam": lambda: (zeros(), zeros())}
    state = [jnp.array(w) for w in data.weights], moments[optimizer](), jnp.float32(0)

    def advance(state, x, y):
        weights, moments, taken = state
        value, grads = jax.value_and_grad(loss_of)(weights, x, y)
        weights, moments = new_weights(optimizer, weights, grads, moments, taken + 1)
        return (weights, moments, taken + 1), value

    if scan:

        @functools.partial(jax.jit, donate_argnums=0)
        def epoch(state, x, y, order):
            return jax.lax.scan(lambda s, i: advance(s, x[i], y[i]), state, order)

        x, y = jnp.array(images), jnp.array(labels)

        def steps(count):
            nonlocal state
            state, losses = epoch(state, x, y, jnp.array(rows[:count]))
            return np.asarray(losses)

    else:
        update = jax.jit(advance, donate_argnums=0)

        def steps(count):
            nonlocal state
            losses = []
            for which in rows[:count]:
                state, value = update(state, images[which], labels[which])
                losses.append(float(value))
            return losses

    return Work(lambda: [steps(5)], lambda: steps(len(rows)), len(rows))


def lstm_loss(weights, x, y):
    kernel, recurrent, bias, w, b = weights
    projected = jnp.swapaxes(x, 0, 1) @ kernel + bias

    def step(state, p):
        h, c = state
        i, f, g, o = jnp.split(p + h @ recurrent, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]))
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), projected)
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(h @ w + b), 1))


def words(case: str) -> Work:
    """Prepare training that adds the gradients of looked-up rows: JAX has no sparse gradients."""
    if workloads.words_rule(case) == "adam":
        return words_adam(case)
    data = workloads.words(case)
    tables = [jnp.array(value) for value in data.tables]

    def loss_of_rows(rows):
        h, near, far = rows
        close, apart = jnp.sum(h * near, 1), h @ far.T
        return jnp.mean(jax.nn.softplus(-close)) + jnp.mean(jax.nn.softplus(apart))

    @functools.partial(jax.jit, donate_argnums=0)
    def step(tables, x, near, far):
        table, contexts = tables
        value, grads = jax.value_and_grad(loss_of_rows)((table[x], contexts[near], contexts[far]))
        rate = -workloads.WORDS_RATE
        contexts = contexts.at[near].add(rate * grads[1]).at[far].add(rate * grads[2])
        return [table.at[x].add(rate * grads[0]), contexts], value

    def steps(count):
        nonlocal tables
        losses = []
        for x, near, far in zip(data.words[:count], data.near, data.far, strict=False):
            tables, value = step(tables, x, near, far)
            losses.append(float(value))
        return losses

    return Work(lambda: [steps(5)], lambda: steps(data.steps()), data.steps())


def words_adam(case: str) -> Work:
    """Prepare training by Adam. It changes all rows, so the gradients are tables."""
    data = workloads.words(case)
    tables = [jnp.array(value) for value in data.tables]
    zeros = [jnp.zeros_like(table) for table in tables]
    state = tables, (zeros, [jnp.zeros_like(table) for table in tables]), jnp.float32(0)

    def loss_of_tables(tables, x, near, far):
        table, contexts = tables
        h = table[x]
        close, apart = jnp.sum(h * contexts[near], 1), h @ contexts[far].T
        return jnp.mean(jax.nn.softplus(-close)) + jnp.mean(jax.nn.softplus(apart))

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, *numbers):
        tables, moments, taken = state
        value, grads = jax.value_and_grad(loss_of_tables)(tables, *numbers)
        tables, moments = new_weights("adam", tables, grads, moments, taken + 1)
        return (tables, moments, taken + 1), value

    def steps(count):
        nonlocal state
        losses = []
        for numbers in zip(data.words[:count], data.near, data.far, strict=False):
            state, value = step(state, *numbers)
            losses.append(float(value))
        return losses

    return Work(lambda: [steps(5)], lambda: steps(data.steps()), data.steps())


def rnn(*, scan: bool) -> Work:
    data = workloads.walks()
    weights, labels = [jnp.array(w) for w in data.weights], data.one_hot()
    order = workloads.walk_order()

    def advance(weights, x, y):
        value, grads = jax.value_and_grad(lstm_loss)(weights, x, y)
        pairs = zip(weights, grads, strict=True)
        return [w - workloads.RNN_RATE * g for w, g in pairs], value

    if scan:

        @functools.partial(jax.jit, donate_argnums=0)
        def epoch(weights, x, y, rows):
            return jax.lax.scan(lambda w, i: advance(w, x[i], y[i]), weights, rows)

        x, y = jnp.array(data.sequences), jnp.array(labels)

        def steps(count):
            nonlocal weights
            weights, losses = epoch(weights, x, y, jnp.array(order[:count]))
            return np.asarray(losses)

    else:
        update = jax.jit(advance, donate_argnums=0)

        def steps(count):
            nonlocal weights
            losses = []
            for which in order[:count]:
                weights, value = update(weights, data.sequences[which], labels[which])
                losses.append(float(value))
            return losses

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def cnn_loss(weights, x, y):
    f1, b1, f2, b2, w, b = weights

    def layer(h, f, bias):
        layout = ("NHWC", "HWIO", "NHWC")
        h = jax.lax.conv_general_dilated(h, f, (1, 1), "SAME", dimension_numbers=layout)
        window = (1, 2, 2, 1)
        h = jax.nn.relu(h + bias)
        return jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, window, "VALID")

    h = layer(layer(x, f1, b1), f2, b2)
    logits = h.reshape(h.shape[0], -1) @ w + b
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(logits), 1))


def cnn() -> Work:
    data, order = workloads.digits(), workloads.cnn_order()
    pictures, labels = data.floats()
    pictures = pictures.reshape(-1, 28, 28, 1)
    weights = [jnp.array(v) for v in workloads.filters()]

    @functools.partial(jax.jit, donate_argnums=0)
    def update(weights, x, y):
        value, grads = jax.value_and_grad(cnn_loss)(weights, x, y)
        pairs = zip(weights, grads, strict=True)
        return [v - workloads.CNN_RATE * g for v, g in pairs], value

    def steps(count):
        nonlocal weights
        losses = []
        for which in order[:count]:
            weights, value = update(weights, pictures[which], labels[which])
            losses.append(float(value))
        return losses

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def elem() -> Work:
    x, y = map(jnp.array, workloads.pair())
    f = jax.jit(
        lambda x, y: jnp.tanh((x * 2 + y) * (x - y)) / (1 + jnp.exp(-x)) + jnp.sqrt(y * y + 1)
    )

    def compute():
        return [f(x, y).block_until_ready()]

    return Work(compute, compute)


def chain() -> Work:
    @jax.jit
    def f(v):
        for _ in range(workloads.CHAIN):
            v = v * 0.999 + 0.001
        return v

    def compute():
        return [float(f(jnp.float32(1)))]

    return Work(compute, compute)


def wide() -> Work:
    value, matrices = workloads.branches()
    x, matrices = jnp.array(value), [jnp.array(m) for m in matrices]
    f = jax.jit(lambda x, ms: sum((jnp.tanh(x @ m) * 0.5).sum() for m in ms))

    def compute():
        return [float(f(x, matrices))]

    return Work(compute, compute)


def reduction(kind: str) -> Work:
    x = jnp.array(workloads.cube())
    axes = [a for a in workloads.REDUCE_AXES if a is not None or kind not in ("softmax", "argmax")]

    def reduce(x, axis):
        if kind == "softmax":
            return jax.nn.softmax(x, axis).max(1)
        return getattr(jnp, kind)(x, axis=axis)

    f = jax.jit(lambda x: [reduce(x, a) for a in axes])

    def compute():
        return [np.asarray(r) for r in f(x)]

    return Work(compute, compute)
