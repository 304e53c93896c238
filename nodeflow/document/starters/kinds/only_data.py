"""Only the data: a dataset node and a placeholder for each column, for a graph built by hand."""

from __future__ import annotations

from nodeflow.document.edit.data.dataset_placeholders import add_placeholders
from nodeflow.document.model.document import Document
from nodeflow.document.starters.drawing import NOTE, Drawing
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import listed


def misfit(material: Material) -> str:
    return ""


def make(material: Material) -> Document:
    drawing = Drawing()
    drawing.group("Data", "data")
    name = drawing.add("dataset", material.name, source=material.source, **material.options)
    columns = listed(tuple(material.columns))
    drawing.groups["Data"][1].extend(add_placeholders(drawing.doc, drawing.ids[name]))
    drawing.arrange(
        [[NOTE, "Data"]],
        f"{material.title} has {material.rows} rows for training, with {columns}. Nothing is "
        "guessed: each column feeds a placeholder.\n"
        "Try: drag a wire from a placeholder, and choose a layer.",
        f"The data of {material.title}",
    )
    return drawing.doc


STARTER = Starter(
    "data", "Only the data", "The columns as they are; you build the graph.", 6, misfit, make
)
