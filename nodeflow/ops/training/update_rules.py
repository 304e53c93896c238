"""Optimizers: rules for a step from a gradient, each by the formula of its paper.

Optimizers that TensorFlow 1 also has use its formulas and defaults, except that TensorFlow 1 has no
default learning rates for gradient descent, momentum, AdaGrad and RMSProp.

Shared features (clipping, weight decay, averages, schedules) are in ``macro_ops``. ``prepare``
computes numbers that depend on the step but not on the variable, once per dtype.
"""

from __future__ import annotations

from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.macro_ops import Optimizer, Updates

ALL = "\n\nA run of it makes one step for all trainable variables that the loss depends on."


def rate_attr(default: float) -> Attr:
    return Attr("learning_rate", "float", default, "Size of the steps.", minimum=0)


def share_attr(name: str, default: float, doc: str) -> Attr:
    return Attr(name, "float", default, doc, minimum=0, maximum=1, advanced=True)


def epsilon_attr(default: float) -> Attr:
    return Attr("epsilon", "float", default, "Keeps the division finite.", minimum=0, advanced=True)


@register
class GradientDescent(Optimizer):
    """An optimizer that steps against the gradient."""

    id = "gradient_descent"
    keywords = ("optimizer", "sgd", "train", "minimize")
    doc = f"Training by gradient descent: variable - learning_rate * gradient.{ALL}"
    attrs = (rate_attr(0.01), *Optimizer.COMMON)

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        rate = updates.shared("learning_rate", variable.dtype)
        return F.multiply(rate, gradient, name="step")


@register
class Momentum(Optimizer):
    """Gradient descent with momentum."""

    id = "momentum"
    keywords = ("optimizer", "sgd", "nesterov", "train", "minimize")
    doc = (
        "Training by gradient descent with momentum.\n\nvelocity = momentum * velocity + gradient; "
        "variable - learning_rate * velocity. With nesterov, learning_rate * (gradient + momentum "
        "* velocity), as in TensorFlow. Sutskever and others, 2013."
    )
    numbers = ("learning_rate", "momentum")
    attrs = (
        rate_attr(0.01),
        Attr("momentum", "float", 0.9, "Share of the velocity kept.", minimum=0),
        Attr("nesterov", "bool", False, "Look ahead along the velocity.", advanced=True),
        *Optimizer.COMMON,
    )

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        rate = updates.shared("learning_rate", variable.dtype)
        keep = updates.shared("momentum", variable.dtype)
        old = updates.slot("velocity", variable)
        velocity = F.add(keep * old, gradient, name="new_velocity")
        updates.store(old, velocity, name="assign_velocity")
        direction = gradient + keep * velocity if updates.attrs["nesterov"] else velocity
        return F.multiply(rate, direction, name="step")


@register
class AdaGrad(Optimizer):
    """An optimizer with smaller steps where gradients were large."""

    id = "adagrad"
    keywords = ("optimizer", "adaptive", "sparse", "train", "minimize")
    doc = (
        "Training by AdaGrad, with smaller steps where the gradient has been large.\n\nsum = sum "
        "+ g^2; variable - learning_rate * g / (sqrt(sum) + epsilon). It suits rare features. "
        "Duchi, Hazan and Singer, 2011, use no epsilon. Neither does TensorFlow 1, where the sum "
        "starts at 0.1 instead."
    )
    numbers = ("learning_rate", "epsilon")
    attrs = (
        rate_attr(0.01),
        Attr("initial_sum", "float", 0.1, "Initial sum of squares.", minimum=0, advanced=True),
        epsilon_attr(0.0),
        *Optimizer.COMMON,
    )

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        old = updates.slot("sum", variable, updates.attrs["initial_sum"])
        total = F.add(old, F.square(gradient), name="new_sum")
        updates.store(old, total, name="assign_sum")
        scaled = gradient / (F.sqrt(total) + updates.shared("epsilon", dtype))
        return F.multiply(updates.shared("learning_rate", dtype), scaled, name="step")


