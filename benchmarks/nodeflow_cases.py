"""The cases as a user of nodeflow writes them: graphs through the public API."""

from __future__ import annotations

from typing import Any

import layer_workloads
import model_workloads
import nodeflow_layers
import nodeflow_models
import nodeflow_ops
import nodeflow_rows
import numpy as np
import op_workloads
import row_workloads
import workloads
from workloads import Work

import nodeflow as nf
from nodeflow.engine.columns import Column

OPTIMIZERS: dict[str, tuple[str, dict[str, float]]] = {
    "sgd": ("gradient_descent", workloads.SGD),
    "adam": ("adam", workloads.ADAM),
    "momentum": ("momentum", workloads.MOMENTUM),
}


def prepare(case: str, threads: int | None, _: str) -> Work:
    if case in workloads.TRAINING:
        return training(*workloads.training_case(case), threads)
    if case.startswith("reduce_"):
        return reduction(case.removeprefix("reduce_"), threads)
    if case in workloads.WORDS:
        return words(case, threads)
    if case in row_workloads.CASES:
        return nodeflow_rows.prepare(case, threads)
    if case.startswith("copy_"):
        return copy(int(case.removeprefix("copy_")), threads)
    if case in model_workloads.CASES:
        return nodeflow_models.prepare(case, threads)
    if case in op_workloads.CASES:
        return nodeflow_ops.prepare(case, threads)
    if case in layer_workloads.CASES:
        return nodeflow_layers.prepare(case, threads)
    return {"elem": elem, "chain": chain, "wide": wide, "rnn": rnn, "cnn": cnn}[case](threads)


