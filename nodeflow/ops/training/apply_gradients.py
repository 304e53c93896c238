"""Optimizer updates by given gradients, for example after clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, DtypeError, GraphError, NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr, Port, StandIn
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.op import Expansion
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops.base import register
from nodeflow.ops.macro_ops import Optimizer, Updates
from nodeflow.ops.training import proximal
from nodeflow.ops.training_mode import step_assigns

assert proximal  # its optimizers are rules as well
RULES = tuple(op.id for op in REGISTRY if isinstance(op, Optimizer))
"""Ids of the optimizers."""


def _no_loss(graph: Graph, attrs: Mapping[str, Any]) -> Tensor:
    return graph.apply("constant", value=0.0, dtype="float32", name="loss")


@register
class ApplyGradients(Optimizer):
    """An op that updates variables by given gradients, with the rule of an optimizer."""

    id = "apply_gradients"
    keywords = ("optimizer", "train", "clip", "gradients", "update")
    doc = (
        "Training by connected gradients: clipped, averaged or changed in any way.\n\nThe i-th "
        "gradient updates the i-th of the named variables by an optimizer's rule. Its settings "
        'are a JSON object such as {"beta1": 0.5}; missing ones have the rule\'s default. Inputs '
        "after the gradients give the settings that `wired` names. Training reports the loss."
    )
    inputs = (
        Port("learning_rate", "Size of the steps.", FLOATS),
        Port("loss", "Scalar that training reports.", FLOATS, optional=True,
             stand_in=StandIn(TensorType("float32", ()), _no_loss)),
        Port("gradients", "One per variable, in their order; then the connected settings.",
             FLOATS, variadic=True, optional=True),
    )  # fmt: skip
    numbers = ()
    attrs = (
        Attr("rule", "choice", "gradient_descent", "Rule that turns a gradient into a step.",
             choices=RULES),
        Attr("settings", "json", {}, "The rule's settings, by name."),
        Attr("variables", "names", None, "Variables to change, one per gradient.",
             optional=True),
        Attr("wired", "json", [], "Names of settings given by inputs after the gradients."),
    )  # fmt: skip

    def bind_attrs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        bound = super().bind_attrs(given)
        _settings(bound)
        _check_wired(bound)
        return bound

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        first = max(2, len(types) - len(attrs["wired"]))
        names = {0: "learning_rate", 1: "loss", **dict(enumerate(attrs["wired"], first))}
        for index, type_ in enumerate(types):
            if index in names and type_.rank:
                raise ShapeError(
                    f"the {names[index]} must be a scalar, not of shape {shape_text(type_.shape)}",
                    port=self.input_name(index),
                )
        return ()

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        names = attrs["variables"] or ()
        count = max(2, len(inputs) - len(attrs["wired"]))
        rate, gradients = inputs[0], inputs[2:count]
        wired = dict(zip(attrs["wired"], inputs[count:], strict=False))
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
            updates = Updates(graph, _settings(attrs), {"learning_rate": rate, **wired})
            assigns = updates.assign(rule, list(zip(gradients, variables, strict=True)))
        others = step_assigns(graph, [t.node for t in inputs])
        return Expansion(control_inputs=(*assigns, *others))


def _settings(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all attributes of an update rule.

    Raises:
        AttributeProblem: the rule has no such setting, or the value is invalid.
    """
    rule, given = REGISTRY.lookup(attrs["rule"]), attrs["settings"] or {}
    try:
        if not isinstance(given, Mapping) or {"learning_rate", "variables"} & given.keys():
            raise GraphError(
                "settings must be an object without learning_rate and variables",
                hint='Write {} or, say, {"beta1": 0.5}.',
            )
        return rule.bind_attrs(given)
    except NodeflowError as error:
        error.port = "settings"
        raise


def _check_wired(attrs: Mapping[str, Any]) -> None:
    """Check the attribute `wired`, which names the settings of an update rule that are connected
    tensors.

    Raises:
        AttributeProblem: the rule does not take one of them as a tensor, or one is repeated.
    """
    rule, names = REGISTRY.lookup(attrs["rule"]), attrs["wired"]
    assert isinstance(rule, Optimizer)
    known = [n for n in (*rule.numbers, *rule.others) if n != "learning_rate"]
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    if not listed or len(set(map(str, names))) < len(names) or not set(map(str, names)) <= {*known}:
        raise AttributeProblem(
            f"{attrs['rule']} takes no connected {names}",
            port="wired",
            hint=f"List some of {', '.join(known)}." if known else "It has no such settings.",
        )


def _check(gradient: Tensor, variable: Tensor, port: str) -> None:
    """Raise DtypeError or ShapeError if a gradient does not fit its variable."""
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
