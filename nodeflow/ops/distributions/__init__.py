"""Random numbers of other distributions than the even and the normal one."""

from nodeflow.ops.distributions import choices, inverse

__all__ = ["choices", "inverse"]
