"""The programs that a graph can be compared with, which integrations offer."""

from __future__ import annotations

from nodeflow.exchange.comparison import Peer
from nodeflow.manifests import offer


def peer(name: str) -> Peer:
    """Return the peer with this name, the word after ``--against``.

    Raises:
        NotOffered: there is none with this name.
        SoftwareMissing: its software is not installed.
    """
    found = offer("peer", name)
    found.integration.check_software()
    return found.load()()
