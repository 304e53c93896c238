"""Graphs that TensorFlow wrote: the values that TensorFlow gives, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nodeflow.tensorflow1 as tf
from nodeflow.errors import FileProblem
from nodeflow.integrations.tensorflow1.graph_files.frozen_graphs import read_frozen
from nodeflow.ops.summaries import protobuf as pb

FOLDER = Path(__file__).with_name("agreement")
STORED = (FOLDER / "frozen.pb").read_bytes()


def node(name: str, op: str, *inputs: str, **attrs: bytes) -> bytes:
    """Return a node of a serialized GraphDef; attributes are serialized, too."""
    parts = [pb.text(1, name), pb.text(2, op), *(pb.message(3, each.encode()) for each in inputs)]
    for key, value in attrs.items():
        parts.append(pb.message(5, pb.text(1, key) + pb.message(2, value)))
    return pb.message(1, b"".join(parts))


def number(value: int) -> bytes:
    """Return a constant of an int32."""
    return pb.message(8, pb.integer(1, 3) + pb.message(2, b"") + pb.message(7, pb.varint(value)))


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("scope", ["", "net"])
def test_values_are_those_of_tensorflow(tier: str, scope: str) -> None:
    graph_def = tf.GraphDef()
    assert graph_def.ParseFromString(STORED) == len(STORED)
    stored = dict(np.load(FOLDER / "frozen.npz"))
    images = stored.pop("images")
    start = f"{scope}/" if scope else ""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name=scope)
        assert graph.get_tensor_by_name(f"{start}conv:0").shape == (None, 8, 8, 6)
        with tf.Session(tier=tier) as session:
            fetches = {name: f"{start}{name}" for name in stored}
            found = session.run(fetches, {f"{start}input:0": images})
    for name, expected in stored.items():
        assert found[name].dtype == expected.dtype, name
        np.testing.assert_allclose(found[name], expected, rtol=2e-5, atol=2e-6, err_msg=name)


def test_an_input_is_replaced() -> None:
    with tf.Graph().as_default():
        mine = tf.placeholder(tf.float32, [1, 8, 8, 3], name="mine")
        (best,) = tf.import_graph_def(
            tf.GraphDef.FromString(STORED), {"input:0": mine}, return_elements=["best:0"]
        )
        with tf.Session() as session:
            images = np.load(FOLDER / "frozen.npz")["images"][:1]
            expected = np.load(FOLDER / "frozen.npz")["best:0"][:1]
            np.testing.assert_array_equal(session.run(best, {mine: images}), expected)


@pytest.mark.parametrize("op", ["Placeholder", "Const"])
def test_a_picture_is_fed_as_its_file(op: str) -> None:
    text = pb.message(8, pb.integer(1, 7) + pb.message(2, b"") + pb.message(8, b"none"))
    stored = {"Placeholder": {"dtype": pb.integer(6, 7)}, "Const": {"value": text}}[op]
    serialized = node("contents", op, **stored)
    serialized += node("decoded", "DecodeJpeg", "contents", channels=pb.integer(3, 3))
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 200, "uint8")).save(file, "JPEG")
    with tf.Graph().as_default():
        tf.import_graph_def(tf.GraphDef.FromString(serialized), name="")
        with tf.Session() as session:
            found = session.run("decoded:0", {"contents:0": file.getvalue()})
    np.testing.assert_allclose(found, np.full((8, 8, 3), 200), atol=1)


def test_nodes_may_be_stored_in_any_order() -> None:
    serialized = node("sum", "Add", "two", "^none", "two") + node("none", "NoOp")
    graph = read_frozen(serialized + node("two", "Const", value=number(2)))
    assert tf.Session(graph=graph).run("sum:0") == 4


@pytest.mark.parametrize(
    ("serialized", "said"),
    [
        (STORED[:-30], "damaged"),
        (b"\x0a\x80\xff", "damaged"),
        (node("a", "Magic") + node("b", "Other"), "without a counterpart: Magic, Other"),
        (node("a", "Relu", "b") + node("b", "Relu", "a"), "loop"),
        (node("two", "Const", value=number(2)) + node("a", "Cast", "two"), "a is no valid Cast"),
        (node("a", "Relu", "gone"), "a reads a node that is not in the graph"),
    ],
)
def test_what_it_cannot_read_is_said(serialized: bytes, said: str) -> None:
    with pytest.raises(FileProblem, match=said):
        tf.GraphDef().ParseFromString(serialized)
