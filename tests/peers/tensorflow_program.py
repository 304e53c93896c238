"""Run by a Python that has TensorFlow: random programs and optimizers, as TensorFlow 1, in float64.

``python tensorflow_program.py JOB.json INPUTS.npz RESULTS.npz``. Values, gradients at ties, updates
and defaults are TensorFlow's own. Imports nothing of nodeflow.
"""

import inspect
import json
import sys

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

OPS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "exp_negative": lambda x: tf.exp(-tf.abs(tf.tanh(x) + 2)),
    "log_positive": lambda x: tf.log(tf.square(x) + 1),
    "sqrt_positive": lambda x: tf.sqrt(tf.square(x) + 1),
    "divide_positive": lambda x, y: x / (tf.square(y) + 1),
    "gelu": lambda x: x * 0.5 * tf.erfc(-x / np.sqrt(2)),
    "softmax": lambda x: tf.nn.softmax(x, axis=-1),
    "softplus": tf.nn.softplus,
    "relu": tf.nn.relu,
    # not tf.nn.leaky_relu, which rounds alpha to float32 for float64 too
    "leaky_relu": lambda x: tf.where(x > 0, x, 0.2 * x),
    "matmul": lambda x, y: tf.matmul(tf.matmul(x, y, transpose_b=True), y),
    "transpose_back": lambda x: tf.transpose(tf.tanh(tf.transpose(x))),
    "clip": lambda x: tf.clip_by_value(x, -1, 1),
    "where_greater": lambda x, y: tf.where(*broadcast(x > y, x * 0.5, y)),
    "round_half": lambda x: x + tf.stop_gradient(tf.round(x * 2) * 0.5 - x),
}


def broadcast(condition, x, y):
    """TensorFlow 1's `where` takes three tensors of one shape."""
    shape = tf.shape(x + y)
    return tf.broadcast_to(condition, shape), tf.broadcast_to(x, shape), tf.broadcast_to(y, shape)


def apply(name, *operands):
    if name in OPS:
        return OPS[name](*operands)
    if name.startswith("reduce_"):
        return getattr(tf, name)(*operands, axis=-1, keepdims=True)
    return getattr(tf, name)(*operands)


def graph(rows, growing, inputs):
    """The fed tensors, the value of every row, and the scalar that all of them reach."""
    fed = [tf.placeholder(tf.float64, a.shape) for a in inputs]
    values = list(fed)
    for name, operands, _ in rows:
        value = apply(name, *(values[o] for o in operands))
        values.append(tf.sin(value) * 2 if name in growing else value)
    made = values[len(fed) :]
    total = tf.reduce_sum(made[0]) * 0.5
    for place, value in enumerate(made[1:]):
        total = total + tf.reduce_sum(value) * (0.5 + (place % 7) / 8)
    return fed, made, total


def run_program(rows, growing, inputs):
    with tf.Graph().as_default(), tf.Session() as session:
        fed, made, total = graph(rows, growing, inputs)
        slopes = [
            tf.zeros_like(x) if s is None else s for x, s in zip(fed, tf.gradients(total, fed))
        ]
        wanted = {"total": total}
        wanted.update((f"value{i}", v) for i, v in enumerate(made))
        wanted.update((f"slope{i}", s) for i, s in enumerate(slopes))
        return session.run(wanted, dict(zip(fed, inputs)))


ROUNDED = ("learning_rate", "momentum", "decay", "epsilon", "beta1", "beta2", "rho")
"""What optimizers take as float32, whatever the variables are, unless it is a float64 tensor."""


def make_optimizer(job):
    """The optimizer, with its own defaults, but without their rounding to float32."""
    kind = getattr(tf.train, job["name"])
    parameters = inspect.signature(kind.__init__).parameters
    arguments = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    arguments.update(job["arguments"])
    for name in arguments.keys() & set(ROUNDED):
        arguments[name] = tf.constant(arguments[name], tf.float64)
    return kind(**arguments)


def run_optimizer(job, start, matrix):
    """The variable after each step of an optimizer on mean(tanh(matrix w) ** 2 + 0.1 |w|^2)."""
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.Variable(start, dtype=tf.float64)
        loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(matrix, variable)) - 0.5))
        loss += 0.1 * tf.reduce_sum(tf.square(variable))
        train = make_optimizer(job).minimize(loss)
        session.run(tf.global_variables_initializer())
        path = []
        for _ in range(job["steps"]):
            session.run(train)
            path.append(session.run(variable))
        return np.stack(path)


def run_table(job, start, steps):
    """A table after steps of an optimizer that looks up some of its rows, in float32: in float64
    TensorFlow's proximal kernels fail.

    The gradients of one step in three ways: as they are, and clipped by length or by value.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.Variable(start, dtype=tf.float32)
        named = tf.placeholder(tf.int32, [None])
        loss = tf.reduce_mean(tf.square(tf.nn.embedding_lookup(table, named) - 0.5))
        step = tf.train.get_or_create_global_step()
        arguments = dict(job["arguments"])
        if job["name"] == "AdagradDAOptimizer":
            arguments["global_step"] = step
        optimizer = getattr(tf.train, job["name"])(**arguments)
        slopes, variables = zip(*optimizer.compute_gradients(loss))
        if job["clip"] == "norm":
            slopes, _ = tf.clip_by_global_norm(slopes, 0.1)
        elif job["clip"] == "value":
            slopes = [tf.clip_by_value(slope, -0.05, 0.05) for slope in slopes]
        train = optimizer.apply_gradients(zip(slopes, variables), global_step=step)
        session.run(tf.global_variables_initializer())
        for rows in steps:
            session.run(train, {named: rows})
        return session.run(table)


def both_signs(x, shift):
    """x where a condition holds, by rows and element by element, and the roots that it leaves."""
    return {
        "rows": tf.where(tf.constant([True, False, True]), x, -x),
        "elements": tf.where(x > shift, x, -x),
        "sqrt": tf.where(x > shift, tf.sqrt(x - shift), tf.zeros_like(x)),
        "rsqrt": tf.where(x > shift, tf.rsqrt(x - shift), tf.zeros_like(x)),
        "relu6": tf.nn.relu6(x * 6),
        "one_hot": tf.one_hot([0, 2], 3, on_value=7),
        "range": tf.range(0.0, 1.0, 0.25),
        "columns": tf.meshgrid([1, 2, 3], [4, 5])[0],
    }


def run_others(start, labels):
    """Values and gradients of calls that differ between TensorFlow and the textbook."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.constant(start), tf.constant(labels)
        made = both_signs(x, start[1, 1])
        made["loss"] = tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x)
        wanted = dict(made)
        for name in ("rows", "sqrt", "rsqrt", "relu6", "loss"):
            wanted[f"slope of {name}"] = tf.gradients(made[name], x)[0]
        return session.run(wanted)


def main(job, source, target):
    with open(job) as file:
        jobs = json.load(file)
    given, results = np.load(source), {}
    for key, rows in jobs["programs"].items():
        inputs = [given[f"{key}/{i}"] for i in range(jobs["inputs"])]
        found = run_program(rows, jobs["growing"], inputs)
        results.update((f"{key}/{name}", value) for name, value in found.items())
    for key, optimizer in jobs["optimizers"].items():
        results[key] = run_optimizer(optimizer, given["start"], given["matrix"])
    for key, table in jobs["tables"].items():
        results[key] = run_table(table, given["table"], jobs["rows"])
    others = run_others(given["others"], given["labels"])
    results.update((f"others/{name}", value) for name, value in others.items())
    np.savez(target, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
