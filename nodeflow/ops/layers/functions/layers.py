"""`nf.layers`: layers as functions, with TensorFlow 1's names, argument order and defaults.

Layers of sequences and blocks have Keras's defaults, because TensorFlow 1 has them as cells or not
at all. Each call adds the same node as the window does, with the arguments as its attributes. A
layer that ends with an activation accepts any function of a tensor, and applies it after the node.
"""

from __future__ import annotations

from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.namespaces import unknown
from nodeflow.ops.layers.functions import pooling_functions, without_variables
from nodeflow.ops.layers.functions.augmentation_functions import (
    random_brightness,
    random_contrast,
    random_crop,
    random_flip,
    random_rotation,
    random_translation,
    random_zoom,
)
from nodeflow.ops.layers.functions.convolution_functions import (
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    depthwise_conv2d,
    separable_conv1d,
    separable_conv2d,
)
from nodeflow.ops.layers.functions.layer_calls import (
    Activation,
    Initializer,
    Reuse,
    activated,
    graph_of,
    is_fused,
    layer,
    refuse,
)
from nodeflow.ops.layers.functions.layer_objects import class_of
from nodeflow.ops.layers.functions.sequence_functions import (
    gru,
    lstm,
    multi_head_attention,
    residual_conv,
    residual_dense,
    rnn,
    transformer_block,
)
from nodeflow.ops.layers.functions.variable_scopes import Regularizer
from nodeflow.ops.layers.layer import ONES, ZEROS
from nodeflow.public import publish

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNormalization",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MultiHeadAttention",
    "ResidualConv",
    "ResidualDense",
    "SeparableConv1D",
    "SeparableConv2D",
    "TransformerBlock",
    "batch_normalization",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "dense",
    "depthwise_conv2d",
    "embedding",
    "gru",
    "layer_normalization",
    "lstm",
    "multi_head_attention",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip",
    "random_rotation",
    "random_translation",
    "random_zoom",
    "residual_conv",
    "residual_dense",
    "rnn",
    "separable_conv1d",
    "separable_conv2d",
    "transformer_block",
]


_ELSEWHERE = {
    "batch_norm": "batch_normalization", "layer_norm": "layer_normalization",
    "fully_connected": "dense", "linear": "dense", "simple_rnn": "rnn", "attention":
    "multi_head_attention",
}  # fmt: skip
"""Other libraries' names of these layers."""


def __getattr__(name: str) -> Any:
    known = _ELSEWHERE.get(name.lower())
    hint = f"nf.layers has no {name!r}. Did you mean {known}?" if known else None
    raise AttributeError(hint or unknown(name, __all__, "nf.layers"))


def dense(
    inputs: Any,
    units: int,
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
    """Add a fully connected layer with its own variables: activation(inputs @ kernel + bias).

    Args:
        inputs: rows of features, (rows, ..., features), float.
        units: size of the result's last axis.
        activation: `nf.relu` or "relu"; None: none.
        use_bias: whether to add a bias.
        kernel_initializer: initializer of NAME/kernel (features, units); None: Glorot's, uniform.
        bias_initializer: initializer of NAME/bias (units,).
        kernel_regularizer, bias_regularizer: functions of a variable, such as
            `l2_regularizer(0.01)`, whose results are added to the regularization losses; None: as
            set in the variable scope.
        activity_regularizer: the same, as a function of the output.
        kernel_constraint, bias_constraint: not supported.
        trainable: whether optimizers change both variables.
        name: name in the variable scope; None: "dense", made unique.
        reuse: whether to share the variables of this name; None: as set in the variable scope.

    Returns:
        (rows, ..., units), of the dtype of the inputs.

    Raises:
        ShapeError: the number of features is unknown, or there is no axis of rows.
        GraphError: the variables exist but are not to be shared, or are to be shared but do not
            exist.
    """
    return activated("dense", locals())


def batch_normalization(
    inputs: Any,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Initializer = ZEROS,
    gamma_initializer: Initializer = ONES,
    moving_mean_initializer: Initializer = ZEROS,
    moving_variance_initializer: Initializer = ONES,
    beta_regularizer: Regularizer = None,
    gamma_regularizer: Regularizer = None,
    beta_constraint: Any = None,
    gamma_constraint: Any = None,
    training: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
    activity_regularizer: Regularizer = None,
) -> Tensor:
    """Normalize each feature over the batch to mean 0 and deviation 1, times gamma, plus beta.

    Args:
        axis: axis of the features; its size must be known.
        momentum: share of the moving averages that each training step keeps.
        epsilon: added to the variance.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        training: a bool or a bool tensor. None, where TensorFlow 1 has False, leaves it to the run:
            a run that executes an optimizer's update normalizes by the batch.
        trainable: whether optimizers change gamma and beta.
        fused: True, or None for inputs of rank 4: move the average of the variance towards the sum
            of squares divided by the count minus 1, as TensorFlow 1's fused kernel does.

    Variables: NAME/gamma, NAME/beta, NAME/moving_mean, NAME/moving_variance, all (features,). An
    optimizer whose loss depends on the node moves the averages. These assigns are in
    `GraphKeys.UPDATE_OPS`. An optimizer made under `control_dependencies` of some of them moves
    only these. In TensorFlow 1 an optimizer without such control dependencies would move none.

    Raises:
        ShapeError: the number of features is unknown.
        AttributeProblem: renorm, virtual_batch_size, an adjustment or a constraint is given, which
            are not supported; or fused is set for inputs of another rank.
    """
    given = dict(locals())
    refuse(
        "batch_normalization",
        renorm=given.pop("renorm"),
        renorm_clipping=given.pop("renorm_clipping"),
        virtual_batch_size=given.pop("virtual_batch_size"),
        adjustment=given.pop("adjustment"),
    )
    del given["renorm_momentum"], given["fused"]
    given["inputs"] = graph_of(inputs).as_tensor(inputs)
    given["unbiased"] = is_fused(given["inputs"], axis, fused)
    return layer("batch_normalization", given)


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
    reuse: Reuse = None,
) -> Tensor:
    """Normalize each row along an axis to mean 0 and deviation 1, times gamma, plus beta.

    Arguments are the same as for `batch_normalization`. The defaults are Keras's, because
    TensorFlow 1 has no such layer.

    Raises:
        ShapeError: the number of features is unknown.
    """
    return layer("layer_normalization", locals())


