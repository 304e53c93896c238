"""Answers to lessons that train: right ones built differently, and typical mistakes by their signs.

Each is drawn into the lesson's start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.starters.drawing import Drawing

Edit = Callable[[Drawing], None]


def drawn(start: Document, edit: Edit) -> Document:
    """Return a document, edited."""
    drawing = Drawing()
    drawing.doc = start
    drawing.ids = {record.name: record.id for record in start.nodes.values()}
    drawing.group("", "math")
    edit(drawing)
    return start


def set_attrs(e: Drawing, name: str, **attrs: Any) -> None:
    for attr, value in attrs.items():
        commands.set_attr(e.doc, e.ids[name], attr, value)


def settings(e: Drawing, **fields: Any) -> None:
    commands.set_training(e.doc, **fields)


# ---- honest measurement -------------------------------------------------------------------------


def _by_division(e: Drawing) -> None:
    e.add("multiply", "new", "is_new", "row_losses")
    e.add("reduce_sum", "total", "new")
    e.add("reduce_sum", "count", "is_new")
    e.add("divide", "new_loss", "total", "count")
    e.add("subtract", "old", "one", "is_new")
    e.add("multiply", "kept", "old", "row_losses")
    e.add("reduce_sum", "old_total", "kept")
    e.add("reduce_sum", "old_count", "old")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _by_difference(e: Drawing) -> None:
    """Subtract the new rows from all rows."""
    e.add("reduce_sum", "all", "row_losses")
    e.add("multiply", "new", "row_losses", "is_new")
    e.add("reduce_sum", "new_total", "new")
    e.add("subtract", "old_total", "all", "new_total")
    e.add("reduce_sum", "new_count", "is_new")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("reduce_sum", "old_count", "is_old")
    e.add("divide", "new_loss", "new_total", "new_count")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _by_means(e: Drawing) -> None:
    """Divide the mean of the masked losses by the mean of the mask."""
    e.add("multiply", "new", "row_losses", "is_new")
    e.add("reduce_mean", "part", "new")
    e.add("reduce_mean", "share", "is_new")
    e.add("divide", "new_loss", "part", "share")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("multiply", "old", "row_losses", "is_old")
    e.add("reduce_mean", "old_part", "old")
    e.add("reduce_mean", "old_share", "is_old")
    e.add("divide", "old_loss", "old_part", "old_share")
    e.add("negative", "minus", "old_loss")
    e.add("add", "gap", "new_loss", "minus")


def _by_weights(e: Drawing) -> None:
    """Give each new row its share of the mean."""
    e.add("reduce_sum", "count", "is_new")
    e.add("divide", "weight", "is_new", "count")
    e.add("multiply", "weighed", "row_losses", "weight")
    e.add("reduce_sum", "new_loss", "weighed")
    e.add("subtract", "is_old", "one", "is_new")
    e.add("reduce_sum", "old_count", "is_old")
    e.add("divide", "old_weight", "is_old", "old_count")
    e.add("subtract", "both", "weight", "old_weight")
    e.add("multiply", "signed", "both", "row_losses")
    e.add("reduce_sum", "gap", "signed")


def _by_products(e: Drawing) -> None:
    """Add up by a product of matrices."""
    e.add("expand_dims", "row", "row_losses", axis=0)
    e.add("subtract", "is_old", "one", "is_new")
    for mask, name in (("is_new", "new"), ("is_old", "old")):
        e.add("expand_dims", f"{name}_column", mask, axis=1)
        e.add("matmul", f"{name}_product", "row", f"{name}_column")
        e.add("reduce_sum", f"{name}_total", f"{name}_product")
        e.add("reduce_sum", f"{name}_count", mask)
    e.add("divide", "new_loss", "new_total", "new_count")
    e.add("divide", "old_loss", "old_total", "old_count")
    e.add("subtract", "gap", "new_loss", "old_loss")


def _honest(measure: Edit, splits: list[float], stop: Mapping[str, Any], watched: str = "") -> Edit:
    def edit(e: Drawing) -> None:
        measure(e)
        set_attrs(e, "points", splits=splits)
        settings(e, **stop)
        if watched:
            settings(e, monitor={"node": e.ids["loss"], "split": watched})

    return edit


RIGHT: dict[str, tuple[Edit, ...]] = {
    "honest-measurement": (
        _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}),
        _honest(_by_difference, [0.25, 0.35, 0.4], {"patience": 1}),
        _honest(_by_means, [0.2, 0.4, 0.4], {"patience": 20}, "validation"),
        _honest(_by_weights, [0.5, 0.25, 0.25], {"patience": 3, "batch_size": 40}),
        _honest(_by_products, [0.2, 0.3, 0.5], {"patience": 8, "epochs": 200}),
    ),
}
"""Right answers by lesson."""

MISTAKEN: dict[str, dict[str, Edit]] = {
    "honest-measurement": {
        "peeking": _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}, "test"),
        "by_heart": _honest(_by_division, [0.2, 0.4, 0.4], {"patience": 5}, "train"),
        "no_rows_to_choose": _honest(_by_division, [0.2, 0.0, 0.8], {"patience": 5}),
        "no_rows_to_measure": _honest(_by_division, [0.2, 0.8, 0.0], {"patience": 5}),
        "too_long": _honest(_by_division, [0.2, 0.4, 0.4], {}),
    },
}
"""Answers with a typical mistake that is known by its signs, by lesson, then by mistake."""
