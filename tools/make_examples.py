"""Write examples/*.flow. The committed files are the output of this script (a test compares them).

    python tools/make_examples.py [FOLDER]

The examples are made by the commands that the window uses, so they are documents like any other.
The script saves placing a hundred nodes by hand whenever the layout changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nodeflow.data.catalog import open_dataset  # noqa: E402
from nodeflow.document.edit import commands  # noqa: E402
from nodeflow.document.edit.shared_weights import share_weights  # noqa: E402
from nodeflow.document.io import flow  # noqa: E402
from nodeflow.document.starters.drawing import NOTE, Drawing  # noqa: E402

Example = Drawing


def expression() -> Example:
    """(b= Compute a = (b + c) * (c + 2) = 9."""
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
    """Compute the same for a column of numbers that is fed."""
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


def _data(e: Example, name: str, source: str, fed: dict[str, tuple[str, str, list]]) -> None:
    """Make the first group: a data set, and placeholders that columns feed: (column, dtype,
    shape)."""
    e.group("Input", "data")
    e.add("dataset", name, source=source)
    for placeholder, (column, dtype, shape) in fed.items():
        e.add("placeholder", placeholder, dtype=dtype, shape=shape)
        e.wire(f"{name}:{column}", f"{placeholder}:feed")


def _numbers(features: int, labels: int) -> dict[str, tuple[str, str, list]]:
    """Return x and y as columns of a table."""
    return {
        "x": ("features", "float32", [None, features]),
        "y": ("labels", "float32", [None, labels]),
    }


DIGITS: dict[str, tuple[str, str, list]] = {
    "x": ("images", "float32", [None, 784]),
    "y": ("labels", "float32", [None, 10]),
}


CLIP = 0.05
"""The largest weight of the critic of a Wasserstein GAN."""
CRITIC = ("W1", "b1", "W2", "b2", "W3")


def _weights(e: Example, name: str, shape: list[int], op: str, **parameters: Any) -> str:
    """Add a variable with random initial values."""
    drawn = {"op": op, **parameters}
    return e.add("variable", name, dtype="float32", shape=shape, initializer=drawn)


def _constant_weights(e: Example, name: str, shape: list[int], value: Any = 0.0) -> str:
    return e.add("variable", name, dtype="float32", shape=shape, value=value)


def _cross_entropy(e: Example) -> None:
    """Add the loss of logits against one-hot labels y, as a separate group."""
    e.group("Loss", "loss")
    e.add("softmax_cross_entropy_with_logits", "losses", "y", "logits")
    e.add("reduce_mean", "loss", "losses")


def _training(
    e: Example, optimizer: str, metric: str, attrs: dict[str, Any], **settings: Any
) -> None:
    """Add the last group: an optimizer, and a metric on the test split after each epoch."""
    e.group("Training", "training")
    e.add(optimizer, "train", "loss", **attrs)
    measured = [{"node": metric, "split": "test", "every": "epoch"}]
    e.training("train", "loss", measured, seed=1, shuffle=True, **settings)


def linear_regression() -> Example:
    """Fit a line to points."""
    e = Example()
    _data(e, "points", "csv:resource:data/linear.csv", _numbers(1, 1))
    e.group("Line", "math")
    e.add("variable", "slope", dtype="float32", value=0.0)
    e.add("variable", "offset", dtype="float32", value=0.0)
    e.add("multiply", "scaled", "x", "slope")
    e.add("add", "prediction", "scaled", "offset")
    e.view("prediction", "plot")
    e.group("Loss", "loss")
    e.add("subtract", "error", "prediction", "y")
    e.add("square", "squared", "error")
    e.add("reduce_mean", "loss", "squared")
    _training(e, "gradient_descent", "loss", {"learning_rate": 0.2}, epochs=40, batch_size=20)
    e.arrange(
        [["Input", "Line"], [NOTE, "Loss", "Training"]],
        "Gradient descent finds the line through noisy points: y = 2 x - 1.\n"
        "Try: press Train and watch the line turn into the points, slope go to 2 and offset to -1. "
        "Then set the learning rate "
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
    """Add x @ W + b with new variables."""
    weights, biases = f"W{number}", f"b{number}"
    e.add("variable", weights, dtype="float32", shape=list(sizes), initializer=kernel)
    drawn = {"initializer": bias} if bias else {"value": 0.0}
    e.add("variable", biases, dtype="float32", shape=[sizes[1]], **drawn)
    e.add("matmul", f"product{number}", x, weights)
    e.add("add", name or f"sum{number}", f"product{number}", biases)


def regression() -> Example:
    """Fit a small network to a curve."""
    e = Example()
    bends = {"op": "random_normal", "stddev": 1.5}  # units that bend all along -3..3
    _data(e, "curve", "csv:resource:data/regression.csv", _numbers(1, 1))
    e.group("Hidden layer", "math")
    _dense(e, "x", 1, (1, 32), bends, bends)
    e.add("tanh", "hidden", "sum1")
    e.group("Output", "math")
    _dense(e, "hidden", 2, (32, 1), {"op": "glorot_uniform"}, name="prediction")
    e.view("prediction", "plot")
    e.group("Loss", "loss")
    e.add("mean_squared_error", "loss", "y", "prediction")
    _training(e, "adam", "loss", {"learning_rate": 0.03}, epochs=200, batch_size=20, speed=50)
    e.stage(
        [("", "loss"), ("prediction", "plot")],
        [("train", "learning_rate"), ("training", "batch_size"), ("training", "seed")],
    )
    e.arrange(
        [["Input", "Hidden layer"], [NOTE, "Output", "Loss", "Training"]],
        "A network with 32 hidden units learns the curve y = sin(2 x) + x / 4 from 200 noisy "
        "points; the noise leaves a loss of about 0.01.\n"
        "Try: train, and watch the curve bend to the points; then replace tanh by relu, or give "
        "the layers 4 units instead of 32 (W1, b1 and W2), and compare the loss.",
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


def spirals() -> Example:
    """Separate two classes that no line separates."""
    e = Example()
    he = {"op": "he_normal"}
    points = {
        "x": ("points", "float32", [None, 2]),
        "y": ("labels", "float32", [None, 2]),
    }
    _data(e, "spirals", "spirals", points)
    e.group("Hidden layer 1", "math")
    _dense(e, "x", 1, (2, 32), he)
    e.add("relu", "hidden1", "sum1")
    e.group("Hidden layer 2", "math")
    _dense(e, "hidden1", 2, (32, 32), he)
    e.add("relu", "hidden2", "sum2")
    e.group("Output", "math")
    _dense(e, "hidden2", 3, (32, 2), he, name="logits")
    e.view("logits", "regions")
    _cross_entropy(e)
    _accuracy(e, "y", "logits")
    _training(e, "adam", "accuracy", {"learning_rate": 0.01}, epochs=60, batch_size=50, speed=50)
    e.stage(
        [("", "loss"), ("logits", "regions")],
        [
            ("train", "learning_rate"),
            ("spirals", "noise"),
            ("spirals", "turns"),
            ("training", "batch_size"),
            ("training", "seed"),
        ],
    )
    e.arrange(
        [
            ["Input", "Hidden layer 1", "Hidden layer 2"],
            [NOTE, "Accuracy", ">", "Output"],
            ["", "Loss", "Training"],
        ],
        "Points on two interleaved spirals: which spiral is each on? No straight line can tell, "
        "two hidden layers can.\n"
        "Try: train, and watch the regions on logits wind around the points; then set turns of "
        "spirals to 2, or noise to 0.3, and train again. Wire hidden1 past the second layer, and "
        "see what one layer alone can do.",
        "Two spirals",
    )
    return e


def _digits(e: Example) -> None:
    """Add 784-300, the part that both MNIST examples share, up to the logits."""
    small, one = {"op": "random_normal", "stddev": 0.03}, {"op": "random_normal", "stddev": 1.0}
    _data(e, "mnist", "mnist", DIGITS)
    e.group("Hidden layer", "math")
    _dense(e, "x", 1, (784, 300), small, one)
    e.add("relu", "hidden", "sum1")
    e.group("Output", "math")
    _dense(e, "hidden", 2, (300, 10), small, one, name="logits")


def mnist() -> Example:
    """Build the network of the TensorFlow tutorial, with its loss made of its ops."""
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
    descent = {"learning_rate": 0.5}
    _training(e, "gradient_descent", "accuracy", descent, epochs=10, batch_size=100)
    e.arrange(
        [["Input", "Hidden layer", "Output"], [NOTE, "Loss", "Training"], ["", "Accuracy"]],
        "A network reads handwritten digits: 784 pixels, 300 hidden units, 10 probabilities. Its "
        "loss, the cross-entropy, is built from its ops.\n"
        "Try: press Train. The loss falls at each step, and accuracy on digits it has not seen "
        "rises to about 98% (above 90% on the 5 000 images that come along). Then draw a "
        "digit of your own (Ctrl+K), and look at W1.",
        "Handwritten digits",
    )
    return e


def mnist_adam() -> Example:
    """Build the same network with the stable loss on logits, and Adam."""
    e = Example()
    _digits(e)
    _cross_entropy(e)
    _accuracy(e, "y", "logits")
    _training(e, "adam", "accuracy", {"learning_rate": 0.001}, epochs=10, batch_size=100)
    e.arrange(
        [["Input", "Hidden layer", "Output"], [NOTE, "Loss", "Training"], ["", "Accuracy"]],
        "The same digits and the same network, with softmax and cross-entropy in one op, which "
        "is exact where probabilities come near 0 or 1, and Adam, which adapts its steps.\n"
        "Try: train, and compare the loss curve with that of mnist.flow. Then drag another "
        "optimizer in, wire the loss into it, and choose it in the training settings.",
        "Handwritten digits with Adam",
    )
    return e


def mnist_layers() -> Example:
    """Build the same network by layers: two nodes in place of eleven."""
    e = Example()
    _data(e, "mnist", "mnist", DIGITS)
    e.group("Network", "math")
    e.add("layers/dense", "hidden", "x", units=300, activation="relu")
    e.add("layers/dense", "logits", "hidden", units=10)
    _cross_entropy(e)
    e.group("Accuracy", "metrics")
    e.add("accuracy", "accuracy", "y", "logits")
    _training(e, "adam", "accuracy", {"learning_rate": 0.001}, epochs=10, batch_size=100, speed=20)
    e.stage(
        [("", "loss"), ("logits", "class_accuracy")],
        [
            ("train", "learning_rate"),
            ("hidden", "units"),
            ("hidden", "activation"),
        ],
    )
    e.arrange(
        [["Input", "Network", "Training"], [NOTE, "Loss", "Accuracy"]],
        "The network of mnist_adam.flow by layers: a dense layer is one node, and its weights and "
        "bias are inside.\n"
        "Try: double click hidden to see what it is made of; Unpack makes that nodes of the graph. "
        "Train, then change units of hidden to 30, or drop another Dense on the wire between the "
        "two.",
        "Handwritten digits by layers",
    )
    return e


def mnist_cnn() -> Example:
    """Classify digits by two layers of small filters."""
    e = Example()
    he = {"op": "he_normal"}
    _data(e, "mnist", "mnist", DIGITS)
    e.add("reshape", "pictures", "x", shape=[-1, 28, 28, 1])
    source = "pictures"
    for number, (channels, filters) in enumerate([(1, 8), (8, 16)], 1):
        e.group(f"Filters {number}", "math")
        _weights(e, f"F{number}", [5, 5, channels, filters], "he_normal")
        _constant_weights(e, f"c{number}", [filters])
        e.add("conv2d", f"seen{number}", source, f"F{number}")
        e.add("add", f"shifted{number}", f"seen{number}", f"c{number}")
        e.add("relu", f"found{number}", f"shifted{number}")
        source = e.add("max_pool2d", f"pooled{number}", f"found{number}")
    e.group("Hidden layer", "math")
    e.add("reshape", "flat", "pooled2", shape=[-1, 784])
    _dense(e, "flat", 1, (784, 64), he)
    e.add("relu", "hidden", "sum1")
    e.add("dropout", "thinned", "hidden", rate=0.3)
    e.group("Output", "math")
    _dense(e, "thinned", 2, (64, 10), he, name="logits")
    _cross_entropy(e)
    e.group("Accuracy", "metrics")
    e.add("accuracy", "accuracy", "y", "logits")
    _training(e, "adam", "accuracy", {}, epochs=4, batch_size=100)
    e.add("cosine_decay", "rate", learning_rate=0.004, steps=2200)
    e.wire("rate", "train:schedule")
    e.arrange(
        [
            ["Input", "Filters 1", "Filters 2"],
            [NOTE, "Hidden layer", ">", "Output"],
            ["", "Loss", "Accuracy", "Training"],
        ],
        "A convolutional network: small filters look for strokes everywhere in the picture, and "
        "for what strokes make. It gets about 99% of the digits right (96% with the 5 000 images "
        "that come along).\n"
        "Try: train, then draw a digit (Ctrl+K), and select F1 to see the filters, and found1 for "
        "what they find in it.",
        "Digits by convolution",
    )
    return e


def mnist_cnn_layers() -> Example:
    """Build the convolutional network of mnist_cnn by layers."""
    e = Example()
    he = {"kernel_initializer": {"op": "he_normal"}}
    _data(e, "mnist", "mnist", DIGITS)
    e.add("reshape", "pictures", "x", shape=[-1, 28, 28, 1])
    e.group("Filters", "math")
    source = "pictures"
    for number, filters in enumerate((8, 16), 1):
        attrs = {"filters": filters, "kernel_size": [5, 5], "padding": "same", **he}
        e.add("layers/conv2d", f"found{number}", source, activation="relu", **attrs)
        source = e.add("max_pool2d", f"pooled{number}", f"found{number}")
    e.group("Classes", "math")
    e.add("flatten", "flat", "pooled2")
    e.add("layers/dense", "hidden", "flat", units=64, activation="relu", **he)
    e.add("dropout", "thinned", "hidden", rate=0.3)
    e.add("layers/dense", "logits", "thinned", units=10, **he)
    _cross_entropy(e)
    e.group("Accuracy", "metrics")
    e.add("accuracy", "accuracy", "y", "logits")
    _training(e, "adam", "accuracy", {}, epochs=4, batch_size=100, speed=10)
    e.add("cosine_decay", "rate", learning_rate=0.004, steps=2200)
    e.wire("rate", "train:schedule")
    e.stage(
        [("", "loss"), ("pooled1", "value"), ("logits", "class_accuracy")],
        [("rate", "learning_rate"), ("thinned", "rate"), ("data", "rows")],
    )
    e.arrange(
        [["Input", "Filters"], [NOTE, "Classes"], ["", "Loss", "Accuracy", "Training"]],
        "The convolutional network of mnist_cnn.flow by layers: filters, their bias and their "
        "function are one node.\n"
        "Try: train, then double click found1 and look at found1/kernel, the filters it has "
        "learned. Put a batch normalization on the wire behind it.",
        "Digits by convolution, by layers",
    )
    return e


def lstm() -> Example:
    """Read digits row by row with an LSTM."""
    e = Example()
    units = 64
    _data(e, "mnist", "mnist", DIGITS)
    e.add("reshape", "rows", "x", shape=[-1, 28, 28])
    e.group("Memory", "math")
    _weights(e, "kernel", [28, 4 * units], "glorot_uniform")
    _weights(e, "recurrent", [units, 4 * units], "glorot_uniform")
    forget = [0.0] * units + [1.0] * units + [0.0] * 2 * units
    e.add("variable", "bias", dtype="float32", value=forget)
    e.add("lstm", "memory", "rows", "kernel", "recurrent", "bias")
    e.group("Output", "math")
    _dense(e, "memory:h", 2, (units, 10), {"op": "glorot_uniform"}, name="logits")
    _cross_entropy(e)
    e.group("Accuracy", "metrics")
    e.add("accuracy", "accuracy", "y", "logits")
    _training(
        e,
        "adam",
        "accuracy",
        {"learning_rate": 0.004, "clip_norm": 1.0},
        epochs=6,
        batch_size=100,
        speed=10,
    )
    e.stage(
        [("", "loss"), ("logits", "class_accuracy")],
        [("train", "learning_rate"), ("memory", "reverse"), ("data", "rows")],
    )
    e.arrange(
        [["Input", "Memory", "Output"], [NOTE, "Loss", "Accuracy", ">", "Training"]],
        "A sequence: the LSTM reads a digit as 28 rows from top to bottom, and says what it was "
        "from what it remembers in the end.\n"
        "Try: train, and look at the outputs of memory: one line a row that was read. Then set "
        "reverse of memory, and it reads from the bottom.",
        "Reading row by row",
    )
    return e


def word2vec() -> Example:
    """Learn word embeddings from neighbouring words."""
    e = Example()
    words, features = 64, 12
    near = {
        "word": ("words", "int64", [None]),
        "neighbour": ("neighbours", "int64", [None]),
    }
    _data(e, "text", "text:resource:data/sentences.txt", near)
    e.group("Embedding", "math")
    _weights(e, "embeddings", [words, features], "random_uniform", low=-0.5, high=0.5)
    e.add("embedding_lookup", "embedded", "embeddings", "word")
    e.group("Guess of the neighbour", "math")
    _dense(e, "embedded", 1, (features, words), {"op": "glorot_uniform"}, name="logits")
    e.group("Loss", "loss")
    e.add("sparse_softmax_cross_entropy", "losses", "neighbour", "logits")
    e.add("reduce_mean", "loss", "losses")
    e.group("Similar words", "metrics")
    e.add("square", "squares", "embeddings")
    e.add("reduce_sum", "lengths", "squares", axis=1, keepdims=True)
    e.add("rsqrt", "shrink", "lengths")
    e.add("multiply", "directions", "embeddings", "shrink")
    e.add("transpose", "flipped", "directions")
    e.add("matmul", "similarity", "directions", "flipped")
    _training(e, "adam", "loss", {"learning_rate": 0.01}, epochs=6, batch_size=200, speed=50)
    e.stage(
        [("", "loss"), ("similarity", "value"), ("directions", "projection")],
        [("train", "learning_rate"), ("text", "window"), ("training", "seed")],
    )
    e.arrange(
        [
            ["Input", "Embedding", "Guess of the neighbour"],
            [NOTE, "Loss", ">", "Training"],
            ["", "Similar words"],
        ],
        "word2vec: each of 64 words gets 12 numbers, from which its neighbours in the text are "
        "guessed. Words that are used alike end up alike.\n"
        "Try: train, and watch similarity in the viewer: blocks appear along its diagonal, one for "
        "each kind of word (animals, food, colours, ...). Then train with a window of 1.",
        "Word embeddings",
    )
    return e


def autoencoder() -> Example:
    """Compress digits to 16 numbers and restore them."""
    e = Example()
    he = {"op": "he_normal"}
    _data(e, "mnist", "mnist", {"x": DIGITS["x"]})
    e.group("Encoder", "math")
    _dense(e, "x", 1, (784, 128), he)
    e.add("relu", "hidden1", "sum1")
    e.group("Code", "math")
    _dense(e, "hidden1", 2, (128, 16), he, name="code")
    e.group("Decoder", "math")
    _dense(e, "code", 3, (16, 128), he)
    e.add("relu", "hidden2", "sum3")
    e.group("Picture", "math")
    _dense(e, "hidden2", 4, (128, 784), {"op": "glorot_uniform"})
    e.add("sigmoid", "restored", "sum4")
    e.group("Loss", "loss")
    e.add("mean_squared_error", "loss", "x", "restored")
    _training(e, "adam", "loss", {"learning_rate": 0.002}, epochs=10, batch_size=100)
    e.arrange(
        [
            ["Input", "Encoder", "Code"],
            [NOTE, "Decoder", "Picture"],
            ["", "Loss", "Training"],
        ],
        "An autoencoder: 784 pixels become a code of 16 numbers, from which the picture is "
        "restored. Nobody tells it what a digit is.\n"
        "Try: train, and watch restored become x, at first a blur. Draw a digit (Ctrl+K). Then "
        "give the code 2 numbers instead of 16 (W2, b2 and W3), and see which digits it confuses.",
        "Autoencoder",
    )
    return e


def vae() -> Example:
    """Compress digits to points of a plane, and decode any point of it."""
    e = Example()
    _data(e, "mnist", "mnist", {"x": DIGITS["x"]})
    e.group("Encoder", "math")
    e.add("layers/dense", "hidden", "x", units=256, activation="relu")
    e.add("layers/dense", "mean", "hidden", units=2)
    e.add("layers/dense", "log_variance", "hidden", units=2)
    e.group("Sample of the code", "math")
    e.add("constant", "half", dtype="float32", value=0.5)
    e.add("multiply", "log_deviation", "half", "log_variance")
    e.add("exp", "deviation", "log_deviation")
    e.add("shape", "size", "mean")
    e.add("random_normal", "noise", "size", dtype="float32")
    e.add("multiply", "scaled_noise", "deviation", "noise")
    e.add("add", "code", "mean", "scaled_noise")
    e.group("decoder", "math")
    e.add("layers/dense", "wide", "code", units=256, activation="relu")
    e.add("layers/dense", "logits", "wide", units=784)
    e.become("decoder")
    e.groups["Decoder"] = e.groups.pop("decoder")
    e.add("sigmoid", "restored", "decoder:logits")
    e.group("Decoder again, by hand", "data")
    e.add("constant", "point", dtype="float32", value=[[0.0, 0.0]])
    e.repeat("decoder", "imagine")
    e.wire("point", "imagine:code")
    share_weights(e.doc, e.ids["imagine"], e.ids["decoder"])
    e.add("sigmoid", "imagined", "imagine:logits")
    e.group("Loss", "loss")
    e.add("sigmoid_cross_entropy_with_logits", "pixel_losses", "x", "decoder:logits")
    e.add("reduce_sum", "picture_losses", "pixel_losses", axis=[1])
    e.add("square", "squared_mean", "mean")
    e.add("exp", "variance", "log_variance")
    e.add("add", "spread", "squared_mean", "variance")
    e.add("subtract", "excess", "spread", "log_variance")
    e.add("constant", "one", dtype="float32", value=1.0)
    e.add("subtract", "divergence_parts", "excess", "one")
    e.add("reduce_sum", "twice_divergence", "divergence_parts", axis=[1])
    e.add("multiply", "divergence", "half", "twice_divergence")
    e.add("add", "losses", "picture_losses", "divergence")
    e.add("reduce_mean", "loss", "losses")
    _training(e, "adam", "loss", {"learning_rate": 0.001}, epochs=20, batch_size=100)
    e.stage(
        [("", "loss"), ("mean", "projection"), ("restored", "value"), ("imagined", "value")],
        [("point", "value"), ("train", "learning_rate")],
    )
    e.arrange(
        [
            ["Input", "Encoder", "Sample of the code", "Decoder"],
            [NOTE, "Loss", "Training", "Decoder again, by hand"],
        ],
        "A variational autoencoder: each digit becomes a small cloud in a plane, and the decoder "
        "draws any point of the plane as a picture. It is there twice, with the same weights: once "
        "to learn, once for you.\n"
        "Try: train, then drag the point on the stage. Where do nines become sevens? Before the "
        "training, every point is grey noise.",
        "Variational autoencoder",
    )
    return e


def _generator(e: Example) -> None:
    """Add digits, and a generator that draws pictures from noise."""
    _data(e, "mnist", "mnist", {"x": DIGITS["x"]})
    e.group("Generator", "math")
    e.add("random_normal", "noise", shape=[100, 32])
    e.add("layers/dense", "generator/hidden", "noise", units=256, activation="relu")
    e.add("layers/dense", "generator/picture", "generator/hidden", units=784, activation="sigmoid")


def _judge(e: Example, name: str, sizes: Sequence[int]) -> None:
    """Add the weights of a network that judges pictures, and a score without an offset."""
    *hidden, last = pairwise(sizes)
    for number, shape in enumerate(hidden, start=1):
        _weights(e, f"{name}/W{number}", list(shape), "he_normal")
        _constant_weights(e, f"{name}/b{number}", [shape[1]])
    _weights(e, f"{name}/W{len(sizes) - 1}", list(last), "he_normal")


def _judged(e: Example, name: str, seen: str, layers: int, suffix: str = "") -> str:
    """Add what the network computes from pictures; return the scores."""
    for layer in range(1, layers):
        product = e.add("matmul", f"product{layer}{suffix}", seen, f"{name}/W{layer}")
        total = e.add("add", f"sum{layer}{suffix}", product, f"{name}/b{layer}")
        seen = e.add("leaky_relu", f"hidden{layer}{suffix}", total)
    return e.add("matmul", f"score{suffix}", seen, f"{name}/W{layers}")


def _turns(e: Example, *phases: tuple[str, int, int], **settings: Any) -> None:
    """Let optimizers take turns: (name, steps, first step) each."""
    turns = [{"optimizer": e.ids[name], "steps": n, "from": start} for name, n, start in phases]
    commands.set_training(e.doc, schedule=turns, batch_size=100, seed=1, shuffle=True, **settings)


def gan() -> Example:
    """Draw digits: a generator and a judge learn from each other."""
    e = Example()
    _generator(e)
    e.group("Judge", "math")
    _judge(e, "judge", (784, 128, 1))
    _judged(e, "judge", "x", 2)
    _judged(e, "judge", "generator/picture", 2, "_drawn")
    e.group("Loss of the judge", "loss")
    e.add("negative", "doubt", "score")
    e.add("softplus", "missed", "doubt")
    e.add("reduce_mean", "missed_mean", "missed")
    e.add("softplus", "fooled", "score_drawn")
    e.add("reduce_mean", "fooled_mean", "fooled")
    e.add("add", "judge_loss", "missed_mean", "fooled_mean")
    e.group("Loss of the generator", "loss")
    e.add("negative", "suspicion", "score_drawn")
    e.add("softplus", "caught", "suspicion")
    e.add("reduce_mean", "generator_loss", "caught")
    e.group("Training", "training")
    adam = {"learning_rate": 0.0005, "beta1": 0.5}
    e.add("adam", "train_judge", "judge_loss", variables=["judge/*"], **adam)
    e.add("adam", "train_generator", "generator_loss", variables=["generator/*"], **adam)
    _turns(e, ("train_judge", 1, 0), ("train_generator", 1, 0), epochs=240)
    e.arrange(
        [
            ["Input", "Judge", "Loss of the judge"],
            [NOTE, "Generator", "Loss of the generator", "Training"],
        ],
        "Two networks against each other: the generator draws pictures from noise, and the judge "
        "tells drawn digits from real ones, with the same weights for both. Each optimizer "
        "changes only its own network, and they take turns.\n"
        "Try: train, and watch generator/picture become digits, within a minute. Then select "
        "nothing, and give the judge two steps a turn, or let the generator join after 500 steps.",
        "Adversaries",
    )
    return e


def wgan() -> Example:
    """Draw digits with a critic whose weights are clipped."""
    e = Example()
    _generator(e)
    e.group("Critic", "math")
    _judge(e, "critic", (784, 128, 128, 1))
    for seen, suffix in (("x", ""), ("generator/picture", "_drawn")):
        scores = _judged(e, "critic", seen, 3, suffix)
        e.add("reduce_mean", f"mean{suffix}", scores)
    e.group("Losses", "loss")
    e.add("subtract", "critic_loss", "mean_drawn", "mean")
    e.add("negative", "generator_loss", "mean_drawn")
    e.group("Training", "training")
    for name, rate in (("critic", 0.0005), ("generator", 0.0003)):
        attrs = {"variables": [f"{name}/*"], "learning_rate": rate}
        e.add("rmsprop", f"train_{name}", f"{name}_loss", **attrs)
    e.group("Clipping", "training")
    for name in CRITIC:
        e.add("clip_by_value", f"clipped_{name}", f"critic/{name}", min=-CLIP, max=CLIP)
        e.wire("train_critic:done", f"clipped_{name}:control.0")
        e.add("assign", f"clip_{name}", f"critic/{name}", f"clipped_{name}")
    e.add("group", "critic_step")
    e.wire("train_critic:done", "critic_step:control.0")
    for index, name in enumerate(CRITIC):
        e.wire(f"clip_{name}", f"critic_step:values.{index}")
    _turns(e, ("critic_step", 5, 0), ("train_generator", 1, 0), epochs=400)
    e.arrange(
        [["Input", "Critic", "Losses"], [NOTE, "Generator", "Training", "Clipping"]],
        "A Wasserstein GAN: the critic's loss is how far apart it rates drawn and real digits, and "
        "its weights stay small, which bounds that distance. A turn of the critic is a group: "
        "its optimizer, and after it the clipping of its weights.\n"
        "Try: train for two minutes, and watch generator/picture become digits while critic_loss "
        "rises towards 0. Then clip at 0.5 instead, or give the critic one step a turn.",
        "A critic with clipped weights",
    )
    return e


def _mandelbrot_step(e: Example) -> None:
    """Add z = z * z + c for z = x + iy. If |z| is beyond 2, z stays and is no longer counted."""
    e.group("step", "math")
    e.add("square", "x_squared", "x")
    e.add("square", "y_squared", "y")
    e.add("add", "length_squared", "x_squared", "y_squared")
    e.add("constant", "four", dtype="float32", value=4.0)
    e.add("less_equal", "inside", "length_squared", "four")
    e.add("cast", "one_if_inside", "inside", dtype="float32")
    e.add("add", "next_count", "count", "one_if_inside")
    e.add("subtract", "real_part", "x_squared", "y_squared")
    e.add("add", "moved_x", "real_part", "c_x")
    e.add("multiply", "half_imaginary", "x", "y")
    e.add("add", "imaginary_part", "half_imaginary", "half_imaginary")
    e.add("add", "moved_y", "imaginary_part", "c_y")
    e.add("where", "next_x", "inside", "moved_x", "x")
    e.add("where", "next_y", "inside", "moved_y", "y")
    e.become("step")


def _repeated(e: Example, definition: str, names: list[str]) -> None:
    """Add instances of a subgraph in a row; each continues with the previous one's state."""
    last, plane = names[0], {"c_x": "c_x", "c_y": "c_y"}
    for name in names[1:]:
        e.repeat(definition, name)
        state = {port: f"{last}:next_{port}" for port in ("x", "y", "count")}
        for port, source in {**state, **plane}.items():
            e.wire(source, f"{name}:{port}")
        last = name


def mandelbrot() -> Example:
    """Count how long z = z * z + c stays near, for every c of a part of the plane."""
    e = Example()
    e.group("Input", "data")
    e.add("range", "c_x", start=-2.25, limit=0.75, delta=3 / 256, dtype="float32")
    e.add("range", "imaginary", start=-1.125, limit=1.125, delta=3 / 256, dtype="float32")
    e.add("expand_dims", "c_y", "imaginary", axis=1)
    e.group("Start", "data")
    for name in ("x", "y", "count"):
        e.add("constant", name, dtype="float32", value=0.0)
    _mandelbrot_step(e)
    _repeated(e, "step", ["step", *(f"step{i}" for i in range(2, 11))])
    e.become("ten_steps")
    _repeated(e, "ten_steps", ["ten_steps", "ten_more", "and_ten_more"])
    e.groups["Thirty steps"] = e.groups.pop("ten_steps")
    e.group("Picture", "metrics")
    e.add("log1p", "mandelbrot", "and_ten_more:next_count")
    e.arrange(
        [[NOTE], ["Input", "Thirty steps", "Picture"], ["Start"]],
        "No training at all: a graph is a calculator. For each of 256 x 192 points c of the "
        "plane, z = z * z + c is repeated 30 times from 0; mandelbrot shows how long |z| stayed "
        "below 2.\n"
        "Try: open mandelbrot in the viewer. Double click ten_steps, and in it a step, to see "
        "the formula. Then change start, limit and delta of c_x and imaginary to look closer.",
        "The Mandelbrot set",
    )
    return e


def _text(e: Example, file: str, shape: list, **options: Any) -> int:
    """Make the group with a text as data: `tokens` and `next`; return the number of its tokens."""
    source = f"tokens:resource:data/{file}.txt"
    e.group("Input", "data")
    e.add("dataset", file, source=source, **options)
    for name, column, size in (("tokens", "tokens", [None, options["window"]]),
                               ("next", "targets", shape)):  # fmt: skip
        e.add("placeholder", name, dtype="int64", shape=size)
        e.wire(f"{file}:{column}", f"{name}:feed")
    facts = open_dataset(source, **options).text
    assert facts is not None
    return len(facts.vocabulary)


def _next_token(e: Example, measured: str, **settings: Any) -> None:
    """Add the last groups: the cross-entropy of the next token, Adam, and the written text."""
    e.group("Loss", "loss")
    e.add("sparse_softmax_cross_entropy", "losses", "next", "logits")
    e.add("reduce_mean", "loss", "losses")
    e.group("Training", "training")
    e.add("adam", "train", "loss", learning_rate=settings.pop("learning_rate"), clip_norm=1.0)
    metrics = [{"node": "loss", "split": measured, "every": "epoch"}]
    e.training("train", "loss", metrics, seed=1, shuffle=True, **settings)


def char_rnn() -> Example:
    """Write like Shakespeare, character by character, with a GRU."""
    e = Example()
    size = _text(e, "shakespeare", [None, 64], window=64)
    e.group("Network", "math")
    e.add("layers/embedding", "letters", "tokens", input_dim=size, output_dim=32)
    e.add("layers/gru", "memory", "letters", units=128, return_sequences=True)
    e.add("layers/dense", "logits", "memory", units=size)
    e.group("Writing", "metrics")
    e.add("generate", "verses", "logits", temperature=0.7, prompt="KING ", seed=1)
    e.view("verses", "text")
    _next_token(e, "validation", learning_rate=0.005, epochs=8, batch_size=32)
    e.stage(
        [("", "loss"), ("verses", "text")], [("verses", "temperature"), ("train", "learning_rate")]
    )
    e.arrange(
        [["Input", "Network", "Writing"], [NOTE, "Loss", ">", "Training"]],
        "A recurrent network reads Shakespeare character by character, and learns which one comes "
        "next. To write, it draws a character and reads it as the next one; its state remembers "
        "what it wrote. After Karpathy, 2015.\n"
        "Try: train, and watch noise become words and verses. Then change the temperature and the "
        "prompt of verses.",
        "Writing character by character",
    )
    return e


def names() -> Example:
    """Invent first names from the three letters before, as Bengio's network of 2003."""
    e = Example()
    window, features = 3, 10
    size = _text(e, "names", [None], window=window, targets="last", texts="lines", shuffle=True)
    e.group("Network", "math")
    _weights(e, "letters", [size, features], "random_normal", stddev=1.0)
    e.add("embedding_lookup", "three", "letters", "tokens")
    e.add("reshape", "side_by_side", "three", shape=[-1, window * features])
    e.add("layers/dense", "hidden", "side_by_side", units=100, activation="tanh")
    e.add("layers/dense", "logits", "hidden", units=size)
    e.group("Writing", "metrics")
    e.add("generate", "invented", "logits", length=300, seed=1)
    e.view("invented", "text")
    _next_token(e, "validation", learning_rate=0.003, epochs=40, batch_size=32)
    e.stage(
        [("", "loss"), ("invented", "text")],
        [("invented", "temperature"), ("train", "learning_rate")],
    )
    e.arrange(
        [["Input", "Network", "Writing"], [NOTE, "Loss", ">", "Training"]],
        "A list of first names: from three letters, each a learned vector, the network predicts "
        "the next letter. Every name begins after three line ends, and its own line end is to be "
        "predicted as well. After Bengio and others, 2003.\n"
        "Try: train, and read the names that it invents. Then set the window to 5, and the "
        "placeholder and the reshape with it.",
        "Inventing names",
    )
    return e


def _block(e: Example, number: int, source: str, size: int) -> str:
    """Make the group of one transformer block; return its result."""
    e.group(f"Block {number}", "math")

    def named(name: str) -> str:
        return f"{name}{number}"

    dense, norm = "layers/dense", "layers/layer_normalization"
    e.add(norm, named("norm"), source)
    for part in ("query", "key", "value"):
        e.add(dense, named(part), named("norm"), units=size, use_bias=False)
    parts = map(named, ("query", "key", "value"))
    e.add("attention", named("attention"), *parts, causal=True, soft_cap=30.0)
    e.add(dense, named("mixed"), named("attention"), units=size)
    e.add("add", named("read"), source, named("mixed"))
    e.add("identity", named("looks_at"), f"{named('attention')}:scores")
    e.add(norm, named("norm_of_read"), named("read"))
    e.add(dense, named("wide"), named("norm_of_read"), units=4 * size, activation="relu")
    e.add(dense, named("narrow"), named("wide"), units=size)
    return e.add("add", named("block"), named("read"), named("narrow"))


def tiny_gpt() -> Example:
    """Write like Shakespeare with two transformer blocks, whose attention is drawn."""
    e = Example()
    window, features = 64, 64
    size = _text(e, "shakespeare", [None, window], window=window, stride=16)
    e.group("Letters and places", "math")
    e.add("layers/embedding", "letters", "tokens", input_dim=size, output_dim=features)
    _weights(e, "places", [window, features], "random_normal", stddev=0.05)
    e.add("add", "placed", "letters", "places")
    first = _block(e, 1, "placed", features)
    second = _block(e, 2, first, features)
    e.group("Next letter", "math")
    e.add("layers/layer_normalization", "norm", second)
    e.add("layers/dense", "logits", "norm", units=size)
    e.group("Writing", "metrics")
    e.add("generate", "verses", "logits", temperature=0.7, prompt="KING ", seed=1)
    e.view("verses", "text")
    _next_token(e, "validation", learning_rate=0.003, epochs=5, batch_size=32)
    e.stage(
        [("", "loss"), ("looks_at1", "value"), ("looks_at2", "value"), ("verses", "text")],
        [("verses", "temperature"), ("train", "learning_rate")],
    )
    e.arrange(
        [
            ["Input", "Letters and places", "Block 1"],
            [NOTE, "Block 2", "Next letter", "Writing"],
            ["", "Loss", ">", "Training"],
        ],
        "A small GPT: two blocks, in which each letter looks back at the letters before it "
        "(attention) and then thinks by itself (two dense layers). Queries meet keys; the picture "
        "looks_at has a row for each letter, bright where it looks. After Vaswani and others, "
        "2017, and Radford and others, 2018.\n"
        "Try: train. Within two minutes, the validation loss comes to 1.8; watch the text on the "
        "stage. Then look at looks_at1 and looks_at2.",
        "A tiny GPT",
    )
    return e


EXAMPLES: dict[str, Callable[[], Example]] = {
    "expression": expression,
    "expression_array": expression_array,
    "mandelbrot": mandelbrot,
    "linear_regression": linear_regression,
    "regression": regression,
    "spirals": spirals,
    "mnist": mnist,
    "mnist_adam": mnist_adam,
    "mnist_cnn": mnist_cnn,
    "mnist_cnn_layers": mnist_cnn_layers,
    "mnist_layers": mnist_layers,
    "lstm": lstm,
    "word2vec": word2vec,
    "names": names,
    "char_rnn": char_rnn,
    "tiny_gpt": tiny_gpt,
    "autoencoder": autoencoder,
    "gan": gan,
    "wgan": wgan,
    "vae": vae,
}


def text_of(name: str) -> str:
    """Return the text of an example's file."""
    return flow.dumps(EXAMPLES[name]().doc)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples"
    for example_name in EXAMPLES:
        (folder / f"{example_name}.flow").write_text(text_of(example_name), encoding="utf-8")
