"""`tf.contrib.legacy_seq2seq.attention_decoder`: a decoder with attention to the encoder's
outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.variables.initializers import zeros_initializer
from nodeflow.ops.variables.scope import get_variable, get_variable_scope, variable_scope


def attention_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    attention_states: Tensor,
    cell: Any,
    output_size: int | None = None,
    num_heads: int = 1,
    loop_function: Callable[[Tensor, int], Tensor] | None = None,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Tensor], Any]:
    """Run a cell over a list of inputs, each with a weighted mean of the attention states.

    The weights are softmax(v . tanh(states @ W + linear(state))), one set for each head.

    Args:
        decoder_inputs: (batch, units) for each step.
        initial_state: the state before the first step.
        attention_states: what the decoder looks at, (batch, steps, units).
        output_size: units of the outputs; None: those of the cell.
        loop_function: makes the input of a step from the output before it and the step's number.
        initial_state_attention: look at the states before the first step; False: begin with zeros.

    Returns:
        The outputs of all steps, and the last state.

    Raises:
        ShapeError: the units of the attention states or of an input are unknown.
    """
    if attention_states.type.rank != 3 or attention_states.shape[2] is None:
        raise ShapeError("attention_states must be (batch, steps, units) with known units")
    size = int(attention_states.shape[2])
    with variable_scope(scope or "attention_decoder"):
        keys, weights = [], []
        for head in range(num_heads):
            kernel = get_variable(f"AttnW_{head}", [1, 1, size, size])
            keys.append(F.matmul(attention_states, F.reshape(kernel, shape=[size, size])))
            weights.append(get_variable(f"AttnV_{head}", [size]))

        def means(state: Any) -> list[Tensor]:
            parts, found = nest.flatten(state), []
            for head in range(num_heads):
                with variable_scope(f"Attention_{head}"):
                    y = F.expand_dims(_linear(parts, size), axis=1)
                score = F.reduce_sum(weights[head] * F.tanh(keys[head] + y), axis=2)
                share = F.expand_dims(F.softmax(score), axis=2)
                found.append(F.reduce_sum(share * attention_states, axis=1))
            return found

        state, outputs = initial_state, []
        if initial_state_attention:
            seen = means(initial_state)
        else:
            seen = [F.zeros_like(attention_states[:, 0]) for _ in range(num_heads)]
        for step, given in enumerate(decoder_inputs):
            if step > 0:
                get_variable_scope().reuse_variables()
            x = given
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], step)
            if x.shape[1] is None:
                raise ShapeError("an input of attention_decoder must have known units")
            output, state = cell(_linear([x, *seen], int(x.shape[1])), state)
            again = True if step == 0 and initial_state_attention else None
            with variable_scope(get_variable_scope(), reuse=again):
                seen = means(state)
            with variable_scope("AttnOutputProjection"):
                outputs.append(_linear([output, *seen], output_size or cell.output_size))
    return outputs, state


def _linear(parts: Sequence[Tensor], units: int) -> Tensor:
    """Concatenate the tensors along axis 1, and apply a dense layer: multiply by a kernel variable,
    and add a bias variable.
    """
    joined = F.concat(list(parts), axis=1)
    kernel = get_variable("kernel", [int(joined.shape[1] or 0), units])
    return F.matmul(joined, kernel) + get_variable("bias", [units], initializer=zeros_initializer())
