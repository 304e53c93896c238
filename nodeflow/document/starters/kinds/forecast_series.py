"""Forecast a series: the next value from those before it, in its own units."""

from __future__ import annotations

from nodeflow.document.model.document import Document
from nodeflow.document.starters import parts
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.regression import has_numbers, network
from nodeflow.document.starters.starter import Starter
from nodeflow.document.starters.tables import inputs_of, is_series


def misfit(material: Material) -> str:
    if not is_series(material):
        return "Forecasting needs rows in the order of time, and a window of them as input."
    if not has_numbers(material):
        return "Forecasting needs a label that is a number."
    return ""


def make(material: Material) -> Document:
    window = material.columns[inputs_of(material)].shape[1]
    return network(
        material,
        f"Forecast {material.title}",
        f"A network learns from {window} rows of {material.title} in a row what comes next. The "
        "last rows are not trained on; prediction is in the units of the table.\n"
        "Try: press Train and watch mean_error, how far forecasts of "
        f"{material.measured_rows} are off on average.{parts.testing(material)} Then set "
        "the window of the data node to look further back.",
    )


STARTER = Starter("series", "Forecast", "What comes next in a series.", 4, misfit, make)
