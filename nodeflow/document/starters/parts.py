"""The parts that starters are drawn from: data, scaling, layers, training."""

from __future__ import annotations

from typing import Any

from nodeflow.document.starters.drawing import Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import Sizing

HE = {"op": "he_normal"}


def data(drawing: Drawing, material: Material, fed: dict[str, str]) -> None:
    """The group ``Data``: the dataset node, and the placeholders that its columns feed.

    Args:
        fed: name of the placeholder -> column.
    """
    drawing.group("Data", "data")
    name = material.name
    while name in {*fed, "prediction", "loss", "train"}:
        name += "_data"
    drawing.add("dataset", name, source=material.source, **material.options)
    for placeholder, column in fed.items():
        type_ = material.columns[column]
        drawing.add("placeholder", placeholder, dtype=type_.dtype, shape=list(type_.shape))
        drawing.wire(f"{name}:{column}", f"{placeholder}:feed")


def normalize(
    drawing: Drawing, material: Material, column: str, name: str, source: str, **attrs: Any
) -> str:
    """A node that scales by the statistics of a column; returns its name."""
    found = material.statistics[column]
    numbers = {"mean": found.mean, "deviation": found.deviation}
    return drawing.add("normalize", name, source, **numbers, **attrs)


def dense(drawing: Drawing, source: str, number: int, sizes: tuple[int, int], name: str) -> str:
    """x @ W + b with variables of its own; returns the name of the sum."""
    inputs, units = sizes
    weights, biases = f"W{number}", f"b{number}"
    drawing.add("variable", weights, dtype="float32", shape=[inputs, units], initializer=HE)
    drawing.add("variable", biases, dtype="float32", shape=[units], value=0.0)
    drawing.add("matmul", f"product{number}", source, weights)
    return drawing.add("add", name, f"product{number}", biases)


def hidden_layers(
    drawing: Drawing, source: str, inputs: int, hidden: tuple[int, ...]
) -> tuple[str, int, list[str]]:
    """Layers of ``relu(x @ W + b)``, each in a frame; returns output, its size, and the titles."""
    titles = []
    for number, units in enumerate(hidden, 1):
        title = "Hidden layer" if len(hidden) == 1 else f"Hidden layer {number}"
        drawing.group(title, "math")
        titles.append(title)
        total = dense(drawing, source, number, (inputs, units), f"sum{number}")
        source = drawing.add("relu", f"hidden{number}" if len(hidden) > 1 else "hidden", total)
        inputs = units
    return source, inputs, titles


def training(
    drawing: Drawing, material: Material, sizing: Sizing, metrics: tuple[str, ...]
) -> None:
    """The last group: Adam, and what is measured after each epoch."""
    drawing.group("Training", "training")
    drawing.add("adam", "train", "loss", learning_rate=sizing.learning_rate)
    split = material.measured_split
    measured = [{"node": name, "split": split, "every": "epoch"} for name in metrics]
    settings = sizing.settings
    if "validation" not in material.splits:
        del settings["patience"]
    drawing.training("train", "loss", measured, seed=1, shuffle=True, **settings)
