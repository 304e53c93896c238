"""Writes examples/*.flow. The committed files are what this script writes (a test compares them).

    python tools/make_examples.py [FOLDER]

The examples are made by the commands the window uses, so they are documents like any other; this
script only spares placing a hundred nodes by hand in each change of the layout.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nodeflow.document import commands, flow  # noqa: E402
from nodeflow.document.analysis import Analysis  # noqa: E402
from nodeflow.document.layout import layout, node_size  # noqa: E402
from nodeflow.document.model import Document  # noqa: E402
from nodeflow.document.text_width import text_width  # noqa: E402

PAD, BAR, GAP = 40, 56, 48
NOTE, NOTE_WIDTH = "note", 560
FAR_SIZE, FAR_LINE = 21, 32  # notes of large graphs, written larger as they are seen from afar
NEAR_SIZE, NEAR_LINE = 13, 20


class Example:
    """A document that is drawn group by group, each in a frame of its own."""

    def __init__(self) -> None:
        self.doc = Document()
        self.ids: dict[str, str] = {}
        self.groups: dict[str, tuple[str, list[str]]] = {}

    def group(self, title: str, color: str) -> None:
        """The nodes added from now on stand in a frame with this title."""
        self.groups[title] = (color, [])

    def add(self, op: str, name: str, *inputs: str, **attrs: Any) -> str:
        """A node, wired from `name` or `name:port`, in the order of its inputs."""
        node_id = commands.add_node(self.doc, op, (0, 0), name, attrs)
        self.ids[name] = node_id
        list(self.groups.values())[-1][1].append(node_id)
        for port, source in zip(PORTS.get(op, ("x", "y")), inputs, strict=False):
            self.wire(source, f"{name}:{port}")
        return name

    def wire(self, source: str, target: str) -> None:
        """A wire from `name` or `name:port` to `name:port`."""
        source_name, _, source_port = source.partition(":")
        target_name, _, target_port = target.partition(":")
        ends = (self.ids[source_name], source_port or "out", self.ids[target_name], target_port)
        commands.connect(self.doc, *ends)

    def training(self, optimizer: str, loss: str, metrics: list[dict], **fields: Any) -> None:
        """The training settings, with names for nodes."""
        measured = [{**metric, "node": self.ids[metric["node"]]} for metric in metrics]
        commands.set_training(
            self.doc,
            optimizer=self.ids[optimizer],
            loss=self.ids[loss],
            metrics=measured,
            **fields,
        )

    def arrange(self, rows: list[list[str]], note: str, title: str) -> None:
        """Places the groups and the note in rows.

        Later rows begin with what stands below the first group (`NOTE`, or nothing: `""`), and go
        on where the first row has its second group. After `>` comes what ends where the first
        row ends.
        """
        self.analysis = Analysis(self.doc)
        second = right = y = 0.0
        head = commands.add_frame(self.doc, (0, 0, 0, 0), title, note, "note")
        for row in rows:
            names = [name for name in row if name and name != ">"]
            width = NOTE_WIDTH if rows[0][0] == NOTE else self._size(rows[0][0])[0]
            boxes = {name: self._size(name) for name in names if name != NOTE}
            boxes[NOTE] = (width, _note_height(note, width, rows[0][0] == NOTE))
            x = 0.0
            for place, name in enumerate(row):
                if place == 1:
                    second = second or x
                    x = second
                if name == ">":
                    rest = row[place + 1 :]
                    x = right - sum(boxes[n][0] for n in rest) - GAP * (len(rest) - 1)
                elif name == NOTE:
                    commands.set_frame(self.doc, head, rect=(x, y, *boxes[NOTE]))
                elif name:
                    self._place(name, x, y)
                x += boxes[name][0] + GAP if name in boxes else 0
            right = right or x - GAP
            y += max(boxes[name][1] for name in names) + GAP

    def _size(self, title: str) -> tuple[float, float]:
        """Width and height of a group's frame."""
        places = layout(self.doc, self.groups[title][1], analysis=self.analysis)
        sizes = {i: node_size(self.doc, self.doc.nodes[i], self.analysis) for i in places}
        right = max(places[i][0] + sizes[i][0] for i in places)
        bottom = max(places[i][1] + sizes[i][1] for i in places)
        return right + 2 * PAD, bottom + BAR + PAD

    def _place(self, title: str, x: float, y: float) -> None:
        """Lays a group out with its frame's top left corner at (x, y)."""
        color, ids = self.groups[title]
        commands.move(
            self.doc, layout(self.doc, ids, analysis=self.analysis, origin=(x + PAD, y + BAR))
        )
        commands.add_frame(self.doc, (x, y, *self._size(title)), title, "", color)


