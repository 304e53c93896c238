"""Arguments of TensorFlow 1 that functions here do not accept, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

REFUSED: Mapping[str, str] = {
    "*.kwargs": "it stands for any others",
    "*.layout": "it belongs to TensorFlow 2",
    "VariableScope.*": "tf.variable_scope makes scopes",
    "*accumulate_n.*": "the tensors themselves have a shape and a dtype",
    "data.Iterator.*": "a data set makes its iterators",
    "data.TextLineDataset.*": "lines are read by Python's open",
    "image.encode_jpeg.*": "the file says nothing about printing",
    "image.ssim.return_index_map": "the mean over pixels is what it gives",
    "layers.flatten.data_format": "transpose to channels_last first",
    "linalg.lu.output_idx_type": "cast p",
    "nn.fused_batch_norm.exponential_avg_factor": "nf.layers.batch_normalization keeps averages",
    "*.vocab_file": "read the counts in Python and give them as unigrams",
    "*.num_shards": "classes are drawn in one process",
    "*.shard": "classes are drawn in one process",
    "nn.rnn_cell.DropoutWrapper.dropout_state_filter_visitor": "all states are dropped alike",
    "nn.rnn_cell.RNNCell.trainable": "a cell's variables are trained",
    "summary.FileWriter.session": "the graph is what it takes",
    "summary.merge_all.name": "it makes no node of its own where there are no summaries",
    "train.FtrlOptimizer.*_name": "its variables are called NAME/VARIABLE/sum and linear",
    "train.FtrlOptimizer.*": "add the penalty to the loss",
    "train.Saver.*": "a checkpoint is a folder: see nf.train.Saver",
    "*transpose.conjugate": "take nf.conj of the result",
    "map_fn.infer_shape": "shapes are always inferred",
}
"""For patterns of ``NAME.ARGUMENT`` in TensorFlow 1, why the argument is not accepted. The
first match counts.
"""


def refused(name: str, argument: str) -> str | None:
    """Return why a function does not accept an argument of TensorFlow's; None if there is no
    reason.

    >>> refused("Session", "target")
    'a session runs in one process'
    """
    full = f"{name}.{argument}"
    return next((why for pattern, why in REFUSED.items() if fnmatchcase(full, pattern)), None)
