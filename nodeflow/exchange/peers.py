"""The programs that a graph can be compared with, which integrations offer."""

from __future__ import annotations

from nodeflow.exchange.comparison import Peer
from nodeflow.manifests import offer


def peer(name: str) -> Peer:
    """Return the program that the option ``--against`` names, for comparing values with nodeflow's.

    Raises:
        NotOffered: no integration offers this name.
        SoftwareMissing: its software is not installed.
    """
    found = offer("peer", name)
    found.integration.check_software()
    return found.load()()
