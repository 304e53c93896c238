"""`nf.contrib.opt`: the optimizer of `tf.contrib.opt` for large tables."""

from __future__ import annotations

from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.public import publish

__all__ = ["LazyAdamOptimizer"]


class LazyAdamOptimizer(AdamOptimizer):
    """Adam that leaves alone the rows of a table that a step did not look up.

    Their weights and running means stay as they are, which is another algorithm than Adam's and
    takes as long with any number of rows. Where a gradient comes from more than lookups, all rows
    move.
    """

    rows = "touched"


publish(globals(), __all__)
