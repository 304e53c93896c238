"""`tf.contrib.layers`, whose variables are named ``weights`` and ``biases``.

The scope of a layer is its variable scope. If ``reuse`` is set, layers with the same name share
variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.integrations.tensorflow1.contrib.arg_scopes import add_arg_scope
from nodeflow.integrations.tensorflow1.contrib.variables import as_model_variable
from nodeflow.ops import functions as F
from nodeflow.ops.layers.functions import layers as plain
from nodeflow.ops.layers.functions.without_variables import dropout as plain_dropout
from nodeflow.ops.layers.functions.without_variables import flatten
from nodeflow.ops.namespaces import nn
from nodeflow.ops.namespaces.arguments import as_float, tensor
from nodeflow.ops.variables import initializers
from nodeflow.ops.variables.collections import add_to_collections
from nodeflow.ops.variables.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    sum_regularizer,
)
from nodeflow.ops.variables.scope import get_variable, variable_scope
from nodeflow.public import publish

__all__ = [
    "apply_regularization",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "conv2d_transpose",
    "dropout",
    "flatten",
    "fully_connected",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "linear",
    "max_pool2d",
    "one_hot_encoding",
    "relu",
    "sequence_loss",
    "sum_regularizer",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]


# ---- initializers -------------------------------------------------------------------------------


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = "float32"
) -> Any:
    """Return Glorot and Bengio's initializer (2010): uniform, or normal within 2 deviations."""
    return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = "float32",
) -> Any:
    """Return an initializer with variance factor / n; the defaults are He and others', 2015.

    Args:
        mode: choice of n: "FAN_IN", the inputs, "FAN_OUT", the outputs, or "FAN_AVG", their mean.
        uniform: uniform numbers, otherwise normal ones truncated at 2 deviations.

    Raises:
        AttributeProblem: there is no such mode.
    """
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise AttributeProblem(
            f"mode must be FAN_IN, FAN_OUT or FAN_AVG, not {mode!r}", port="mode"
        )
    kind = "uniform" if uniform else "truncated_normal"
    return initializers.variance_scaling_initializer(factor, mode.lower(), kind, seed, dtype)


# ---- layers -------------------------------------------------------------------------------------


def _finished(
    out: Tensor,
    biases_initializer: Any,
    biases_regularizer: Any,
    normalizer_fn: Callable[..., Tensor] | None,
    normalizer_params: dict[str, Any] | None,
    activation_fn: Callable[[Tensor], Tensor] | None,
    trainable: bool,
    outputs_collections: Any,
) -> Tensor:
    """Apply biases or a normalizer, then the activation."""
    if normalizer_fn is not None:
        out = normalizer_fn(out, **(normalizer_params or {}))
    elif biases_initializer is not None:
        biases = get_variable(
            "biases", [out.shape[-1]], out.dtype, biases_initializer, biases_regularizer, trainable
        )
        as_model_variable(biases)
        out = F.add(out, biases, name="BiasAdd")
    if activation_fn is not None:
        out = activation_fn(out)
    add_to_collections(outputs_collections, out)
    return out


_ZEROS = initializers.zeros_initializer()


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """Compute activation(inputs @ weights + biases) along the last axis; the activation is relu.

    Args:
        activation_fn: another activation; None: none.
        normalizer_fn: function that replaces the biases, such as `batch_norm`.
        weights_initializer: None: `xavier_initializer`.
        biases_initializer: None: no biases.
        variables_collections: accepted for TensorFlow 1; it changes nothing here.

    Raises:
        ShapeError: the last size of the inputs is unknown.
    """
    x = tensor(inputs)
    with variable_scope(scope, "fully_connected", [x], reuse=reuse):
        size = _channels(x)
        weights = get_variable(
            "weights", [size, num_outputs], x.dtype,
            xavier_initializer() if weights_initializer is None else weights_initializer,
            weights_regularizer, trainable,
        )  # fmt: skip
        as_model_variable(weights)
        return _finished(
            F.matmul(x, weights), biases_initializer, biases_regularizer, normalizer_fn,
            normalizer_params, activation_fn, trainable, outputs_collections,
        )  # fmt: skip


