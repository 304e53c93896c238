"""Sequences, attention and blocks of `nf.layers`, with Keras's names, arguments and defaults.

TensorFlow 1 has them as cells or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.functions.layer_calls import (
    Activation,
    Initializer,
    Reuse,
    layer,
    recurrent,
)
from nodeflow.ops.layers.layer import ZEROS


def lstm(
    inputs: Any,
    units: int,
    return_sequences: bool = False,
    return_state: bool = False,
    initial_state: Any = (),
    reverse: bool = False,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    recurrent_initializer: Initializer = None,
    unit_forget_bias: bool = True,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Any:
    """Add a long short-term memory over (rows, time, features), with its own weights.

    Args:
        units: size of the state.
        return_sequences: return the states after all steps, (rows, time, units), not the last one.
        return_state: return (out, h, c) with both last states, (rows, units).
        initial_state: h, or h and c, before the first step; missing states are zeros.
        reverse: go from the last step to the first.
        kernel_initializer: initializer of NAME/kernel (features, 4 * units); None: Glorot's,
            uniform.
        recurrent_initializer: initializer of NAME/recurrent_kernel (units, 4 * units); None:
            orthogonal.
        unit_forget_bias: whether NAME/bias (4 * units,) begins at 1 for the forget gate.

    The gates are input, forget, cell, output, as in Keras, whose defaults these are: TensorFlow 1
    has cells instead.

    Raises:
        ShapeError: the rank is not 3, or the number of features is unknown.
    """
    return recurrent("lstm", locals())


def gru(
    inputs: Any,
    units: int,
    return_sequences: bool = False,
    return_state: bool = False,
    initial_state: Any = (),
    reverse: bool = False,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    recurrent_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Any:
    """Add a gated recurrent unit over (rows, time, features); arguments are the same as for `lstm`.

    The gates are update, reset, new, with the reset after the product, as in cuDNN. Keras adds a
    second bias to that product.
    """
    return recurrent("gru", locals())


def rnn(
    inputs: Any,
    units: int,
    activation: Activation = "tanh",
    return_sequences: bool = False,
    return_state: bool = False,
    initial_state: Any = (),
    reverse: bool = False,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    recurrent_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Any:
    """Add a simple recurrent layer over (rows, time, features): h' = activation(x W + h U + b).

    Args:
        activation: "tanh" or "relu".

    The other arguments are the same as for `lstm`.
    """
    return recurrent("rnn", locals())


def multi_head_attention(
    inputs: Any,
    num_heads: int,
    key_dim: int | None = None,
    memory: Any = None,
    mask: Any = None,
    causal: bool = False,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Let every step of (rows, steps, features) attend to all steps, in several heads.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys; None: features / num_heads.
        memory: (rows, steps', features'), the source of keys and values; None: the inputs.
        mask: bool (steps, steps') or (rows, steps, steps'), true where a step may attend to
            another.
        causal: steps do not attend to later steps.

    Variables: NAME/query_kernel (features, num_heads * key_dim), NAME/query_bias and so on for key,
    value and output.

    Raises:
        ShapeError: the rank is not 3, or the number of features is unknown.
    """
    if mask is not None and memory is None:
        memory = inputs
    return layer("multi_head_attention", locals())


def residual_dense(
    inputs: Any,
    units: int,
    activation: Activation = "relu",
    normalization: str = "layer",
    rate: float = 0.0,
    kernel_initializer: Initializer = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Return inputs + dense(activation(dense(norm(inputs)))), with the shape of inputs.

    Args:
        units: size of the hidden layer.
        activation: name of a function, or a function such as `nf.relu`.
        normalization: "layer", "batch" or "none".
        rate: share of elements dropped during training.
        kernel_initializer: initializer of both kernels; None: He's, normal.
    """
    return layer("residual_dense", locals())


def residual_conv(
    inputs: Any,
    filters: int,
    kernel_size: int | Sequence[int] = 3,
    strides: int | Sequence[int] = 1,
    activation: Activation = "relu",
    normalization: str = "batch",
    kernel_initializer: Initializer = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Add the block of a ResNet: two convolutions with a residual connection.

    Args:
        filters: number of filters of both convolutions.
        strides: steps of the first convolution.
        normalization: "batch", "layer" or "none".

    The other arguments are the same as for `residual_dense`.
    """
    return layer("residual_conv", locals())


def transformer_block(
    inputs: Any,
    num_heads: int,
    units: int,
    key_dim: int | None = None,
    activation: Activation = "relu",
    rate: float = 0.1,
    causal: bool = False,
    norm_first: bool = False,
    mask: Any = None,
    kernel_initializer: Initializer = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Reuse = None,
) -> Tensor:
    """Add self attention and two dense layers, each with a residual connection. The shape stays.

    Args:
        inputs: (rows, steps, features).
        num_heads: heads of the attention.
        units: size of the hidden layer.
        key_dim: size of a head; None: features / num_heads.
        rate: share of elements dropped during training.
        causal: steps do not attend to later steps.
        norm_first: normalize the input of each part, not the sums.
        mask: bool (steps, steps) or (rows, steps, steps), true where a step may attend to another.
        kernel_initializer: initializer of kernels; None: Glorot's, uniform.
    """
    return layer("transformer_block", locals())
