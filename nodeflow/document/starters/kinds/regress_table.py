"""Predict numbers from the rows of a table; the answer is in the units of the table."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import for_table
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import are_classes, inputs_of, labels_of


def misfit(material: Material) -> str:
    if not inputs_of(material):
        return "Predicting a number needs columns of numbers or categories as inputs."
    labels = labels_of(material)
    if not labels or labels not in material.statistics or are_classes(material, labels):
        return "Predicting a number needs a label that is a number."
    return ""


def make(material: Material) -> Document:
    drawing = Drawing()
    inputs, labels = inputs_of(material), labels_of(material)
    width, outputs = material.width(inputs) or 1, material.width(labels) or 1
    sizing = for_table(material.rows, width)
    parts.data(drawing, material, {"x": inputs, "y": labels})
    drawing.group("Scaling", "math")
    parts.normalize(drawing, material, inputs, "scaled_x", "x")
    parts.normalize(drawing, material, labels, "scaled_y", "y")
    source, size, titles = parts.hidden_layers(drawing, "scaled_x", width, sizing.hidden)
    drawing.group("Output", "math")
    number = len(sizing.hidden) + 1
    scaled = parts.dense(drawing, source, number, (size, outputs), "scaled_prediction")
    parts.normalize(drawing, material, labels, "prediction", scaled, inverse=True)
    drawing.group("Loss", "loss")
    drawing.add("mean_squared_error", "loss", "scaled_y", "scaled_prediction")
    drawing.group("Errors", "metrics")
    drawing.add("mean_absolute_error", "mean_error", "y", "prediction")
    drawing.add("r_squared", "r_squared", "y", "prediction")
    parts.training(drawing, material, sizing, ("mean_error", "r_squared"))
    drawing.arrange(
        [
            ["Data", "Scaling", *titles],
            [NOTE, "Output", "Loss", "Training"],
            ["", "<Loss", "Errors"],
        ],
        f"A network learns a number from {material.rows} rows of {material.title}. It computes "
        "with scaled values; prediction turns its answer back into the units of the table.\n"
        "Try: press Train and watch mean_error, how far predictions of test rows are off on "
        "average. Then drop another file of this kind on the canvas for a table of predictions.",
        f"Predict a number of {material.title}",
    )
    return drawing.doc


STARTER = Starter(
    "regress", "Predict a number", "A number for each row, in its own units.", 2, misfit, make
)
