"""`tf.contrib.layers.optimize_loss`: an optimizer with its clipping, decay and global step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1 import optimizers as touching
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building
from nodeflow.ops.distributions.random_functions import truncated_normal
from nodeflow.ops.training import optimizers
from nodeflow.ops.training.clipping import clip_by_global_norm
from nodeflow.ops.training.global_step import get_global_step
from nodeflow.ops.variables.collections import GraphKeys, get_collection
from nodeflow.ops.variables.initializers import constant_initializer
from nodeflow.ops.variables.scope import get_variable, variable_scope

OPTIMIZERS: Mapping[str, Callable[[Any], optimizers.Optimizer]] = {
    "Adagrad": optimizers.AdagradOptimizer,
    "Adam": optimizers.AdamOptimizer,
    "Ftrl": touching.FtrlOptimizer,
    "Momentum": lambda rate: touching.MomentumOptimizer(rate, momentum=0.9),
    "RMSProp": touching.RMSPropOptimizer,
    "SGD": optimizers.GradientDescentOptimizer,
}
"""Name -> the optimizer with a learning rate."""

Pairs = list[tuple[Tensor, Tensor]]


def optimize_loss(
    loss: Tensor,
    global_step: Tensor | None,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: float | None = None,
    gradient_multipliers: Mapping[Any, Any] | None = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Callable[[Any, Any], Any] | None = None,
    update_ops: Sequence[Any] | None = None,
    variables: Sequence[Tensor] | None = None,
    name: str | None = None,
    summaries: Sequence[str] | None = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
) -> Tensor:
    """Return the loss of a training step; fetching it makes the step.

    Args:
        loss: scalar to minimize.
        global_step: a variable that each step raises by 1; None: the graph's, if it has one.
        learning_rate: a number, which becomes a variable, or a tensor; None: the optimizer's own.
        optimizer: a name of `OPTIMIZERS`, an optimizer, or a function of the learning rate that
            returns one.
        gradient_noise_scale: deviation of normally distributed noise, added to each gradient.
        gradient_multipliers: factors of gradients, by variable or its name.
        clip_gradients: largest global norm of the gradients, or a function of pairs of gradient and
            variable.
        learning_rate_decay_fn: a function of learning rate and global step.
        update_ops: ops to run before the step; None: those in ``GraphKeys.UPDATE_OPS``.
        variables: variables to change; None: all trainable variables.
        summaries: accepted and ignored.

    Raises:
        GraphError: the optimizer is none, or there is no global step for a decay.
    """
    with variable_scope(name, "OptimizeLoss", [loss]):
        step = get_global_step(loss.graph) if global_step is None else global_step
        if update_ops is None:
            update_ops = get_collection(GraphKeys.UPDATE_OPS)
        if update_ops:
            with graph_building.control_dependencies(list(dict.fromkeys(update_ops))):
                loss = F.identity(loss)
        rate = _rate(learning_rate)
        if rate is not None and learning_rate_decay_fn is not None:
            if step is None:
                raise GraphError("learning_rate_decay_fn needs a global step")
            rate = learning_rate_decay_fn(rate, step)
        made = _optimizer(optimizer, rate)
        pairs: Pairs = [
            (gradient, variable)
            for gradient, variable in made.compute_gradients(loss, variables)
            if gradient is not None
        ]
        if gradient_noise_scale is not None:
            pairs = [(_noisy(g, gradient_noise_scale), v) for g, v in pairs]
        if gradient_multipliers is not None:
            pairs = _multiplied(pairs, gradient_multipliers)
        pairs = _clipped(pairs, clip_gradients)
        train = made.apply_gradients(pairs, step if increment_global_step else None, name="train")
        with graph_building.control_dependencies([train]):
            return F.identity(loss)


def _rate(learning_rate: Any) -> Any:
    if not isinstance(learning_rate, (int, float)):
        return learning_rate
    start = constant_initializer(float(learning_rate))
    return get_variable("learning_rate", [], trainable=False, initializer=start)


def _optimizer(given: Any, rate: Any) -> optimizers.Optimizer:
    if isinstance(given, str):
        if given not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise GraphError(f"there is no optimizer {given!r}", hint=f"There are {known}.")
        if rate is None:
            raise GraphError(f"the optimizer {given} needs a learning rate")
        return OPTIMIZERS[given](rate)
    if callable(given):
        given = given(rate) if rate is not None else given()
    if not isinstance(given, optimizers.Optimizer):
        raise GraphError(f"optimizer must be an optimizer or its name, not {a_type(given)}")
    return given


def _noisy(gradient: Tensor, scale: float) -> Tensor:
    noise = truncated_normal(F.shape(gradient), dtype=gradient.dtype)
    return F.add(gradient, F.multiply(noise, scale))


def _multiplied(pairs: Pairs, factors: Mapping[Any, Any]) -> Pairs:
    found: Pairs = []
    for gradient, variable in pairs:
        factor = factors.get(variable, factors.get(variable.name))
        if factor is not None:
            gradient = F.multiply(gradient, factor)
        found.append((gradient, variable))
    return found


def _clipped(pairs: Pairs, limit: float | Callable[[Pairs], Pairs] | None) -> Pairs:
    if limit is None:
        return pairs
    if callable(limit):
        return list(limit(pairs))
    gradients, _ = clip_by_global_norm([gradient for gradient, _ in pairs], limit)
    clipped = zip(gradients, pairs, strict=True)
    return [(gradient, variable) for gradient, (_, variable) in clipped if gradient is not None]
