"""`tf.device`, which also takes a function that chooses devices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from nodeflow.ops import graph_building

__all__ = ["device"]


def device(
    device_name_or_function: str | Callable[..., Any] | None,
) -> AbstractContextManager[None]:
    """Give nodes of the default graph made inside this device: ``/cpu:0``, ``/gpu:1``.

    The engine computes on the CPU. So a function, which would choose a device for each node, is not
    called.

    Raises:
        GraphError: it is no name of a device.
    """
    if callable(device_name_or_function):
        return nullcontext()
    return graph_building.device(device_name_or_function)
