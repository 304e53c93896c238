"""Encoders with decoders over symbols, and models with buckets, for `tf.contrib.legacy_seq2seq`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.integrations.tensorflow1.contrib.rnn_wrappers import (
    EmbeddingWrapper,
    OutputProjectionWrapper,
    fresh,
)
from nodeflow.integrations.tensorflow1.contrib.seq2seq_decoders import (
    embedding_attention_decoder,
    embedding_rnn_decoder,
    likeliest,
    rnn_decoder,
)
from nodeflow.integrations.tensorflow1.contrib.seq2seq_losses import (
    sequence_loss,
    sequence_loss_by_example,
)
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.control_flow.control_flow_functions import cond
from nodeflow.ops.namespaces import nn
from nodeflow.ops.variables.scope import get_variable, get_variable_scope, variable_scope

Outputs = tuple[list[Tensor], Any]


def embedding_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_encoder_symbols: int,
    num_decoder_symbols: int,
    embedding_size: int,
    output_projection: tuple[Any, Any] | None = None,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
) -> Outputs:
    """Encode a list of symbols, and decode another list from the state.

    Args:
        encoder_inputs, decoder_inputs: symbol numbers, (batch,) for each step.
        cell: the cell of the decoder; the encoder has one like it, with other variables.
        output_projection: weights and biases that make symbol scores of an output; None: the
            outputs are scores.
        feed_previous: use the likeliest symbol of the step before as input; a bool, or a tensor.

    Returns:
        The outputs of all steps, and the last state.
    """
    with variable_scope(scope or "embedding_rnn_seq2seq", dtype=dtype):
        state = _encoded(encoder_inputs, cell, num_encoder_symbols, embedding_size)[1]
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)

        def decoder(feed: bool) -> Outputs:
            return embedding_rnn_decoder(
                decoder_inputs, state, cell, num_decoder_symbols, embedding_size,
                output_projection, feed,
            )  # fmt: skip

        return _chosen(feed_previous, decoder)


def embedding_tied_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_symbols: int,
    embedding_size: int,
    num_decoder_symbols: int | None = None,
    output_projection: tuple[Any, Any] | None = None,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
) -> Outputs:
    """Encode and decode lists of symbols with one table and one cell.

    Arguments are as for `embedding_rnn_seq2seq`, with ``num_symbols`` rows of the table.
    """
    with variable_scope(scope or "embedding_tied_rnn_seq2seq", dtype=dtype):
        table = get_variable("embedding", [num_symbols, embedding_size])
        given = [nn.embedding_lookup(table, symbols) for symbols in encoder_inputs]
        wanted = [nn.embedding_lookup(table, symbols) for symbols in decoder_inputs]
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols or num_symbols)

        def decoder(feed: bool) -> Outputs:
            loop = likeliest(table, output_projection, True) if feed else None
            with variable_scope("combined_tied_rnn_seq2seq"):
                name = "tied_rnn_seq2seq"
                _, state = nn.static_rnn(cell, given, dtype=table.dtype, scope=name)
                get_variable_scope().reuse_variables()
                return rnn_decoder(wanted, state, cell, loop, name)

        return _chosen(feed_previous, decoder)


def embedding_attention_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    cell: Any,
    num_encoder_symbols: int,
    num_decoder_symbols: int,
    embedding_size: int,
    num_heads: int = 1,
    output_projection: tuple[Any, Any] | None = None,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
    initial_state_attention: bool = False,
) -> Outputs:
    """Encode a list of symbols, and decode another list, looking at the encoder's outputs.

    Arguments are as for `embedding_rnn_seq2seq` and `attention_decoder`.
    """
    with variable_scope(scope or "embedding_attention_seq2seq", dtype=dtype):
        outputs, state = _encoded(encoder_inputs, cell, num_encoder_symbols, embedding_size)
        attention_states = F.concat([F.expand_dims(each, axis=1) for each in outputs], axis=1)
        output_size = None
        if output_projection is None:
            cell = OutputProjectionWrapper(cell, num_decoder_symbols)
            output_size = num_decoder_symbols

        def decoder(feed: bool) -> Outputs:
            return embedding_attention_decoder(
                decoder_inputs, state, attention_states, cell, num_decoder_symbols,
                embedding_size, num_heads, output_size, output_projection, feed,
                initial_state_attention=initial_state_attention,
            )  # fmt: skip

        return _chosen(feed_previous, decoder)


def one2many_rnn_seq2seq(
    encoder_inputs: Sequence[Any],
    decoder_inputs_dict: Mapping[str, Sequence[Any]],
    enc_cell: Any,
    dec_cells_dict: Mapping[str, Any],
    num_encoder_symbols: int,
    num_decoder_symbols_dict: Mapping[str, int],
    embedding_size: int,
    feed_previous: Any = False,
    dtype: Any = None,
    scope: Any = None,
) -> tuple[dict[str, list[Tensor]], dict[str, Any]]:
    """Encode a list of symbols, and decode several lists from the state, each by its own cell."""
    outputs, states = {}, {}
    with variable_scope(scope or "one2many_rnn_seq2seq", dtype=dtype):
        _, state = _encoded(encoder_inputs, enc_cell, num_encoder_symbols, embedding_size)
        for name, inputs in decoder_inputs_dict.items():
            count = num_decoder_symbols_dict[name]
            with variable_scope(f"one2many_decoder_{name}"):
                cell = OutputProjectionWrapper(dec_cells_dict[name], count)
                decoder = partial(
                    embedding_rnn_decoder, inputs, state, cell, count, embedding_size, None
                )
                outputs[name], states[name] = _chosen(feed_previous, decoder)
    return outputs, states


def _encoded(inputs: Sequence[Any], cell: Any, symbols: int, size: int) -> Outputs:
    """Run an encoder RNN over embedded symbols. Return its outputs and its final state.

    The encoder uses a copy of ``cell`` with separate variables.
    """
    encoder = EmbeddingWrapper(fresh(cell), symbols, size)
    return nn.static_rnn(encoder, inputs)


def _chosen(feed_previous: Any, decoder: Callable[[bool], Outputs]) -> Outputs:
    """Call a decoder with ``feed_previous``, and return its outputs and state.

    If ``feed_previous`` is a bool tensor, build a conditional with both variants of the decoder.
    """
    if isinstance(feed_previous, bool):
        return decoder(feed_previous)
    shape: list[Any] = []

    def branch(feed: bool) -> list[Tensor]:
        reuse = True if shape else None
        with variable_scope(get_variable_scope(), reuse=reuse):
            outputs, state = decoder(feed)
        shape[:] = [len(outputs), state]
        return [*outputs, *nest.flatten(state)]

    found = cond(feed_previous, lambda: branch(True), lambda: branch(False))
    count, state = shape
    return list(found[:count]), nest.pack(state, list(found[count:]))


def model_with_buckets(
    encoder_inputs: Sequence[Any],
    decoder_inputs: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    buckets: Sequence[tuple[int, int]],
    seq2seq: Callable[[Sequence[Any], Sequence[Any]], Outputs],
    softmax_loss_function: Callable[..., Tensor] | None = None,
    per_example_loss: bool = False,
    name: str | None = None,
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """Build a model for several lengths, with the same variables.

    Args:
        encoder_inputs, decoder_inputs, targets, weights: lists of steps of the longest bucket.
        buckets: pairs of an input and an output length.
        seq2seq: makes outputs and a state from a bucket's inputs.
        per_example_loss: return the loss of each example.

    Returns:
        The outputs and the loss of each bucket.

    Raises:
        GraphError: a list is shorter than the last bucket.
    """
    longest = buckets[-1]
    lists = [(encoder_inputs, longest[0]), *((s, longest[1]) for s in (targets, weights))]
    for steps, length in lists:
        if len(steps) < length:
            raise GraphError(f"a list of {len(steps)} steps is shorter than a bucket of {length}")
    loss = sequence_loss_by_example if per_example_loss else sequence_loss
    outputs, losses = [], []
    with get_default_graph().name_scope(name or "model_with_buckets"):
        for number, (given, wanted) in enumerate(buckets):
            with variable_scope(get_variable_scope(), reuse=True if number else None):
                found, _ = seq2seq(encoder_inputs[:given], decoder_inputs[:wanted])
            outputs.append(found)
            parts = targets[:wanted], weights[:wanted]
            losses.append(loss(found, *parts, softmax_loss_function=softmax_loss_function))
    return outputs, losses
