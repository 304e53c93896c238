"""Gradients, and the base class of optimizers: macro ops, which derive nodes when they are added.

The file stores only the macro node. The derived nodes can be seen, inspected and fetched by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.errors import GradientError, GraphError, ShapeError
from nodeflow.graph.declaration import Attr, Port, StandIn
from nodeflow.graph.gradients import gradients
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.name_patterns import is_meant, is_pattern
from nodeflow.graph.op import Expansion, Op
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.indexing.touched_rows import looked_up
from nodeflow.ops.training_mode import step_assigns


class UnreachedVariable(UserWarning):
    """The warning that an optimizer leaves out a variable because the loss does not depend on
    it.
    """


@register
class Gradients(Op):
    """Derivatives of a tensor."""

    id = "gradients"
    category = "Training"
    keywords = ("derivative", "backpropagation", "slope", "differentiate")
    doc = (
        "The gradients of y with respect to each of xs.\n\nIf y is no scalar, of the sum of its "
        "elements. Each gradient has the shape of its x. Gradients of gradients exist. If y does "
        "not depend on an x, it has no gradient, and fetching it is an error."
    )
    macro = True
    differentiable = True
    inputs = (
        Port("y", "Tensor to differentiate.", FLOATS),
        Port("xs", "Tensors to differentiate with respect to.", FLOATS, variadic=True),
    )
    outputs = (Port("grads", variadic=True),)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return types[1:]

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        if len(inputs) < 2:
            raise GraphError("gradients has no input at 'xs'", port="xs.0", hint="Connect one.")
        return Expansion(alias=tuple(gradients(inputs[0], inputs[1:])))


def number_port(port: str, attr: str, doc: str) -> Port:
    """Declare the input port of an optimizer's op that overrides one of its attributes, such as the
    learning rate.
    """

    def constant(graph: Graph, attrs: Mapping[str, Any]) -> Tensor:
        return graph.apply("constant", value=float(attrs[attr]), dtype="float64", name=attr)

    return Port(
        port, doc, FLOATS, optional=True, keyword=port == attr,
        stand_in=StandIn(TensorType("float64", ()), constant), gives=(attr,),
    )  # fmt: skip


class Optimizer(Op):
    """The base class of optimizers: it finds variables, takes gradients and adds an update for
    each.

    Its numbers are attributes. In-ports of the same names take tensors instead.
    """

    category = "Training"
    macro = True
    stateful = True
    inputs = (
        Port("loss", "Scalar to minimize.", FLOATS),
        number_port(
            "schedule", "learning_rate", "Learning rate of each step; overrides the attribute."
        ),
    )
    outputs = ()
    numbers: tuple[str, ...] = ("learning_rate",)
    """Attributes that become constants: ``NAME/learning_rate``."""
    others: tuple[str, ...] = ()
    """Further numbers that a tensor may override."""
    COMMON = (
        Attr("clip_value", "float", None, "Limit of each gradient element, applied before "
             "clip_norm; none: no limit.", minimum=1e-30, optional=True, advanced=True),
        Attr("clip_norm", "float", None, "Limit of the length of all gradients together; none: no "
             "limit.", minimum=1e-30, optional=True, advanced=True),
        Attr("weight_decay", "float", 0.0, "Share, times the learning rate, by which weights "
             "shrink.",
             minimum=0, advanced=True),
        Attr("average_decay", "float", None, "Share kept in running means of the weights, for the "
             "training setting use_averages; none: off.", minimum=0, maximum=1, optional=True,
             advanced=True),
        Attr("variables", "names", None, "Variables to change, by name or by a pattern such as "
             "encoder/*; none: all trainable ones.",
             optional=True, advanced=True),
        Attr("rows", "choice", "all", "Rows of a table that a step changes. touched: only rows "
             "that the step looked up, if the gradient comes only from lookups. This differs from "
             "algorithms whose means change in every row, but takes the same time for any number "
             "of rows.",
             choices=("all", "touched"), label="Changed rows", advanced=True),
    )  # fmt: skip
    """The attributes of every optimizer."""

    LIMITS = ("clip_value", "clip_norm", "weight_decay")
    """Further attributes that become constants if set: 0 and none become no nodes."""

    def __init_subclass__(cls) -> None:
        cls.run_time = (*cls.numbers, *Optimizer.LIMITS)
        if "inputs" not in cls.__dict__:
            names = [n for n in (*cls.numbers, *cls.others) if n != "learning_rate"]
            ports = (
                number_port(n, n, "Overrides the attribute, anew in each step.") for n in names
            )
            cls.inputs = (*Optimizer.inputs, *ports)

    def constants(self, attrs: Mapping[str, Any]) -> Mapping[str, tuple[str, float]]:
        found = dict(super().constants(attrs))
        if not attrs.get("weight_decay"):
            found.pop("weight_decay", None)
        if "clip_value" in found:
            found["least_value"] = "clip_value", -found["clip_value"][1]
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        for index, type_ in enumerate(types):
            if type_.rank:
                port = self.input_name(index)
                hint = "Insert reduce_mean before it." if port == "loss" else "Give it one number."
                raise ShapeError(
                    f"the {port} must be a scalar, not of shape {shape_text(type_.shape)}",
                    port=port,
                    hint=hint,
                )
        return ()

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        loss = inputs[0]
        names = ("learning_rate", *(port.name for port in self.inputs[2:]))
        wired = dict(zip(names, inputs[1:], strict=False))
        wanted = self._wanted(graph, loss, attrs["variables"])
        pairs = list(zip(gradients(loss, wanted), wanted, strict=True))
        reached = [(g, v) for g, v in pairs if g is not None]
        unreached = [v.name for g, v in pairs if g is None]
        if not reached:
            raise GradientError(
                f"the loss depends on no trainable variable{_named(unreached)}",
                port="loss",
                hint="Connect a loss that depends on a variable with trainable set.",
            )
        if unreached:
            message = f"{name}: the loss does not depend on {', '.join(unreached)}; left out"
            warnings.warn(message, UnreachedVariable, stacklevel=2)
        with graph.name_scope(name):
            assigns = Updates(graph, attrs, wired).assign(self, reached)
        others = step_assigns(graph, [t.node for t in inputs])
        return Expansion(control_inputs=(*assigns, *others))

    def _wanted(self, graph: Graph, loss: Tensor, names: Sequence[str] | None) -> list[Tensor]:
        if names is not None and not any(map(is_pattern, names)):
            return [self.variable(graph, n) for n in dict.fromkeys(names)]
        before = ancestors([loss.node])
        known = [v for v in graph.trainable_variables if v.node in before and v.type.is_float]
        if names is None:
            return known
        found: dict[Tensor, None] = {}
        every = [v.node.name for v in graph.variables if v.node in before]
        for name in names:
            if not is_pattern(name):
                found[self.variable(graph, name)] = None
                continue
            if not any(is_meant(v, [name]) for v in every):
                raise GraphError(
                    f"the loss depends on no variable that matches {name!r}",
                    port="variables",
                    hint=f"It depends on {', '.join(every[:8])}.",
                )
            found |= dict.fromkeys(v for v in known if is_meant(v.node.name, [name]))
        return list(found)

    def variable(self, graph: Graph, name: str) -> Tensor:
        """Return the variable with a name.

        Raises:
            GraphError: the name belongs to another node.
        """
        tensor = graph.tensor(name)
        if tensor.node.op.id != "variable":
            raise GraphError(
                f"{name} is a {tensor.node.op.id}, not a variable",
                port="variables",
                hint="Name variables only.",
            )
        return tensor

    def prepare(self, updates: Updates, dtype: str) -> None:
        """Add nodes that all variables of one dtype share."""

    def new_value(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        """Return the variable after the step."""
        step = self.step(updates, variable, gradient)
        return F.subtract(updates.decayed(variable), step, name="new_value")

    def step(self, updates: Updates, variable: Tensor, gradient: Tensor) -> Tensor:
        """Return the tensor to subtract from the variable."""
        raise NotImplementedError


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(names)} named)" if names else ""


class Updates:
    """The nodes that one optimizer adds: shared numbers, slots and assigns.

    Args:
        attrs: the settings.
        wired: tensors that override numbers among them.
    """

    def __init__(
        self, graph: Graph, attrs: dict[str, Any], wired: Mapping[str, Tensor] | None = None
    ) -> None:
        self.graph = graph
        self.attrs = attrs
        self.wired = wired or {}
        self.assigns: list[Node] = []
        self._shared: dict[tuple[str, str], Tensor] = {}
        self._touched: Tensor | None = None

    def assign(self, op: Optimizer, pairs: Sequence[tuple[Tensor, Tensor]]) -> list[Node]:
        """Add the nodes that compute and store the new value of each variable, from (gradient,
        variable) pairs. Return the assign nodes.
        """
        for dtype in dict.fromkeys(v.dtype for _, v in pairs):
            for attr in op.numbers:
                self.share_number(attr, dtype)
            for name, (attr, value) in op.constants(self.attrs).items():
                if attr in op.LIMITS:
                    constant = self.graph.apply("constant", value=value, dtype=dtype, name=name)
                    self.share(name, constant)
            op.prepare(self, dtype)
        clipped = self._clip([g for g, _ in pairs])
        for gradient, (whole, variable) in zip(clipped, pairs, strict=True):
            with self.graph.name_scope(variable.node.name):
                self._touched = self._rows_of(variable, whole)
                new = op.new_value(self, variable, gradient)
                self.store(variable, new)
                self._keep_average(variable, new)
        self._touched = None
        return self.assigns

    def _number(self, attr: str, dtype: str) -> Tensor:
        if (wired := self.wired.get(attr)) is not None:
            if wired.dtype == dtype:
                return F.identity(wired, name=attr)
            return F.cast(wired, dtype=dtype, name=attr)
        value = float(self.attrs[attr])
        return self.graph.apply("constant", value=value, dtype=dtype, name=attr)

    def _rows_of(self, variable: Tensor, gradient: Tensor) -> Tensor | None:
        """Return a bool mask of the rows of a variable that the step changes: the rows that the
        gradient comes from. Return None if the step changes all rows.
        """
        if self.attrs["rows"] != "touched" or (indices := looked_up(gradient)) is None:
            return None
        return self.graph.apply("touched_rows", variable, *indices, name="touched")

    def _clip(self, gradients: list[Tensor]) -> list[Tensor]:
        """Clip gradients. If ``clip_value`` is set, clip each element. If ``clip_norm`` is set,
        scale all gradients by one factor, so that their global norm is at most ``clip_norm``.
        """
        if self.attrs["clip_value"] is not None:
            gradients = [self._limited(gradient) for gradient in gradients]
        if self.attrs["clip_norm"] is None:
            return gradients
        dtype = gradients[0].dtype
        squares = [_as(F.reduce_sum(F.square(g)), dtype) for g in gradients]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        norm = F.sqrt(total, name="gradient_norm")
        most = self.shared("clip_norm", norm.dtype)
        scale = F.divide(most, F.maximum(norm, most), name="clip_scale")
        return [F.multiply(g, _as(scale, g.dtype), name="clipped") for g in gradients]

    def _limited(self, gradient: Tensor) -> Tensor:
        least = self.shared("least_value", gradient.dtype)
        return F.clip(gradient, least, self.shared("clip_value", gradient.dtype), name="clipped")

    def decayed(self, variable: Tensor) -> Tensor:
        """Return a variable after weight decay, which is separate from the gradient.

        Loshchilov and Hutter, 2019.
        """
        if not self.attrs["weight_decay"]:
            return variable
        decay = self.shared("weight_decay", variable.dtype)
        shrink = self.shared("learning_rate", variable.dtype) * decay
        return F.multiply(variable, 1 - shrink, name="decayed")

    def _keep_average(self, variable: Tensor, new: Tensor) -> None:
        if (decay := self.attrs["average_decay"]) is None:
            return
        old = self.graph.apply(
            "variable", variable, dtype=variable.dtype, trainable=False, name="average"
        )
        mean = F.add(old * decay, new * (1 - decay), name="new_average")
        self.store(old, mean, name="assign_average")

    def share_number(self, name: str, dtype: str) -> None:
        """Store the value of an optimizer's setting, such as the learning rate, for all variables
        of a dtype. A tensor that is given for the setting takes precedence over the attribute.
        """
        self.share(name, self._number(name, dtype))

    def share(self, name: str, tensor: Tensor) -> None:
        """Store a tensor for all variables of its dtype."""
        self._shared[name, tensor.dtype] = tensor

    def shared(self, name: str, dtype: str) -> Tensor:
        """Return a tensor that all variables of a dtype share in this update: an optimizer's
        setting by its name, or another tensor that `prepare` added.
        """
        return self._shared[name, dtype]

    def slot(self, name: str, variable: Tensor, value: float = 0.0) -> Tensor:
        """Create a slot: an untrained variable with the dtype and shape of ``variable``, filled
        with ``value``, in the current name scope.
        """
        return self.number_slot(name, variable.dtype, value, variable.shape)

    def number_slot(self, name: str, dtype: str, value: float, shape: Any = ()) -> Tensor:
        """Create an untrained variable in the current scope."""
        return self.graph.apply(
            "variable", value=value, dtype=dtype, shape=shape, trainable=False, name=name
        )

    def running_mean(
        self, name: str, decay: str, variable: Tensor, new: Tensor, start: float = 0.0
    ) -> Tensor:
        """Update a running mean: store decay * old + (1 - decay) * new in the optimizer's slot
        ``name``, and return it.

        The method `prepare` must have added the factors decay and 1 - decay to the shared tensors.
        """
        old = self.slot(name, variable, start)
        kept = self.shared(decay, variable.dtype) * old
        share = self.shared(f"one_minus_{decay}", variable.dtype)
        mean = F.add(kept, share * new, name=f"new_{name}")
        self.store(old, mean, name=f"assign_{name}")
        return mean

    def share_rest(self, dtype: str, *names: str) -> None:
        """For each named number of the optimizer, such as a decay, add the tensor 1 - number. Store
        it for all variables under the name one_minus_NAME.
        """
        for name in names:
            rest = F.subtract(1, self.shared(name, dtype), name=f"one_minus_{name}")
            self.share(f"one_minus_{name}", rest)

    def share_power(self, dtype: str, *names: str) -> None:
        """Add variables for powers that grow with each step, and share them as NAME_power.

        In step t, counted from 1, NAME_power is the shared number NAME to the power of t.

        Args:
            names: names of the shared numbers.
        """
        for name in names:
            old = self.number_slot(f"{name}_power", dtype, 1.0)
            power = F.multiply(old, self.shared(name, dtype), name=f"new_{name}_power")
            self.store(old, power, name=f"assign_{name}_power")
            self.share(f"{name}_power", power)

    def store(self, variable: Tensor, value: Tensor, name: str = "assign") -> None:
        """Add an op that assigns a new value to a variable or slot, and record it as part of the
        optimizer's update. If only some rows of the variable may change, the other rows keep their
        values.
        """
        if self._touched is not None:
            value = F.where(self._touched, value, variable, name=f"{name}_touched")
        assign = self.graph.apply("assign", variable, value, update=True, name=name)
        self.assigns.append(assign.node)


def average_names(optimizer: Node) -> dict[str, str]:
    """Return variable -> variable with its running mean, for an optimizer that keeps them.

    They are found by structure, which also works for the group that an unpacked optimizer became: a
    mean starts at the variable itself, and each step assigns to it.
    """
    runs = [*optimizer.control_inputs, *(t.node for t in optimizer.inputs)]
    if optimizer.op.id == "group":  # it may run optimizers
        inside = [node for node in runs if isinstance(node.op, Optimizer)]
        runs += [node for one in inside for node in one.control_inputs]
    assigned = (n.inputs[0].node for n in runs if n.op.id == "assign")
    means = (n for n in assigned if not n.attrs["trainable"] and n.inputs)
    return {n.inputs[0].node.name: n.name for n in means if n.inputs[0].node.op.id == "variable"}


def _as(x: Tensor, dtype: str) -> Tensor:
    return x if x.dtype == dtype else F.cast(x, dtype=dtype)
