"""Ops on pictures: sizes, colours, patches, geometric and random changes, similarity."""

from nodeflow.ops.images import (
    adjusting,
    blocks,
    boxes,
    colours,
    grid_sample,
    interpolate,
    measures,
    patches,
    random_changes,
    resize,
    suppression,
    turning,
    warping,
)

__all__ = [
    "adjusting",
    "blocks",
    "boxes",
    "colours",
    "grid_sample",
    "interpolate",
    "measures",
    "patches",
    "random_changes",
    "resize",
    "suppression",
    "turning",
    "warping",
]
