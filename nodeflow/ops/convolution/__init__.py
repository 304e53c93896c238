"""Windows that slide over series and images: convolution and pooling."""

from nodeflow.ops.convolution import conv2d, global_pooling, one_axis, pooling

__all__ = ["conv2d", "global_pooling", "one_axis", "pooling"]
