"""`tf.contrib.legacy_seq2seq`: loops over lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.integrations.tensorflow1.contrib.attention_decoder import attention_decoder
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces import nn
from nodeflow.ops.variables.scope import get_variable, get_variable_scope, variable_scope


def rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    loop_function: Callable[[Tensor, int], Tensor] | None = None,
    scope: Any = None,
) -> tuple[list[Tensor], Any]:
    """Run a cell over a list of inputs.

    Args:
        decoder_inputs: (batch, units) for each step.
        initial_state: the state before the first step.
        loop_function: makes the input of a step from the output before it and the step's number;
            then only the first of the inputs is used.

    Returns:
        The outputs of all steps, and the last state.
    """
    with variable_scope(scope or "rnn_decoder"):
        state, outputs = initial_state, []
        for step, given in enumerate(decoder_inputs):
            x = given
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], step)
            if step > 0:
                get_variable_scope().reuse_variables()
            output, state = cell(x, state)
            outputs.append(output)
    return outputs, state


def basic_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    dtype: Any = "float32",
    scope: Any = None,
) -> tuple[list[Tensor], Any]:
    """Encode a list of inputs, and decode another list from the state by other variables."""
    with variable_scope(scope or "basic_rnn_seq2seq"):
        _, state = nn.static_rnn(cell, encoder_inputs, dtype=dtype)
        return rnn_decoder(decoder_inputs, state, cell)


def tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    loop_function: Callable[[Tensor, int], Tensor] | None = None,
    dtype: Any = "float32",
    scope: Any = None,
) -> tuple[list[Tensor], Any]:
    """Encode a list of inputs, and decode another list with the same variables."""
    with variable_scope("combined_tied_rnn_seq2seq"):
        name = scope or "tied_rnn_seq2seq"
        _, state = nn.static_rnn(cell, encoder_inputs, dtype=dtype, scope=name)
        get_variable_scope().reuse_variables()
        return rnn_decoder(decoder_inputs, state, cell, loop_function, name)


def embedding_rnn_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    output_projection: tuple[Any, Any] | None = None,
    feed_previous: bool = False,
    update_embedding_for_previous: bool = True,
    scope: Any = None,
) -> tuple[list[Tensor], Any]:
    """Run an RNN cell over embeddings of the decoder's input symbols, from a new table of
    ``num_symbols`` rows. Return the outputs and the final state.

    Args:
        decoder_inputs: symbol numbers, (batch,) for each step.
        output_projection: weights and biases that turn an output into a score of each symbol.
        feed_previous: use the symbol with the highest score in the previous step as input.
        update_embedding_for_previous: whether gradients flow into the embeddings of such symbols.
    """
    with variable_scope(scope or "embedding_rnn_decoder"):
        table = get_variable("embedding", [num_symbols, embedding_size])
        rows = [nn.embedding_lookup(table, symbols) for symbols in decoder_inputs]
        loop = None
        if feed_previous:
            loop = likeliest(table, output_projection, update_embedding_for_previous)
        return rnn_decoder(rows, initial_state, cell, loop)


def embedding_attention_decoder(
    decoder_inputs: Sequence[Any],
    initial_state: Any,
    attention_states: Tensor,
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    num_heads: int = 1,
    output_size: int | None = None,
    output_projection: tuple[Any, Any] | None = None,
    feed_previous: bool = False,
    update_embedding_for_previous: bool = True,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> tuple[list[Tensor], Any]:
    """Run `attention_decoder` over embeddings of the decoder's input symbols, from a new table of
    ``num_symbols`` rows.

    Arguments are as for `embedding_rnn_decoder` and `attention_decoder`.
    """
    with variable_scope(scope or "embedding_attention_decoder"):
        table = get_variable("embedding", [num_symbols, embedding_size])
        rows = [nn.embedding_lookup(table, symbols) for symbols in decoder_inputs]
        loop = None
        if feed_previous:
            loop = likeliest(table, output_projection, update_embedding_for_previous)
        return attention_decoder(
            rows,
            initial_state,
            attention_states,
            cell,
            output_size,
            num_heads,
            loop,
            initial_state_attention=initial_state_attention,
        )


def likeliest(
    table: Tensor, projection: tuple[Any, Any] | None, update: bool
) -> Callable[[Tensor, int], Tensor]:
    """Return a function that looks up the row of the symbol with the highest score in an output.

    Args:
        projection: weights and biases that make symbol scores of an output.
        update: whether gradients flow into the row.
    """

    def row_of(previous: Tensor, _: int) -> Tensor:
        if projection is not None:
            previous = F.matmul(previous, projection[0]) + projection[1]
        row = nn.embedding_lookup(table, F.argmax(previous, axis=1))
        return row if update else F.stop_gradient(row)

    return row_of
