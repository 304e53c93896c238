"""Sliding windows over series, images and volumes: convolution and pooling."""

from nodeflow.ops.convolution import (
    conv2d,
    conv3d,
    deformable,
    global_pooling,
    largest,
    morphology,
    one_axis,
    pooling,
    pooling3d,
    transposed,
)

__all__ = [
    "conv2d",
    "conv3d",
    "deformable",
    "global_pooling",
    "largest",
    "morphology",
    "one_axis",
    "pooling",
    "pooling3d",
    "transposed",
]
