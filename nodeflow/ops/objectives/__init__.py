"""Losses from class numbers, from scores, and between embeddings."""

from nodeflow.ops.objectives import classes, embeddings, sampling

__all__ = ["classes", "embeddings", "sampling"]
