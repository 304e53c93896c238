"""A message that cannot be read ends the engine, instead of leaving both hanging."""

from __future__ import annotations

import queue

import pytest

from nodeflow.host import engine_client
from nodeflow.host.protocol import Died


class OfAnotherVersion:
    """A connection whose messages name what this process does not have."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self.send = connection.send

    def recv(self):
        self._connection.recv()
        raise AttributeError("module 'nodeflow.host.protocol' has no attribute 'New'")


@pytest.fixture
def unreadable(monkeypatch):
    accept = engine_client.accept_from
    monkeypatch.setattr(engine_client, "accept_from", lambda *a: OfAnotherVersion(accept(*a)))


@pytest.mark.thorough
def test_the_engine_is_reported_dead(unreadable, caplog):
    inbox: queue.Queue = queue.Queue()
    engine = engine_client.EngineClient(inbox.put, threads=1)
    engine.start()
    try:
        assert isinstance(inbox.get(timeout=60), Died)
        assert not engine.is_alive()
        assert "cannot be read" in caplog.text
    finally:
        engine.close()