def mnist_graph(optimizer: str, **attrs: Any):
    """Make 784-300-10 as in the tutorial. Return graph, placeholders and loss."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 784], name="x")
        y = nf.placeholder("float32", [None, 10], name="y")
        w1 = nf.variable(nf.random_normal([784, 300], stddev=0.03), name="W1")
        b1 = nf.variable(nf.random_normal([300]), name="b1")
        w2 = nf.variable(nf.random_normal([300, 10], stddev=0.03), name="W2")
        b2 = nf.variable(nf.random_normal([10]), name="b2")
        p = nf.softmax(nf.relu(x @ w1 + b1) @ w2 + b2)
        clipped = nf.clip_by_value(p, 1e-10, 0.9999999)
        terms = y * nf.log(clipped) + (1 - y) * nf.log(1 - clipped)
        loss = nf.negative(nf.reduce_mean(nf.reduce_sum(terms, axis=1)), name="loss")
        g.apply(optimizer, loss, name="train", **attrs)
    return g, x, y, loss


def mnist_columns(x: Any, y: Any, data: workloads.Digits) -> dict[Any, Column]:
    return {
        x: Column(data.images, "float32", scale=1 / 255),
        y: Column(data.labels, "float32", depth=10),
    }


def training(optimizer: str, batch: int, threads: int | None) -> Work:
    """Prepare steps of a stepper, as `nodeflow train` runs them; gathering included."""
    name, attrs = OPTIMIZERS[optimizer]
    g, x, y, loss = mnist_graph(name, **attrs)
    data = workloads.digits()
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    for variable, value in zip(("W1", "b1", "W2", "b2"), data.weights, strict=True):
        session.variables[variable] = value
    stepper = session.stepper(["train"], [loss], mnist_columns(x, y, data), batch)
    rows = workloads.order(batch).ravel()

    def steps(count: int) -> np.ndarray:
        stepper.start_epoch(rows)
        return stepper.run(count)[1]

    count = workloads.steps_for(batch)

    def trace() -> dict[str, Any]:
        stepper.start_epoch(rows)
        return stepper.profile(1)

    return Work(lambda: [steps(5)], lambda: steps(count), count, trace)


def elem(threads: int | None) -> Work:
    a, b = workloads.pair()
    with nf.Graph():
        x, y = nf.variable(a, name="x"), nf.variable(b, name="y")
        z = nf.variable(np.zeros_like(a), name="z")
        value = nf.tanh((x * 2 + y) * (x - y)) / (1 + nf.exp(-x)) + nf.sqrt(y * y + 1)
        keep = nf.group(nf.assign(z, value))
    session = nf.Session(value.node.graph, tier="compiled", threads=threads)
    session.initialize()
    trace = lambda: session.profile(keep)[1]  # noqa: E731
    return Work(lambda: [session.run(value)], lambda: session.run(keep), trace=trace)


def chain(threads: int | None) -> Work:
    """Prepare a chain. The first result comes from the default tier, which does not wait for
    kernels."""
    with nf.Graph() as g:
        v = x = nf.placeholder("float32", [], name="x")
        for _ in range(workloads.CHAIN):
            v = v * 0.999 + 0.001
    session = nf.Session(g, tier="compiled", threads=threads)
    feeds = {x: np.float32(1)}
    return Work(lambda: [nf.Session(g).run(v, feeds)], lambda: session.run(v, feeds))


def wide(threads: int | None) -> Work:
    value, matrices = workloads.branches()
    with nf.Graph():
        x = nf.placeholder("float32", list(value.shape), name="x")
        ends = [nf.reduce_sum(nf.tanh(x @ nf.constant(m)) * 0.5) for m in matrices]
        total = ends[0]
        for end in ends[1:]:
            total = total + end
    session = nf.Session(total.node.graph, tier="compiled", threads=threads)
    fed = {x: value}
    return Work(
        lambda: [session.run(total, fed)],
        lambda: session.run(total, fed),
        trace=lambda: session.profile(total, fed)[1],
    )


def cnn(threads: int | None) -> Work:
    """Prepare two layers of 5 x 5 filters, each halved by its largest, and ten classes."""
    weights = workloads.filters()
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 28, 28, 1], name="x")
        y = nf.placeholder("float32", [None, 10], name="y")
        f1, b1, f2, b2, w, b = (nf.variable(v) for v in weights)
        h = nf.max_pool2d(nf.relu(nf.conv2d(x, f1) + b1))
        h = nf.max_pool2d(nf.relu(nf.conv2d(h, f2) + b2))
        logits = nf.reshape(h, [-1, w.shape[0]]) @ w + b
        loss = nf.reduce_mean(nf.softmax_cross_entropy_with_logits(y, logits))
        g.apply("gradient_descent", loss, name="train", learning_rate=workloads.CNN_RATE)
    data, order = workloads.digits(), workloads.cnn_order()
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    columns = {
        x: Column(data.images.reshape(-1, 28, 28, 1), "float32", scale=1 / 255),
        y: Column(data.labels, "float32", depth=10),
    }
    stepper = session.stepper(["train"], [loss], columns, workloads.CNN_BATCH)

    def steps(count: int) -> np.ndarray:
        stepper.start_epoch(order.ravel())
        return stepper.run(count)[1]

    def trace() -> dict[str, Any]:
        stepper.start_epoch(order.ravel())
        return stepper.profile(1)

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order), trace)


def words(case: str, threads: int | None) -> Work:
    """Prepare steps of a stepper over two tables of words."""
    data = workloads.words(case)
    with nf.Graph() as g:
        ids = {
            nf.placeholder("int32", [None], name=name): numbers
            for name, numbers in (("x", data.words), ("near", data.near), ("far", data.far))
        }
        x, near, far = ids
        table, contexts = (nf.variable(value) for value in data.tables)
        h = nf.gather(table, x)
        close = nf.reduce_sum(h * nf.gather(contexts, near), axis=1)
        apart = nf.matmul(h, nf.gather(contexts, far), transpose_y=True)
        loss = nf.reduce_mean(nf.softplus(-close)) + nf.reduce_mean(nf.softplus(apart))
        rule = workloads.words_rule(case)
        if rule == "sgd":
            train = g.apply("gradient_descent", loss, learning_rate=workloads.WORDS_RATE)
        else:
            rows = "touched" if rule == "touched" else "all"
            train = g.apply("adam", loss, rows=rows, **workloads.ADAM)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()

    def steps(count: int) -> list[Any]:
        feeds = ({t: numbers[k] for t, numbers in ids.items()} for k in range(count))
        return [session.run([train, loss], fed)[1] for fed in feeds]

    return Work(lambda: [np.array(steps(5))], lambda: steps(data.steps()), data.steps())


def rnn(threads: int | None) -> Work:
    """Prepare training steps of an LSTM whose last state goes to ten classes."""
    data = workloads.walks()
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 50, 28], name="x")
        y = nf.placeholder("float32", [None, 10], name="y")
        kernel, recurrent, bias, w, b = (nf.variable(a) for a in data.weights)
        _, h, _ = nf.lstm(x, kernel, recurrent, bias)
        losses = nf.softmax_cross_entropy_with_logits(y, h @ w + b)
        loss = nf.reduce_mean(losses, name="loss")
        g.apply("gradient_descent", loss, name="train", learning_rate=workloads.RNN_RATE)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    columns = {x: Column(data.sequences, "float32"), y: Column(data.labels, "float32", depth=10)}
    stepper = session.stepper(["train"], [loss], columns, workloads.RNN_BATCH)
    order = workloads.walk_order()

    def steps(count: int) -> np.ndarray:
        stepper.start_epoch(order.ravel())
        return stepper.run(count)[1]

    def trace() -> dict[str, Any]:
        stepper.start_epoch(order.ravel())
        return stepper.profile(1)

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order), trace)


def reduction(kind: str, threads: int | None) -> Work:
    value = workloads.cube()
    with nf.Graph() as g:
        x = nf.variable(value, name="x")
        axes = [
            a for a in workloads.REDUCE_AXES if a is not None or kind not in ("softmax", "argmax")
        ]
        results = [_reduce(kind, x, axis) for axis in axes]
        # Softmaxes are as large as x. Their maxima keep copies of results out of the timing.
        ends = [nf.reduce_max(r, axis=1) for r in results] if kind == "softmax" else results
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    return Work(lambda: session.run(ends), lambda: session.run(ends))


def _reduce(kind: str, x: Any, axis: int | None) -> Any:
    if kind == "softmax":
        return nf.softmax(x, axis=axis)
    if kind == "argmax":
        return nf.argmax(x, axis=axis)
    return getattr(nf, f"reduce_{kind}")(x, axis=axis)


def copy(size: int, threads: int | None) -> Work:
    """Prepare a copy of ``size`` bytes: half of them read, half written."""
    values = np.random.default_rng(0).random((16 if size < 1 << 21 else 1, size // 8))
    with nf.Graph():
        xs = [nf.variable(v.astype("float32")) for v in values]
        keep = nf.group(*(nf.assign(nf.variable(np.zeros_like(v, "float32")), nf.identity(x))
                          for x, v in zip(xs, values, strict=True)))  # fmt: skip
    session = nf.Session(keep.graph, tier="compiled", threads=threads)
    session.initialize()
    return Work(lambda: [0.0], lambda: session.run(keep), len(xs))
