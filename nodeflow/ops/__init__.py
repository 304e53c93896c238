"""All ops. Importing this package fills the registry; an op lives in the file of its family."""

from nodeflow.graph.registry import REGISTRY
from nodeflow.ops import elementwise

__all__ = ["REGISTRY", "elementwise"]