def _note_height(note: str, width: float, near: bool) -> float:
    size, height = (NEAR_SIZE, NEAR_LINE) if near else (FAR_SIZE, FAR_LINE)
    return 58 + height * sum(_lines(text, size, width - 40) for text in note.split("\n"))


def _lines(paragraph: str, size: float, room: float) -> int:
    lines, line = 1, ""
    for word in paragraph.split():
        joined = f"{line} {word}" if line else word
        if text_width(joined, size) > room:
            lines, joined = lines + 1, word
        line = joined
    return lines


PORTS = {
    "variable": ("initial",),
    "where": ("condition", "x", "y"),
    "gradient_descent": ("loss",),
    "adam": ("loss",),
    "softmax_cross_entropy_with_logits": ("labels", "logits"),
    "mean_squared_error": ("labels", "predictions"),
}


def expression() -> Example:
    """a = (b + c) * (c + 2) = 9."""
    e = Example()
    e.group("Input", "inputs")
    e.add("variable", "b", dtype="float32", value=2.0)
    e.add("variable", "c", dtype="float32", value=1.0)
    e.add("constant", "two", dtype="float32", value=2.0)
    e.group("Expression", "math")
    e.add("add", "d", "b", "c")
    e.add("add", "e", "c", "two")
    e.add("multiply", "a", "d", "e")
    e.arrange(
        [[NOTE], ["Input", "Expression"]],
        "a = (b + c) * (c + 2), one node for each step: 9 comes out.\n"
        "Try: select b and set its value to 5; a becomes 18. Show order: d and e need nothing "
        "from each other, so they run in parallel, and a comes after both.",
        "A first graph",
    )
    return e


def expression_array() -> Example:
    """The same on a column of numbers that is fed."""
    e = Example()
    e.group("Input", "inputs")
    e.add(
        "placeholder",
        "b",
        dtype="float32",
        shape=[None, 1],
        sample=[[float(i)] for i in range(10)],
    )
    e.add("variable", "c", dtype="float32", value=1.0)
    e.add("constant", "two", dtype="float32", value=2.0)
    e.group("Expression", "math")
    e.add("add", "d", "b", "c")
    e.add("add", "e", "c", "two")
    e.add("multiply", "a", "d", "e")
    e.arrange(
        [[NOTE], ["Input", "Expression"]],
        "The same expression, with a placeholder for b: a column of any length, fed when the "
        "graph runs. Its sample is 0 to 9, so a is 3, 6, ..., 30.\n"
        "Try: change the sample to [[1], [2]], or set c to 0. The shapes at the ports say ? "
        "where any length goes.",
        "Feeding an array",
    )
    return e


def linear_regression() -> Example:
    """A line through points."""
    e = Example()
    e.group("Input", "data")
    e.add("dataset", "points", source="csv:resource:data/linear.csv")
    e.add("placeholder", "x", dtype="float32", shape=[None, 1])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("points:features", "x:feed")
    e.wire("points:labels", "y:feed")
    e.group("Line", "math")
    e.add("variable", "slope", dtype="float32", value=0.0)
    e.add("variable", "offset", dtype="float32", value=0.0)
    e.add("multiply", "scaled", "x", "slope")
    e.add("add", "prediction", "scaled", "offset")
    e.group("Loss", "loss")
    e.add("subtract", "error", "prediction", "y")
    e.add("square", "squared", "error")
    e.add("reduce_mean", "loss", "squared")
    e.group("Training", "training")
    e.add("gradient_descent", "train", "loss", learning_rate=0.2)
    e.training(
        "train",
        "loss",
        [{"node": "loss", "split": "test", "every": "epoch"}],
        epochs=40,
        batch_size=20,
        seed=1,
        shuffle=True,
    )
    e.arrange(
        [["Input", "Line"], [NOTE, "Loss", "Training"]],
        "Gradient descent finds the line through noisy points: y = 2 x - 1.\n"
        "Try: press Train and watch slope go to 2 and offset to -1. Then set the learning rate "
        "of train to 0.02, or to 2, and train again.",
        "Linear regression",
    )
    return e


