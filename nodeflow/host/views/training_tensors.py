"""What an optimizer derives for a tensor, found once while the graph stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.graph.graph import Tensor
from nodeflow.train.derived_tensors import gradient, next_value

if TYPE_CHECKING:
    from nodeflow.host.views.source import ViewSource


def gradient_of(source: ViewSource, tensor: Tensor) -> Tensor | None:
    """The gradient of the loss with respect to a tensor; None where training derives none."""
    return source.memo(("gradient", tensor), lambda: gradient(source.task.graph, tensor))


def next_value_of(source: ViewSource, tensor: Tensor) -> Tensor | None:
    """What the next step of a training would assign to a variable; None where it has none."""
    return source.memo(("next value", tensor), lambda: next_value(source.task.graph, tensor))
