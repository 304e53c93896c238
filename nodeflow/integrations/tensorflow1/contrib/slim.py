"""`tf.contrib.slim`: repeated layers; all other names are of `tf.contrib.layers` and its like."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.tensorflow1.contrib.arg_scopes import add_arg_scope
from nodeflow.integrations.tensorflow1.contrib.optimize_loss import optimize_loss
from nodeflow.ops.namespaces.arguments import tensor
from nodeflow.ops.training.clipping import clip_by_norm
from nodeflow.ops.training.global_step import get_or_create_global_step
from nodeflow.ops.variables.scope import variable_scope

__all__ = ["analyze_vars", "create_train_op", "repeat", "stack"]


@add_arg_scope
def repeat(
    inputs: Any, repetitions: int, layer: Callable[..., Tensor], *args: Any, **kwargs: Any
) -> Tensor:
    """Apply a layer several times, in the scopes ``SCOPE/SCOPE_1`` and so on.

    Args:
        args, kwargs: arguments of the layer; ``scope`` is its name by default.
    """
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        out = tensor(inputs)
        for number in range(1, repetitions + 1):
            out = layer(out, *args, scope=f"{scope or layer.__name__}_{number}", **kwargs)
        return out


@add_arg_scope
def stack(
    inputs: Any, layer: Callable[..., Tensor], stack_args: Sequence[Any], **kwargs: Any
) -> Any:
    """Apply a layer once for each item of a list, in the scopes ``SCOPE/SCOPE_1`` and so on.

    Args:
        stack_args: the arguments of each layer after its inputs: one, or a tuple of several.
    """
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Stack", [inputs]):
        out = tensor(inputs)
        for number, given in enumerate(stack_args, 1):
            args = given if isinstance(given, (list, tuple)) else [given]
            out = layer(out, *args, scope=f"{scope or layer.__name__}_{number}", **kwargs)
        return out


def create_train_op(
    total_loss: Tensor,
    optimizer: Any,
    global_step: Any = True,
    update_ops: Any = None,
    variables_to_train: Any = None,
    clip_gradient_norm: float = 0,
    summarize_gradients: bool = False,
    gate_gradients: int = 1,
    aggregation_method: Any = None,
    colocate_gradients_with_ops: bool = False,
    gradient_multipliers: Any = None,
    check_numerics: bool = True,
) -> Tensor:
    """Return the loss as a tensor that makes one training step in a run.

    Args:
        global_step: a variable that each step raises by 1; None: none. By default the graph's.
        update_ops: ops to run before the step; None: those in ``GraphKeys.UPDATE_OPS``.
        variables_to_train: variables to change; None: all trainable variables.
        clip_gradient_norm: largest norm of each gradient; 0: any.
        gradient_multipliers: variable, or its name -> factor of its gradient.
        summarize_gradients, gate_gradients, aggregation_method: accepted, without effect.
        colocate_gradients_with_ops: accepted, without effect.
        check_numerics: accepted, without effect.
    """
    limit = clip_gradient_norm

    def clipped(pairs: Any) -> Any:
        return [(clip_by_norm(gradient, limit), variable) for gradient, variable in pairs]

    step = get_or_create_global_step() if global_step is True else global_step
    return optimize_loss(
        total_loss,
        step,
        None,
        optimizer,
        gradient_multipliers=gradient_multipliers,
        clip_gradients=clipped if limit > 0 else None,
        update_ops=update_ops,
        variables=variables_to_train,
        name="train_op",
        increment_global_step=step is not None,
    )


def analyze_vars(variables: Sequence[Tensor], print_info: bool = False) -> tuple[int, int]:
    """Return the number of elements and of bytes of variables, and print them if wanted."""
    total = size = 0
    for each in variables:
        count = math.prod(n or 0 for n in each.shape)
        bytes_ = count * numpy_dtype(each.dtype).itemsize
        total, size = total + count, size + bytes_
        if print_info:
            print(f"{each.name} ({each.dtype} {tuple(each.shape)}) [{count}, bytes: {bytes_}]")
    if print_info:
        print(f"Total size of variables: {total}")
        print(f"Total bytes of variables: {size}")
    return total, size
