"""The programs that a graph can be compared with, which integrations offer."""

from __future__ import annotations

from nodeflow.exchange.comparison import Peer
from nodeflow.manifests import offer


def peer(name: str) -> Peer:
    """Return the program with this name, which follows ``--against``.

    Raises:
        NotOffered: no integration offers this name.
        SoftwareMissing: its software is not installed.
    """
    found = offer("peer", name)
    found.integration.check_software()
    return found.load()()
