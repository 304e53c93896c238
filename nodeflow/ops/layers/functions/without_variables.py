"""Layers of TensorFlow 1 without variables: each function adds the op itself."""

from __future__ import annotations

from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.distributions import dropout as ops_dropout
from nodeflow.ops.layers.functions.layer_calls import graph_of


def flatten(inputs: Any, name: str | None = None) -> Tensor:
    """Merge all axes after the first: (rows, 7, 7, 16) gives (rows, 784)."""
    return graph_of(inputs).apply("flatten", inputs, name=name)


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """During training, set a share `rate` of the elements to 0 and scale the others up.

    Args:
        rate: share of dropped elements, a number or a scalar tensor.
        noise_shape: for each axis the size of the inputs, or 1 where all elements share one draw; a
            list or an integer tensor.
        seed: own seed of the random numbers.
        training: a bool or a bool tensor. None, where TensorFlow 1 has False, leaves it to the run:
            a run that executes an optimizer's update drops, any other does not.
    """
    return ops_dropout.dropout(
        inputs, rate=rate, noise_shape=noise_shape, seed=seed, training=training, name=name
    )
