"""The models as a user of nodeflow writes them; model_workloads.py describes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import model_workloads as models
import numpy as np
import workloads
from model_workloads import Dense, Transformer, Weights
from workloads import Work

import nodeflow as nf
from nodeflow.engine.columns import Column


def prepare(case: str, threads: int | None) -> Work:
    if case in models.TRAINED:
        return trained(case, threads)
    if case in models.INFER:
        return inferred(case, threads)
    return product(case, threads) if case in models.PRODUCTS else formula(case, threads)


# ---- layers -------------------------------------------------------------------------------------


def norm(x: Any, w: dict[str, Any], name: str) -> Any:
    return nf.layer_normalization(
        x, w[f"{name}_scale"], w[f"{name}_offset"], epsilon=models.EPSILON
    )


def transformer_layers(x: Any, w: dict[str, Any], model: Transformer) -> Any:
    size = model.width // model.heads
    for k in range(model.layers):
        qkv = norm(x, w, f"{k}/norm1") @ w[f"{k}/qkv"] + w[f"{k}/qkv_bias"]
        apart = nf.reshape(qkv, [-1, model.steps, 3, model.heads, size])
        q, key, value = nf.unstack(nf.transpose(apart, [2, 0, 3, 1, 4]))
        seen = nf.transpose(nf.attention(q, key, value, causal=model.causal), [0, 2, 1, 3])
        joined = nf.reshape(seen, [-1, model.steps, model.width])
        x = x + joined @ w[f"{k}/out"] + w[f"{k}/out_bias"]
        up = nf.gelu(norm(x, w, f"{k}/norm2") @ w[f"{k}/up"] + w[f"{k}/up_bias"])
        x = x + up @ w[f"{k}/down"] + w[f"{k}/down_bias"]
    return norm(x, w, "norm")


def transformer(x: Any, w: dict[str, Any], model: Transformer) -> Any:
    """Return logits of classes, or of the next words."""
    if model.causal:
        h = transformer_layers(nf.gather(w["table"], x) + w["positions"], w, model)
        return nf.matmul(h, w["table"], transpose_y=True)
    return nf.reduce_mean(transformer_layers(x, w, model), axis=1) @ w["head"] + w["head_bias"]


def deep_cnn(x: Any, w: dict[str, Any], model: models.DeepCnn) -> Any:
    def normed(h: Any, name: str) -> Any:
        mean = nf.reduce_mean(h, axis=(0, 1, 2))
        variance = nf.reduce_mean(nf.square(h - mean), axis=(0, 1, 2))
        factor = nf.rsqrt(variance + models.EPSILON) * w[f"{name}_scale"]
        return (h - mean) * factor + w[f"{name}_offset"]

    h = nf.conv2d(x, w["first"])
    for k in range(model.blocks):
        inner = nf.relu(normed(nf.conv2d(h, w[f"{k}a"]), f"{k}a"))
        h = nf.relu(h + normed(nf.conv2d(inner, w[f"{k}b"]), f"{k}b"))
    return nf.reduce_mean(h, axis=(1, 2)) @ w["head"] + w["head_bias"]


def dense(x: Any, w: dict[str, Any], model: Dense, rate: float = 0.0) -> Any:
    for k in range(model.layers):
        x = x @ w[f"{k}"] + w[f"{k}_bias"]
        if k < model.layers - 1:
            x = nf.relu(x)
            if rate:
                x = nf.dropout(x, rate=rate)
    return x


def gru(x: Any, w: dict[str, Any]) -> Any:
    _, h = nf.gru(x, w["kernel"], w["recurrent"], w["bias"])
    return h @ w["head"] + w["head_bias"]


def lstm(x: Any, w: dict[str, Any]) -> Any:
    _, h, _ = nf.lstm(x, w["kernel"], w["recurrent"], w["bias"])
    return h @ w["head"] + w["head_bias"]


def cnn(x: Any, w: dict[str, Any]) -> Any:
    h = nf.max_pool2d(nf.relu(nf.conv2d(x, w["f1"]) + w["b1"]))
    h = nf.max_pool2d(nf.relu(nf.conv2d(h, w["f2"]) + w["b2"]))
    return nf.reshape(h, [-1, 3136]) @ w["head"] + w["head_bias"]


def variables(weights: Weights) -> dict[str, Any]:
    return {name: nf.variable(value) for name, value in weights.items()}


# ---- training -----------------------------------------------------------------------------------


def loss_of(case: str, x: Any, y: Any, w: dict[str, Any]) -> Any:
    model: Any = models.TRAINED[case]
    kind, _ = models.scale_of(case)
    if kind == "autoencoder":
        return nf.reduce_mean(nf.square(nf.sigmoid(dense(x, w, model)) - x))
    forward: Callable[..., Any] = {
        "transformer": transformer,
        "causal": transformer,
        "deep_cnn": deep_cnn,
        "deep_mlp": lambda *args: dense(*args, rate=models.DROPPED),
        "gru": lambda x, w, _: gru(x, w),
    }[kind]
    logits = forward(x, w, model)
    return nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits))


def trained(case: str, threads: int | None) -> Work:
    model: Any = models.TRAINED[case]
    kind, _ = models.scale_of(case)
    xs, ys = model.batches()
    with nf.Graph() as g:
        x = nf.placeholder(str(xs.dtype), [None, *xs.shape[2:]], name="x")
        y = nf.placeholder("int32", [None, *ys.shape[2:]], name="y")
        loss = loss_of(case, x, y, variables(model.weights()))
        if kind == "deep_cnn":
            g.apply("momentum", loss, name="train", **models.MOMENTUM)
        elif kind == "gru":
            g.apply("gradient_descent", loss, name="train", learning_rate=workloads.RNN_RATE)
        else:
            g.apply("adam", loss, name="train", **workloads.ADAM)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    start = session.run(loss, {x: xs[0], y: ys[0]}) if kind == "deep_mlp" else None
    flat = {t: Column(v.reshape(-1, *v.shape[2:]), str(v.dtype)) for t, v in ((x, xs), (y, ys))}
    stepper = session.stepper(
        ["train"], [loss], {t: c for t, c in flat.items() if t is x or kind != "autoencoder"},
        xs.shape[1],
    )  # fmt: skip

    def steps(count: int) -> np.ndarray:
        stepper.start_epoch(np.arange(len(xs) * xs.shape[1]))
        return stepper.run(count)[1]

    def first() -> list[Any]:
        losses = steps(3)
        return [losses] if start is None else [start]

    def trace() -> dict[str, Any]:
        stepper.start_epoch(np.arange(len(xs) * xs.shape[1]))
        return stepper.profile(1)

    return Work(first, lambda: steps(len(xs)), len(xs), trace)


# ---- inference, products, formulas --------------------------------------------------------------


def inferred(case: str, threads: int | None) -> Work:
    """Prepare inference through `Session.make_callable`.

    It prepares a run once, like PyTorch's modules, onnxruntime's sessions and JAX's compiled
    functions.
    """
    name, value = models.inference(case)
    model: Any = models.INFERRED[name]
    forward: Any = {"mlp": dense, "transformer": transformer}.get(name)
    with nf.Graph() as g:
        w = variables(model.weights())
        x = nf.placeholder("float32", [None, *value.shape[1:]], name="x")
        if forward is not None:
            out = forward(x, w, model)
        else:
            out = {"cnn": cnn, "lstm": lstm}[name](x, w)
    session = nf.Session(g, tier="compiled", threads=threads)
    session.initialize()
    call = session.make_callable(out, [x])
    return Work(
        lambda: [call(value)],
        lambda: call(value),
        trace=lambda: session.profile(out, {x: value})[1],
    )


def returned(result: Any, threads: int | None) -> Work:
    """Prepare a result that the caller gets, as from PyTorch and JAX; the next one reuses its
    memory."""
    session = nf.Session(result.node.graph, tier="compiled", threads=threads)
    session.initialize()
    call = session.make_callable(result, [])
    return Work(lambda: [call()], call)


def kept(results: list[Any], threads: int | None) -> Work:
    """Prepare results that stay in variables, so that no arrays for callers are timed."""
    keep = nf.group(*(
        nf.assign(nf.variable(np.zeros([d or 0 for d in r.shape], r.dtype)), r) for r in results
    ))  # fmt: skip
    session = nf.Session(results[0].node.graph, tier="compiled", threads=threads)
    session.initialize()
    return Work(lambda: [session.run(results[0])], session.make_callable(keep), len(results))


def product(case: str, threads: int | None) -> Work:
    with nf.Graph():
        a, b = (nf.variable(value) for value in models.factors(case))
        return kept([a @ b], threads)


def formula(case: str, threads: int | None) -> Work:
    family, values = models.operands(case)
    compute: Callable[[Any], Any] = {
        "arithmetic": lambda x: (x + 1) * x - 0.5 * x,
        "log": lambda x: nf.log(x * x + 1),
        "sqrt": lambda x: nf.sqrt(x * x + 1),
    }.get(family) or getattr(nf, family)
    with nf.Graph():
        results = [compute(nf.variable(value)) for value in values]
        return kept(results, threads) if len(results) > 1 else returned(results[0], threads)
