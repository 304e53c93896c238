"""Optimizers of `tf.train`: only the rows that a step looks up change.

So do the kernels of TensorFlow 1 for sparse gradients, whose formulas are written here once more,
row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.integrations.tensorflow1.converter.convert import convert
from nodeflow.ops.training import optimizers
from tests.backends import SESSIONS

START = np.linspace(-1, 1, 12).reshape(6, 2)
STEPS = ([0, 2, 2], [1, 2, 0], [4, 4, 1], [0, 1, 2], [2, 2, 2], [4, 0, 1])
NEVER = (3, 5)
"""Rows that no step looks up."""
RATE, KEEP, RHO, EPSILON, L1, L2 = 0.3, 0.9, 0.8, 1e-4, 0.01, 0.02
PENALTIES = {"l1_regularization_strength": L1, "l2_regularization_strength": L2}
Row = dict[str, np.ndarray]


def momentum(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["a"] = KEEP * s["a"] + g
    return v - RATE * s["a"]


def nesterov(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["a"] = KEEP * s["a"] + g
    return v - RATE * (g + KEEP * s["a"])


def rmsprop(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["one"] = RHO * s["one"] + (1 - RHO) * g * g
    s["a"] = 0.5 * s["a"] + RATE * g / np.sqrt(s["one"] + EPSILON)
    return v - s["a"]


def centered(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["one"] = RHO * s["one"] + (1 - RHO) * g * g
    s["b"] = RHO * s["b"] + (1 - RHO) * g
    return v - RATE * g / np.sqrt(s["one"] - s["b"] ** 2 + EPSILON)


def adadelta(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["a"] = RHO * s["a"] + (1 - RHO) * g * g
    step = np.sqrt(s["b"] + EPSILON) / np.sqrt(s["a"] + EPSILON) * g
    s["b"] = RHO * s["b"] + (1 - RHO) * step * step
    return v - RATE * step


def ftrl(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    new = s["tenth"] + g * g
    s["b"] = s["b"] + g - (np.sqrt(new) - np.sqrt(s["tenth"])) / RATE * v
    s["tenth"] = new
    z = s["b"]
    return np.where(np.abs(z) > L1, (np.sign(z) * L1 - z) / (np.sqrt(new) / RATE + 2 * L2), 0)


def pulled(v: np.ndarray, g: np.ndarray, rate: Any) -> np.ndarray:
    moved = v - rate * g
    return np.sign(moved) * np.maximum(np.abs(moved) - rate * L1, 0) / (1 + rate * L2)


def proximal(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    return pulled(v, g, RATE)


def proximal_adagrad(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["tenth"] = s["tenth"] + g * g
    return pulled(v, g, RATE / np.sqrt(s["tenth"]))


def dual_averaging(v: np.ndarray, g: np.ndarray, s: Row, t: int) -> np.ndarray:
    s["a"] = s["a"] + g
    s["tenth"] = s["tenth"] + g * g
    near = np.sign(s["a"]) * np.maximum(np.abs(s["a"]) - L1 * t, 0)
    return -RATE * near / (RATE * L2 * t + np.sqrt(s["tenth"]))


OPTIMIZERS: dict[str, tuple[str, dict[str, Any], Callable[..., np.ndarray]]] = {
    "momentum": ("MomentumOptimizer", {"momentum": KEEP}, momentum),
    "nesterov": ("MomentumOptimizer", {"momentum": KEEP, "use_nesterov": True}, nesterov),
    "rmsprop": (
        "RMSPropOptimizer", {"decay": RHO, "momentum": 0.5, "epsilon": EPSILON}, rmsprop
    ),
    "centered": (
        "RMSPropOptimizer", {"decay": RHO, "centered": True, "epsilon": EPSILON}, centered
    ),
    "adadelta": ("AdadeltaOptimizer", {"rho": RHO, "epsilon": EPSILON}, adadelta),
    "ftrl": ("FtrlOptimizer", PENALTIES, ftrl),
    "proximal": ("ProximalGradientDescentOptimizer", PENALTIES, proximal),
    "proximal_adagrad": ("ProximalAdagradOptimizer", PENALTIES, proximal_adagrad),
    "dual_averaging": ("AdagradDAOptimizer", {"global_step": None, **PENALTIES}, dual_averaging),
}  # fmt: skip


def by_hand(step: Callable[..., np.ndarray]) -> np.ndarray:
    """The table after all steps, each of which changes the rows that it names, one by one."""
    table = START.copy()
    first = {"a": 0.0, "b": 0.0, "one": 1.0, "tenth": 0.1}
    slots = [{name: np.full(2, start) for name, start in first.items()} for _ in table]
    for number, named in enumerate(STEPS, 1):
        slopes = {row: (table[row] - 0.5) * named.count(row) / 3 for row in named}
        for row, slope in slopes.items():
            table[row] = step(table[row], slope, slots[row], number)
    return table


def trained(space: Any, key: str, clip: bool = False, **session: Any) -> np.ndarray:
    name, arguments, _ = OPTIMIZERS[key]
    with nf.Graph() as graph:
        table = tf.Variable(START, dtype="float64", name="table")
        ids = nf.placeholder("int32", [3], name="ids")
        loss = nf.reduce_mean(nf.square(tf.nn.embedding_lookup(table, ids) - 0.5))
        optimizer = getattr(space, name)(learning_rate=RATE, **arguments)
        if clip:  # by lengths and bounds that are never reached
            gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
            limited, _ = nf.clip_by_global_norm(gradients, 1e3)
            limited = [nf.clip_by_value(nf.clip_by_norm(g, 1e3), -1e3, 1e3) for g in limited]
            train = optimizer.apply_gradients(zip(limited, variables, strict=True))
        else:
            train = optimizer.minimize(loss)
    with nf.Session(graph, **session) as running:
        running.initialize()
        for named in STEPS:
            running.run(train, {ids: named})
        return running.run(table)


@pytest.mark.sample(6)
@pytest.mark.parametrize("key", OPTIMIZERS)
@pytest.mark.parametrize(
    "session",
    SESSIONS,
    ids=lambda s: "-".join(s.values()),
)
def test_only_the_rows_of_a_step_change(key: str, session: Any) -> None:
    found = trained(tf.train, key, **session)
    np.testing.assert_allclose(found, by_hand(OPTIMIZERS[key][2]), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[list(NEVER)], START[list(NEVER)])


@pytest.mark.parametrize("key", OPTIMIZERS)
def test_clipped_gradients_of_lookups_change_no_other_row(key: str) -> None:
    found = trained(tf.train, key, clip=True)
    np.testing.assert_allclose(found, by_hand(OPTIMIZERS[key][2]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("key", OPTIMIZERS)
def test_the_optimizers_of_nf_go_on_moving_all_rows(key: str) -> None:
    ours = trained(optimizers, key)
    rows = np.abs(ours - by_hand(OPTIMIZERS[key][2])).max(axis=1)
    assert rows.max() > 1e-4, "a row that rests for a step or more ends elsewhere"


def test_a_bound_away_from_zero_moves_every_row() -> None:
    with nf.Graph() as graph:
        table = tf.Variable(START, dtype="float64")
        loss = nf.reduce_sum(nf.gather(table, [1]))
        optimizer = tf.train.MomentumOptimizer(1.0, 0.0)
        ((gradient, _),) = optimizer.compute_gradients(loss)
        train = optimizer.apply_gradients([(nf.clip_by_value(gradient, 0.5, 1.0), table)])
    with nf.Session(graph) as session:
        session.initialize()
        session.run(train)
        assert (session.run(table) != START).all()


def test_a_converted_program_and_its_file_move_the_rows_of_a_step(tmp_path) -> None:
    program = f"""\
import numpy as np
import tensorflow as tf

table = tf.Variable(np.array({START.tolist()}), name="table")
ids = tf.placeholder(tf.int32, [3], name="ids")
loss = tf.reduce_mean(tf.square(tf.nn.embedding_lookup(table, ids) - 0.5))
kinds = {{"m": tf.train.MomentumOptimizer}}
train = kinds["m"]({RATE}, momentum={KEEP}).minimize(loss, name="train")
sess = tf.Session()
sess.run(tf.global_variables_initializer())
for named in {STEPS!r}:
    sess.run(train, {{ids: named}})
final = sess.run(table)
"""
    converted = convert(program)
    assert converted.problems == ()
    nf.reset_default_graph()
    space: dict[str, Any] = {}
    exec(compile(converted.text, "converted", "exec"), space)
    np.testing.assert_allclose(space["final"], by_hand(momentum), rtol=1e-9)
    nf.save(nf.get_default_graph(), tmp_path / "model.flow")
    again = nf.load(tmp_path / "model.flow")
    with nf.Session(again) as session:
        session.initialize()
        for named in STEPS:
            session.run("train", {"ids": named})
        np.testing.assert_allclose(session.run("table"), by_hand(momentum), rtol=1e-9)
