"""`nf.tensorflow1.train`: optimizers that move only the rows of a table that a step looked up.

TensorFlow 1 applies the gradient of a lookup to the rows that it names, so the velocity or the mean
square of another row stays as it is. In `nf.train` all rows move, as the formulas say.
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
    """Gradient descent that keeps a share of its velocity, in the rows that a step looked up."""

    rows = "touched"


class RMSPropOptimizer(optimizers.RMSPropOptimizer):
    """Steps divided by the running length of the gradient, in the rows that a step looked up."""

    rows = "touched"


class AdadeltaOptimizer(optimizers.AdadeltaOptimizer):
    """Steps in the units of the variable, in the rows that a step looked up."""

    rows = "touched"


class FtrlOptimizer(optimizers.FtrlOptimizer):
    """Follow the regularized leader, in the rows that a step looked up."""

    rows = "touched"


class ProximalGradientDescentOptimizer(optimizers.ProximalGradientDescentOptimizer):
    """Gradient descent with penalties, in the rows that a step looked up."""

    rows = "touched"


class ProximalAdagradOptimizer(optimizers.ProximalAdagradOptimizer):
    """AdaGrad with penalties, in the rows that a step looked up."""

    rows = "touched"


class AdagradDAOptimizer(optimizers.AdagradDAOptimizer):
    """Dual averaging, in the rows that a step looked up."""

    rows = "touched"
