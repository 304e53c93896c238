"""The document again: the same one keeps what its variables learned, another starts afresh."""

from __future__ import annotations

import pytest

from nodeflow.document.io import flow
from nodeflow.host.protocol import FetchTensor, SyncDocument, TensorValue, Train
from nodeflow.train.events import Done
from tests.host.documents import regression


@pytest.mark.thorough
@pytest.mark.parametrize("keep", [True, False])
def test_a_document_that_is_sent_again(talk, keep):
    document = regression()
    talk.sync(document)
    talk.send(Train(1))
    talk.wait_for(Done)
    talk.send(SyncDocument(flow.dumps(document), document.revision, "/tmp", keep))
    talk.send(FetchTensor("w", 2))
    value = talk.wait_for(TensorValue).array
    assert value == pytest.approx(2.0, abs=0.2) if keep else value == 0.0
