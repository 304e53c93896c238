"""Functions that choose a version of TensorFlow's behaviour.

They do nothing, because nodeflow has only one.
"""

from __future__ import annotations

__all__ = [
    "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_resource_variables",
    "disable_v2_behavior",
    "disable_v2_tensorshape",
    "enable_resource_variables",
    "executing_eagerly",
]


def _nothing() -> None:
    """Do nothing."""


disable_control_flow_v2 = disable_eager_execution = disable_resource_variables = _nothing
disable_v2_behavior = disable_v2_tensorshape = enable_resource_variables = _nothing


def executing_eagerly() -> bool:
    """Return False, because everything is a graph here."""
    return False
