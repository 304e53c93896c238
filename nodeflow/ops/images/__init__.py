"""Pictures: their sizes, colours and places, how alike they are, and others in their stead."""

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
