"""Layers: one node each, whose variables and ops are derived (`NAME/kernel`, `NAME/bias`)."""

from nodeflow.ops.layers import dense

__all__ = ["dense"]
