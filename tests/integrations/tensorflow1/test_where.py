"""`tf.where`: a vector takes rows, as in TensorFlow 1; `nf.where` broadcasts it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.integrations.tensorflow1.converter.convert import convert
from tests.backends import SESSIONS, TIERS

SQUARE = np.arange(9, dtype="float32").reshape(3, 3)
CHOSEN = np.array([True, False, True])
BY_ROWS = np.where(CHOSEN[:, None], SQUARE, -SQUARE)  # what TensorFlow 2.21's compat.v1 gives
BY_COLUMNS = np.where(CHOSEN, SQUARE, -SQUARE)


def run(tensor: nf.Tensor, feeds: Any = None, session: Any = TIERS[0]) -> Any:
    with nf.Session(tensor.graph, **session) as running:
        return running.run(tensor, feeds)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda s: "-".join(s.values()))
def test_a_vector_takes_rows(session: Any) -> None:
    with nf.Graph():
        x, condition = nf.constant(SQUARE), nf.constant(CHOSEN)
        rows = tf.where(condition, x, -x)
        assert rows.shape == (3, 3)
        np.testing.assert_array_equal(run(rows, None, session), BY_ROWS)
        np.testing.assert_array_equal(run(nf.where(condition, x, -x), None, session), BY_COLUMNS)


def test_higher_ranks_arrays_and_lists_are_taken() -> None:
    with nf.Graph():
        cube = np.arange(12.0).reshape(3, 2, 2)
        expected = np.where(CHOSEN[:, None, None], cube, 0)
        found = tf.where(CHOSEN.tolist(), cube, np.zeros_like(cube))
        np.testing.assert_array_equal(run(found), expected)


def test_other_conditions_are_taken_element_by_element() -> None:
    with nf.Graph():
        x = nf.constant(SQUARE)
        where = tf.where
        np.testing.assert_array_equal(
            run(where(x > 4, x, -x)), np.where(SQUARE > 4, SQUARE, -SQUARE)
        )
        np.testing.assert_array_equal(run(where(nf.constant(False), x, -x)), -SQUARE)
        np.testing.assert_array_equal(run(where(CHOSEN, SQUARE[0], -SQUARE[0])), BY_COLUMNS[0])
        np.testing.assert_array_equal(run(where(nf.constant(CHOSEN))), [[0], [2]])


@pytest.mark.parametrize("shape", [None, [None], [3]], ids=str)
@pytest.mark.parametrize("rank", [None, 2])
@pytest.mark.parametrize("session", TIERS, ids=lambda s: s["tier"])
def test_ranks_that_only_a_run_knows(shape: Any, rank: Any, session: Any) -> None:
    with nf.Graph():
        condition = nf.placeholder("bool", shape)
        x = nf.placeholder("float32", rank and [None, 3])
        found = tf.where(condition, x, -x)
        np.testing.assert_array_equal(run(found, {condition: CHOSEN, x: SQUARE}, session), BY_ROWS)
        if shape is None:
            np.testing.assert_array_equal(
                run(found, {condition: SQUARE > 4, x: SQUARE}, session),
                np.where(SQUARE > 4, SQUARE, -SQUARE),
            )


def test_gradients_flow_into_the_rows_that_are_taken() -> None:
    with nf.Graph():
        x, y = nf.constant(SQUARE), nf.constant(-SQUARE)
        by_x, by_y = nf.gradients(tf.where(nf.constant(CHOSEN), x, y), [x, y])
        assert by_x is not None and by_y is not None
        np.testing.assert_array_equal(run(by_x), np.repeat(CHOSEN[:, None], 3, 1))
        np.testing.assert_array_equal(run(by_y), np.repeat(~CHOSEN[:, None], 3, 1))


@pytest.mark.parametrize("line", ["y = tf.where(c, x, z)", "y = tf.select(c, x, z)"])
def test_the_converter_keeps_the_one_that_takes_rows(line: str) -> None:
    converted = convert(f"import tensorflow as tf\n{line}\n")
    assert converted.text == f"import nodeflow.tensorflow1 as tf\n{line}\n"
    assert converted.problems == ()
    renamed = convert(f"import tensorflow as tf\n{line}\n", rename=True)
    condition = "nf.reshape(c, [-1] + [1] * (len(x.shape) - 1)) if len(c.shape) == 1 else c"
    assert renamed.text == f"import nodeflow as nf\ny = nf.where({condition}, x, z)\n"


@pytest.mark.parametrize("shape", [(3, 2), (3,)])
def test_the_renamed_one_takes_rows_of_any_condition(shape: tuple[int, ...]) -> None:
    source = "import tensorflow as tf\ny = tf.where(c, x, z)\n"
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    chosen = np.arange(np.prod(shape)).reshape(shape) % 2 == 0
    with nf.Graph() as graph:
        given = {"c": nf.constant(chosen), "x": nf.constant(x), "z": nf.constant(-x)}
        for rename in (False, True):
            space: dict[str, object] = dict(given)
            exec(convert(source, rename).text, space)
            wanted = np.where(chosen.reshape(3, -1), x, -x)
            np.testing.assert_array_equal(nf.Session(graph).run(space["y"]), wanted)


def test_the_converter_renames_the_one_that_broadcasts() -> None:
    converted = convert("import tensorflow as tf\ny = tf.where_v2(c, x, z)\n", rename=True)
    assert converted.text == "import nodeflow as nf\ny = nf.where(c, x, z)\n"


def test_the_second_version_broadcasts_a_vector() -> None:
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    condition = np.array([True, False, True])
    with tf.Session() as session:
        found = session.run(tf.where_v2(condition, x, -x))
        rows = session.run(tf.where(condition, x, -x))
    assert found.tolist() == np.where(condition, x, -x).tolist()
    assert rows.tolist() == np.where(condition[:, None], x, -x).tolist()
