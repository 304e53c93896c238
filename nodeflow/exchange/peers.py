"""The programs that a graph can be compared with, by the word after ``--against``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from nodeflow.exchange.comparison import Peer
from nodeflow.manifests import offer

PEERS: Mapping[str, str] = {
    "onnx": "nodeflow.exchange.onnx.check:OnnxPeer",
}
"""The definition of each peer that nodeflow has itself. A check imports only the one it needs."""


def peer(name: str) -> Peer:
    """Return the peer with this name, a key of `PEERS` or one that an integration offers.

    Raises:
        NotOffered: there is none with this name.
        SoftwareMissing: its software is not installed.
    """
    if name not in PEERS:
        found = offer("peer", name, PEERS)
        found.integration.check_software()
        return found.load()()
    module, _, kind = PEERS[name].partition(":")
    made: Callable[[], Peer] = getattr(import_module(module), kind)
    return made()
