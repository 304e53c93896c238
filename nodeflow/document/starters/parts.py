"""Parts of the starters' graphs: data, scaling, layers, training."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.training_settings import END
from nodeflow.document.starters.drawing import Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import Sizing

HE = {"op": "he_normal"}


def data(drawing: Drawing, material: Material, fed: dict[str, str]) -> None:
    """Add the group ``Data``: the dataset node, and the placeholders that its columns feed.

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
    """Add a `normalize` node, which scales by the mean and deviation of a column. Return the node's
    name.
    """
    found = material.statistics[column]
    numbers = {"mean": found.mean, "deviation": found.deviation}
    return drawing.add("normalize", name, source, **numbers, **attrs)


def dense(
    drawing: Drawing, source: str, units: int, name: str, activation: str | None = None
) -> str:
    """Add a layer, activation(source @ kernel + bias); return its name."""
    more = {} if activation is None else {"activation": activation, "kernel_initializer": HE}
    return drawing.add("layers/dense", name, source, units=units, **more)


def hidden_layers(drawing: Drawing, source: str, hidden: tuple[int, ...]) -> str:
    """Add dense layers with relu; return the name of the last."""
    for number, units in enumerate(hidden, 1):
        name = f"hidden{number}" if len(hidden) > 1 else "hidden"
        source = dense(drawing, source, units, name, "relu")
    return source


def testing(material: Material) -> str:
    """Return a sentence for the note of a starter graph, with a space before it, that says when
    test rows are measured. Return "" if they are not.
    """
    if material.tests_at_end:
        return " Test rows are measured once, after the last epoch."
    return ""


def training(
    drawing: Drawing, material: Material, sizing: Sizing, metrics: tuple[str, ...]
) -> None:
    """Add the training part of a starter graph: the optimizer Adam, and the training settings.

    The settings measure the metrics after each epoch, and, if the data allow it, on the test rows
    after the last epoch.
    """
    drawing.group("Training", "training")
    drawing.add("adam", "train", "loss", learning_rate=sizing.learning_rate)
    split = material.measured_split
    measured = [{"node": name, "split": split, "every": "epoch"} for name in metrics]
    if material.tests_at_end:
        measured += [{"node": name, "split": "test", "every": END} for name in metrics]
    settings = sizing.settings
    if "validation" not in material.splits:
        del settings["patience"]
    drawing.training("train", "loss", measured, seed=1, shuffle=True, **settings)
