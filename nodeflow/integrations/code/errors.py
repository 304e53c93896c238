"""The error for parts of a graph that have no code in another library."""

from __future__ import annotations

from nodeflow.errors import NodeflowError


class NotInCode(NodeflowError):
    """A graph, or one of its nodes, cannot be written as code of another library.

    Remedy: Replace the nodes in the message by others, or export to another library.
    """