def _dense(
    e: Example,
    x: str,
    number: int,
    sizes: tuple[int, int],
    kernel: dict,
    bias: dict | None = None,
    name: str = "",
) -> None:
    """x @ W + b with variables of its own."""
    weights, biases = f"W{number}", f"b{number}"
    e.add("variable", weights, dtype="float32", shape=list(sizes), initializer=kernel)
    drawn = {"initializer": bias} if bias else {"value": 0.0}
    e.add("variable", biases, dtype="float32", shape=[sizes[1]], **drawn)
    e.add("matmul", f"product{number}", x, weights)
    e.add("add", name or f"sum{number}", f"product{number}", biases)


def regression() -> Example:
    """A small network bends itself to a curve."""
    e = Example()
    bends = {"op": "random_normal", "stddev": 1.5}  # units that bend all along -3..3
    e.group("Input", "data")
    e.add("dataset", "curve", source="csv:resource:data/regression.csv")
    e.add("placeholder", "x", dtype="float32", shape=[None, 1])
    e.add("placeholder", "y", dtype="float32", shape=[None, 1])
    e.wire("curve:features", "x:feed")
    e.wire("curve:labels", "y:feed")
    e.group("Hidden layer", "math")
    _dense(e, "x", 1, (1, 32), bends, bends)
    e.add("tanh", "hidden", "sum1")
    e.group("Output", "math")
    _dense(e, "hidden", 2, (32, 1), {"op": "glorot_uniform"}, name="prediction")
    e.group("Loss", "loss")
    e.add("mean_squared_error", "loss", "y", "prediction")
    e.group("Training", "training")
    e.add("adam", "train", "loss", learning_rate=0.03)
    e.training(
        "train",
        "loss",
        [{"node": "loss", "split": "test", "every": "epoch"}],
        epochs=200,
        batch_size=20,
        seed=1,
        shuffle=True,
    )
    e.arrange(
        [["Input", "Hidden layer"], [NOTE, "Output", "Loss", "Training"]],
        "A network with 32 hidden units learns the curve y = sin(2 x) + x / 4 from 200 noisy "
        "points; the noise leaves a loss of about 0.01.\n"
        "Try: train; then replace tanh by relu, or give the layers 4 units instead of 32 (W1, "
        "b1 and W2), and compare the loss.",
        "Nonlinear regression",
    )
    return e


def _accuracy(e: Example, labels: str, scores: str) -> None:
    e.group("Accuracy", "metrics")
    e.add("argmax", "predicted", scores, axis=1)
    e.add("argmax", "actual", labels, axis=1)
    e.add("equal", "right", "predicted", "actual")
    e.add("cast", "as_numbers", "right", dtype="float32")
    e.add("reduce_mean", "accuracy", "as_numbers")


ACCURACY = [{"node": "accuracy", "split": "test", "every": "epoch"}]


def spirals() -> Example:
    """Two classes that no line separates."""
    e = Example()
    he = {"op": "he_normal"}
    e.group("Input", "data")
    e.add("dataset", "spirals", source="spirals")
    e.add("placeholder", "x", dtype="float32", shape=[None, 2])
    e.add("placeholder", "y", dtype="float32", shape=[None, 2])
    e.wire("spirals:points", "x:feed")
    e.wire("spirals:labels", "y:feed")
    e.group("Hidden layer 1", "math")
    _dense(e, "x", 1, (2, 32), he)
    e.add("relu", "hidden1", "sum1")
    e.group("Hidden layer 2", "math")
    _dense(e, "hidden1", 2, (32, 32), he)
    e.add("relu", "hidden2", "sum2")
    e.group("Output", "math")
    _dense(e, "hidden2", 3, (32, 2), he, name="logits")
    e.group("Loss", "loss")
    e.add("softmax_cross_entropy_with_logits", "losses", "y", "logits")
    e.add("reduce_mean", "loss", "losses")
    _accuracy(e, "y", "logits")
    e.group("Training", "training")
    e.add("adam", "train", "loss", learning_rate=0.01)
    e.training("train", "loss", ACCURACY, epochs=60, batch_size=50, seed=1, shuffle=True)
    e.arrange(
        [
            ["Input", "Hidden layer 1", "Hidden layer 2"],
            [NOTE, "Accuracy", ">", "Output"],
            ["", "Loss", "Training"],
        ],
        "Points on two interleaved spirals: which spiral is each on? No straight line can tell, "
        "two hidden layers can.\n"
        "Try: train; then set turns of spirals to 2, or noise to 0.3, and train again. Wire "
        "hidden1 past the second layer, and see what one layer alone can do.",
        "Two spirals",
    )
    return e


