"""Optimizers with penalties that keep weights small or exactly zero.

Formulas and defaults are TensorFlow 1's (``core/kernels/training_ops.cc``).
"""

from __future__ import annotations

from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.macro_ops import Optimizer, Updates
from nodeflow.ops.training.update_rules import rate_attr

START = Attr("initial_sum", "float", 0.1, "Initial sum of squares.", minimum=0, advanced=True)
PENALTIES = (
    Attr("l1", "float", 0.0, "Weight of the sum of absolute values.", minimum=0),
    Attr("l2", "float", 0.0, "Weight of the sum of squares.", minimum=0),
)


def shrunk(x: Tensor, amount: Tensor) -> Tensor:
    """Return x moved towards zero by an amount, but not beyond zero."""
    return F.sign(x) * F.maximum(F.abs(x) - amount, 0)


class Proximal(Optimizer):
    """The base class of proximal steps: gradient descent, then a move towards zero by the
    penalties.
    """

    numbers = ("learning_rate", "l1", "l2")

    def pulled(self, updates: Updates, variable: Tensor, gradient: Tensor, rate: Tensor) -> Tensor:
        """Return the variable after a step with this rate."""
        dtype = variable.dtype
        moved = updates.decayed(variable) - rate * gradient
        size = 1 + rate * updates.shared("l2", dtype)
        near = shrunk(moved, rate * updates.shared("l1", dtype))
        return F.divide(near, size, name="new_value")


@register
class ProximalGradientDescent(Proximal):
    """Gradient descent with penalties."""

    id = "proximal_gradient_descent"
    keywords = ("optimizer", "sgd", "lasso", "ridge", "sparse", "train", "minimize")
    doc = (
        "Training by gradient descent with penalties that shrink weights, some to exactly 0.\n\nu "
        "= variable - learning_rate * g; variable = sign(u) * max(abs(u) - learning_rate * l1, 0) "
        "/ (1 + learning_rate * l2). Duchi and Singer, 2009."
    )
    attrs = (rate_attr(0.01), *PENALTIES, *Optimizer.COMMON)

    def new_value(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        rate = updates.shared("learning_rate", variable.dtype)
        return self.pulled(updates, variable, gradient, rate)


@register
class ProximalAdaGrad(Proximal):
    """AdaGrad with penalties."""

    id = "proximal_adagrad"
    keywords = ("optimizer", "adaptive", "lasso", "ridge", "sparse", "train", "minimize")
    doc = (
        "Training by AdaGrad with penalties that shrink weights, some to exactly 0.\n\n"
        "sum = sum + g^2; then as proximal_gradient_descent with the rate learning_rate / "
        "sqrt(sum). Duchi, Hazan and Singer, 2011."
    )
    attrs = (rate_attr(0.01), START, *PENALTIES, *Optimizer.COMMON)

    def new_value(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        old = updates.slot("sum", variable, updates.attrs["initial_sum"])
        total = F.add(old, F.square(gradient), name="new_sum")
        updates.store(old, total, name="assign_sum")
        rate = updates.shared("learning_rate", variable.dtype) * F.rsqrt(total)
        return self.pulled(updates, variable, gradient, rate)


@register
class Ftrl(Optimizer):
    """Follow the regularized leader."""

    id = "ftrl"
    keywords = ("optimizer", "adaptive", "lasso", "sparse", "online", "train", "minimize")
    doc = (
        "Training by FTRL-Proximal, which keeps many weights at exactly 0.\n\nn' = n + g^2; z = z "
        "+ g - (n'^-p - n^-p) / learning_rate * variable; variable = (sign(z) * l1 - z) / (n'^-p "
        "/ learning_rate + 2 * l2) where abs(z) > l1, else 0. p is the power; -0.5 shrinks steps "
        "as AdaGrad does. McMahan and others, 2013."
    )
    numbers = ("learning_rate", "l1", "l2", "power")
    attrs = (
        rate_attr(0.01),
        Attr("power", "float", -0.5, "Exponent by which steps shrink; 0: not.", maximum=0),
        START,
        *PENALTIES,
        *Optimizer.COMMON,
    )

    def new_value(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        rate, power = (updates.shared(n, dtype) for n in ("learning_rate", "power"))
        l1, l2 = (updates.shared(n, dtype) for n in ("l1", "l2"))
        old = updates.slot("sum", variable, updates.attrs["initial_sum"])
        total = F.add(old, F.square(gradient), name="new_sum")
        updates.store(old, total, name="assign_sum")
        linear = updates.slot("linear", variable)
        before, after = (F.power(n, -power) / rate for n in (old, total))
        z = F.add(
            linear, gradient - (after - before) * updates.decayed(variable), name="new_linear"
        )
        updates.store(linear, z, name="assign_linear")
        return F.divide(-shrunk(z, l1), after + 2 * l2, name="new_value")


@register
class AdaGradDA(Proximal):
    """AdaGrad with dual averaging."""

    id = "adagrad_da"
    keywords = ("optimizer", "adaptive", "dual averaging", "lasso", "sparse", "train", "minimize")
    doc = (
        "Training by AdaGrad's dual averaging: weights follow from the sum of all gradients.\n\ns "
        "= s + g; q = q + g^2; variable = -learning_rate * sign(s) * max(abs(s) - l1 * t, 0) / "
        "(learning_rate * l2 * t + sqrt(q)) at step t. The first step discards initial values, so "
        "it suits models that may start at 0. Duchi, Hazan and Singer, 2011."
    )
    attrs = (rate_attr(0.01), START, *PENALTIES, *Optimizer.COMMON)

    def prepare(self, updates: Updates, dtype: str) -> None:
        old = updates.number_slot("steps", dtype, 0.0)
        steps = F.add(old, 1, name="new_steps")
        updates.store(old, steps, name="assign_steps")
        updates.share("steps", steps)

    def new_value(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        rate, l1, l2, steps = (
            updates.shared(n, dtype) for n in ("learning_rate", "l1", "l2", "steps")
        )
        old = updates.slot("gradient_sum", variable)
        total = F.add(old, gradient, name="new_gradient_sum")
        updates.store(old, total, name="assign_gradient_sum")
        old = updates.slot("sum", variable, updates.attrs["initial_sum"])
        squares = F.add(old, F.square(gradient), name="new_sum")
        updates.store(old, squares, name="assign_sum")
        size = rate * l2 * steps + F.sqrt(squares)
        return F.divide(-rate * shrunk(total, l1 * steps), size, name="new_value")
