"""The optimizers of `nf.train`: TensorFlow 1's classes, with its names, arguments and defaults.

`minimize` adds one optimizer node, the same as the window does. `compute_gradients` and
`apply_gradients` add a gradients node and an apply_gradients node, and other ops may come between
them. A run that executes either kind of update trains (see `Session.run`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GradientError, GraphError
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building

GradientAndVariable = tuple[Tensor | None, Tensor]


class Optimizer:
    """The base class of optimizers. It adds update nodes and stores no numbers itself.

    The learning rate and other numbers may be tensors, which each step reads anew, or functions
    that return them. ``gate_gradients``, ``aggregation_method``, ``colocate_gradients_with_ops``
    and ``use_locking`` are accepted for TensorFlow 1 and ignored: a step always reads all variables
    as they were before it.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2
    rule = ""
    rows = "all"
    """Rows of a table that a step changes: ``all``, or ``touched`` for the rows it looked up."""
    slots: dict[str, str] = {}
    """TensorFlow's name of each slot -> its name under ``NAME/VARIABLE/``."""

    def __init__(self, learning_rate: Any, name: str, **settings: Any) -> None:
        self._learning_rate = _called(learning_rate)
        self._name = name
        self._settings = {name: _called(value) for name, value in settings.items()}
        if self.rows != "all":
            self._settings["rows"] = self.rows
        self._losses: dict[Tensor, Tensor] = {}
        self._made: list[Node] = []

    def minimize(
        self,
        loss: Tensor,
        global_step: Tensor | None = None,
        var_list: Tensor | Sequence[Tensor] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Tensor | None = None,
    ) -> Node:
        """Return a node that makes one training step in a run.

        Args:
            loss: tensor to minimize; if it is no scalar, the sum of its elements.
            global_step: a variable that each step raises by 1.
            var_list: variables to change; None: all trainable variables that the loss depends on.
            name: name of the node; None: the optimizer's.
            grad_loss: incoming gradient of the loss; None: 1.

        Raises:
            GradientError: the loss depends on no variable, or an op on the way has no gradient.
        """
        loss = _tensor(loss, "loss")
        if grad_loss is not None:
            pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
            return self.apply_gradients(pairs, global_step, name)
        if loss.shape != ():
            loss = F.reduce_sum(loss)
        variables = None if var_list is None else _variables(var_list)
        wired = {name: v for name, v in self._settings.items() if isinstance(v, Tensor)}
        settings = {k: v for k, v in self._settings.items() if k not in wired}
        settings["variables"] = variables and [v.name for v in variables]
        if isinstance(self._learning_rate, (Tensor, np.ndarray)):
            wired["schedule"] = loss.graph.as_tensor(self._learning_rate)
        else:
            settings["learning_rate"] = self._learning_rate
        ports = [port.name for port in REGISTRY.lookup(self.rule).inputs[1:]]
        inputs = [loss, *map(wired.get, ports)]
        return self._make(self.rule, inputs, settings, name, global_step)

    def compute_gradients(
        self,
        loss: Tensor,
        var_list: Tensor | Sequence[Tensor] | None = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Tensor | None = None,
    ) -> list[GradientAndVariable]:
        """Return pairs of the loss's gradient and the variable.

        Args:
            var_list: None: all trainable variables of the graph. If the loss does not depend on
                one, its gradient is None.
            grad_loss: incoming gradient of the loss; None: 1.

        Raises:
            GradientError: there is no variable, or an op on the way has no gradient.
        """
        loss = _tensor(loss, "loss")
        trainable = [v for v in loss.graph.trainable_variables if v.type.is_float]
        variables = trainable if var_list is None else _variables(var_list)
        if not variables:
            raise GradientError("there are no variables to take gradients of")
        gradients = graph_building.gradients(loss, variables, grad_loss)
        if grad_loss is None and loss.shape == ():
            self._losses.update({g: loss for g in gradients if g is not None})
        return list(zip(gradients, variables, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: Iterable[GradientAndVariable],
        global_step: Tensor | None = None,
        name: str | None = None,
    ) -> Node:
        """Return a node that makes one step along given gradients in a run.

        Args:
            grads_and_vars: pairs as from `compute_gradients`, with gradients changed in any way. A
                variable with None is left out.
            global_step: a variable that each step raises by 1.

        Raises:
            GradientError: no gradient is left.
            ShapeError, DtypeError: a gradient does not fit its variable.
        """
        pairs = [(g, v) for g, v in _pairs(grads_and_vars) if g is not None]
        if not pairs:
            raise GradientError("no variable has a gradient", hint="Does the loss depend on one?")
        gradients = [_tensor(g, "gradient") for g, _ in pairs]
        variables = _variables([v for _, v in pairs])
        rate: Any = self._learning_rate
        if not isinstance(rate, Tensor):
            dtype = "float64" if any(v.dtype == "float64" for v in variables) else "float32"
            rate = variables[0].graph.apply(
                "constant", value=float(rate), dtype=dtype, name="learning_rate"
            )
        attrs = {
            "rule": self.rule,
            "settings": self._own_settings(),
            "variables": [v.name for v in variables],
            "wired": [name for name, v in self._settings.items() if isinstance(v, Tensor)],
        }
        wired = [v for v in self._settings.values() if isinstance(v, Tensor)]
        inputs = [rate, self._loss_of(gradients), *gradients, *wired]
        return self._make("apply_gradients", inputs, attrs, name, global_step)

    def get_name(self) -> str:
        """Return the name of its nodes."""
        return self._name

    def get_slot_names(self) -> list[str]:
        """Return TensorFlow's names of the slots of each variable."""
        return sorted(self.slots)

    def get_slot(self, var: Tensor, name: str) -> Tensor | None:
        """Return an optimizer's slot: a variable, such as a momentum, that it keeps for another
        variable. Return None if no update of this variable has been created yet.

        Args:
            name: one of `get_slot_names`.
        """
        for node in self._made:
            full = f"{node.name}/{var.node.name}/{self.slots.get(name, name)}"
            if full in node.graph:
                return node.graph.tensor(full)
        return None

    def variables(self) -> list[Tensor]:
        """Return all variables that its nodes keep."""
        made = {node.name for node in self._made}
        return [v for n in self._made[:1] for v in n.graph.variables if v.node.made_by in made]

    def _own_settings(self) -> dict[str, Any]:
        """Return the settings that are numbers and differ from the rule's defaults."""
        op = REGISTRY.lookup(self.rule)
        numbers = {k: v for k, v in self._settings.items() if not isinstance(v, Tensor)}
        return {k: v for k, v in numbers.items() if op.attr(k).default != v}

    def _make(
        self,
        op: str,
        inputs: Sequence[Any],
        attrs: dict[str, Any],
        name: str | None,
        global_step: Tensor | None,
    ) -> Node:
        graph = next(t.graph for t in inputs if isinstance(t, Tensor))
        controls = []
        if global_step is not None:
            (step,) = _variables(global_step)
            controls = [graph.apply("assign", step, step + 1, name=f"{step.node.name}/increment")]
        node = graph.add_node(
            op, inputs, attrs, name=name or self._name, control_inputs=[c.node for c in controls]
        )
        self._made.append(node)
        return node

    def _loss_of(self, gradients: Sequence[Tensor]) -> Tensor | None:
        """Return the scalar loss from whose gradients these tensors were computed. Return None
        unless there is exactly one.
        """
        found: dict[Tensor, None] = {}
        seen: set[Tensor] = set()
        waiting = [*gradients]
        while waiting:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            if tensor.node.op.id == "gradients":
                loss = self._losses.get(tensor)
                found[tensor.node.inputs[0] if loss is None else loss] = None
            else:
                waiting += tensor.node.inputs
        losses = [loss for loss in found if loss.shape == ()]
        return losses[0] if len(losses) == 1 else None


def _called(value: Any) -> Any:
    """Return a setting of an optimizer as a plain value. If it is a function, call it first, as
    TensorFlow 1 does.
    """
    value = value() if callable(value) else value
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _tensor(value: Any, what: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return get_default_graph().as_tensor(value)
    raise GraphError(f"the {what} must be a tensor, not {type(value).__name__}")


def _variables(given: Any) -> list[Tensor]:
    """Return one or several variables as a list.

    Raises:
        GraphError: an entry is no variable.
    """
    several = isinstance(given, Iterable) and not isinstance(given, Tensor)
    found: list[Any] = list(given) if several else [given]
    for each in found:
        if not isinstance(each, Tensor) or each.node.op.id != "variable":
            shown = each.name if isinstance(each, Tensor) else type(each).__name__
            raise GraphError(
                f"{shown} is not a variable", hint="Give a variable made with nf.variable."
            )
    return found


def _pairs(given: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return the arguments of ``apply_gradients`` as a list of (gradient, variable) tuples.

    Raises:
        GraphError: an entry is not a pair.
    """
    pairs = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise GraphError(
            "apply_gradients takes (gradient, variable) pairs",
            hint="Write list(zip(gradients, variables)).",
        )
    return [(gradient, variable) for gradient, variable in pairs]


class GradientDescentOptimizer(Optimizer):
    """Gradient descent: variable - learning_rate * gradient."""

    rule = "gradient_descent"

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(learning_rate, name)


class MomentumOptimizer(Optimizer):
    """Gradient descent with momentum: each step keeps a share of the previous velocity."""

    rule = "momentum"
    slots = {"momentum": "velocity"}

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate, name, momentum=momentum, nesterov=use_nesterov)


class AdamOptimizer(Optimizer):
    """Adam: steps scaled by running means of the gradient and its square."""

    rule = "adam"
    slots = {"m": "m", "v": "v"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, name, beta1=beta1, beta2=beta2, epsilon=epsilon)


class RMSPropOptimizer(Optimizer):
    """RMSProp: steps divided by the running length of the gradient."""

    rule = "rmsprop"
    slots = {"rms": "mean_square", "momentum": "velocity", "mg": "mean"}

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        settings = {
            "rho": decay,
            "momentum": momentum,
            "epsilon": epsilon,
            "centered": centered,
        }
        super().__init__(learning_rate, name, **settings)


class AdagradOptimizer(Optimizer):
    """AdaGrad: smaller steps where gradients were large."""

    rule = "adagrad"
    slots = {"accumulator": "sum"}

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        super().__init__(learning_rate, name, initial_sum=initial_accumulator_value)


class AdadeltaOptimizer(Optimizer):
    """Adadelta: steps scaled to the units of the variable."""

    rule = "adadelta"
    slots = {"accum": "mean_square", "accum_update": "mean_square_step"}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(learning_rate, name, rho=rho, epsilon=epsilon)


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader: many weights stay exactly 0."""

    rule = "ftrl"
    slots = {"accum": "sum", "linear": "linear"}

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
    ) -> None:
        super().__init__(
            learning_rate,
            name,
            power=learning_rate_power,
            initial_sum=initial_accumulator_value,
            l1=l1_regularization_strength,
            l2=l2_regularization_strength,
        )


class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent with penalties that make weights small or exactly 0."""

    rule = "proximal_gradient_descent"

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        penalties = {"l1": l1_regularization_strength, "l2": l2_regularization_strength}
        super().__init__(learning_rate, name, **penalties)


class ProximalAdagradOptimizer(Optimizer):
    """AdaGrad with penalties that make weights small or exactly 0."""

    rule = "proximal_adagrad"
    slots = {"accumulator": "sum"}

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        super().__init__(
            learning_rate,
            name,
            initial_sum=initial_accumulator_value,
            l1=l1_regularization_strength,
            l2=l2_regularization_strength,
        )


class AdagradDAOptimizer(Optimizer):
    """Dual averaging: weights follow from the sum of all gradients, and many are exactly 0."""

    rule = "adagrad_da"
    slots = {"gradient_accumulator": "gradient_sum", "gradient_squared_accumulator": "sum"}

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        """Create the optimizer from TensorFlow 1's arguments. ``global_step`` is ignored, because
        the op counts its steps itself.
        """
        super().__init__(
            learning_rate,
            name,
            initial_sum=initial_gradient_squared_accumulator_value,
            l1=l1_regularization_strength,
            l2=l2_regularization_strength,
        )
