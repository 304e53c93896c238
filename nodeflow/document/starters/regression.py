"""A network that predicts numbers in the units of the data, for tables and for series."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json
from nodeflow.document.starters import parts
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import for_table
from nodeflow.document.starters.tables import are_classes, inputs_of, is_series, labels_of


def has_numbers(material: Material) -> bool:
    """Return whether the labels are numbers with known mean and deviation, and not classes."""
    labels = labels_of(material)
    return labels in material.statistics and not are_classes(material, labels)


def network(material: Material, title: str, note: str) -> Document:
    """Return a starter graph for regression: scaled inputs, hidden layers, and a ``prediction`` in
    units of the labels.
    """
    drawing = Drawing()
    inputs, labels = inputs_of(material), labels_of(material)
    width, outputs = material.width(inputs) or 1, material.width(labels) or 1
    sizing = for_table(material.rows, width)
    parts.data(drawing, material, {"x": inputs, "y": labels})
    drawing.group("Network", "math")
    source = "x"
    if material.scale:
        source = parts.normalize(drawing, material, inputs, "scaled_x", "x")
    if len(material.columns[inputs].shape) > 2:
        source = drawing.add("reshape", "window", source, shape=[-1, width])
    source = parts.hidden_layers(drawing, source, sizing.hidden)
    scaled = parts.dense(drawing, source, outputs, "scaled_prediction")
    parts.normalize(drawing, material, labels, "prediction", scaled, inverse=True)
    as_course: dict[str, Json] = {"x": "#", "style": "line"} if is_series(material) else {}
    drawing.view("prediction", "plot", **as_course)
    drawing.group("Loss", "loss")
    parts.normalize(drawing, material, labels, "scaled_y", "y")
    drawing.add("mean_squared_error", "loss", "scaled_y", "scaled_prediction")
    drawing.group("Errors", "metrics")
    drawing.add("mean_absolute_error", "mean_error", "y", "prediction")
    drawing.add("r_squared", "r_squared", "y", "prediction")
    parts.training(drawing, material, sizing, ("mean_error", "r_squared"))
    drawing.arrange(
        [["Data", "Network"], [NOTE, "Loss", "Training", "Errors"]],
        note,
        title,
    )
    return drawing.doc
