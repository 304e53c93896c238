"""Errors of a document or its file: one class per cause."""

from __future__ import annotations

from nodeflow.errors import FileProblem, FlowFormatError, GraphError, NameProblem, NodeflowError


class DocumentError(NodeflowError):
    """An edit that the document cannot take.

    Remedy: First do as the message says, then edit again.
    """


class DocumentLocked(DocumentError):
    """An edit of a read-only document.

    Remedy: Edit the definition or a copy; this document is generated.
    """


class NotInFile(DocumentError, GraphError):
    """A graph that a file cannot hold.

    Remedy: Remove the parts that the message names, or keep the graph in Python.
    """


class BadValue(DocumentError):
    """A value that JSON cannot hold.

    Remedy: Use numbers, strings, lists and true, false or null.
    """


class BadName(DocumentError, NameProblem):
    """A name that is not letters, digits and underscores joined by `/`.

    Remedy: Use letters, digits and underscores, joined by /.
    """


class NameTaken(DocumentError, NameProblem):
    """A name that another node already has.

    Remedy: Choose another name, or rename the other node first.
    """


class NoSuchNode(DocumentError):
    """An id or name that no node has.

    Remedy: Use a node of this graph.
    """


class DanglingWire(DocumentError):
    """A wire from or to a node that does not exist.

    Remedy: Add the node first, or leave the wire out.
    """


class SubgraphError(DocumentError, GraphError):
    """A subgraph that cannot be made as requested.

    Remedy: Select other nodes, or choose another name.
    """


class UnknownSubgraph(SubgraphError):
    """An instance of a definition that the file does not have.

    Remedy: Bring the definition into the file, or remove the instance.
    """


class RecursiveSubgraph(SubgraphError):
    """A definition that contains an instance of itself.

    Remedy: Take the instance out of its own definition; a loop is a while_loop.
    """


class SubgraphTooLarge(SubgraphError):
    """An instance of a subgraph that expands to too many nodes.

    Remedy: Use fewer instances within instances.
    """


class BadPort(SubgraphError):
    """A subgraph's port with an invalid name, or with the name of another port.

    Remedy: Give the port a unique name of letters, digits and underscores.
    """


class FlowError(FlowFormatError):
    """An invalid .flow file; the message starts with the position in it.

    Remedy: Correct the file at the place in the message, or open an earlier version of it.
    """


def flow_error(
    cause: type[FlowError], message: str, place: str | None = None, *, hint: str | None = None
) -> FlowError:
    """Return an error of class `cause` whose message starts with the position in the file."""
    return cause(f"{place}: {message}" if place else message, hint=hint)


class FlowSyntax(FlowError):
    """A text that is not JSON, is cut off, or is nested too deeply.

    Remedy: Correct the line in the message, or open an earlier version of the file.
    """


class NotNodeflow(FlowError):
    """A JSON file that is not a nodeflow document.

    Remedy: Open a file that nodeflow saved, or a picture that it exported.
    """


class DataFile(FlowError):
    """A file of data, such as CSV, opened as a graph.

    Remedy: Use the file in a dataset node.
    """


class NewerVersion(FlowError):
    """A file of a newer version than this program supports.

    Remedy: Update nodeflow.
    """


class FlowContent(FlowError):
    """A field that is missing, of the wrong type or out of range.

    Remedy: Correct the field that the message names.
    """


class DuplicateId(FlowError):
    """An id or a name that is used twice.

    Remedy: Give one of the two another id or name.
    """


class WireToNothing(FlowError):
    """A wire from or to a node that is not in the file.

    Remedy: Remove the wire, or bring the node back.
    """


class UnsafePath(FlowError):
    """A file name that points outside the document's folder.

    Remedy: Put the file beside the document, and name it without folders.
    """


class FlowRead(FileProblem):
    """A file that cannot be read.

    Remedy: Check that the file exists and may be read.
    """


class FlowWrite(FileProblem):
    """A file that cannot be written; its content on disk is unchanged.

    Remedy: Free some space, or save under another name; the file is as it was.
    """


class JournalError(FileProblem):
    """A crash journal that cannot be written or replayed.

    Remedy: Save the document; a damaged journal is recovered as far as possible.
    """
