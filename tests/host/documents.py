"""Small documents that tests evaluate and train."""

from __future__ import annotations

from pathlib import Path

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document


def expression(b: float = 2.0) -> Document:
    """a = (b + c) * (c + 2) with c a variable of 1."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    def wire(source, target, port):
        commands.connect(document, source, "out", target, port)

    first = add("constant", "b", value=b)
    second = add("variable", "c", value=1.0)
    two = add("constant", "two", value=2.0)
    d, e, a = add("add", "d"), add("add", "e"), add("multiply", "a")
    for source, target, port in (
        (first, d, "x"),
        (second, d, "y"),
        (second, e, "x"),
        (two, e, "y"),
        (d, a, "x"),
        (e, a, "y"),
    ):
        wire(source, target, port)
    return document


def regression() -> Document:
    """A line fitted to the feed by gradient descent: its loss falls."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    x = add("placeholder", "x", shape=[None, 1], sample=[[0.0], [1.0], [2.0]])
    y = add("placeholder", "y", shape=[None, 1], sample=[[1.0], [3.0], [5.0]])
    w, b = add("variable", "w", value=[[0.0]]), add("variable", "b", value=0.0)
    xw, line, error = add("matmul", "xw"), add("add", "line"), add("subtract", "error")
    squared, loss = add("square", "squared"), add("reduce_mean", "loss")
    train = add("gradient_descent", "train", learning_rate=0.1)
    for source, target, port in (
        (x, xw, "x"),
        (w, xw, "y"),
        (xw, line, "x"),
        (b, line, "y"),
        (line, error, "x"),
        (y, error, "y"),
        (error, squared, "x"),
        (squared, loss, "x"),
        (loss, train, "loss"),
    ):
        commands.connect(document, source, "out", target, port)
    commands.set_training(document, optimizer=train, loss=loss, epochs=200)
    return document


def fitted_layer(data: Path, epochs: int = 5) -> Document:
    """A layer fitted by Adam to the columns x and y of a file, of a document without a folder."""
    document = Document()
    document.allow(data)

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    rows = add("dataset", "data", source=f"npz:{data}")
    x, y = add("placeholder", "x", shape=[None, 3]), add("placeholder", "y", shape=[None, 1])
    layer, error = add("layers/dense", "layer", units=1), add("subtract", "error")
    squared, loss = add("square", "squared"), add("reduce_mean", "loss")
    train = add("adam", "train", learning_rate=0.05)
    for source, port, target, target_port in (
        (rows, "x", x, "feed"),
        (rows, "y", y, "feed"),
        (x, "out", layer, "x"),
        (layer, "out", error, "x"),
        (y, "out", error, "y"),
        (error, "out", squared, "x"),
        (squared, "out", loss, "x"),
        (loss, "out", train, "loss"),
    ):
        commands.connect(document, source, port, target, target_port)
    commands.set_training(document, optimizer=train, loss=loss, epochs=epochs, batch_size=8)
    return document
