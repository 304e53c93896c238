"""Training tells the graph that it trains, and runs what goes along with each step."""

from __future__ import annotations

import numpy as np

import nodeflow as nf
from nodeflow.engine.session import Session
from nodeflow.train.events import Epoch
from nodeflow.train.loop import train
from nodeflow.train.settings import Training


def test_dropout_drops_while_training_only() -> None:
    with nf.Graph() as graph:
        w = nf.variable([3.0, 3.0], name="w")
        loss = nf.reduce_mean(nf.dropout(w, rate=1.0))
        step = nf.gradient_descent(loss)
    with Session(graph, tier="reference") as session:
        session.initialize()
        (epoch,) = [
            e for e in train(session, Training(step, loss, epochs=1)) if isinstance(e, Epoch)
        ]
        assert epoch.loss == 0.0
        assert session.run(loss) == 3.0


def test_moving_averages_and_counters_move_while_training_only() -> None:
    with nf.Graph() as graph:
        x = nf.variable([[1.0], [3.0]], name="x")
        loss = nf.reduce_mean(nf.batch_normalization(x, momentum=0.5, name="bn"))
        step = nf.gradient_descent(loss, nf.warm_up(learning_rate=0.0, name="rate"))
    with Session(graph, tier="reference") as session:
        session.initialize()
        session.run(loss)
        assert session.variables["bn/moving_mean"] == np.float32(0)
        for _ in train(session, Training(step, loss, epochs=2)):
            pass
        assert session.variables["bn/moving_mean"] == np.float32(1.5)
        assert session.variables["rate/step"] == 2
