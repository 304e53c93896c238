"""`tf.train`: optimizers that change only the table rows that a step looked up.

TensorFlow 1 applies the gradient of a lookup only to the looked-up rows, so velocity or mean square
of other rows do not change. In `nf.train` all rows move, by the formulas.
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
    """Gradient descent with momentum, for the rows that a step looked up."""

    rows = "touched"


class RMSPropOptimizer(optimizers.RMSPropOptimizer):
    """RMSProp, for the rows that a step looked up."""

    rows = "touched"


class AdadeltaOptimizer(optimizers.AdadeltaOptimizer):
    """Adadelta, for the rows that a step looked up."""

    rows = "touched"


class FtrlOptimizer(optimizers.FtrlOptimizer):
    """Follow the regularized leader, for the rows that a step looked up."""

    rows = "touched"


class ProximalGradientDescentOptimizer(optimizers.ProximalGradientDescentOptimizer):
    """Gradient descent with penalties, for the rows that a step looked up."""

    rows = "touched"


class ProximalAdagradOptimizer(optimizers.ProximalAdagradOptimizer):
    """AdaGrad with penalties, for the rows that a step looked up."""

    rows = "touched"


class AdagradDAOptimizer(optimizers.AdagradDAOptimizer):
    """Dual averaging, for the rows that a step looked up."""

    rows = "touched"
