"""The programs that a graph can be compared with, by the word after ``--against``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from nodeflow.exchange.comparison import Peer

PEERS: Mapping[str, str] = {
    "onnx": "nodeflow.exchange.onnx.check:OnnxPeer",
    "jax": "nodeflow.exchange.jax_peer:JaxPeer",
}
"""The definition of each peer. A check imports only the peer that it needs."""


def peer(name: str) -> Peer:
    """Return the peer with this name, a key of `PEERS`."""
    module, _, kind = PEERS[name].partition(":")
    made: Callable[[], Peer] = getattr(import_module(module), kind)
    return made()