@register
class RMSProp(Optimizer):
    """An optimizer whose steps are divided by a running root mean square of the gradient."""

    id = "rmsprop"
    keywords = ("optimizer", "adaptive", "train", "minimize", "recurrent")
    doc = (
        "Training by RMSProp, which divides the gradient by its running length.\n\nv = rho * v + "
        "(1 - rho) * g^2; step = learning_rate * g / sqrt(v + epsilon). With momentum, step = "
        "momentum * previous step + this. `centered` uses the variance instead of v: v minus the "
        "square of the running mean of g. Hinton, lecture 6e, 2012; centered: Graves, 2013. As in "
        "TensorFlow 1, v starts at 1, so the first steps are small."
    )
    numbers = ("learning_rate", "rho", "epsilon")
    others = ("momentum",)
    attrs = (
        rate_attr(0.001),
        share_attr("rho", 0.9, "Share of the mean square kept."),
        Attr("momentum", "float", 0.0, "Share of the previous step kept.", minimum=0),
        epsilon_attr(1e-10),
        Attr(
            "centered",
            "bool",
            False,
            "Divide by the deviation instead of the length.",
            advanced=True,
        ),
        Attr("initial_mean_square", "float", 1.0, "Initial mean square.", minimum=0, advanced=True),
        *Optimizer.COMMON,
    )

    def prepare(self, updates: Updates, dtype: str) -> None:
        updates.share_rest(dtype, "rho")
        if "momentum" in updates.wired:
            updates.share_number("momentum", dtype)

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype, momentum = variable.dtype, updates.attrs["momentum"]
        start = updates.attrs["initial_mean_square"]
        power = updates.running_mean("mean_square", "rho", variable, F.square(gradient), start)
        if updates.attrs["centered"]:
            power = power - F.square(updates.running_mean("mean", "rho", variable, gradient))
        scaled = gradient * F.rsqrt(power + updates.shared("epsilon", dtype))
        rate = updates.shared("learning_rate", dtype)
        if "momentum" in updates.wired:
            momentum = updates.shared("momentum", dtype)
        elif not momentum:
            return F.multiply(rate, scaled, name="step")
        old = updates.slot("velocity", variable)
        velocity = F.add(old * momentum, rate * scaled, name="step")
        updates.store(old, velocity, name="assign_velocity")
        return velocity


@register
class AdaDelta(Optimizer):
    """An optimizer whose steps are scaled to the units of the variable."""

    id = "adadelta"
    keywords = ("optimizer", "adaptive", "train", "minimize")
    doc = (
        "Training by Adadelta, which scales steps by the size of previous ones.\n\nv = rho * v + "
        "(1 - rho) * g^2; d = sqrt(u + epsilon) / sqrt(v + epsilon) * g; u = rho * u + (1 - rho) "
        "* d^2; variable - learning_rate * d. Zeiler, 2012, uses a learning rate of 1; the "
        "default is TensorFlow 1's."
    )
    numbers = ("learning_rate", "rho", "epsilon")
    attrs = (
        rate_attr(0.001),
        share_attr("rho", 0.95, "Share of the mean squares kept."),
        epsilon_attr(1e-8),
        *Optimizer.COMMON,
    )

    def prepare(self, updates: Updates, dtype: str) -> None:
        updates.share_rest(dtype, "rho")

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        epsilon, keep = updates.shared("epsilon", dtype), updates.shared("rho", dtype)
        power = updates.running_mean("mean_square", "rho", variable, F.square(gradient))
        old = updates.slot("mean_square_step", variable)
        delta = F.sqrt(old + epsilon) * F.rsqrt(power + epsilon) * gradient
        share = updates.shared("one_minus_rho", dtype)
        mean = F.add(keep * old, share * F.square(delta), name="new_mean_square_step")
        updates.store(old, mean, name="assign_mean_square_step")
        return F.multiply(updates.shared("learning_rate", dtype), delta, name="step")


BETAS = (
    share_attr("beta1", 0.9, "Share of the mean gradient kept."),
    share_attr("beta2", 0.999, "Share of the mean square kept."),
)


@register
class Adam(Optimizer):
    """An optimizer with adaptive moments: running means of the gradient and of its square."""

    id = "adam"
    keywords = ("optimizer", "adaptive", "train", "minimize")
    doc = (
        "Training by Adam, which scales each step by running means of the gradient.\n\n"
        "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; variable - "
        "learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon). "
        "Kingma and Ba, 2015, in the form of their section 2, as in TensorFlow."
    )
    numbers = ("learning_rate", "beta1", "beta2", "epsilon")
    attrs = (rate_attr(0.001), *BETAS, epsilon_attr(1e-8), *Optimizer.COMMON)

    def prepare(self, updates: Updates, dtype: str) -> None:
        updates.share_power(dtype, "beta1", "beta2")
        updates.share_rest(dtype, "beta1", "beta2")
        correction = F.sqrt(1 - updates.shared("beta2_power", dtype)) / (
            1 - updates.shared("beta1_power", dtype)
        )
        rate = updates.shared("learning_rate", dtype)
        updates.share("rate", F.multiply(rate, correction, name="corrected_rate"))

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        m = updates.running_mean("m", "beta1", variable, gradient)
        v = updates.running_mean("v", "beta2", variable, F.square(gradient))
        scaled = m / (F.sqrt(v) + updates.shared("epsilon", dtype))
        return F.multiply(updates.shared("rate", dtype), scaled, name="step")


