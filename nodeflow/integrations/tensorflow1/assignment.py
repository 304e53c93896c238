"""`tf.assign`, which says what ``validate_shape=False`` cannot do here."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F

__all__ = ["assign"]


def assign(
    ref: Tensor,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """Store a value in a variable; the output is the new value.

    Args:
        ref: the variable.
        value: a value of the same shape.
        validate_shape: accepted for TensorFlow 1; a variable keeps its shape.
        use_locking: accepted for TensorFlow 1; a run never reads half of an assignment.

    Raises:
        ShapeError: the value has another shape.
    """
    try:
        return F.assign(ref, value, name=name)
    except ShapeError as error:
        if validate_shape is not False:
            raise
        hint = "A variable keeps its shape, also with validate_shape=False. Give it the largest "
        hint += "shape, and pad the value, or feed the value instead of storing it."
        raise ShapeError(error.message, node=error.node, port=error.port, hint=hint) from None