def linear(inputs: Any, num_outputs: int, **rest: Any) -> Tensor:
    """Apply `fully_connected` without an activation."""
    return fully_connected(inputs, num_outputs, **{"activation_fn": None, **rest})


def relu(inputs: Any, num_outputs: int, **rest: Any) -> Tensor:
    """Apply `fully_connected` with relu."""
    return fully_connected(inputs, num_outputs, **{"activation_fn": nn.relu, **rest})


@add_arg_scope
def conv2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """Compute activation(convolution + biases) of images (rows, height, width, channels).

    Args:
        data_format: only None or "NHWC".
        rate: distance between the elements of the filter.
        activation_fn, normalizer_fn, weights_initializer, biases_initializer: as for
            `fully_connected`.

    Raises:
        AttributeProblem: another data format is given.
    """
    if data_format not in (None, "NHWC"):
        raise AttributeProblem(f"conv2d takes NHWC here, not {data_format!r}", port="data_format")
    x = tensor(inputs)
    with variable_scope(scope, "Conv", [x], reuse=reuse):
        height, width = _pair(kernel_size)
        weights = get_variable(
            "weights", [height, width, _channels(x), num_outputs], x.dtype,
            xavier_initializer_conv2d() if weights_initializer is None else weights_initializer,
            weights_regularizer, trainable,
        )  # fmt: skip
        as_model_variable(weights)
        out = F.conv2d(
            x, weights, strides=_pair(stride), padding=padding.lower(), dilations=_pair(rate)
        )
        return _finished(
            out, biases_initializer, biases_regularizer, normalizer_fn, normalizer_params,
            activation_fn, trainable, outputs_collections,
        )  # fmt: skip


@add_arg_scope
def conv2d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """Apply a transposed convolution, which enlarges by the stride; the activation is relu.

    Arguments are as for `conv2d`.

    Raises:
        AttributeProblem: another data format is given.
    """
    if data_format != "NHWC":
        raise AttributeProblem(f"it takes NHWC here, not {data_format!r}", port="data_format")
    x = tensor(inputs)
    with variable_scope(scope, "Conv2d_transpose", [x], reuse=reuse):
        size, steps = _pair(kernel_size), _pair(stride)
        weights = get_variable(
            "weights", [*size, num_outputs, _channels(x)], x.dtype,
            xavier_initializer_conv2d() if weights_initializer is None else weights_initializer,
            weights_regularizer, trainable,
        )  # fmt: skip
        as_model_variable(weights)
        more = [0 if padding.upper() == "SAME" else max(k - s, 0) for k, s in zip(size, steps)]
        known = zip(x.shape[1:3], steps, more, strict=True)
        sizes = [None if n is None else n * s + m for n, s, m in known]
        shape = F.shape(x)
        written = [
            shape[axis + 1] * steps[axis] + more[axis] if n is None else n
            for axis, n in enumerate(sizes)
        ]
        out = nn.conv2d_transpose(
            x, weights, [x.shape[0] or shape[0], *written, num_outputs], [1, *steps, 1],
            padding.upper(),
        )  # fmt: skip
        return _finished(
            out, biases_initializer, biases_regularizer, normalizer_fn, normalizer_params,
            activation_fn, trainable, outputs_collections,
        )  # fmt: skip


def _channels(x: Tensor) -> int:
    size = x.shape[-1] if x.shape else None
    if size is None:
        raise ShapeError(f"the last size of {shape_text(x.shape)} must be known", node=x.name)
    return size