def _decaying(common: tuple[Attr, ...], amount: float) -> tuple[Attr, ...]:
    """Return the common attributes with another default of weight_decay."""
    shrink = next(a for a in common if a.name == "weight_decay")
    other = Attr(shrink.name, shrink.kind, amount, shrink.doc, minimum=shrink.minimum)
    return tuple(other if a is shrink else a for a in common)


@register
class AdamW(Adam):
    """Adam with weight decay."""

    id = "adamw"
    keywords = ("optimizer", "adaptive", "weight decay", "train", "minimize", "transformer")
    doc = (
        "Training by Adam, with weights that shrink a little at each step.\n\nAs adam, but each "
        "step also subtracts learning_rate * weight_decay * variable, separately from the "
        "gradient. Loshchilov and Hutter, 2019."
    )
    attrs = (
        rate_attr(0.001), *BETAS, epsilon_attr(1e-8), *_decaying(Optimizer.COMMON, 0.01)
    )  # fmt: skip


@register
class Nadam(Optimizer):
    """Adam with Nesterov momentum."""

    id = "nadam"
    keywords = ("optimizer", "adaptive", "nesterov", "train", "minimize")
    doc = (
        "Training by Adam with Nesterov momentum.\n\nm and v as in adam; the step is "
        "learning_rate * (beta1 * m / (1 - beta1^(t+1)) + (1 - beta1) * g / (1 - beta1^t)) / "
        "(sqrt(v / (1 - beta2^t)) + epsilon). Dozat, 2016, with a constant beta1."
    )
    numbers = ("learning_rate", "beta1", "beta2", "epsilon")
    attrs = (rate_attr(0.001), *BETAS, epsilon_attr(1e-8), *Optimizer.COMMON)

    def prepare(self, updates: Updates, dtype: str) -> None:
        updates.share_power(dtype, "beta1", "beta2")
        updates.share_rest(dtype, "beta1", "beta2")
        beta, power = updates.shared("beta1", dtype), updates.shared("beta1_power", dtype)
        rate = updates.shared("learning_rate", dtype)
        ahead = F.multiply(rate, beta / (1 - power * beta), name="rate_of_m")
        now = F.multiply(rate, (1 - beta) / (1 - power), name="rate_of_gradient")
        length = F.rsqrt(1 - updates.shared("beta2_power", dtype), name="length_correction")
        updates.share("ahead", ahead)
        updates.share("now", now)
        updates.share("length", length)

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        m = updates.running_mean("m", "beta1", variable, gradient)
        v = updates.running_mean("v", "beta2", variable, F.square(gradient))
        direction = updates.shared("ahead", dtype) * m + updates.shared("now", dtype) * gradient
        length = F.sqrt(v) * updates.shared("length", dtype) + updates.shared("epsilon", dtype)
        return F.divide(direction, length, name="step")


@register
class Lion(Optimizer):
    """An optimizer that steps by the sign of a running mean of gradients."""

    id = "lion"
    keywords = ("optimizer", "sign", "train", "minimize")
    doc = (
        "Training by Lion, whose steps have the same size in every direction.\n\nvariable - "
        "learning_rate * sign(beta1 * m + (1 - beta1) * g); then m = beta2 * m + (1 - beta2) * g. "
        "It needs a learning rate 3 to 10 times smaller than adam's. Chen and others, 2023."
    )
    numbers = ("learning_rate", "beta1", "beta2")
    attrs = (
        rate_attr(1e-4),
        share_attr("beta1", 0.9, "Share of the mean in the step's direction."),
        share_attr("beta2", 0.99, "Share of the mean kept."),
        *Optimizer.COMMON,
    )

    def prepare(self, updates: Updates, dtype: str) -> None:
        updates.share_rest(dtype, "beta1", "beta2")

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        old = updates.slot("m", variable)
        keep, share = updates.shared("beta1", dtype), updates.shared("one_minus_beta1", dtype)
        direction = F.sign(keep * old + share * gradient, name="direction")
        keep, share = updates.shared("beta2", dtype), updates.shared("one_minus_beta2", dtype)
        updates.store(old, F.add(keep * old, share * gradient, name="new_m"), name="assign_m")
        return F.multiply(updates.shared("learning_rate", dtype), direction, name="step")
