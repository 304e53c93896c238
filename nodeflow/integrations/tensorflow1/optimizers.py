"""`tf.train`: optimizers that change only the table rows that a step looks up.

TensorFlow 1 applies the gradient of a lookup only to the looked-up rows, so the velocities or
mean squares of other rows do not change. In `nf.train` all rows change, according to the
formulas.
"""

from __future__ import annotations

from nodeflow.ops.training import optimizers

__all__ = [
    "AdadeltaOptimizer",
    "AdagradDAOptimizer",
    "FtrlOptimizer",
    "MomentumOptimizer",
    "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
]


class MomentumOptimizer(optimizers.MomentumOptimizer):
    """Gradient descent with momentum that updates only the rows of a table that a step looks up."""

    rows = "touched"


class RMSPropOptimizer(optimizers.RMSPropOptimizer):
    """RMSProp that updates only the rows of a table that a step looks up."""

    rows = "touched"


class AdadeltaOptimizer(optimizers.AdadeltaOptimizer):
    """Adadelta that updates only the rows of a table that a step looks up."""

    rows = "touched"


class FtrlOptimizer(optimizers.FtrlOptimizer):
    """FTRL ("follow the regularized leader") that updates only the table rows that a step looks
    up.
    """

    rows = "touched"


class ProximalGradientDescentOptimizer(optimizers.ProximalGradientDescentOptimizer):
    """Gradient descent with L1 and L2 penalties that updates only the table rows that a step
    looks up.
    """

    rows = "touched"


class ProximalAdagradOptimizer(optimizers.ProximalAdagradOptimizer):
    """AdaGrad with L1 and L2 penalties that updates only the table rows that a step looks up."""

    rows = "touched"


class AdagradDAOptimizer(optimizers.AdagradDAOptimizer):
    """AdaGrad with dual averaging that updates only the table rows that a step looks up."""

    rows = "touched"
