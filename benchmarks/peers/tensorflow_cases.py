"""The cases in TensorFlow's version 1 sessions, as its tutorials wrote them."""

from __future__ import annotations

import model_workloads
import row_workloads
import tensorflow.compat.v1 as tf
import tensorflow_models
import tensorflow_rows
import workloads
from workloads import Work

tf.disable_v2_behavior()


def prepare(case: str, threads: int | None, _: str) -> Work:
    if case in workloads.TRAINING:
        return training(*workloads.training_case(case))
    if case.startswith("reduce_"):
        return reduction(case.removeprefix("reduce_"))
    if case in row_workloads.CASES:
        return tensorflow_rows.prepare(case)
    if case in workloads.WORDS:
        return words(case)
    if case in model_workloads.CASES:
        return tensorflow_models.prepare(case)
    return {"elem": elem, "chain": chain, "wide": wide, "rnn": rnn, "cnn": cnn}[case]()


def session():
    s = tf.Session()
    s.run(tf.global_variables_initializer())
    return s


def training(optimizer: str, batch: int) -> Work:
    data = workloads.digits()
    images, labels = data.floats()
    x, y = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, 10])
    w1, b1, w2, b2 = (tf.Variable(w) for w in data.weights)
    out = tf.nn.softmax(tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2) + b2)
    p = tf.clip_by_value(out, 1e-10, 0.9999999)
    loss = -tf.reduce_mean(tf.reduce_sum(y * tf.log(p) + (1 - y) * tf.log(1 - p), axis=1))
    adam, momentum = workloads.ADAM, workloads.MOMENTUM
    rule = {
        "sgd": lambda: tf.train.GradientDescentOptimizer(**workloads.SGD),
        "momentum": lambda: tf.train.MomentumOptimizer(**momentum),
        "adam": lambda: tf.train.AdamOptimizer(**adam),
    }[optimizer]()
    train = rule.minimize(loss)
    s = session()
    rows = workloads.order(batch)

    def steps(count):
        return [
            s.run([train, loss], {x: images[which], y: labels[which]})[1] for which in rows[:count]
        ]

    return Work(lambda: [steps(5)], lambda: steps(len(rows)), len(rows))


def words(case: str) -> Work:
    """Prepare training whose gradients are IndexedSlices. Adam decays the means of all rows."""
    data = workloads.words(case)
    x, near, far = (tf.placeholder(tf.int32, [None]) for _ in range(3))
    starts = [tf.placeholder(tf.float32, value.shape) for value in data.tables]
    table, contexts = (tf.Variable(start) for start in starts)  # too large for constants
    h = tf.nn.embedding_lookup(table, x)
    close = tf.reduce_sum(h * tf.nn.embedding_lookup(contexts, near), axis=1)
    apart = tf.matmul(h, tf.nn.embedding_lookup(contexts, far), transpose_b=True)
    loss = tf.reduce_mean(tf.nn.softplus(-close)) + tf.reduce_mean(tf.nn.softplus(apart))
    if workloads.words_rule(case) == "sgd":
        rule = tf.train.GradientDescentOptimizer(workloads.WORDS_RATE)
    else:
        rule = tf.train.AdamOptimizer(**workloads.ADAM)
    train = rule.minimize(loss)
    s = tf.Session()
    s.run(tf.global_variables_initializer(), dict(zip(starts, data.tables)))

    def steps(count):
        numbers = zip(data.words[:count], data.near, data.far)
        return [s.run([train, loss], {x: a, near: b, far: c})[1] for a, b, c in numbers]

    return Work(lambda: [steps(5)], lambda: steps(data.steps()), data.steps())


def rnn() -> Work:
    """Prepare an unrolled LSTM, like ``static_rnn``: the fused BlockLSTM's gradient differs
    by 1 %."""
    data = workloads.walks()
    kernel, recurrent, bias, w, b = (tf.Variable(a) for a in data.weights)
    x, y = tf.placeholder(tf.float32, [None, 50, 28]), tf.placeholder(tf.float32, [None, 10])
    inputs = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, 28])
    projected = tf.split(tf.matmul(inputs, kernel) + bias, 50)
    h = c = tf.zeros([workloads.RNN_BATCH, 128])
    for p in projected:
        i, f, g, o = tf.split(p + tf.matmul(h, recurrent), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
    logits = tf.matmul(h, w) + b
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(y, logits))
    train = tf.train.GradientDescentOptimizer(workloads.RNN_RATE).minimize(loss)
    s, order, labels = session(), workloads.walk_order(), data.one_hot()

    def steps(count):
        return [
            s.run([train, loss], {x: data.sequences[which], y: labels[which]})[1]
            for which in order[:count]
        ]

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def cnn() -> Work:
    data, order = workloads.digits(), workloads.cnn_order()
    pictures, labels = data.floats()
    pictures = pictures.reshape(-1, 28, 28, 1)
    x, y = tf.placeholder(tf.float32, [None, 28, 28, 1]), tf.placeholder(tf.float32, [None, 10])
    f1, b1, f2, b2, w, b = (tf.Variable(v) for v in workloads.filters())
    h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, f1, 1, "SAME"), b1))
    h = tf.nn.max_pool(h, 2, 2, "VALID")
    h = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(h, f2, 1, "SAME"), b2))
    logits = tf.matmul(tf.reshape(tf.nn.max_pool(h, 2, 2, "VALID"), [-1, 7 * 7 * 64]), w) + b
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(y, logits))
    train = tf.train.GradientDescentOptimizer(workloads.CNN_RATE).minimize(loss)
    s = session()

    def steps(count):
        return [
            s.run([train, loss], {x: pictures[which], y: labels[which]})[1]
            for which in order[:count]
        ]

    return Work(lambda: [steps(5)], lambda: steps(len(order)), len(order))


def elem() -> Work:
    x, y = (tf.Variable(v) for v in workloads.pair())
    value = tf.tanh((x * 2 + y) * (x - y)) / (1 + tf.exp(-x)) + tf.sqrt(y * y + 1)
    s = session()
    return Work(lambda: [s.run(value)], lambda: s.run(value.op))


def chain() -> Work:
    v = x = tf.placeholder(tf.float32, [])
    for _ in range(workloads.CHAIN):
        v = v * 0.999 + 0.001
    s = session()
    return Work(lambda: [s.run(v, {x: 1.0})], lambda: s.run(v, {x: 1.0}))


def wide() -> Work:
    value, matrices = workloads.branches()
    x = tf.placeholder(tf.float32, value.shape)
    total = tf.add_n([tf.reduce_sum(tf.tanh(tf.matmul(x, m)) * 0.5) for m in matrices])
    s = session()
    return Work(lambda: [s.run(total, {x: value})], lambda: s.run(total, {x: value}))


def reduction(kind: str) -> Work:
    x = tf.Variable(workloads.cube())
    axes = [a for a in workloads.REDUCE_AXES if a is not None or kind not in ("softmax", "argmax")]

    def reduce(axis):
        if kind == "softmax":
            return tf.reduce_max(tf.nn.softmax(x, axis), 1)
        return tf.argmax(x, axis) if kind == "argmax" else getattr(tf, f"reduce_{kind}")(x, axis)

    results = [reduce(a) for a in axes]
    s = session()
    return Work(lambda: s.run(results), lambda: s.run(results))
