"""Which columns of a table a starter graph uses as inputs and as labels."""

from __future__ import annotations

from nodeflow.document.starters.material import Material, Statistics


def inputs_of(material: Material) -> str:
    """Return the column of inputs: ``features``, else the first column with rows of numbers.

    Return "" if there is none.
    """
    found = [
        name
        for name, type_ in material.columns.items()
        if len(type_.shape) in (2, 3)
        and type_.is_float
        and name not in {**material.classes, **material.images}
    ]
    found = [name for name in found if name != labels_of(material)]
    return "features" if "features" in found else next(iter(found), "")


def labels_of(material: Material) -> str:
    """Return the column of labels: ``labels``, or a column with a similar name; "" if there is
    none.
    """
    likely = ("labels", "label", "y", "target", "targets", "classes", "class")
    return next((name for name in likely if name in material.columns), "")


def is_series(material: Material) -> bool:
    """Return whether the data are a series: each input is a window of rows, (n, window,
    columns).
    """
    inputs = inputs_of(material)
    return bool(inputs) and len(material.columns[inputs].shape) == 3


def are_classes(material: Material, labels: str) -> bool:
    """Return whether the labels are one-hot rows."""
    return bool(labels) and (labels in material.classes or _one_hot(material, labels))


def _one_hot(material: Material, labels: str) -> bool:
    type_ = material.columns[labels]
    found = material.statistics.get(labels)
    width = material.width(labels)
    if not isinstance(found, Statistics) or len(type_.shape) != 2 or not width or width < 2:
        return False
    flags = [0.0] * width, [1.0] * width  # mean and deviation of these columns
    return (found.mean, found.deviation) == flags


def listed(names: tuple[str, ...], most: int = 4) -> str:
    """Return a list in words, ``a, b and c``, shortened after the first few."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)
