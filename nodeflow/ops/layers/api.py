"""`nf.layers`: layers as functions, with TensorFlow 1's names, argument order and defaults.

Each call makes one node, the same as in the window. A function that is not one of nodeflow's
activations is applied after the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import suggest
from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.api_sequences import (
    embedding,
    gru,
    lstm,
    multi_head_attention,
    residual_conv,
    residual_dense,
    rnn,
    transformer_block,
)
from nodeflow.ops.layers.calls import (
    GLOROT,
    Activation,
    Initializer,
    graph_of,
    initializer,
    layer,
    pool,
)
from nodeflow.ops.layers.layer import ONES, ZEROS

__all__ = [
    "average_pooling1d",
    "average_pooling2d",
    "batch_normalization",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "dense",
    "dropout",
    "embedding",
    "flatten",
    "gru",
    "layer_normalization",
    "lstm",
    "max_pooling1d",
    "max_pooling2d",
    "multi_head_attention",
    "residual_conv",
    "residual_dense",
    "rnn",
    "transformer_block",
]


_ELSEWHERE = {
    "max_pool1d": "max_pooling1d", "max_pool2d": "max_pooling2d",
    "avg_pool1d": "average_pooling1d", "avg_pool2d": "average_pooling2d",
    "average_pool1d": "average_pooling1d", "average_pool2d": "average_pooling2d",
    "batch_norm": "batch_normalization", "layer_norm": "layer_normalization",
    "fully_connected": "dense", "linear": "dense", "simple_rnn": "rnn", "attention":
    "multi_head_attention",
}  # fmt: skip
"""Names that others have for these layers."""


def __getattr__(name: str) -> Any:
    known = _ELSEWHERE.get(name.lower())
    hint = f"Did you mean {known}?" if known else suggest(name, __all__)
    text = f"nf.layers has no {name!r}"
    raise AttributeError(f"{text}. {hint}" if hint else text)


def dense(
    inputs: Any,
    units: int,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
) -> Tensor:
    """activation(inputs @ kernel + bias): a fully connected layer with variables of its own.

    Args:
        inputs: rows of features, (rows, ..., features), float.
        units: size of the result's last axis.
        activation: `nf.relu` or "relu"; None is none.
        use_bias: whether there is a bias.
        kernel_initializer: how NAME/kernel (features, units) begins; None is Glorot's, uniform.
        bias_initializer: how NAME/bias (units,) begins.
        trainable: whether optimizers change both.

    Returns:
        (rows, ..., units), of the dtype of the inputs.

    Raises:
        ShapeError: the number of features is unknown, or there is no axis of rows.
    """
    return layer(
        "dense",
        inputs,
        activation,
        units=units,
        use_bias=use_bias,
        kernel_initializer=initializer(kernel_initializer, GLOROT),
        bias_initializer=initializer(bias_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def conv1d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation_rate: int | Sequence[int] = 1,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    groups: int = 1,
    name: str | None = None,
) -> Tensor:
    """Learned filters over series: (rows, time, channels) gives (rows, time', filters).

    Args:
        filters: how many.
        kernel_size: length of a filter.
        strides: steps between windows.
        padding: "valid", whole windows only, or "same", zeros around (any case).
        dilation_rate: steps between what a window sees.

    The other arguments are those of `dense`. Variables: NAME/kernel (size, channels / groups,
    filters), NAME/bias (filters,).

    Raises:
        ShapeError: not three axes, unknown channels, or no window fits.
    """
    return layer(
        "conv1d",
        inputs,
        activation,
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding.lower(),
        dilation_rate=dilation_rate,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer=initializer(kernel_initializer, GLOROT),
        bias_initializer=initializer(bias_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    dilation_rate: int | Sequence[int] = (1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    groups: int = 1,
    name: str | None = None,
) -> Tensor:
    """Learned filters over images: (rows, height, width, channels) gives (..., filters).

    Arguments as of `conv1d`, sizes for both axes or (height, width). Variables: NAME/kernel
    (height, width, channels / groups, filters), NAME/bias (filters,).

    Raises:
        ShapeError: not four axes, unknown channels, or no window fits.
    """
    return layer(
        "conv2d",
        inputs,
        activation,
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding.lower(),
        dilation_rate=dilation_rate,
        groups=groups,
        use_bias=use_bias,
        kernel_initializer=initializer(kernel_initializer, GLOROT),
        bias_initializer=initializer(bias_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def conv2d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
) -> Tensor:
    """Images painted by learned filters; strides make them larger.

    Arguments as of `conv2d`. Variables: NAME/kernel (height, width, filters, channels), NAME/bias
    (filters,).

    Raises:
        ShapeError: not four axes, or unknown channels.
    """
    return layer(
        "conv2d_transpose",
        inputs,
        activation,
        filters=filters,
        kernel_size=kernel_size,
        strides=strides,
        padding=padding.lower(),
        use_bias=use_bias,
        kernel_initializer=initializer(kernel_initializer, GLOROT),
        bias_initializer=initializer(bias_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def max_pooling1d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of (rows, time, channels): the op `max_pool1d`."""
    return pool("max_pool1d", inputs, pool_size, strides, padding, name)


def max_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    name: str | None = None,
) -> Tensor:
    """The largest element of each window of (rows, height, width, channels): `max_pool2d`."""
    return pool("max_pool2d", inputs, pool_size, strides, padding, name)


