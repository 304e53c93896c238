"""Random numbers, and ops that draw them: distributions and dropout."""

from nodeflow.ops.distributions import choices, dropout, inverse, normal_uniform

__all__ = ["choices", "dropout", "inverse", "normal_uniform"]
