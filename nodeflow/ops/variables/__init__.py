"""Variables as TensorFlow 1 has them: scopes and reuse, collections, initializers, regularizers."""

from nodeflow.ops.variables import initial_values

__all__ = ["initial_values"]
