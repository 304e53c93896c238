"""The gradient and the next value of a tensor, derived by an optimizer, cached for the same
graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.graph.graph import Tensor
from nodeflow.train.watched_tensors.optimizer_tensors import gradient, next_value

if TYPE_CHECKING:
    from nodeflow.host.views.value_source import ViewSource


def gradient_of(source: ViewSource, tensor: Tensor) -> Tensor | None:
    """Return the gradient of the loss with respect to a tensor, or None if there is none."""
    return source.memo(("gradient", tensor), lambda: gradient(source.task.graph, tensor))


def next_value_of(source: ViewSource, tensor: Tensor) -> Tensor | None:
    """Return the tensor with the value that the next training step would assign to a variable.
    Return None if no step assigns it.
    """
    return source.memo(("next value", tensor), lambda: next_value(source.task.graph, tensor))