def _digits(e: Example) -> None:
    """784-300: the part that both MNIST examples share, up to the logits."""
    e.group("Input", "data")
    e.add("dataset", "mnist", source="mnist")
    e.add("placeholder", "x", dtype="float32", shape=[None, 784])
    e.add("placeholder", "y", dtype="float32", shape=[None, 10])
    e.wire("mnist:images", "x:feed")
    e.wire("mnist:labels", "y:feed")

    def variable(name: str, shape: list[int], stddev: float) -> None:
        drawn = {"op": "random_normal", "stddev": stddev}
        e.add("variable", name, dtype="float32", shape=shape, initializer=drawn)

    e.group("Hidden layer", "math")
    variable("W1", [784, 300], 0.03)
    variable("b1", [300], 1.0)
    e.add("matmul", "product1", "x", "W1")
    e.add("add", "sum1", "product1", "b1")
    e.add("relu", "hidden", "sum1")
    e.group("Output", "math")
    variable("W2", [300, 10], 0.03)
    variable("b2", [10], 1.0)
    e.add("matmul", "product2", "hidden", "W2")
    e.add("add", "logits", "product2", "b2")


def mnist() -> Example:
    """The network of the TensorFlow tutorial, its loss built from its ops."""
    e = Example()
    _digits(e)
    e.add("softmax", "probabilities", "logits")
    e.group("Loss", "loss")
    e.add("clip_by_value", "p", "probabilities", min=1e-10, max=0.9999999)
    e.add("constant", "one", dtype="float32", value=1.0)
    e.add("log", "log_p", "p")
    e.add("subtract", "one_minus_p", "one", "p")
    e.add("subtract", "one_minus_y", "one", "y")
    e.add("log", "log_one_minus_p", "one_minus_p")
    e.add("multiply", "if_yes", "y", "log_p")
    e.add("multiply", "if_no", "one_minus_y", "log_one_minus_p")
    e.add("add", "log_likelihoods", "if_yes", "if_no")
    e.add("reduce_sum", "log_likelihood", "log_likelihoods", axis=1)
    e.add("reduce_mean", "mean", "log_likelihood")
    e.add("negative", "loss", "mean")
    _accuracy(e, "y", "probabilities")
    e.group("Training", "training")
    e.add("gradient_descent", "train", "loss", learning_rate=0.5)
    e.training("train", "loss", ACCURACY, epochs=10, batch_size=100, seed=1, shuffle=True)
    e.arrange(
        [["Input", "Hidden layer", "Output"], [NOTE, "Loss", "Training"], ["", "Accuracy"]],
        "A network reads handwritten digits: 784 pixels, 300 hidden units, 10 probabilities. Its "
        "loss, the cross-entropy, is built from its ops.\n"
        "Try: press Train. The loss falls at each step, and accuracy on digits it has not seen "
        "rises to about 98% (above 90% on the 5 000 images that come along). Then look at W1, "
        "or train with a learning rate of 0.1.",
        "Handwritten digits",
    )
    return e


def mnist_adam() -> Example:
    """The same network with the stable loss on logits, and Adam."""
    e = Example()
    _digits(e)
    e.group("Loss", "loss")
    e.add("softmax_cross_entropy_with_logits", "losses", "y", "logits")
    e.add("reduce_mean", "loss", "losses")
    _accuracy(e, "y", "logits")
    e.group("Training", "training")
    e.add("adam", "train", "loss", learning_rate=0.001)
    e.training("train", "loss", ACCURACY, epochs=10, batch_size=100, seed=1, shuffle=True)
    e.arrange(
        [["Input", "Hidden layer", "Output"], [NOTE, "Loss", "Training"], ["", "Accuracy"]],
        "The same digits and the same network, with softmax and cross-entropy in one op, which "
        "is exact where probabilities come near 0 or 1, and Adam, which adapts its steps.\n"
        "Try: train, and compare the loss curve with that of mnist.flow. Then drag another "
        "optimizer in, wire the loss into it, and choose it in the training settings.",
        "Handwritten digits with Adam",
    )
    return e


EXAMPLES: dict[str, Callable[[], Example]] = {
    "expression": expression,
    "expression_array": expression_array,
    "linear_regression": linear_regression,
    "regression": regression,
    "spirals": spirals,
    "mnist": mnist,
    "mnist_adam": mnist_adam,
}


def text_of(name: str) -> str:
    """The bytes of one example as text."""
    return flow.dumps(EXAMPLES[name]().doc)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples"
    for example_name in EXAMPLES:
        (folder / f"{example_name}.flow").write_text(text_of(example_name), encoding="utf-8")
