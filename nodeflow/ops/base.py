"""What the op modules share: registering a class, and inputs of samples."""

from __future__ import annotations

from typing import TypeVar

from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY

AnyOp = TypeVar("AnyOp", bound=type[Op])


def register(cls: AnyOp) -> AnyOp:
    """Class decorator: puts one instance of the op into the registry."""
    REGISTRY.register(cls())
    return cls
