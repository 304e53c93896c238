"""Every error a user can meet: one class per cause, each saying where, what and what to do.

A message names the node and port, what was expected and what came; ``hint`` says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NodeflowError(Exception):
    """Base of all errors shown to users.

    Args:
        message: what happened: expected and actual.
        node: name of the node concerned, if any.
        port: name of the node's port or attribute concerned, if any.
        hint: what the user can do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None = None,
        port: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        self.port = port
        self.hint = hint

    def at(self, node: str | None, port: str | None = None) -> NodeflowError:
        """Fill in where the error happened, keeping what is already known."""
        self.node = self.node or node
        self.port = self.port or port
        return self

    @property
    def where(self) -> str:
        """``node:port``, ``node``, or an empty string."""
        if self.node and self.port:
            return f"{self.node}:{self.port}"
        return self.node or ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        if not self.hint:
            return text
        return f"{text.rstrip('.')}. {self.hint}"

    def __reduce__(self) -> tuple:
        state = {"node": self.node, "port": self.port, "hint": self.hint}
        return _rebuild, (type(self), self.message, state)


def _rebuild(cls: type[NodeflowError], message: str, state: dict) -> NodeflowError:
    error = cls.__new__(cls)
    NodeflowError.__init__(error, message, **state)
    return error


# ---- building a graph -----------------------------------------------------------------------


class GraphError(NodeflowError):
    """The graph cannot be built as asked."""


class NameProblem(GraphError):
    """A node name is malformed or already taken."""


class ShapeError(GraphError):
    """Shapes do not fit together."""


class DtypeError(GraphError):
    """Dtypes do not fit together; nodeflow never casts silently."""


class AttributeProblem(GraphError):
    """An attribute is unknown, has the wrong kind, or an impossible value."""


class LiteralError(GraphError):
    """A bare literal cannot take the dtype it needs exactly."""


class CycleError(GraphError):
    """Wires form a loop."""


class MissingInput(GraphError):
    """A required in-port has no wire."""


class UnknownOp(GraphError):
    """No op has this id."""


class UserOpError(GraphError):
    """An op of the user's own is declared wrongly, or its file does not load."""


class UnknownName(GraphError):
    """No node or tensor has this name."""


class GradientError(GraphError):
    """No gradient can be taken here."""


# ---- running --------------------------------------------------------------------------------


class RunError(NodeflowError):
    """A computation failed while running."""


class MissingFeed(RunError):
    """A placeholder that a fetch depends on has no value."""


class FeedError(RunError):
    """A fed value does not fit the tensor it is fed to."""


class FetchError(RunError):
    """Something that is not fetchable was asked for."""


class NotInitialized(RunError):
    """A variable is read before it has a value."""


class AssignOrderError(RunError):
    """Two assigns to one variable have no order between them."""


class Cancelled(RunError):
    """The user stopped the run."""


class EngineDied(RunError):
    """The engine process ended unexpectedly."""


# ---- files and data -------------------------------------------------------------------------


class FileProblem(NodeflowError):
    """A file is missing, unreadable, damaged or not what it should be."""


class FlowFormatError(FileProblem):
    """A .flow file is not valid; the message says where."""


class DataError(NodeflowError):
    """A data set is missing, damaged or does not have what is asked of it."""


class DownloadError(DataError):
    """A download failed; nothing half-finished is left in place of a good file."""


def suggest(name: str, names: Iterable[str], prefix: str = "Did you mean") -> str | None:
    """A hint naming what is near ``name``, or None when nothing is.

    >>> suggest("matmull", ["matmul", "add"])
    'Did you mean matmul?'
    """
    names = list(dict.fromkeys(names))
    lowered = {n.lower(): n for n in names}
    near = [lowered[n] for n in get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)]
    if not near:
        near = [n for n in names if name and name.lower() in n.lower()][:3]
    return f"{prefix} {' or '.join(near)}?" if near else None


def suggest_or_list(name: str, names: Iterable[str], most: int = 8) -> str | None:
    """As `suggest`, but what is there where nothing is near; None if nothing is there.

    >>> suggest_or_list("zz", ["a", "b"])
    'There are a, b.'
    """
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    listed = f"There are {', '.join(names[:most])}{more}." if names else None
    return suggest(name, names) or listed
