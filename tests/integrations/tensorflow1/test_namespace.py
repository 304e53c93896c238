"""`nodeflow.tensorflow1` as a namespace: what it lists, finds, imports and refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.integrations.tensorflow1 import namespace
from nodeflow.integrations.tensorflow1.namespace import found_at, public_names
from nodeflow.integrations.tensorflow1.tables import homes
from tests.integrations.tensorflow1.test_places import MOVES

PROGRAM = """\
import tensorflow as tf
from tensorflow.contrib import rnn
from tensorflow.python.framework import ops
import tensorflow.compat.v1 as v1

import beside

tf.app.flags.DEFINE_integer("rows", 3, "how many")


def main(rest):
    ops.reset_default_graph()
    x = tf.placeholder(tf.float32, [None, 3])
    out, _ = tf.nn.dynamic_rnn(rnn.GRUCell(beside.UNITS), x[None], dtype=v1.float32)
    with tf.Session("", tf.get_default_graph()) as session:
        session.run(tf.global_variables_initializer())
        print(rest[1:], session.run(tf.shape(out), {x: [[1, 2, 3]] * tf.app.flags.FLAGS.rows}))


if __name__ == "__main__":
    tf.app.run()
"""


def test_it_lists_names_of_tensorflow_alone() -> None:
    assert {"where", "flags", "contrib", "nn", "float32", "Session"} <= {*dir(tf)}
    assert not {"relu", "adamw", "DocumentBuilder", "runs"} & {*dir(tf)}
    assert "conv2d" in dir(tf.nn) and "accuracy" in dir(tf.metrics) and "run" in dir(tf.app)


@pytest.mark.sample(20)
@pytest.mark.parametrize("name", sorted(public_names()))
def test_each_public_name_with_a_counterpart_is_found(name: str) -> None:
    if found_at(name) is not None:
        attrgetter(name)(tf)
    elif not namespace.is_space(name):
        with pytest.raises(AttributeError):
            attrgetter(name)(tf)


def test_a_name_that_moves_is_here() -> None:
    names = [name for name in MOVES if not name.endswith("*") and name in public_names()]
    assert len(names) > 150
    assert [name for name in names if found_at(name) is None and not namespace.is_space(name)] == []


def test_namespaces_are_the_same_object_each_time() -> None:
    assert tf.compat.v1.nn is tf.nn and tf.app.flags is tf.flags
    assert tf.python.framework.ops.exp is tf.exp
    assert tf.compat.as_str(b"a") == "a" and tf.compat.as_bytes("a") == b"a"


def test_an_unknown_name_is_answered() -> None:
    with pytest.raises(AttributeError, match=r"has no 'FIFOQueue': a data set feeds"):
        tf.FIFOQueue  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no 'nn\.reluu'\. Did you mean relu"):
        tf.nn.reluu  # noqa: B018
    with pytest.raises(ImportError):
        exec("import nodeflow.tensorflow1.nothing")
    assert homes.home("nothing") is None


def test_functions_take_tensorflows_keywords() -> None:
    with nf.Graph():
        x = tf.constant([[1.0, 2.0], [3.0, 5.0]])
        total = tf.reduce_sum(input_tensor=x, reduction_indices=1, keep_dims=True)
        chosen = tf.nn.embedding_lookup(params=x, ids=[1], partition_strategy="mod")
        with tf.Session() as session:
            np.testing.assert_array_equal(session.run(total), [[3], [8]])
            np.testing.assert_array_equal(session.run(chosen), [[3, 5]])


def test_a_session_takes_a_target_before_the_graph() -> None:
    with nf.Graph() as graph:
        x = tf.constant(2.0)
    assert tf.Session("", graph).run(x) == 2
    with pytest.raises(nf.NodeflowError, match=r"target must be a text.*\n?.*graph=graph"):
        tf.Session(graph)


def test_a_program_runs_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("UNITS = 4\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "nodeflow.tensorflow1", "--run", str(tmp_path / "program.py")]
    done = subprocess.run([*command, "--rows=5", "more"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['more'] [1 5 4]\n"


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("linalg.inv", "matrix_inverse"), ("linalg.diag", "matrix_diag"),
        ("linalg.tensor_diag", "diag"), ("linalg.transpose", "matrix_transpose"),
        ("math.top_k", "nn.top_k"), ("math.mod", "mod"),
        ("math.scalar_mul", "scalar_mul"), ("random.normal", "random_normal"),
        ("random.all_candidate_sampler", "nn.all_candidate_sampler"), ("math.rint", "round"),
    ],
)  # fmt: skip
def test_a_function_has_the_names_that_tensorflow_gives_it(name: str, same: str) -> None:
    assert inspect.unwrap(attrgetter(name)(tf)) is inspect.unwrap(attrgetter(same)(tf))


def test_a_name_that_moved_means_nothing_else_in_its_namespace() -> None:
    with pytest.raises(AttributeError, match="everything is a graph") as caught:
        tf.random.split  # noqa: B018
    assert "tf.split" not in str(caught.value)
