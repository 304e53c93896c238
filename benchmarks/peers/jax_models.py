"""The models in JAX, jitted, buffers donated; model_workloads.py describes them."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import model_workloads as models
import numpy as np
import workloads
from workloads import Work


def prepare(case: str) -> Work:
    if case in models.TRAINED:
        return trained(case)
    if case in models.INFER:
        return inferred(case)
    return product(case) if case in models.PRODUCTS else formula(case)


# ---- layers -------------------------------------------------------------------------------------


def normed(x, axes, scale, offset):
    mean = x.mean(axes, keepdims=True)
    variance = jnp.square(x - mean).mean(axes, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + models.EPSILON) * scale + offset


def norm(x, w, name, axes=-1):
    return normed(x, axes, w[f"{name}_scale"], w[f"{name}_offset"])


def transformer(x, w, model):
    if model.causal:
        x = w["table"][x] + w["positions"]
    rows, steps, width = x.shape
    for k in range(model.layers):
        qkv = norm(x, w, f"{k}/norm1") @ w[f"{k}/qkv"] + w[f"{k}/qkv_bias"]
        q, key, value = jnp.moveaxis(qkv.reshape(rows, steps, 3, model.heads, -1), 2, 0)
        seen = jax.nn.dot_product_attention(q, key, value, is_causal=model.causal)
        x = x + seen.reshape(rows, steps, width) @ w[f"{k}/out"] + w[f"{k}/out_bias"]
        up = norm(x, w, f"{k}/norm2") @ w[f"{k}/up"] + w[f"{k}/up_bias"]
        x = x + jax.nn.gelu(up, approximate=False) @ w[f"{k}/down"] + w[f"{k}/down_bias"]
    x = norm(x, w, "norm")
    return x @ w["table"].T if model.causal else x.mean(1) @ w["head"] + w["head_bias"]


def conv(x, f):
    return jax.lax.conv_general_dilated(
        x, f, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def deep_cnn(x, w, model):
    h = conv(x, w["first"])
    for k in range(model.blocks):
        inner = jax.nn.relu(norm(conv(h, w[f"{k}a"]), w, f"{k}a", (0, 1, 2)))
        h = jax.nn.relu(h + norm(conv(inner, w[f"{k}b"]), w, f"{k}b", (0, 1, 2)))
    return h.mean((1, 2)) @ w["head"] + w["head_bias"]


def dense(x, w, model, key=None):
    for k in range(model.layers):
        x = x @ w[f"{k}"] + w[f"{k}_bias"]
        if k < model.layers - 1:
            x = jax.nn.relu(x)
            if key is not None:
                key, own = jax.random.split(key)
                kept = jax.random.bernoulli(own, 1 - models.DROPPED, x.shape)
                x = jnp.where(kept, x / (1 - models.DROPPED), 0)
    return x


def gru(x, w):
    projected = jnp.swapaxes(x, 0, 1) @ w["kernel"] + w["bias"]

    def step(h, p):
        update, reset, new = jnp.split(p, 3, 1)
        h_update, h_reset, h_new = jnp.split(h @ w["recurrent"], 3, 1)
        z = jax.nn.sigmoid(update + h_update)
        n = jnp.tanh(new + jax.nn.sigmoid(reset + h_reset) * h_new)
        return n + z * (h - n), None

    h, _ = jax.lax.scan(step, jnp.zeros((x.shape[0], w["recurrent"].shape[0])), projected)
    return h @ w["head"] + w["head_bias"]


def lstm(x, w):
    projected = jnp.swapaxes(x, 0, 1) @ w["kernel"] + w["bias"]

    def step(state, p):
        h, c = state
        i, f, g, o = jnp.split(p + h @ w["recurrent"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((x.shape[0], w["recurrent"].shape[0]))
    (h, _), _ = jax.lax.scan(step, (zeros, zeros), projected)
    return h @ w["head"] + w["head_bias"]


def cnn(x, w):
    window = (1, 2, 2, 1)
    for f, b in (("f1", "b1"), ("f2", "b2")):
        x = jax.nn.relu(conv(x, w[f]) + w[b])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
    return x.reshape(x.shape[0], -1) @ w["head"] + w["head_bias"]


# ---- training -----------------------------------------------------------------------------------


def trained(case: str) -> Work:
    model, (kind, _) = models.TRAINED[case], models.scale_of(case)
    xs, ys = model.batches()
    weights = {name: jnp.array(value) for name, value in model.weights().items()}

    def loss_of(w, x, y, key):
        if kind == "autoencoder":
            return jnp.mean(jnp.square(jax.nn.sigmoid(dense(x, w, model)) - x))
        if kind == "gru":
            logits = gru(x, w)
        elif kind == "deep_mlp":
            logits = dense(x, w, model, key)
        else:
            logits = {"deep_cnn": deep_cnn}.get(kind, transformer)(x, w, model)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1)
        return -jnp.mean(chosen)

    def zeros():
        return jax.tree.map(jnp.zeros_like, weights)

    def updated(w, grads, first, second, taken):
        tree = jax.tree.map
        if kind == "gru":
            return tree(lambda w, g: w - workloads.RNN_RATE * g, w, grads), first, second
        if kind == "deep_cnn":
            first = tree(lambda m, g: models.MOMENTUM["momentum"] * m + g, first, grads)
            rate = models.MOMENTUM["learning_rate"]
            return tree(lambda w, m: w - rate * m, w, first), first, second
        first = tree(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = tree(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)
        rate = 0.001 * jnp.sqrt(1 - 0.999**taken) / (1 - 0.9**taken)
        return (tree(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), w, first, second),
                first, second)  # fmt: skip

    @functools.partial(jax.jit, donate_argnums=0)
    def update(state, x, y):
        w, first, second, taken, key = state
        key, own = jax.random.split(key)
        value, grads = jax.value_and_grad(loss_of)(w, x, y, own)
        return (*updated(w, grads, first, second, taken + 1), taken + 1, key), value

    state = weights, zeros(), zeros(), jnp.float32(0), jax.random.key(0)
    start = float(loss_of(weights, xs[0], ys[0], None)) if kind == "deep_mlp" else None

    def steps(count):
        nonlocal state
        losses = []
        for k in range(count):
            state, value = update(state, xs[k], ys[k])
            losses.append(float(value))
        return losses

    def first():
        losses = steps(3)
        return [losses] if start is None else [[start]]

    return Work(first, lambda: steps(len(xs)), len(xs))


# ---- inference, products, formulas --------------------------------------------------------------


def inferred(case: str) -> Work:
    name, value = models.inference(case)
    model = models.INFERRED[name]
    w = {key: jnp.array(v) for key, v in model.weights().items()}
    forward = {"cnn": cnn, "lstm": lstm}.get(name)
    with_model = {"mlp": dense, "transformer": transformer}.get(name)
    f = jax.jit(lambda w, x: forward(x, w) if forward else with_model(x, w, model))

    def compute():
        return [np.asarray(f(w, value))]

    return Work(compute, compute)


def wide(case: str) -> None:
    if case.endswith("float64"):
        jax.config.update("jax_enable_x64", True)


def product(case: str) -> Work:
    wide(case)
    a, b = map(jnp.array, models.factors(case))
    f = jax.jit(jnp.matmul)
    return Work(lambda: [f(a, b)], lambda: f(a, b).block_until_ready())


FORMULAS = {
    "arithmetic": lambda x: (x + 1) * x - 0.5 * x,
    "log": lambda x: jnp.log(x * x + 1),
    "sqrt": lambda x: jnp.sqrt(x * x + 1),
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
}


def formula(case: str) -> Work:
    wide(case)
    family, values = models.operands(case)
    xs = [jnp.array(v) for v in values]
    compute = FORMULAS.get(family) or getattr(jnp, family)
    f = jax.jit(lambda xs: [compute(x) for x in xs])
    return Work(lambda: [compute(xs[0])], lambda: jax.block_until_ready(f(xs)), len(xs))
