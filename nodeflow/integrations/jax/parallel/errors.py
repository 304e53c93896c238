"""Errors of a training by several processes."""

from __future__ import annotations

from nodeflow.errors import NodeflowError, RunError


class MixedRows(RunError):
    """Several processes share the rows of a batch, and a node makes one row of several in a way
    that is no sum, mean, extreme or count.

    Remedy: Train with one process, or change the node so that it treats each row alone.
    """


class UnevenBatch(RunError):
    """The rows of a batch cannot be shared evenly among the processes.

    Remedy: Choose a batch size that the number of processes divides.
    """


class ProcessesProblem(NodeflowError):
    """Several processes cannot train together as they are asked to.

    Remedy: Do what the message says: start all of them, with one address and one number of
    processes.
    """


class PeerLost(RunError):
    """Another process of a training does not answer any more, so the training has ended.

    Remedy: See why that process ended, and go on from the last checkpoint with --resume.
    """

    exit_code = 3
    """Of the process, so that the command that started it looks for another cause."""
