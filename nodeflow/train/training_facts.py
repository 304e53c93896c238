"""The settings of a training and its optimizer, as a run records them."""

from __future__ import annotations

from typing import Any

from nodeflow.engine.backend import NUMBA
from nodeflow.engine.session import Session
from nodeflow.graph.graph import ancestors
from nodeflow.ops.macro_ops import Optimizer
from nodeflow.train.settings import PlainSettings, declared
from nodeflow.train.training import Training

STREAM = "elements of a data set in Python"
"""The description of batches that are not rows of a table. A run does not keep their source."""


def settings_of(session: Session, training: Training) -> dict[str, Any]:
    """Return the settings by name. An optimizer's settings are called ``NODE.ATTRIBUTE``."""
    found: dict[str, Any] = {s.name: getattr(training, s.name) for s in declared(PlainSettings)}
    found["tier"] = session.wanted
    if session.backend != NUMBA:
        found["backend"] = session.backend
    if session.peers is not None:
        found["processes"] = session.peers.number
    if training.stream is not None:
        found["batches"] = STREAM
    if training.turns is None:
        found["loss"] = training.loss.name
    else:
        found["schedule"] = str(training.turns)
        found["loss"] = ", ".join(dict.fromkeys(phase.loss.name for phase in training.phases))
    found["metrics"] = [f"{m.split}/{m.tensor.name}" for m in training.metrics]
    if training.patience is not None:
        found["monitor"] = f"{training.monitor.title}, {training.monitor.goal}"
    if session.without:
        found["without"] = ", ".join(sorted(session.without))
    for node in sorted(ancestors([training.optimizer]), key=lambda node: node.index):
        if isinstance(node.op, Optimizer):
            found[f"{node.name}.op"] = node.op.id
            plain = {n: v for n, v in node.attrs.items() if isinstance(v, (bool, int, float, str))}
            found.update((f"{node.name}.{name}", value) for name, value in plain.items())
    return found
