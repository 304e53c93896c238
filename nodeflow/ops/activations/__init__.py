"""Activation functions beyond those of every tutorial, which are in ``activation``."""

from nodeflow.ops.activations import gated, piecewise, smooth

__all__ = ["gated", "piecewise", "smooth"]
