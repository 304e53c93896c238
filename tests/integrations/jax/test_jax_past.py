"""Past steps, breakpoints and hot edits of trainings on JAX."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.resources import example
from nodeflow.train.control import Control
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Hit, NumberChanged, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.rewind.replay import Past, Replay
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.stepping.steppers import order_of

pytest.importorskip("jax")


class EverySo(Snapshots):
    """Copies every 20 steps, so that a test does the same everywhere."""

    def is_due(self, step: int) -> bool:
        return step - self.steps[-1] >= 20


def spirals() -> tuple[Task, Session]:
    document = flow.load(example("spirals"))
    commands.set_training(document, epochs=4)
    task = Task(document, for_edits=True)
    session = Session(task.graph, seed=task.build.settings.seed, backend="jax")
    session.initialize()
    return task, session


@pytest.mark.thorough
def test_steps_are_computed_again_to_the_bit():
    task, session = spirals()
    pasts: list[Past] = []
    losses: list[float] = []
    training = task.training()
    snapshots = EverySo(budget=1 << 28)
    for event in train(session, training, snapshots=snapshots, remember=pasts.append):
        losses += list(event.losses) if isinstance(event, Steps) else []
    replay = Replay(pasts[0])
    assert replay.session.backend == "jax"
    for step in (1, 33, 12, len(losses)):
        replay.go_to(step)
        assert replay.values([training.loss])[training.loss] == losses[step - 1]
    assert replay.differs_from is None
    replay.go_to(len(losses))
    replay.advance()
    for name, value in session.variables.items():
        assert np.array_equal(replay.session.variables[name], value), name


@pytest.mark.thorough
def test_a_breakpoint_stops_at_its_step():
    task, session = spirals()
    training = task.training()
    with task.graph:
        small = nf.less(training.loss, 0.6, name="small")
    training = replace(training, breakpoints=(small,))
    control = Control(idle=lambda: control.stop())
    seen = [e for e in train(session, training, control) if isinstance(e, (Steps, Hit))]
    (hit,) = (e for e in seen if isinstance(e, Hit))
    losses = [float(x) for e in seen if isinstance(e, Steps) for x in e.losses]
    assert losses[hit.step - 1] < 0.6 <= min(losses[: hit.step - 1])


@pytest.mark.thorough
def test_an_edit_is_compiled_before_it_takes_effect():
    import jax

    task, session = spirals()
    training = task.training()
    before = {name: value.copy() for name, value in session.variables.items()}
    variant = Variant(session, training)
    assert variant.is_ready()
    for name, value in before.items():
        assert np.array_equal(session.variables[name], value), name
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    stepper = variant.prepared()
    stepper.start_epoch(order_of(training, training.rows(training.bindings, "train"), 1))
    assert stepper.run(5)[0] == 5
    assert compiled == []


def test_who_asks_for_plans_of_kernels_is_answered():
    task, session = spirals()
    stepper = Variant(session, task.training()).prepared()
    stepper.compile_soon()
    with pytest.raises(RunError, match="memory"):
        stepper.needs()
    assert stepper.order()


@pytest.mark.thorough
def test_another_learning_rate_compiles_nothing():
    import jax

    compiled: list[str] = []
    task, session = spirals()
    training, control = task.training(), Control()
    changed = after = 0
    for event in train(session, training, control):
        if isinstance(event, Steps) and event.last > 20 and not changed:
            jax.monitoring.register_event_duration_secs_listener(
                lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
            )
            control.set_number(training.optimizer.name, "learning_rate", 0.5)
            changed = event.last
        elif isinstance(event, NumberChanged):
            after = event.step
        elif isinstance(event, Steps) and after and event.last > after + 20:
            break
    assert changed <= after
    assert compiled == []