def embedding(
    inputs: Any,
    input_dim: int,
    output_dim: int,
    embeddings_initializer: Initializer = None,
    dtype: str = "float32",
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Look up the learned vector of each number: integers of any shape s give (s, output_dim).

    Args:
        inputs: integers from 0 to input_dim - 1; others are an error when run.
        embeddings_initializer: initializer of NAME/embeddings (input_dim, output_dim); None:
            uniform from -0.05 to 0.05, as in Keras.
    """
    return layer("embedding", locals())


# TensorFlow 1's classes: create an object once, call it repeatedly with the same variables.
Dense = class_of(dense, "Dense")
Conv1D = class_of(conv1d, "Conv1D")
Conv2D = class_of(conv2d, "Conv2D")
Conv3D = class_of(conv3d, "Conv3D")
Conv1DTranspose = class_of(conv1d_transpose, "Conv1DTranspose")
Conv2DTranspose = class_of(conv2d_transpose, "Conv2DTranspose")
Conv3DTranspose = class_of(conv3d_transpose, "Conv3DTranspose")
DepthwiseConv2D = class_of(depthwise_conv2d, "DepthwiseConv2D")
SeparableConv1D = class_of(separable_conv1d, "SeparableConv1D")
SeparableConv2D = class_of(separable_conv2d, "SeparableConv2D")
BatchNormalization = class_of(batch_normalization, "BatchNormalization")
LayerNormalization = class_of(layer_normalization, "LayerNormalization")
Embedding = class_of(embedding, "Embedding")
LSTM = class_of(lstm, "LSTM")
GRU = class_of(gru, "GRU")
RNN = class_of(rnn, "RNN")
MultiHeadAttention = class_of(multi_head_attention, "MultiHeadAttention")
ResidualDense = class_of(residual_dense, "ResidualDense")
ResidualConv = class_of(residual_conv, "ResidualConv")
TransformerBlock = class_of(transformer_block, "TransformerBlock")
Dropout = class_of(without_variables.dropout, "Dropout")
Flatten = class_of(without_variables.flatten, "Flatten")
MaxPooling1D = class_of(pooling_functions.max_pooling1d, "MaxPooling1D")
MaxPooling2D = class_of(pooling_functions.max_pooling2d, "MaxPooling2D")
MaxPooling3D = class_of(pooling_functions.max_pooling3d, "MaxPooling3D")
AveragePooling1D = class_of(pooling_functions.average_pooling1d, "AveragePooling1D")
AveragePooling2D = class_of(pooling_functions.average_pooling2d, "AveragePooling2D")
AveragePooling3D = class_of(pooling_functions.average_pooling3d, "AveragePooling3D")

publish(globals(), __all__)
