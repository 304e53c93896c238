"""`tf.contrib.legacy_seq2seq`: loops over lists of steps, models, and losses of such lists."""

from nodeflow.integrations.tensorflow1.contrib.attention_decoder import attention_decoder
from nodeflow.integrations.tensorflow1.contrib.seq2seq_decoders import (
    basic_rnn_seq2seq,
    embedding_attention_decoder,
    embedding_rnn_decoder,
    rnn_decoder,
    tied_rnn_seq2seq,
)
from nodeflow.integrations.tensorflow1.contrib.seq2seq_losses import (
    sequence_loss,
    sequence_loss_by_example,
)
from nodeflow.integrations.tensorflow1.contrib.seq2seq_models import (
    embedding_attention_seq2seq,
    embedding_rnn_seq2seq,
    embedding_tied_rnn_seq2seq,
    model_with_buckets,
    one2many_rnn_seq2seq,
)

__all__ = [
    "attention_decoder",
    "basic_rnn_seq2seq",
    "embedding_attention_decoder",
    "embedding_attention_seq2seq",
    "embedding_rnn_decoder",
    "embedding_rnn_seq2seq",
    "embedding_tied_rnn_seq2seq",
    "model_with_buckets",
    "one2many_rnn_seq2seq",
    "rnn_decoder",
    "sequence_loss",
    "sequence_loss_by_example",
    "tied_rnn_seq2seq",
]
