"""The models in TensorFlow's version 1 sessions; model_workloads.py describes them."""

from __future__ import annotations

import math

import model_workloads as models
import numpy as np
import tensorflow.compat.v1 as tf
import workloads
from workloads import Work

tf.disable_v2_behavior()


def prepare(case: str) -> Work:
    with tf.Graph().as_default():
        if case in models.TRAINED:
            return trained(case)
        if case in models.INFER:
            return inferred(case)
        return product(case) if case in models.PRODUCTS else formula(case)


def session():
    s = tf.Session()
    s.run(tf.global_variables_initializer())
    return s


# ---- layers -------------------------------------------------------------------------------------


def gelu(x):
    return 0.5 * x * (1 + tf.math.erf(x * math.sqrt(0.5)))


def norm(x, w, name):
    mean, variance = tf.nn.moments(x, [-1], keep_dims=True)
    return tf.nn.batch_normalization(
        x, mean, variance, w[f"{name}_offset"], w[f"{name}_scale"], models.EPSILON
    )


def transformer(x, w, model):
    if model.causal:
        x = tf.gather(w["table"], x) + w["positions"]
    size = model.width // model.heads
    never = np.triu(np.full((model.steps, model.steps), -1e30, "float32"), 1)
    for k in range(model.layers):
        h = tf.reshape(norm(x, w, f"{k}/norm1"), [-1, model.width])
        qkv = tf.matmul(h, w[f"{k}/qkv"]) + w[f"{k}/qkv_bias"]
        apart = tf.reshape(qkv, [-1, model.steps, 3, model.heads, size])
        q, key, value = tf.unstack(tf.transpose(apart, [2, 0, 3, 1, 4]))
        scores = tf.matmul(q, key, transpose_b=True) * size**-0.5
        seen = tf.matmul(tf.nn.softmax(scores + never if model.causal else scores), value)
        joined = tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [-1, model.width])
        out = tf.matmul(joined, w[f"{k}/out"]) + w[f"{k}/out_bias"]
        x = x + tf.reshape(out, [-1, model.steps, model.width])
        h = tf.reshape(norm(x, w, f"{k}/norm2"), [-1, model.width])
        up = gelu(tf.matmul(h, w[f"{k}/up"]) + w[f"{k}/up_bias"])
        out = tf.matmul(up, w[f"{k}/down"]) + w[f"{k}/down_bias"]
        x = x + tf.reshape(out, [-1, model.steps, model.width])
    x = norm(x, w, "norm")
    if model.causal:
        flat = tf.matmul(tf.reshape(x, [-1, model.width]), w["table"], transpose_b=True)
        return tf.reshape(flat, [-1, model.steps, model.words])
    return tf.matmul(tf.reduce_mean(x, 1), w["head"]) + w["head_bias"]


def deep_cnn(x, w, model):
    def normed(h, name):
        return tf.nn.fused_batch_norm(
            h, w[f"{name}_scale"], w[f"{name}_offset"], epsilon=models.EPSILON, is_training=True
        )[0]

    h = tf.nn.conv2d(x, w["first"], 1, "SAME")
    for k in range(model.blocks):
        inner = tf.nn.relu(normed(tf.nn.conv2d(h, w[f"{k}a"], 1, "SAME"), f"{k}a"))
        h = tf.nn.relu(h + normed(tf.nn.conv2d(inner, w[f"{k}b"], 1, "SAME"), f"{k}b"))
    return tf.matmul(tf.reduce_mean(h, [1, 2]), w["head"]) + w["head_bias"]


def dense(x, w, model, rate=None):
    for k in range(model.layers):
        x = tf.matmul(x, w[f"{k}"]) + w[f"{k}_bias"]
        if k < model.layers - 1:
            x = tf.nn.relu(x)
            if rate is not None:
                x = tf.nn.dropout(x, rate=rate)
    return x


def gru(x, w, steps):
    h = tf.zeros([tf.shape(x)[0], w["recurrent"].shape[0]])
    flat = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, x.shape[2]])
    for p in tf.split(tf.matmul(flat, w["kernel"]) + w["bias"], steps):
        update, reset, new = tf.split(p, 3, 1)
        h_update, h_reset, h_new = tf.split(tf.matmul(h, w["recurrent"]), 3, 1)
        z = tf.sigmoid(update + h_update)
        n = tf.tanh(new + tf.sigmoid(reset + h_reset) * h_new)
        h = n + z * (h - n)
    return tf.matmul(h, w["head"]) + w["head_bias"]


