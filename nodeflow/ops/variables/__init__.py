"""Variables as in TensorFlow 1: scopes and reuse, collections, initializers, regularizers."""

from nodeflow.ops.variables import initial_values, initial_weights, inner_variable, stored

__all__ = ["initial_values", "initial_weights", "inner_variable", "stored"]
