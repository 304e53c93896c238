"""Images, and other arrays on grids, resampled."""

from nodeflow.ops.images import grid_sample, interpolate, resize

__all__ = ["grid_sample", "interpolate", "resize"]
