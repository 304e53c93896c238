"""`tf.metrics`: metrics over many batches, as in TensorFlow 1.

Each function returns a pair: the value so far, and an update node, which adds the batch of its run
and returns the value after it. Counts are local variables, which `tf.local_variables_initializer`
sets to 0. nodeflow's metric ops (`nf.auc`, `nf.accuracy`) measure only the given batch.
"""

from nodeflow.namespaces import namespace

_MEANS = (
    *("accuracy", "mean", "mean_absolute_error", "mean_cosine_distance", "mean_iou"),
    *("mean_per_class_accuracy", "mean_relative_error", "mean_squared_error", "mean_tensor"),
    *("percentage_below", "root_mean_squared_error"),
)
_COUNTS = (
    *("false_negatives", "false_positives", "precision", "recall", "true_negatives"),
    "true_positives",
)
_THRESHOLDS = (
    *("auc", "false_negatives_at_thresholds", "false_positives_at_thresholds"),
    *("precision_at_thresholds", "recall_at_thresholds", "sensitivity_at_specificity"),
    *("specificity_at_sensitivity", "true_negatives_at_thresholds", "true_positives_at_thresholds"),
)
_RANKS = (
    *("average_precision_at_k", "precision_at_k", "precision_at_top_k", "recall_at_k"),
    "recall_at_top_k",
)

NAMES = {
    **dict.fromkeys(_MEANS, "nodeflow.integrations.tensorflow1.streaming.means"),
    **dict.fromkeys(_COUNTS, "nodeflow.integrations.tensorflow1.streaming.counts"),
    **dict.fromkeys(_THRESHOLDS, "nodeflow.integrations.tensorflow1.streaming.thresholds"),
    **dict.fromkeys(_RANKS, "nodeflow.integrations.tensorflow1.streaming.ranks"),
}
"""For each public name, the module that defines it."""

__getattr__, __dir__ = namespace(__name__, NAMES, "tf.metrics")
