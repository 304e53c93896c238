"""Losses from class numbers, from scores, and between embeddings."""

from nodeflow.ops.objectives import classes, embeddings

__all__ = ["classes", "embeddings"]
