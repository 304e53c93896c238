"""`tf.Session` and `tf.InteractiveSession`, with TensorFlow 1's order of arguments."""

from __future__ import annotations

from typing import Any

from nodeflow.engine import session
from nodeflow.engine.config import ConfigProto
from nodeflow.errors import GraphError, a_type
from nodeflow.graph.graph import Graph

__all__ = ["InteractiveSession", "Session"]


def _check(target: Any) -> None:
    """Raise an error for a graph in the place of the target."""
    if not isinstance(target, (str, bytes)):
        hint = "Write tf.Session(graph=graph)."
        raise GraphError(f"target must be a text, not {a_type(target)}", hint=hint)


class Session(session.Session):
    """A session whose first argument is a target, which has no effect: it runs in this process."""

    def __init__(
        self,
        target: str = "",
        graph: Graph | None = None,
        config: ConfigProto | None = None,
        **options: Any,
    ) -> None:
        _check(target)
        super().__init__(graph, config=config, **options)


class InteractiveSession(session.InteractiveSession):
    """An interactive session whose first argument is a target, which has no effect."""

    def __init__(
        self,
        target: str = "",
        graph: Graph | None = None,
        config: ConfigProto | None = None,
        **options: Any,
    ) -> None:
        _check(target)
        super().__init__(graph, config=config, **options)
