"""`tf.contrib.opt`: an optimizer for large tables."""

from __future__ import annotations

from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.public import publish

__all__ = ["LazyAdamOptimizer"]


class LazyAdamOptimizer(AdamOptimizer):
    """Adam that skips the rows of a table that a step did not look up.

    Weights and running means of other rows do not change, so the algorithm differs from Adam. A
    step takes the same time for any number of touched rows. If a gradient comes from more than
    lookups, all rows move.
    """

    rows = "touched"


publish(globals(), __all__)
