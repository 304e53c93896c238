"""An engine process with its messages collected."""

from __future__ import annotations

import queue
import time

import pytest

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.host.engine_client import EngineClient
from nodeflow.host.protocol import Died, Failed, SyncDocument

SECONDS = 60.0


class Talk:
    """A client whose messages can be waited for."""

    def __init__(self) -> None:
        self.inbox: queue.Queue = queue.Queue()
        self.client = EngineClient(self.inbox.put)
        self.client.start()

    def send(self, request) -> None:
        self.client.send(request)

    def sync(self, document: Document, folder: str | None = None) -> None:
        self.send(SyncDocument(flow.dumps(document), document.revision, folder))

    def wait_for(self, kind, seconds: float = SECONDS):
        """The next message of this kind; a failure or death that was not asked for is an error."""
        end = time.monotonic() + seconds
        while True:
            message = self.inbox.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(message, kind):
                return message
            if isinstance(message, (Failed, Died)):
                raise AssertionError(f"{message}\n{getattr(message, 'error', '')}")


@pytest.fixture
def talk():
    talking = Talk()
    yield talking
    talking.client.close()
    assert not talking.client.is_alive()
