"""The convolutions of `nf.layers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions.layer_calls import Activation, Initializer, Reuse, activated
from nodeflow.ops.layers.functions.variable_scopes import Regularizer
from nodeflow.ops.layers.layer import ZEROS


def conv1d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = 1,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
    groups: int = 1,
) -> Tensor:
    """Convolve series with learned filters: (rows, time, channels) gives (rows, time', filters).

    Args:
        filters: number of filters.
        kernel_size: length of a filter.
        strides: steps between windows.
        padding: "valid" (whole windows only) or "same" (zeros around), in any case.
        data_format: "channels_last", or "channels_first" for (rows, channels, time).
        dilation_rate: distance between the elements of a window.

    The other arguments are the same as for `dense`. Variables: NAME/kernel (size, channels /
    groups, filters), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 3, the number of channels is unknown, or no window fits.
    """
    return activated("conv1d", locals())


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = (1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
    groups: int = 1,
) -> Tensor:
    """Convolve images with learned filters: (rows, height, width, channels) gives (..., filters).

    Arguments are the same as for `conv1d`; sizes are one number or (height, width). Variables:
    NAME/kernel (height, width, channels / groups, filters), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 4, the number of channels is unknown, or no window fits.
    """
    return activated("conv2d", locals())


def conv3d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = (1, 1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
    groups: int = 1,
) -> Tensor:
    """Convolve volumes with learned filters.

    (rows, depth, height, width, channels) gives (..., filters). Arguments are the same as for
    `conv1d`; sizes are one number or (depth, height, width). Variables: NAME/kernel (depth, height,
    width, channels / groups, filters), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 5, the number of channels is unknown, or no window fits.
    """
    return activated("conv3d", locals())


def conv1d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Apply a transposed convolution to series. Strides lengthen them.

    Arguments are the same as for `conv2d_transpose`. Keras has this layer, TensorFlow 1 does not.
    Variables: NAME/kernel (size, filters, channels), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 3, or the number of channels is unknown.
    """
    return activated("conv1d_transpose", locals())


def conv2d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Apply a transposed convolution to images. Strides enlarge them.

    Arguments are the same as for `conv2d`. Variables: NAME/kernel (height, width, filters,
    channels), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 4, or the number of channels is unknown.
    """
    return activated("conv2d_transpose", locals())


def conv3d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Apply a transposed convolution to volumes. Strides enlarge them.

    Arguments are the same as for `conv3d`. Variables: NAME/kernel (depth, height, width, filters,
    channels), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 5, or the number of channels is unknown.
    """
    return activated("conv3d_transpose", locals())


def separable_conv1d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = 1,
    depth_multiplier: int = 1,
    activation: Activation = None,
    use_bias: bool = True,
    depthwise_initializer: Initializer = None,
    pointwise_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    depthwise_regularizer: Regularizer = None,
    pointwise_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    depthwise_constraint: None = None,
    pointwise_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Convolve each channel of series separately, then convolve the results with filters of size 1.

    Args:
        depth_multiplier: number of filters per channel.

    The other arguments are the same as for `conv1d`. Variables: NAME/depthwise_kernel (size,
    channels, depth_multiplier), NAME/pointwise_kernel (1, channels * depth_multiplier, filters),
    NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 3, the number of channels is unknown, or no window fits.
    """
    return activated("separable_conv1d", locals())


def separable_conv2d(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = (1, 1),
    depth_multiplier: int = 1,
    activation: Activation = None,
    use_bias: bool = True,
    depthwise_initializer: Initializer = None,
    pointwise_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    depthwise_regularizer: Regularizer = None,
    pointwise_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    depthwise_constraint: None = None,
    pointwise_constraint: None = None,
    bias_constraint: None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Convolve each channel of images separately, then convolve the results with filters of size 1.

    Args:
        depth_multiplier: number of filters per channel.

    The other arguments are the same as for `conv2d`. Variables: NAME/depthwise_kernel (height,
    width, channels, depth_multiplier), NAME/pointwise_kernel (1, 1, channels * depth_multiplier,
    filters), NAME/bias (filters,).

    Raises:
        ShapeError: the rank is not 4, the number of channels is unknown, or no window fits.
    """
    return activated("separable_conv2d", locals())


def depthwise_conv2d(
    inputs: Any,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = (1, 1),
    depth_multiplier: int = 1,
    activation: Activation = None,
    use_bias: bool = True,
    depthwise_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    depthwise_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Convolve each channel of images separately with learned filters.

    Arguments are the same as for `separable_conv2d`. Keras has this layer, TensorFlow 1 does not.
    Variables: NAME/depthwise_kernel (height, width, channels, depth_multiplier), NAME/bias
    (channels * depth_multiplier,).

    Raises:
        ShapeError: the rank is not 4, the number of channels is unknown, or no window fits.
    """
    return activated("depthwise_conv2d", locals())
