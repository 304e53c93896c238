"""Gradients and optimizers: macro ops, which derive ordinary nodes when they are added.

The file stores the one node; what it derives can be seen, inspected and fetched by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GradientError, GraphError, ShapeError
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.op import Attr, Expansion, Op, Port
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register


class UnreachedVariable(UserWarning):
    """An optimizer leaves out a variable that the loss does not depend on."""


@register
class Gradients(Op):
    """Derivatives of a tensor."""

    id = "gradients"
    category = "Training"
    keywords = ("derivative", "backpropagation", "slope", "differentiate")
    doc = (
        "The gradients of y with respect to each of xs.\n\nOf the sum of y's elements, if it is no "
        "scalar; each has the shape of its x. Gradients of gradients exist. Where y does not "
        "depend "
        "on an x there is none, and fetching it is an error."
    )
    macro = True
    differentiable = True
    inputs = (
        Port("y", "What to differentiate.", FLOATS),
        Port("xs", "With respect to what.", FLOATS, variadic=True),
    )
    outputs = (Port("grads", variadic=True),)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return types[1:]

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        if len(inputs) < 2:
            raise GraphError("gradients has no input at 'xs'", port="xs.0", hint="Wire one.")
        return Expansion(alias=tuple(gradients(inputs[0], inputs[1:])))


class Optimizer(Op):
    """Base: finds the variables, takes gradients, and adds one update per variable."""

    category = "Training"
    macro = True
    stateful = True
    inputs = (Port("loss", "The scalar to make small.", FLOATS),)
    outputs = ()
    numbers: tuple[str, ...] = ("learning_rate",)
    """Attributes that become constants: ``NAME/learning_rate``."""
    VARIABLES = Attr(
        "variables", "names", None, "Variables to change; none means all trainable ones.",
        optional=True,
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        if types[0].rank:
            raise ShapeError(
                f"the loss has shape {shape_text(types[0].shape)}, not that of a scalar",
                port="loss",
                hint="Insert reduce_mean before it.",
            )
        return ()

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        loss = inputs[0]
        wanted = self._wanted(graph, loss, attrs["variables"])
        pairs = list(zip(gradients(loss, wanted), wanted, strict=True))
        reached = [(g, v) for g, v in pairs if g is not None]
        unreached = [v.name for g, v in pairs if g is None]
        if not reached:
            raise GradientError(
                f"the loss depends on no trainable variable{_named(unreached)}",
                port="loss",
                hint="Wire a loss that is computed from a variable with trainable set.",
            )
        if unreached:
            message = f"{name}: the loss does not depend on {', '.join(unreached)}; left out"
            warnings.warn(message, UnreachedVariable, stacklevel=2)
        with graph.name_scope(name):
            assigns = Updates(graph, attrs).assign(self, reached)
        return Expansion(control_inputs=tuple(assigns))

    def _wanted(self, graph: Graph, loss: Tensor, names: Sequence[str] | None) -> list[Tensor]:
        if names is not None:
            return [self._variable(graph, n) for n in dict.fromkeys(names)]
        before = ancestors([loss.node])
        return [v for v in graph.trainable_variables if v.node in before and v.type.is_float]

    def _variable(self, graph: Graph, name: str) -> Tensor:
        tensor = graph.tensor(name)
        if tensor.node.op.id != "variable":
            raise GraphError(
                f"{name} is a {tensor.node.op.id}, not a variable",
                port="variables",
                hint="Name variables only.",
            )
        return tensor

    def prepare(self, updates: Updates, dtype: str) -> None:
        """Add what all variables of one dtype share."""

    def update(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        """The variable's new value."""
        raise NotImplementedError


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(names)} named)" if names else ""


class Updates:
    """What one optimizer node adds to the graph: shared numbers, slots and assigns."""

    def __init__(self, graph: Graph, attrs: dict[str, Any]) -> None:
        self.graph = graph
        self.attrs = attrs
        self.assigns: list[Node] = []
        self._shared: dict[tuple[str, str], Tensor] = {}

    def assign(self, op: Optimizer, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Node]:
        """Add the updates of all (gradient, variable) pairs; returns the assigns."""
        for dtype in dict.fromkeys(v.dtype for _, v in pairs):
            for attr in op.numbers:
                value = float(self.attrs[attr])
                self.share(attr, self.graph.apply("constant", value=value, dtype=dtype, name=attr))
            op.prepare(self, dtype)
        for gradient, variable in pairs:
            with self.graph.name_scope(variable.node.name):
                self.store(variable, op.update(self, variable, gradient))
        return self.assigns

    def share(self, name: str, tensor: Tensor) -> None:
        """Keep a tensor for all variables of its dtype."""
        self._shared[name, tensor.dtype] = tensor

    def shared(self, name: str, dtype: str) -> Tensor:
        """An attribute in ``numbers``, or what ``prepare`` shared."""
        return self._shared[name, dtype]

    def slot(self, name: str, dtype: str, shape: Any, value: float = 0.0) -> Tensor:
        """A variable that is not trained, in the current scope."""
        return self.graph.apply(
            "variable", value=value, dtype=dtype, shape=shape, trainable=False, name=name
        )

    def store(self, variable: Tensor, value: Tensor, name: str = "assign") -> None:
        """Assign, and run it with the optimizer node."""
        self.assigns.append(self.graph.apply("assign", variable, value, name=name).node)


@register
class GradientDescent(Optimizer):
    """Steps against the gradient."""

    id = "gradient_descent"
    keywords = ("optimizer", "sgd", "train", "minimize")
    doc = (
        "Training by gradient descent: variable - learning_rate * gradient.\n\nRunning it makes "
        "one "
        "step for all trainable variables that the loss depends on."
    )
    attrs = (
        Attr("learning_rate", "float", 0.01, "Size of the steps.", minimum=0),
        Optimizer.VARIABLES,
    )

    def update(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        rate = updates.shared("learning_rate", variable.dtype)
        return F.subtract(variable, F.multiply(rate, gradient, name="step"), name="new_value")


@register
class Momentum(Optimizer):
    """Gradient descent with momentum."""

    id = "momentum"
    keywords = ("optimizer", "sgd", "nesterov", "train", "minimize")
    doc = (
        "Training by gradient descent with momentum.\n\nvelocity = momentum * velocity + gradient; "
        "variable - learning_rate * velocity. With nesterov, learning_rate * (gradient + momentum "
        "* "
        "velocity), as in TensorFlow. Sutskever and others, 2013."
    )
    numbers = ("learning_rate", "momentum")
    attrs = (
        Attr("learning_rate", "float", 0.01, "Size of the steps.", minimum=0),
        Attr("momentum", "float", 0.9, "Share of the velocity kept.", minimum=0),
        Attr("nesterov", "bool", False, "Look ahead along the velocity."),
        Optimizer.VARIABLES,
    )

    def update(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        rate = updates.shared("learning_rate", variable.dtype)
        keep = updates.shared("momentum", variable.dtype)
        old = updates.slot("velocity", variable.dtype, variable.shape)
        velocity = F.add(keep * old, gradient, name="new_velocity")
        updates.store(old, velocity, name="assign_velocity")
        direction = gradient + keep * velocity if updates.attrs["nesterov"] else velocity
        return F.subtract(variable, F.multiply(rate, direction, name="step"), name="new_value")


@register
class Adam(Optimizer):
    """Adaptive moments."""

    id = "adam"
    keywords = ("optimizer", "adaptive", "train", "minimize")
    doc = (
        "Training by Adam, which scales each step by running means of the gradient.\n\n"
        "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; variable - "
        "learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon). "
        "Kingma and Ba, 2015, in the form of their section 2, as in TensorFlow."
    )
    numbers = ("learning_rate", "beta1", "beta2", "epsilon")
    attrs = (
        Attr("learning_rate", "float", 0.001, "Size of the steps.", minimum=0),
        Attr("beta1", "float", 0.9, "Share of the mean gradient kept.", minimum=0, maximum=1),
        Attr("beta2", "float", 0.999, "Share of the mean square kept.", minimum=0, maximum=1),
        Attr("epsilon", "float", 1e-8, "Keeps the division finite.", minimum=0),
        Optimizer.VARIABLES,
    )

    def prepare(self, updates: Updates, dtype: str) -> None:
        for beta in ("beta1", "beta2"):
            old = updates.slot(f"{beta}_power", dtype, (), 1.0)
            power = F.multiply(old, updates.shared(beta, dtype), name=f"new_{beta}_power")
            updates.store(old, power, name=f"assign_{beta}_power")
            updates.share(f"{beta}_power", power)
            rest = F.subtract(1, updates.shared(beta, dtype), name=f"one_minus_{beta}")
            updates.share(f"one_minus_{beta}", rest)
        correction = F.sqrt(1 - updates.shared("beta2_power", dtype)) / (
            1 - updates.shared("beta1_power", dtype)
        )
        rate = updates.shared("learning_rate", dtype)
        updates.share("rate", F.multiply(rate, correction, name="corrected_rate"))

    def update(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        dtype = variable.dtype
        m = self._mean(updates, "m", "beta1", variable, gradient)
        v = self._mean(updates, "v", "beta2", variable, F.square(gradient))
        scaled = m / (F.sqrt(v) + updates.shared("epsilon", dtype))
        step = F.multiply(updates.shared("rate", dtype), scaled, name="step")
        return F.subtract(variable, step, name="new_value")

    def _mean(
        self, updates: Updates, name: str, beta: str, variable: Tensor, new: Tensor
    ) -> Tensor:
        """A running mean, kept in a slot."""
        dtype = variable.dtype
        old = updates.slot(name, dtype, variable.shape)
        kept = updates.shared(beta, dtype) * old
        mean = F.add(kept, updates.shared(f"one_minus_{beta}", dtype) * new, name=f"new_{name}")
        updates.store(old, mean, name=f"assign_{name}")
        return mean
