"""Layers: one node each, whose variables and ops are derived (`NAME/kernel`, `NAME/bias`)."""

from nodeflow.ops.layers import convolution, dense, normalization

__all__ = ["convolution", "dense", "normalization"]
