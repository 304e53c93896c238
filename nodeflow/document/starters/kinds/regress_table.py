"""Predict numbers from the rows of a table; the answer is in the units of the table."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.regression import has_numbers, network
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import inputs_of, is_series


def misfit(material: Material) -> str:
    if not inputs_of(material) or is_series(material):
        return "Predicting a number needs columns of numbers or categories as inputs."
    if not has_numbers(material):
        return "Predicting a number needs a label that is a number."
    return ""


def make(material: Material) -> Document:
    return network(
        material,
        f"Predict a number of {material.title}",
        f"A network learns a number from {material.rows} rows of {material.title}. It computes "
        "with scaled values; prediction turns its answer back into the units of the table.\n"
        "Try: press Train and watch mean_error, how far predictions of "
        f"{material.measured_rows} are off on average.{parts.testing(material)} Then drop another "
        "file of this kind on the canvas for a table of predictions.",
    )


STARTER = Starter(
    "regress", "Predict a number", "A number for each row, in its own units.", 2, misfit, make
)