def _pair(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


@add_arg_scope
def max_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:
    """Take the largest element of each window."""
    size, steps = _pair(kernel_size), _pair(stride)
    out = nn.max_pool(inputs, size, steps, padding, data_format, name=scope or "MaxPool2D")
    add_to_collections(outputs_collections, out)
    return out


@add_arg_scope
def avg_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> Tensor:
    """Take the mean of each window."""
    size, steps = _pair(kernel_size), _pair(stride)
    out = nn.avg_pool(inputs, size, steps, padding, data_format, name=scope or "AvgPool2D")
    add_to_collections(outputs_collections, out)
    return out


@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Sequence[int | None] | None = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Tensor:
    """Set a random share of the elements to 0 and scale the others up.

    Args:
        is_training: a bool, or a bool tensor; if false, inputs do not change.
    """
    rate = 1 - keep_prob
    name = scope if isinstance(scope, str) else None
    out = plain_dropout(inputs, rate, noise_shape, seed, is_training, name)
    add_to_collections(outputs_collections, out)
    return out


@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None,
    updates_collections: Any = "update_ops",
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
) -> Tensor:
    """Apply batch normalization with the defaults of `tf.contrib.layers`: decay 0.999, no scale.

    Args:
        updates_collections: accepted for TensorFlow 1; the averages move in each training run.
        batch_weights, zero_debias_moving_mean: only the defaults are supported.
        fused, variables_collections: accepted for TensorFlow 1; they change nothing here.

    Raises:
        AttributeProblem: batch_weights or zero_debias_moving_mean is given.
    """
    if batch_weights is not None or zero_debias_moving_mean:
        raise AttributeProblem("batch_norm takes no batch_weights or zero_debias_moving_mean here")
    initial, penal = param_initializers or {}, param_regularizers or {}
    given = {
        f"{name}_{kind}": found[key]
        for kind, found in (("initializer", initial), ("regularizer", penal))
        for key, name in (("beta", "beta"), ("gamma", "gamma"), ("moving_mean", "moving_mean"),
                          ("moving_variance", "moving_variance"))
        if key in found
    }  # fmt: skip
    axis = 1 if data_format == "NCHW" else -1
    graph = F.graph_of([inputs])
    mark = len(graph.nodes)
    out = plain.batch_normalization(
        inputs, axis, decay, epsilon, center, scale, **given, training=is_training,
        trainable=trainable, name=scope if isinstance(scope, str) else None, reuse=reuse,
    )  # fmt: skip
    for node in graph.nodes[mark:]:
        if node.op.id == "variable":
            as_model_variable(node.outputs[0])
    out = out if activation_fn is None else activation_fn(out)
    add_to_collections(outputs_collections, out)
    return out


@add_arg_scope
def one_hot_encoding(
    labels: Any,
    num_classes: int,
    on_value: float = 1.0,
    off_value: float = 0.0,
    outputs_collections: Any = None,
    scope: str | None = None,
) -> Tensor:
    """Convert class numbers to one-hot rows."""
    out = F.one_hot(labels, num_classes, on_value=on_value, off_value=off_value, name=scope)
    add_to_collections(outputs_collections, out)
    return out


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Callable[..., Tensor] | None = None,
    name: str | None = None,
) -> Tensor:
    """Return the cross-entropy of sequences of classes: `tf.contrib.seq2seq.sequence_loss`.

    Args:
        logits: (batch, time, classes).
        targets: class numbers, (batch, time).
        weights: weight of each target, (batch, time).
        average_across_timesteps, average_across_batch: divide sums by the weights.
        softmax_loss_function: a function that takes ``labels`` and ``logits`` by name.
    """
    logits, targets = tensor(logits), tensor(targets)
    with logits.graph.name_scope(name or "sequence_loss"):
        loss_of = softmax_loss_function or nn.sparse_softmax_cross_entropy_with_logits
        loss = loss_of(labels=targets, logits=logits)
        w = as_float(weights, logits)
        each = loss * w
        if average_across_timesteps and average_across_batch:
            return F.reduce_sum(each) / (F.reduce_sum(w) + 1e-12)
        if average_across_timesteps:
            return F.reduce_sum(each, axis=1) / (F.reduce_sum(w, axis=1) + 1e-12)
        if average_across_batch:
            return F.reduce_sum(each, axis=0) / (F.reduce_sum(w, axis=0) + 1e-12)
        return each


publish(globals(), __all__)
