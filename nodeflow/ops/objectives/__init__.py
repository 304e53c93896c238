"""Losses, which training minimizes, and metrics, which measure the quality for people."""

from nodeflow.ops.objectives import classes, cross_entropy, embeddings, losses, metrics, sampling

__all__ = ["classes", "cross_entropy", "embeddings", "losses", "metrics", "sampling"]
