"""Layers: single nodes from which variables and ops are derived (`NAME/kernel`, `NAME/bias`)."""

from nodeflow.ops.layers import (
    attention,
    augmentation,
    blocks,
    convolution,
    dense,
    embedding,
    normalization,
    recurrent,
    separable,
    sharing,
)

__all__ = [
    "attention",
    "augmentation",
    "blocks",
    "convolution",
    "dense",
    "embedding",
    "normalization",
    "recurrent",
    "separable",
    "sharing",
]

sharing.register_shared_layers()
