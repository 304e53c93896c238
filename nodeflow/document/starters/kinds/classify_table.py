"""Classify the rows of a table: scaled inputs, a small network, a probability for each class."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import for_table
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import are_classes, inputs_of, is_series, labels_of, listed


def misfit(material: Material) -> str:
    if not inputs_of(material) or is_series(material):
        return "Classifying needs columns of numbers or categories as inputs."
    if not are_classes(material, labels_of(material)):
        return "Classifying needs a label with classes."
    return ""


def make(material: Material) -> Document:
    drawing = Drawing()
    inputs, labels = inputs_of(material), labels_of(material)
    width, classes = material.width(inputs) or 1, material.width(labels) or 2
    sizing = for_table(material.rows, width)
    parts.data(drawing, material, {"x": inputs, "y": labels})
    drawing.group("Network", "math")
    source = "x"
    if material.scale:
        source = parts.normalize(drawing, material, inputs, "scaled", "x")
    source = parts.hidden_layers(drawing, source, sizing.hidden)
    logits = parts.dense(drawing, source, classes, "logits")
    drawing.add("softmax", "prediction", logits)
    if width == 2:
        drawing.view("prediction", "regions")
    drawing.group("Loss", "loss")
    drawing.add("softmax_cross_entropy_with_logits", "losses", "y", "logits")
    drawing.add("reduce_mean", "loss", "losses")
    drawing.group("Accuracy", "metrics")
    drawing.add("accuracy", "accuracy", "y", "prediction")
    parts.training(drawing, material, sizing, ("accuracy",))
    names = material.classes.get(labels, ())
    which = (
        f"which of {len(names)} classes ({listed(names)})"
        if names
        else f"which of {classes} classes"
    )
    drawing.arrange(
        [["Data", "Network"], [NOTE, "Loss", "Training", "Accuracy"]],
        f"A network learns from {material.rows} rows of {material.title} {which} a row is.\n"
        f"Try: press Train and watch accuracy, the share of {material.measured_rows} that it gets "
        f"right.{parts.testing(material)} Then drop another "
        "file of this kind on the canvas for a table of predictions.",
        f"Classify {material.title}",
    )
    return drawing.doc


STARTER = Starter(
    "classify", "Classify", "Which class a row belongs to, with probabilities.", 1, misfit, make
)
