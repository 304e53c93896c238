"""Tensors that a training watches at each step: bounds, breakpoints, plots."""
