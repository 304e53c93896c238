"""Sequences, attention and blocks of `nf.layers`, which TensorFlow 1 has as cells or not at all.

Their names, arguments and defaults are Keras's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops.layers.calls import Activation, Initializer, Reuse, layer, recurrent
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
    """A long short-term memory over (rows, time, features), with weights of its own.

    Args:
        units: size of the state.
        return_sequences: give the states after all steps, (rows, time, units), not the last one.
        return_state: give (out, h, c) with both last states, (rows, units).
        initial_state: h, or h and c, before the first step; zeros where they are missing.
        reverse: from the last step to the first.
        kernel_initializer: how NAME/kernel (features, 4 * units) begins; None is Glorot's, uniform.
        recurrent_initializer: how NAME/recurrent_kernel (units, 4 * units) begins; None is
            orthogonal.
        unit_forget_bias: whether NAME/bias (4 * units,) begins at 1 for the forget gate.

    The gates are input, forget, cell, output, as in Keras, whose defaults these are: TensorFlow 1
    has cells instead.

    Raises:
        ShapeError: not three axes, or an unknown number of features.
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
    """A gated recurrent unit over (rows, time, features); arguments as of `lstm`.

    The gates are update, reset, new, with the reset after the product, as cuDNN has it; Keras adds
    a second bias to that product.
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
    """A simple recurrent layer over (rows, time, features): h' = activation(x W + h U + b).

    Args:
        activation: "tanh" or "relu".

    The others are those of `lstm`.
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
    """Every step of (rows, steps, features) attends to all steps, in several heads.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys; None is features / num_heads.
        memory: (rows, steps', features'), where keys and values come from; None is the inputs.
        mask: bool (steps, steps') or (rows, steps, steps'), true where a step may see another.
        causal: no step sees later ones.

    Variables: NAME/query_kernel (features, num_heads * key_dim), NAME/query_bias and so on for key,
    value and output.

    Raises:
        ShapeError: not three axes, or an unknown number of features.
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
    """inputs + dense(activation(dense(norm(inputs)))): (rows, features) gives the same shape.

    Args:
        units: size of the hidden layer.
        activation: name of a function, or `nf.relu` and its like.
        normalization: "layer", "batch" or "none".
        rate: share dropped while training.
        kernel_initializer: how both kernels begin; None is He's, normal.
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
    """The block of a ResNet: two convolutions, and a way around them.

    Args:
        filters: of both convolutions.
        strides: steps of the first convolution.
        normalization: "batch", "layer" or "none".

    The other arguments are those of `residual_dense`.
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
    """Self attention and two dense layers, each with a way around it: the shape stays.

    Args:
        inputs: (rows, steps, features).
        num_heads: heads of the attention.
        units: size of the hidden layer.
        key_dim: size of a head; None is features / num_heads.
        rate: share dropped while training.
        causal: no step sees later ones.
        norm_first: normalise the input of each part, not the sums.
        mask: bool (steps, steps) or (rows, steps, steps), true where a step may see another.
        kernel_initializer: how kernels begin; None is Glorot's, uniform.
    """
    return layer("transformer_block", locals())
