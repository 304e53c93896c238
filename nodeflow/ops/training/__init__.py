"""Training as in TensorFlow 1, by building graphs: optimizers, schedules, averages, clipping.

`nf.train` exports these names. The optimizers add the same nodes as the window. A separate op,
`apply_gradients`, takes given gradients.
"""

from nodeflow.ops.training import apply_gradients, learning_rate_schedules, proximal, update_rules

__all__ = ["apply_gradients", "learning_rate_schedules", "proximal", "update_rules"]
