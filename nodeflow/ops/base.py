"""What the op modules share: putting a class into the registry."""

from __future__ import annotations

from typing import TypeVar

from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY

AnyOp = TypeVar("AnyOp", bound=Op)


def register(cls: type[AnyOp]) -> type[AnyOp]:
    """Class decorator: puts one instance of the op into the registry."""
    REGISTRY.register(cls())
    return cls
