"""Graphs that act in training otherwise than later, draw numbers, or answer more than one thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.builder import BuilderNode
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.graph.registry import REGISTRY

Wires = Mapping[str, Any]
CHANCES = ("rate", "factor", "height_factor", "width_factor")
"""Attributes that switch a draw off where they are 0."""


class Net:
    """A document in the making, whose nodes lie in a row."""

    def __init__(self) -> None:
        self.doc = nf.DocumentBuilder()
        self._count = 0

    def add(self, op: str, name: str, wires: Wires | None = None, **attrs: Any) -> BuilderNode:
        self._count += 1
        return self.doc.node(op, name, (220 * self._count, 0), wires or {}, **attrs)

    def spirals(self) -> tuple[BuilderNode, BuilderNode]:
        """Points (n, 2), and their classes as (n, 2)."""
        data = self.add("dataset", "spirals", source="spirals")
        x = self.add("placeholder", "x", {"feed": data["points"]}, shape=[None, 2])
        return x, self.add("placeholder", "y", {"feed": data["labels"]}, shape=[None, 2])

    def pictures(self) -> tuple[BuilderNode, BuilderNode]:
        """Digits (n, 28, 28, 1), and their classes as (n, 10)."""
        data = self.add("dataset", "mnist", source="mnist")
        x = self.add("placeholder", "x", {"feed": data["images"]}, shape=[None, 784])
        y = self.add("placeholder", "y", {"feed": data["labels"]}, shape=[None, 10])
        return self.add("reshape", "pictures", {"x": x}, shape=[-1, 28, 28, 1]), y

    def dense(self, name: str, x: Any, units: int, **attrs: Any) -> BuilderNode:
        return self.add("layers/dense", name, {"x": x}, units=units, **attrs)

    def norm(self, name: str, x: Any, **attrs: Any) -> BuilderNode:
        return self.add("layers/batch_normalization", name, {"x": x}, momentum=0.9, **attrs)

    def relu(self, name: str, x: Any) -> BuilderNode:
        return self.add("relu", name, {"x": x})

    def classified(self, y: Any, logits: Any) -> BuilderNode:
        """The mean cross-entropy."""
        wires = {"labels": y, "logits": logits}
        losses = self.add("softmax_cross_entropy_with_logits", "losses", wires)
        return self.add("reduce_mean", "loss", {"x": losses})

    def train(self, loss: Any, op: str = "momentum", size: int = 32, **attrs: Any) -> None:
        optimizer = self.add(op, "train", {"loss": loss}, **attrs)
        self.doc.training(optimizer=optimizer, loss=loss, epochs=2, batch_size=size, seed=1)


def normalized(net: Net) -> None:
    x, y = net.spirals()
    hidden = net.norm("norm", net.dense("hidden", x, 16))
    logits = net.dense("logits", net.relu("active", hidden), 2)
    net.train(net.classified(y, logits), learning_rate=0.05)


def normalized_pictures(net: Net) -> None:
    x, y = net.pictures()
    how = {"filters": 4, "strides": [2, 2], "padding": "same"}
    seen = net.norm("norm1", net.add("layers/conv2d", "seen", {"x": x}, **how))
    pool = net.add("max_pool2d", "pooled", {"x": net.relu("active", seen)}, padding="same")
    flat = net.add("flatten", "flat", {"x": pool})
    hidden = net.norm("norm2", net.dense("hidden", flat, 16), center=False)
    logits = net.dense("logits", net.add("tanh", "bent", {"x": hidden}), 10)
    net.train(net.classified(y, logits), learning_rate=0.05)


def normalized_channels(net: Net) -> None:
    """Features along another axis than the last one, unbiased averages, and clipped gradients."""
    x, y = net.pictures()
    rows = net.add("reshape", "rows", {"x": x}, shape=[-1, 28, 28])
    norm = net.norm("norm", rows, axis=1, scale=False, unbiased=True)
    logits = net.dense("logits", net.add("flatten", "flat", {"x": norm}), 10)
    net.train(net.classified(y, logits), "gradient_descent", learning_rate=0.05, clip_norm=1.0)


def normalized_by_hand(net: Net) -> None:
    """The op with its own variables, averages that stay, and a layer that is not trained."""
    x, y = net.spirals()
    off = net.add("constant", "off", dtype="bool", value=False)
    hidden = net.dense("hidden", x, 16, trainable=False)
    norm = net.add("batch_normalization", "norm", {"x": hidden}, momentum=0.8)
    kept = {"x": norm, "training": off}
    kept_norm = net.add("layers/batch_normalization", "kept", kept)
    logits = net.dense("logits", net.relu("active", kept_norm), 2)
    net.train(net.classified(y, logits), "adam", learning_rate=0.01)


def dropped(net: Net) -> None:
    """Dropout, alone and of whole rows, with labels that are numbers."""
    x, y = net.pictures()
    flat = net.add("flatten", "flat", {"x": x})
    thin = net.add("dropout", "thin", {"x": net.dense("hidden", flat, 32)}, rate=0.3)
    bent = net.add("hard_sigmoid", "bent", {"x": net.norm("norm", thin)})
    rows = net.add("dropout", "rows", {"x": bent}, rate=0.2, noise_shape=[None, 1])
    logits = net.dense("logits", rows, 10)
    number = net.add("argmax", "number", {"x": y}, axis=1)
    wires = {"labels": number, "logits": logits}
    losses = net.add("sparse_softmax_cross_entropy", "losses", wires)
    net.train(net.add("reduce_mean", "loss", {"x": losses}), learning_rate=0.05)


def augmented(net: Net) -> None:
    x, y = net.pictures()
    small = net.add("average_pool2d", "small", {"x": x}, size=[4, 4])
    moved = net.add("layers/random_translation", "moved", {"x": small}, interpolation="nearest")
    turned = net.add("layers/random_rotation", "turned", {"x": moved}, factor=0.05)
    bright = net.add("layers/random_brightness", "bright", {"x": turned})
    flat = net.add("flatten", "flat", {"x": bright})
    logits = net.dense("logits", net.relu("active", net.norm("norm", flat)), 10)
    net.train(net.classified(y, logits), learning_rate=0.05)


def two_outputs(net: Net) -> None:
    """Two heads, one of them with a loss by hand, from the halves of one layer."""
    x, y = net.spirals()
    hidden = net.add("tanh", "hidden", {"x": net.dense("first", x, 16)})
    halves = net.add("split", "halves", {"x": hidden}, axis=1)
    logits = net.dense("logits", halves["parts.0"], 2)
    side = net.dense("side", net.norm("norm", halves["parts.1"]), 1)
    column = net.add("slice", "column", {"x": y}, begin=[0, 0], size=[-1, 1])
    error = net.add("subtract", "error", {"x": side, "y": column})
    squares = net.add("reduce_mean", "squares", {"x": net.add("square", "square", {"x": error})})
    wires = {"labels": y, "logits": logits}
    losses = net.add("softmax_cross_entropy_with_logits", "losses", wires)
    mean = net.add("reduce_mean", "mean", {"x": losses})
    net.add("accuracy", "accuracy", {"labels": y, "predictions": logits})
    net.train(net.add("add", "loss", {"x": mean, "y": squares}), learning_rate=0.05)


def unlabelled(net: Net) -> None:
    """An autoencoder whose loss is made by hand."""
    x, _ = net.pictures()
    flat = net.add("flatten", "flat", {"x": x})
    code = net.norm("norm", net.dense("code", flat, 8))
    restored = net.dense("restored", net.relu("active", code), 784)
    error = net.add("squared_difference", "error", {"x": restored, "y": flat})
    net.train(net.add("reduce_mean", "loss", {"x": error}), learning_rate=0.05)


def sequence(net: Net) -> None:
    """A recurrent layer over rows of pictures, whose sizes are computed."""
    x, y = net.pictures()
    sizes = net.add("shape", "sizes", {"x": x})
    count = net.add("slice", "count", {"x": sizes}, begin=[0], size=[1])
    rest = net.add("constant", "rest", dtype="int32", value=[28, 28])
    new = net.add("concat", "new", {"values.0": count, "values.1": rest}, axis=0)
    rows = net.add("reshape", "rows", {"x": x, "shape": new})
    memory = net.add("layers/lstm", "memory", {"x": rows}, units=8)
    norm = net.add("layers/layer_normalization", "norm", {"x": memory})
    logits = net.dense("logits", net.add("dropout", "thin", {"x": norm}, rate=0.1), 10)
    net.train(net.classified(y, logits), learning_rate=0.05)


def flipped(net: Net) -> None:
    """Pictures that are mirrored in training; no variable, no optimizer."""
    x = net.add("placeholder", "x", shape=[None, 2, 2, 1])
    net.add("layers/random_flip", "flip", {"x": x})


def draws(net: Net) -> None:
    """Ten thousand numbers of each kind, in every run."""
    many = {"shape": [10000]}
    net.add("random_normal", "normal", mean=1.0, stddev=2.0, **many)
    even = net.add("random_uniform", "even", low=-1.0, high=3.0, **many)
    net.add("random_uniform_like", "alike", {"like": even})
    net.add("truncated_normal", "cut", mean=1.0, stddev=2.0, **many)
    share = net.add("fill", "share", value=0.3, **many)
    net.add("random_bernoulli", "coins", {"x": share})
    scores = net.add("constant", "scores", dtype="float32", value=[[0.0, 1.0]])
    net.add("random_categorical", "classes", {"logits": scores}, num_samples=10000)
    order = net.add("range", "order", start=10000, dtype="int64")
    net.add("random_shuffle", "mixed", {"x": order})
    on = net.add("constant", "on", dtype="bool", value=True)
    net.add("dropout", "gaps", {"x": share, "training": on}, rate=0.25)


GRAPHS: Mapping[str, Callable[[Net], None]] = {
    made.__name__: made
    for made in (
        *(normalized, normalized_pictures, normalized_channels, normalized_by_hand, dropped),
        *(augmented, two_outputs, unlabelled, sequence, flipped, draws),
    )
}


def document(name: str) -> Document:
    """One of `GRAPHS`."""
    net = Net()
    GRAPHS[name](net)
    return flow.loads(net.doc.text())


def task(name: str, folder: Path) -> Task:
    """One of `GRAPHS`, from a file as the command line reads it."""
    flow.save(document(name), folder / f"{name}.flow")
    return Task(flow.load(folder / f"{name}.flow"), file=folder / f"{name}.flow")


def switch_chances_off(found: Document) -> None:
    """Let dropout and augmentation change nothing."""
    for node in list(found.nodes.values()):
        if node.op.split("/")[-1].startswith(("dropout", "random_")):
            names = {attr.name for attr in REGISTRY.lookup(node.op).attrs}
            for name in names.intersection(CHANCES):
                commands.set_attr(found, node.id, name, 0.0)
