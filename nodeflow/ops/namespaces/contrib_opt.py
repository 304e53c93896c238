"""`nf.contrib.opt`: the optimizer of `tf.contrib.opt` for large tables."""

from __future__ import annotations

from typing import Any

from nodeflow.ops.training.optimizers import AdamOptimizer

__all__ = ["LazyAdamOptimizer"]


class LazyAdamOptimizer(AdamOptimizer):
    """Adam that leaves alone the rows of a table that a step did not look up.

    Their weights and running means stay as they are, which is another algorithm than Adam's and
    takes as long with any number of rows. Where a gradient comes from more than lookups, all rows
    move.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)
        self._settings["rows"] = "touched"
