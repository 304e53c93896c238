"""Cases of `row_workloads` in TensorFlow's version 1 sessions."""

from __future__ import annotations

import row_workloads as rows
import tensorflow.compat.v1 as tf
from workloads import Work

COMPUTE = {
    "sort": lambda x: [tf.sort(x)],
    "argsort": lambda x: [tf.argsort(x, stable=True)],
    "top_k": lambda x: list(tf.nn.top_k(x, rows.TOP)),
    "cumsum": lambda x: [tf.cumsum(x)],
    "cumsum_down": lambda x: [tf.cumsum(x)],
}


def prepare(case: str) -> Work:
    with tf.Graph().as_default():
        every = [one(case) for _ in range(rows.copies(case))]
        s = tf.Session()
        s.run(tf.global_variables_initializer())
    # These are operations, so that no copy of their results is timed.
    again = s.make_callable([result.op for results, _ in every for result in results])
    _, compared = every[0]

    def first():
        found = s.run(compared)
        return [rows.moments(found[0])] if rows.parts(case)[0] in rows.DRAWN else found

    return Work(first, again, len(every))


def one(case: str):
    """Return the results to time, and the results to compare."""
    kind, scale = rows.parts(case)
    if kind in rows.DRAWN:
        draw = tf.random_normal if kind == "normal" else tf.random_uniform
        results = [draw([rows.ELEMENTS[scale]])]
    elif kind in rows.MOVED:
        moves = rows.moves(case)
        table, values = (tf.Variable(v, use_resource=True) for v in (moves.table, moves.values))
        named = tf.constant(moves.rows)
        if kind == "gather":
            results = [tf.gather(table, named)]
        else:
            change = tf.scatter_add if kind == "scatter_add" else tf.scatter_update
            results = [change(table, named, values)]
    else:
        x = tf.Variable(rows.vector(case))
        results = COMPUTE[kind](x)
        if kind.startswith("cumsum"):  # the last of many sums are far off in float32
            return results, COMPUTE[kind](tf.cast(x, tf.float64))
    return results, results
