"""`tf.layers.dropout` and `tf.layers.batch_normalization`, which act as in inference by default.

In `nf`, a run decides: the defaults of its layers are ``training=None``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions import layers, without_variables
from nodeflow.ops.layers.functions.layer_objects import class_of
from nodeflow.public import publish

__all__ = ["BatchNormalization", "Dropout", "batch_normalization", "dropout"]

Layer = Callable[..., Tensor]


def _inactive(function: Layer) -> Layer:
    """Return a layer's function with the argument ``training`` False by default, as in TensorFlow
    1.
    """
    known = inspect.signature(function)
    changed = [
        parameter.replace(default=False) if name == "training" else parameter
        for name, parameter in known.parameters.items()
    ]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        if "training" not in known.bind_partial(*args, **kwargs).arguments:
            kwargs["training"] = False
        return function(*args, **kwargs)

    call.__signature__ = known.replace(parameters=changed)  # type: ignore[attr-defined]
    return call


dropout = _inactive(without_variables.dropout)
batch_normalization = _inactive(layers.batch_normalization)
Dropout = class_of(dropout, "Dropout")
BatchNormalization = class_of(batch_normalization, "BatchNormalization")

publish(globals(), __all__)