def lstm(x, w, steps):
    h = c = tf.zeros([tf.shape(x)[0], w["recurrent"].shape[0]])
    flat = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, x.shape[2]])
    for p in tf.split(tf.matmul(flat, w["kernel"]) + w["bias"], steps):
        i, f, g, o = tf.split(p + tf.matmul(h, w["recurrent"]), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    return tf.matmul(h, w["head"]) + w["head_bias"]


def cnn(x, w):
    for f, b in (("f1", "b1"), ("f2", "b2")):
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, w[f], 1, "SAME"), w[b]))
        x = tf.nn.max_pool(x, 2, 2, "VALID")
    return tf.matmul(tf.reshape(x, [-1, 3136]), w["head"]) + w["head_bias"]


def variables(weights):
    return {name: tf.Variable(value) for name, value in weights.items()}


# ---- training -----------------------------------------------------------------------------------


def trained(case: str) -> Work:
    model, (kind, _) = models.TRAINED[case], models.scale_of(case)
    xs, ys = model.batches()
    x, y = tf.placeholder(xs.dtype, xs.shape[1:]), tf.placeholder(tf.int32, ys.shape[1:])
    w = variables(model.weights())
    rate = tf.placeholder_with_default(models.DROPPED, [])
    if kind == "autoencoder":
        loss = tf.reduce_mean(tf.square(tf.sigmoid(dense(x, w, model)) - x))
    else:
        logits = {
            "gru": lambda: gru(x, w, model.steps),
            "deep_mlp": lambda: dense(x, w, model, rate),
            "deep_cnn": lambda: deep_cnn(x, w, model),
        }.get(kind, lambda: transformer(x, w, model))()
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        )
    rule = {
        "deep_cnn": lambda: tf.train.MomentumOptimizer(**models.MOMENTUM),
        "gru": lambda: tf.train.GradientDescentOptimizer(workloads.RNN_RATE),
    }.get(kind, lambda: tf.train.AdamOptimizer(**workloads.ADAM))()
    train = rule.minimize(loss)
    s = session()
    start = s.run(loss, {x: xs[0], y: ys[0], rate: 0.0}) if kind == "deep_mlp" else None

    def steps(count):
        return [s.run([train, loss], {x: xs[k], y: ys[k]})[1] for k in range(count)]

    def first():
        losses = steps(3)
        return [losses] if start is None else [[start]]

    return Work(first, lambda: steps(len(xs)), len(xs))


# ---- inference, products, formulas --------------------------------------------------------------


def inferred(case: str) -> Work:
    name, value = models.inference(case)
    model = models.INFERRED[name]
    w, x = variables(model.weights()), tf.placeholder(tf.float32, value.shape)
    out = {
        "mlp": lambda: dense(x, w, model),
        "cnn": lambda: cnn(x, w),
        "lstm": lambda: lstm(x, w, 50),
        "transformer": lambda: transformer(x, w, model),
    }[name]()
    call = session().make_callable(out, [x])
    return Work(lambda: [call(value)], lambda: call(value))


def product(case: str) -> Work:
    out = tf.matmul(*(tf.Variable(v) for v in models.factors(case)))
    s = session()
    return Work(lambda: [s.run(out)], lambda: s.run(out.op))


FORMULAS = {
    "arithmetic": lambda x: (x + 1) * x - 0.5 * x,
    "log": lambda x: tf.log(x * x + 1),
    "sqrt": lambda x: tf.sqrt(x * x + 1),
    "gelu": gelu,
    "softplus": tf.nn.softplus,
}


def formula(case: str) -> Work:
    family, values = models.operands(case)
    compute = FORMULAS.get(family) or getattr(tf, family)
    outs = [compute(tf.Variable(v)) for v in values]
    s = session()
    every = s.make_callable([out.op for out in outs])  # a tf.group would compute nothing
    return Work(lambda: [s.run(outs[0])], every, len(outs))