def average_pooling1d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of (rows, time, channels): the op `average_pool1d`."""
    return pool("average_pool1d", inputs, pool_size, strides, padding, name)


def average_pooling2d(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: str = "valid",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of (rows, height, width, channels): the op `average_pool2d`."""
    return pool("average_pool2d", inputs, pool_size, strides, padding, name)


def flatten(inputs: Any, name: str | None = None) -> Tensor:
    """All axes after the first as one: (rows, 7, 7, 16) gives (rows, 784)."""
    return graph_of(inputs).apply("flatten", inputs, name=name)


def dropout(
    inputs: Any,
    rate: float = 0.5,
    seed: int | None = None,
    training: Any = None,
    name: str | None = None,
) -> Tensor:
    """A share `rate` of the elements is 0 while training, and the others are scaled up.

    Args:
        training: a bool or a bool tensor; None leaves it to the run: one that trains, or not.
    """
    return graph_of(inputs).apply("dropout", inputs, training, rate=rate, seed=seed, name=name)


def batch_normalization(
    inputs: Any,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Initializer = ZEROS,
    gamma_initializer: Initializer = ONES,
    training: Any = None,
    trainable: bool = True,
    name: str | None = None,
) -> Tensor:
    """Each feature to mean 0 and deviation 1 over the batch, times gamma, plus beta.

    Args:
        axis: that of the features; its size must be known.
        momentum: share of the moving averages that each training step keeps.
        epsilon: added to the variance.
        center: whether there is a beta.
        scale: whether there is a gamma.
        training: a bool or a bool tensor; None leaves it to the run: one that trains, or not.
        trainable: whether optimizers change gamma and beta.

    Variables: NAME/gamma, NAME/beta, NAME/moving_mean, NAME/moving_variance, all (features,). An
    optimizer whose loss depends on the node moves the averages; no update ops are needed.

    Raises:
        ShapeError: the number of features is unknown.
    """
    return graph_of(inputs).apply(
        "layers/batch_normalization",
        inputs,
        training,
        axis=axis,
        momentum=momentum,
        epsilon=epsilon,
        center=center,
        scale=scale,
        gamma_initializer=initializer(gamma_initializer, ONES),
        beta_initializer=initializer(beta_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def layer_normalization(
    inputs: Any,
    axis: int = -1,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Initializer = ZEROS,
    gamma_initializer: Initializer = ONES,
    trainable: bool = True,
    name: str | None = None,
) -> Tensor:
    """Each row to mean 0 and deviation 1 along an axis, times gamma, plus beta.

    Arguments as of `batch_normalization`. TensorFlow 1 has none; the defaults are Keras's.

    Raises:
        ShapeError: the number of features is unknown.
    """
    return graph_of(inputs).apply(
        "layers/layer_normalization",
        inputs,
        axis=axis,
        epsilon=epsilon,
        center=center,
        scale=scale,
        gamma_initializer=initializer(gamma_initializer, ONES),
        beta_initializer=initializer(beta_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )
