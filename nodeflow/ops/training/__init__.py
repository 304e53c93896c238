"""TensorFlow 1's way to train, as graphs are built: optimizers, schedules, averages, clipping.

`nf.train` shows these names. The optimizers make the nodes that the window has; what takes given
gradients is an op of its own, `apply_gradients`.
"""

from nodeflow.ops.training import apply_gradients, proximal, schedules, update_rules

__all__ = ["apply_gradients", "proximal", "schedules", "update_rules"]
