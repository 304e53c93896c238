"""Activation functions, and softmax."""

from nodeflow.ops.activations import basic, gated, piecewise, smooth, softmax

__all__ = ["basic", "gated", "piecewise", "smooth", "softmax"]
