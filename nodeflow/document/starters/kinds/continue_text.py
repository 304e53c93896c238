"""A starter that continues a text: a recurrent network that learns which token comes next."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.sizing import Sizing, batch_size, epochs
from nodeflow.document.starters.starter import Starter

UNITS = 128
STEPS = 1000


def misfit(material: Material) -> str:
    if material.text is None or len(material.columns["targets"].shape) < 2:
        return "Continuing a text needs a text file, with targets after every token."
    return ""


def make(material: Material) -> Document:
    assert material.text is not None
    size = len(material.text.vocabulary)
    rows = material.rows
    batch = min(32, batch_size(rows))
    count = max(2, min(epochs(rows, STEPS, most=40), STEPS * batch // max(1, rows) + 1))
    sizing = Sizing((UNITS,), batch, count, 0.004, max(3, count // 4))
    drawing = Drawing()
    parts.data(drawing, material, {"tokens": "tokens", "next": "targets"})
    drawing.group("Network", "math")
    drawing.add("layers/embedding", "vectors", "tokens", input_dim=size, output_dim=32)
    drawing.add("layers/gru", "memory", "vectors", units=UNITS, return_sequences=True)
    drawing.add("layers/dense", "logits", "memory", units=size)
    drawing.add("generate", "generate", "logits")
    drawing.view("generate", "text")
    drawing.group("Loss", "loss")
    drawing.add("sparse_softmax_cross_entropy", "losses", "next", "logits")
    drawing.add("reduce_mean", "loss", "losses")
    parts.training(drawing, material, sizing, ("loss",))
    drawing.arrange(
        [["Data", "Network"], [NOTE, "Loss", "Training"]],
        f"A recurrent network reads {material.title} token by token, and learns which one comes "
        "next. The loss is the mean surprise at the next token, in training and on "
        f"{material.measured_rows}.{parts.testing(material)}\n"
        "Try: press Train, and watch generate write. Then set its temperature to 0.5, or give it a "
        "prompt.",
        f"Continue {material.title}",
    )
    return drawing.doc


STARTER = Starter("text", "Continue a text", "Which token comes next.", 5, misfit, make)
