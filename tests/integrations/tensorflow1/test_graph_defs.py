"""Graphs as `tf.GraphDef`: snapshots, text, imports, and frozen variables."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.errors import FileProblem, GraphError, UnknownName

ROWS = np.ones((1, 3), "float32")


@pytest.fixture(autouse=True)
def graph() -> Iterator[nf.Graph]:
    """A default graph of TensorFlow 1, for each test."""
    with tf.Graph().as_default() as graph:
        yield graph


def network() -> tf.Tensor:
    """Return the output of a layer, a variable and a loop."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    hidden = tf.layers.dense(x, 4, activation=tf.nn.relu, name="hidden")
    w = tf.Variable(tf.ones([4, 2]), name="w")
    y = tf.matmul(hidden, w, name="y")
    with tf.name_scope("loop"):
        tf.while_loop(lambda i, s: i < 3, lambda i, s: (i + 1, s + tf.reduce_sum(y)), [0, 0.0])
    return y


def named(graph: nf.Graph) -> set[str]:
    return {node.name for node in graph.nodes if node.derived_from is None}


def test_it_is_the_graph_of_that_moment(graph) -> None:
    y = network()
    graph_def = graph.as_graph_def()
    tf.exp(y, name="later")
    by_name = {node.name: node for node in graph_def.node}
    assert set(by_name) == named(graph) - {"later"}
    assert by_name["y"].op == "matmul" and by_name["y"].input == ["hidden", "w"]
    assert by_name["x"].attr["shape"] == (None, 3)
    assert json.loads(str(graph_def))["format"] == "nodeflow"


def test_the_default_graph_of_a_program_has_one() -> None:
    code = "import nodeflow.tensorflow1 as tf\ntf.constant(1.0, name='one')\n"
    code += "first = len(tf.get_default_graph().as_graph_def().node)\ntf.reset_default_graph()\n"
    code += "print(first, len(tf.get_default_graph().as_graph_def().node))"
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "1 0\n", done.stderr


@pytest.mark.parametrize("as_text", [False, True])
def test_imported_nodes_compute_the_same(graph, as_text: bool) -> None:
    network()
    graph_def = graph.as_graph_def()
    if as_text:
        graph_def = tf.GraphDef.FromString(graph_def.SerializeToString())
    with tf.Graph().as_default() as other:
        x = tf.placeholder(tf.float32, [None, 3], name="mine")
        y, total, node = tf.import_graph_def(
            graph_def, {"x:0": x}, ["y:0", "loop/while:1", "hidden"], name="net"
        )
        assert named(other) == {"mine", *(f"net/{name}" for name in named(graph) - {"x"})}
        assert y.name == "net/y" and node.name == "net/hidden"
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            kernel = session.run("net/hidden/kernel:0")
            values = session.run([y, total], {x: ROWS})
    expected = np.maximum(ROWS @ kernel, 0) @ np.ones((4, 2), "float32")
    np.testing.assert_allclose(values[0], expected, rtol=1e-6)
    np.testing.assert_allclose(values[1], 3 * expected.sum(), rtol=1e-6)


def test_an_imported_optimizer_trains(graph) -> None:
    v = tf.Variable(3.0, name="v")
    tf.train.MomentumOptimizer(0.1, 0.9, name="step").minimize(v * v, var_list=[v])
    with tf.Graph().as_default():
        assert tf.import_graph_def(graph.as_graph_def()) is None
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run("import/step")
            assert session.run("import/v:0") == pytest.approx(3 - 0.1 * 6)


def test_frozen_variables_are_constants(graph) -> None:
    y = network()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(y, {"x:0": ROWS})
        frozen = tf.graph_util.convert_variables_to_constants(session, session.graph_def, ["y"])
    assert {node.op for node in frozen.node} == {"placeholder", "constant", "matmul", "add", "relu"}
    with tf.Graph().as_default():
        tf.import_graph_def(tf.GraphDef.FromString(frozen.SerializeToString()), name="")
        with tf.Session() as session:
            np.testing.assert_array_equal(session.run("y:0", {"x:0": ROWS}), expected)


def test_a_part_of_a_graph_is_what_some_nodes_need(graph) -> None:
    network()
    part = tf.graph_util.extract_sub_graph(graph.as_graph_def(), ["hidden"])
    assert [node.name for node in part.node] == ["x", "hidden"]


def test_a_written_graph_is_a_file_of_nodeflow(graph, tmp_path) -> None:
    network()
    path = tf.train.write_graph(graph.as_graph_def(), str(tmp_path / "new"), "net.flow")
    assert named(nf.load(path)) == named(graph)
    assert tf.train.write_graph(graph, str(tmp_path), "same.flow", as_text=False).endswith(
        "same.flow"
    )
    assert (tmp_path / "same.flow").read_bytes() == (tmp_path / "new" / "net.flow").read_bytes()


def test_what_it_cannot_read_or_find_is_said(graph) -> None:
    with pytest.raises(FileProblem, match="no graph of TensorFlow"):
        tf.GraphDef().ParseFromString(b"\n\x80\xff")
    with pytest.raises(GraphError, match="takes a GraphDef"):
        tf.import_graph_def(graph)
    with pytest.raises(UnknownName, match="nothing"):
        tf.import_graph_def(graph.as_graph_def(), {"nothing:0": tf.constant(1.0)})
