"""Updates by given gradients: what an optimizer does once gradients were clipped or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.errors import DtypeError, GraphError, NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr, Port, StandIn
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Expansion
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.macro_ops import Optimizer, Updates
from nodeflow.ops.training import proximal
from nodeflow.ops.training_mode import step_assigns

assert proximal  # its optimizers are rules, too
RULES = tuple(op.id for op in REGISTRY if isinstance(op, Optimizer))
"""Ids of the optimizers."""


def _no_loss(graph: Graph) -> Tensor:
    return graph.apply("constant", value=0.0, dtype="float32", name="loss")


@register
class ApplyGradients(Optimizer):
    """Steps along gradients that are given."""

    id = "apply_gradients"
    keywords = ("optimizer", "train", "clip", "gradients", "update")
    doc = (
        "Training by gradients that are wired in: clipped, averaged or changed in any way.\n\nThe "
        "i-th gradient updates the i-th of the named variables by an optimizer's rule, whose "
        'settings are a JSON object such as {"beta1": 0.5}; what it leaves out has the rule\'s '
        "default. The loss is what a training reports."
    )
    inputs = (
        Port("learning_rate", "Size of the steps.", FLOATS),
        Port("loss", "The scalar that a training reports.", FLOATS, optional=True,
             stand_in=StandIn(TensorType("float32", ()), _no_loss)),
        Port("gradients", "One for each variable, in their order.", FLOATS, variadic=True,
             optional=True),
    )  # fmt: skip
    numbers = ()
    attrs = (
        Attr("rule", "choice", "gradient_descent", "How a step follows from a gradient.",
             choices=RULES),
        Attr("settings", "json", {}, "The rule's settings, by name."),
        Attr("variables", "names", None, "What to change: one variable for each gradient.",
             optional=True),
    )  # fmt: skip

    def bind_attrs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        bound = super().bind_attrs(given)
        _settings(bound)
        return bound

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        for port, type_ in zip(("learning_rate", "loss"), types, strict=False):
            if type_.rank:
                raise ShapeError(
                    f"the {port} must be a scalar, not of shape {shape_text(type_.shape)}",
                    port=port,
                )
        return ()

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        names = attrs["variables"] or ()
        rate, gradients = inputs[0], inputs[2:]
        if not gradients or len(names) != len(gradients) or len(set(names)) < len(names):
            raise GraphError(
                f"there are {len(gradients)} gradients for {len(set(names))} variables",
                port="variables",
                hint="Name one variable for each gradient, in their order.",
            )
        variables = [self.variable(graph, n) for n in names]
        for index, (gradient, variable) in enumerate(zip(gradients, variables, strict=True)):
            _check(gradient, variable, f"gradients.{index}")
        rule = REGISTRY.lookup(attrs["rule"])
        assert isinstance(rule, Optimizer)
        with graph.name_scope(name):
            updates = Updates(graph, _settings(attrs), rate)
            assigns = updates.assign(rule, list(zip(gradients, variables, strict=True)))
        others = step_assigns(graph, [t.node for t in inputs])
        return Expansion(control_inputs=(*assigns, *others))


def _settings(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """All attributes of the rule.

    Raises:
        AttributeProblem: it has no such setting, or not this value.
    """
    rule, given = REGISTRY.lookup(attrs["rule"]), attrs["settings"] or {}
    try:
        if not isinstance(given, Mapping) or {"learning_rate", "variables"} & given.keys():
            raise GraphError(
                "settings are an object without learning_rate and variables",
                hint='Write {} or, say, {"beta1": 0.5}.',
            )
        return rule.bind_attrs(given)
    except NodeflowError as error:
        error.port = "settings"
        raise


def _check(gradient: Tensor, variable: Tensor, port: str) -> None:
    """Raises DtypeError or ShapeError where a gradient is none of its variable."""
    if gradient.dtype != variable.dtype:
        raise DtypeError(
            f"{variable.name} is {variable.dtype}, and its gradient {gradient.dtype}",
            port=port,
            hint=f"Insert a Cast to {variable.dtype}.",
        )
    if not variable.type.accepts(gradient.type) and not gradient.type.accepts(variable.type):
        raise ShapeError(
            f"{variable.name} is {shape_text(variable.shape)}, and its gradient "
            f"{shape_text(gradient.shape)}",
            port=port,
        )
