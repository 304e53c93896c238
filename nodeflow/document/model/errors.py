"""What can go wrong with a document or its file: one class per cause."""

from __future__ import annotations

from nodeflow.errors import FileProblem, FlowFormatError, GraphError, NameProblem, NodeflowError


class DocumentError(NodeflowError):
    """An edit that the document cannot take."""


class DocumentLocked(DocumentError):
    """An edit of a document that is only to be looked at."""


class BadValue(DocumentError):
    """A value that JSON cannot hold."""


class BadName(DocumentError, NameProblem):
    """A name that is not letters, digits and underscores joined by `/`."""


class NameTaken(DocumentError, NameProblem):
    """Another node already has this name."""


class NoSuchNode(DocumentError):
    """No node has this id or name."""


class DanglingWire(DocumentError):
    """A wire that would lead from or to a node that is not there."""


class SubgraphError(DocumentError, GraphError):
    """A subgraph that cannot be as it is asked for."""


class UnknownSubgraph(SubgraphError):
    """An instance refers to a definition that the file does not hold."""


class RecursiveSubgraph(SubgraphError):
    """A definition contains an instance of itself."""


class SubgraphTooLarge(SubgraphError):
    """An instance stands for more nodes than can be looked at."""


class BadPort(SubgraphError):
    """Ports of a subgraph that are called alike, or by what is not a valid port name."""


class FlowError(FlowFormatError):
    """A .flow file that is not what it should be; the message starts with the place in it."""


def flow_error(
    cause: type[FlowError], message: str, place: str | None = None, *, hint: str | None = None
) -> FlowError:
    """Returns an error of class `cause` whose message starts with the place in the file."""
    return cause(f"{place}: {message}" if place else message, hint=hint)


class FlowSyntax(FlowError):
    """The text is not JSON, is cut off, or is nested too deeply."""


class NotNodeflow(FlowError):
    """JSON, but not a nodeflow document."""


class NewerVersion(FlowError):
    """A file of a version that this program does not know."""


class FlowContent(FlowError):
    """A field that is missing, of the wrong type or out of range."""


class DuplicateId(FlowError):
    """Two nodes, frames or names that are the same."""


class WireToNothing(FlowError):
    """A wire from or to a node that the file does not hold."""


class UnsafePath(FlowError):
    """A file name that leads out of the document's folder."""


class FlowRead(FileProblem):
    """The file cannot be read."""


class FlowWrite(FileProblem):
    """The file cannot be written; the one on disk is as it was."""


class JournalError(FileProblem):
    """A crash journal that cannot be written or replayed."""
