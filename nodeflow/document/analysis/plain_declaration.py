"""Declarations that depend on the op alone: ops of the registry, and the reroute dot.

Inference needs only these declarations. `declarations.declaration` also covers nodes whose
declaration depends on their attributes or on the document.
"""

from __future__ import annotations

from nodeflow.document.analysis.passthrough_nodes import REROUTE, REROUTE_DECLARATION
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ops import REGISTRY


def plain_declaration(op_id: str) -> NodeDeclaration | None:
    """Return the declaration of an op of the registry or of a reroute dot; None for any other
    op.
    """
    if op_id in REGISTRY:
        return REGISTRY.lookup(op_id)
    return REROUTE_DECLARATION if op_id == REROUTE else None
