"""What can go wrong with a document or its file: one class per cause."""

from __future__ import annotations

from nodeflow.errors import FileProblem, FlowFormatError, GraphError, NameProblem, NodeflowError


class DocumentError(NodeflowError):
    """An edit that the document cannot take."""


class DocumentLocked(DocumentError):
    """An edit of a read-only document."""


class NotInFile(DocumentError, GraphError):
    """A graph that a file cannot hold."""


class BadValue(DocumentError):
    """A value that JSON cannot hold."""


class BadName(DocumentError, NameProblem):
    """A name that is not letters, digits and underscores joined by `/`."""


class NameTaken(DocumentError, NameProblem):
    """Another node already has this name."""


class NoSuchNode(DocumentError):
    """No node has this id or name."""


class DanglingWire(DocumentError):
    """A wire from or to a node that does not exist."""


class SubgraphError(DocumentError, GraphError):
    """A subgraph that cannot be made as requested."""


class UnknownSubgraph(SubgraphError):
    """An instance of a definition that the file does not have."""


class RecursiveSubgraph(SubgraphError):
    """A definition contains an instance of itself."""


class SubgraphTooLarge(SubgraphError):
    """An instance expands to too many nodes."""


class BadPort(SubgraphError):
    """A subgraph's port with an invalid name, or with the name of another port."""


class FlowError(FlowFormatError):
    """An invalid .flow file; the message starts with the position in it."""


def flow_error(
    cause: type[FlowError], message: str, place: str | None = None, *, hint: str | None = None
) -> FlowError:
    """Returns an error of class `cause` whose message starts with the position in the file."""
    return cause(f"{place}: {message}" if place else message, hint=hint)


class FlowSyntax(FlowError):
    """The text is not JSON, is cut off, or is nested too deeply."""


class NotNodeflow(FlowError):
    """JSON, but not a nodeflow document."""


class DataFile(FlowError):
    """A file of data, such as CSV, opened as a graph."""


class NewerVersion(FlowError):
    """A file of a newer version than this program supports."""


class FlowContent(FlowError):
    """A field that is missing, of the wrong type or out of range."""


class DuplicateId(FlowError):
    """An id or a name that is used twice."""


class WireToNothing(FlowError):
    """A wire from or to a node that is not in the file."""


class UnsafePath(FlowError):
    """A file name that points outside the document's folder."""


class FlowRead(FileProblem):
    """The file cannot be read."""


class FlowWrite(FileProblem):
    """The file cannot be written; the file on disk is unchanged."""


class JournalError(FileProblem):
    """A crash journal that cannot be written or replayed."""
