"""Classify pictures: layers of small filters, then a hidden layer and a probability for each
class."""

from __future__ import annotations

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import for_pictures
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import are_classes, labels_of, listed

FILTERS = (8, 16, 32, 32)
SMALL_SIDE = 8
"""Pictures are halved until their shorter side is this small."""


def misfit(material: Material) -> str:
    if _pictures(material) is None:
        return "Classifying pictures needs a column of pictures."
    if not are_classes(material, labels_of(material)):
        return "Classifying pictures needs a label with classes."
    return ""


def _pictures(material: Material) -> tuple[str, tuple[int, int, int]] | None:
    """Return the column of pictures and their height, width and channels, or None."""
    for name, type_ in material.columns.items():
        sizes = tuple(size for size in type_.shape[1:] if size is not None)
        if len(sizes) != len(type_.shape) - 1 or not type_.is_float:
            continue
        if len(sizes) == 3 and sizes[2] in (1, 2, 3, 4):
            return name, (sizes[0], sizes[1], sizes[2])
        if len(sizes) == 2 and min(sizes) >= SMALL_SIDE:
            return name, (sizes[0], sizes[1], 1)
        if len(sizes) == 1 and name in material.images:
            return name, (*material.images[name], 1)
    return None


def make(material: Material) -> Document:
    found = _pictures(material)
    assert found is not None
    column, (height, width, channels) = found
    labels = labels_of(material)
    classes = material.width(labels) or 2
    sizing = for_pictures(material.rows)
    drawing = Drawing()
    parts.data(drawing, material, {"x": column, "y": labels})
    source = "x"
    drawing.group("Filters", "math")
    if material.columns[column].shape[1:] != (height, width, channels):
        source = drawing.add("reshape", "pictures", "x", shape=[-1, height, width, channels])
    for number, filters in enumerate(FILTERS, 1):
        drawing.add(
            "layers/conv2d",
            f"filters{number}",
            source,
            filters=filters,
            padding="same",
            activation="relu",
            kernel_initializer=parts.HE,
        )
        source = drawing.add("max_pool2d", f"pooled{number}", f"filters{number}")
        height, width = (height + 1) // 2, (width + 1) // 2
        if min(height, width) <= SMALL_SIDE:
            break
    size = _row_size(drawing, source)
    drawing.group("Classes", "math")
    drawing.add("reshape", "flat", source, shape=[-1, size])
    parts.dense(drawing, "flat", sizing.hidden[0], "hidden", "relu")
    drawing.add("dropout", "thinned", "hidden", rate=0.25)
    parts.dense(drawing, "thinned", classes, "logits")
    drawing.add("softmax", "prediction", "logits")
    drawing.group("Loss", "loss")
    drawing.add("softmax_cross_entropy_with_logits", "losses", "y", "logits")
    drawing.add("reduce_mean", "loss", "losses")
    drawing.group("Accuracy", "metrics")
    drawing.add("accuracy", "accuracy", "y", "prediction")
    parts.training(drawing, material, sizing, ("accuracy",))
    names = material.classes.get(labels, ())
    which = f": {listed(names)}" if names else ""
    drawing.arrange(
        [["Data", "Filters"], [NOTE, "Classes"], ["", "Loss", "Training", "Accuracy"]],
        f"A network learns from {material.rows} pictures of {material.title} which of {classes} "
        f"classes a picture shows{which}. Small filters look for strokes and patches, the hidden "
        "layer for shapes made of them.\n"
        f"Try: press Train and watch accuracy, the share of {material.measured_rows} that it gets "
        f"right.{parts.testing(material)} "
        "Then look at what filters1 finds, or drop another folder on the canvas for predictions.",
        f"Classify pictures of {material.title}",
    )
    return drawing.doc


def _row_size(drawing: Drawing, name: str) -> int:
    """Return how many values a node's output has for each row of the batch."""
    type_ = Analysis(drawing.doc).type_of(drawing.ids[name], "out")
    assert type_ is not None
    size = 1
    for dim in type_.shape[1:]:
        assert dim is not None
        size *= dim
    return size


STARTER = Starter(
    "pictures", "Classify pictures", "What a picture shows, with probabilities.", 3, misfit, make
)
