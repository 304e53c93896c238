"""Every example trains to the same numbers in both tiers, as far as float32 allows."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document import flow
from nodeflow.document.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import examples
from nodeflow.train.events import Steps
from nodeflow.train.loop import train

STEPS = 20


def trained(path, tier):
    """Losses of the first steps, and the variables after them."""
    task = Task(flow.load(path))
    training = task.training()
    losses: list[float] = []
    with Session(task.graph, tier=tier, seed=training.seed) as session:
        session.initialize()
        for event in train(session, training):
            if isinstance(event, Steps):
                losses += list(event.losses)
            if len(losses) >= STEPS:
                break
    return np.array(losses[:STEPS])


@pytest.mark.parametrize("path", examples(), ids=lambda p: p.stem)
def test_the_first_steps_agree(path, monkeypatch):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)
    if not flow.load(path).training.get("optimizer"):
        pytest.skip("nothing to train")
    reference, compiled = trained(path, "reference"), trained(path, "compiled")
    np.testing.assert_allclose(compiled, reference, rtol=1e-4)
