"""A value that leaves the bounds of its node ends a training at that step.

Where and when it does is known from numpy alone: the values are planted in the data.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.document.analysis.node_flags import bounds_of, bounds_text, read_bounds
from nodeflow.document.edit.set_flags import set_bounds
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.errors import BadValue
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import GraphError, NonFiniteError, OutOfBoundsError
from nodeflow.resources import example
from nodeflow.train.control import Control
from nodeflow.train.events import Diverged, Done, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Training
from nodeflow.train.watched_tensors.bounds import Bounded

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
BATCH, ROWS = 4, 800


class Ran:
    """What came of a training."""

    def __init__(self, training: Training, tier: Any = "reference", **how: Any) -> None:
        self.losses: list[float] = []
        self.last: Any = None
        self.error: OutOfBoundsError | NonFiniteError | None = None
        with Session(training.optimizer.graph, tier=tier) as session:
            session.initialize()
            try:
                for event in train(session, training, **how):
                    self.last = event
                    if isinstance(event, Steps):
                        self.losses += event.losses.tolist()
            except (OutOfBoundsError, NonFiniteError) as error:
                self.error = error
            self.variables = dict(session.variables.items())


def planted(
    step: int, at: tuple[int, int], value: float, dtype: str = "float32", nan_at: int = 0
) -> Training:
    """Rows from -1 to 1, of which one element is ``value`` in one step; `doubled` has bounds."""
    rows = np.random.default_rng(2).uniform(-1, 1, (ROWS, 3))
    rows[(step - 1) * BATCH + at[0], at[1]] = value
    if nan_at:
        rows[(nan_at - 1) * BATCH, 0] = np.nan
    with nf.Graph():
        p = nf.placeholder(dtype, [None, 3], name="p")
        w = nf.variable(np.array([0.5, -0.5, 0.1], dtype), name="w")
        doubled = nf.multiply(p, 2.0, name="doubled")
        loss = nf.reduce_mean(nf.square(w - doubled), name="loss")
        if dtype != "float32":
            loss = nf.cast(loss, "float32", name="narrow")
        optimizer = nf.adam(loss, learning_rate=0.001, name="train")
    data = DataSplits("d", "memory", {"train": {"p": Column(rows.astype(dtype))}})
    how: dict[str, Any] = {"batch_size": BATCH, "epochs": 1, "shuffle": False}
    return Training(
        optimizer, loss, bindings={p: Binding(data, "p")}, bounds=(Bounded(doubled, -4, 4),), **how
    )


@pytest.mark.sample(3)
@BOTH
@pytest.mark.parametrize("value, is_high", [(7.0, True), (-7.0, False)])
def test_it_ends_at_the_step_with_node_value_and_place(tier, value, is_high):
    ran = Ran(planted(137, (2, 1), value), tier)
    assert isinstance(ran.last, Diverged) and isinstance(ran.error, OutOfBoundsError)
    crossing = ran.last.crossing
    assert crossing is not None and ran.last.culprit is None
    assert (ran.last.step, crossing.node, crossing.value) == (137, "doubled", 2 * value)
    assert (crossing.at, crossing.is_high) == ((2, 1), is_high)
    assert (ran.error.step, ran.error.node, ran.error.value) == (137, "doubled", 2 * value)
    assert ran.error.index == (2, 1) and ran.error.bounds == (-4, 4)
    side = "above its upper bound 4" if is_high else "below its lower bound −4"
    assert f"at [2, 1] is {side}" in str(ran.error) and "step 137" in str(ran.error)
    assert len(ran.losses) == 137 and np.isfinite(ran.losses).all()


@pytest.mark.thorough
@BOTH
def test_the_variables_are_those_from_before_the_step(tier):
    stopped = Ran(planted(137, (2, 1), 7.0), tier)
    assert "those from before step 137" in str(stopped.error)
    control = Control(idle=lambda: control.stop())
    control.step(136)
    alone = Ran(replace(planted(137, (2, 1), 7.0), bounds=()), tier, control=control)
    assert alone.last.steps == 136
    for name, value in alone.variables.items():
        assert stopped.variables[name].tobytes() == value.tobytes(), name


@pytest.mark.sample(1)
@BOTH
def test_bounds_that_hold_change_no_bit(tier):
    training = planted(137, (2, 1), 7.0)
    wide = (Bounded(training.bounds[0].tensor, -14.0, 14.0),)  # 14 is no more than 14
    watched, plain = (
        Ran(replace(training, bounds=wide), tier),
        Ran(replace(training, bounds=()), tier),
    )
    assert isinstance(watched.last, Done) and watched.losses == plain.losses
    for name, value in plain.variables.items():
        assert watched.variables[name].tobytes() == value.tobytes(), name


@pytest.mark.thorough
def test_a_bound_is_that_of_the_dtype():
    training = planted(5, (0, 0), 0.05)
    low, high = float(np.float32(-2.1)), float(np.float32(0.1))
    assert high > 0.1, "0.1 of float32 is more than 0.1"
    with training.optimizer.graph:
        tenth = nf.fill([2], 0.1, name="tenth")
        loss = nf.add(training.loss, nf.reduce_sum(tenth) * 0.0, name="both")
    bounds = (Bounded(tenth, low, 0.1),)
    assert isinstance(Ran(replace(training, loss=loss, bounds=bounds)).last, Done)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_floats(dtype):
    ran = Ran(planted(9, (1, 2), 6.0, dtype))
    assert isinstance(ran.error, OutOfBoundsError)
    assert (ran.error.step, ran.error.value, ran.error.index) == (9, 12.0, (1, 2))


@BOTH
def test_a_variable_counts_as_the_update_leaves_it(tier):
    with nf.Graph() as graph:
        w = nf.variable([1.0, 2.0], name="w")
        loss = nf.reduce_sum(w, name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=0.5, name="train")
    ran = Ran(Training(optimizer, loss, epochs=9, bounds=(Bounded(w, -0.9, None),)), tier)
    assert isinstance(ran.error, OutOfBoundsError), graph
    assert (ran.error.step, ran.error.value, ran.error.index) == (4, -1.0, (0,))
    assert ran.variables["w"].tolist() == [-0.5, 0.5], "from before that step"


def test_integers_have_bounds_too():
    with nf.Graph():
        w = nf.variable([1.0], name="w")
        count = nf.variable(np.array([0, 0], np.int64), name="count", trainable=False)
        counted = nf.assign(count, count + nf.constant(np.array([1, 2], np.int64)), name="counted")
        loss = nf.reduce_sum(nf.square(w), name="loss")
        descent = nf.gradient_descent(loss, learning_rate=0.1, name="train")
        both = nf.group(descent, counted, name="both")
    ran = Ran(Training(both, loss, epochs=20, bounds=(Bounded(count, None, 10),)))
    assert isinstance(ran.error, OutOfBoundsError)
    assert (ran.error.step, ran.error.value, ran.error.index) == (6, 12.0, (1,))


def test_what_is_not_finite_lies_within_nothing_and_its_cause_is_still_found():
    ran = Ran(planted(5, (0, 1), np.inf))
    assert isinstance(ran.error, NonFiniteError) and ran.error.step == 5
    allowed = Ran(replace(planted(5, (0, 1), np.nan), allow_nonfinite=True))
    assert isinstance(allowed.error, OutOfBoundsError)
    assert (allowed.error.step, allowed.error.index) == (5, (0, 1)) and np.isnan(
        allowed.error.value
    )


@pytest.mark.thorough
def test_the_first_of_both_counts():
    assert isinstance(Ran(planted(30, (0, 0), 7.0, nan_at=20)).error, NonFiniteError)
    error = Ran(planted(30, (0, 0), 7.0, nan_at=40)).error
    assert isinstance(error, OutOfBoundsError) and error.step == 30


def test_json_has_the_bounds_and_the_error_can_be_sent():
    ran = Ran(planted(5, (0, 2), 7.0))
    shown = as_json(ran.last)
    assert shown is not None and (shown["event"], shown["step"]) == ("diverged", 5)
    assert (shown["node"], shown["value"]) == ("doubled", 14.0)
    assert shown["bounds"] == {"min": -4, "max": 4, "left": "max", "at": [0, 2]}
    again = pickle.loads(pickle.dumps(ran.error))
    assert (again.step, again.value, again.index, again.bounds) == (5, 14.0, (0, 2), (-4, 4))


def test_a_data_set_that_cannot_be_replayed_ends_at_the_step_too():
    rows = np.random.default_rng(3).uniform(-1, 1, (160, 3)).astype(np.float32)
    rows[70, 1] = 9.0
    with nf.Graph() as graph:
        x = nf.data.Dataset.from_generator(lambda: iter(rows), "float32", (3,)).batch(4)
        w = nf.variable([0.5, -0.5, 0.1], name="w")
        error = nf.subtract(w, x.make_one_shot_iterator().get_next(), name="error")
        loss = nf.reduce_mean(nf.square(error), name="loss")
        nf.gradient_descent(loss, learning_rate=0.01, name="train")
    with pytest.raises(OutOfBoundsError) as caught:
        nf.train.fit(graph, epochs=1, bounds={error: (-5, 5)})
    assert (caught.value.step, caught.value.node, caught.value.index) == (18, "error", None)


def test_python_says_what_bounds_are():
    training = planted(5, (0, 0), 1.0)
    graph, where = training.optimizer.graph, training.bindings
    rows = next(iter(where.values())).dataset.split("train")["p"].array
    for wrong, words in (({"doubled": 3}, "a pair"), ({"doubled": ("a", 1)}, "a pair")):
        with pytest.raises(GraphError, match=words):
            nf.train.fit(graph, data={"p": rows}, bounds=wrong)
    with pytest.raises(OutOfBoundsError, match="doubled"):
        nf.train.fit(graph, data={"p": rows}, bounds={"doubled": (None, 0.5)})


# ---- in a document -------------------------------------------------------------------------------


def test_they_are_a_field_of_the_node_and_one_undo_step():
    document = flow.load(example("spirals"))
    node = document.node_named("loss")
    set_bounds(document, [node.id], -1, 2.5)
    text = flow.dumps(document)
    assert '"bounds": [-1, 2.5]' in text and flow.dumps(flow.loads(text)) == text
    assert bounds_of(document.nodes[node.id]) == (-1, 2.5)
    document.undo()
    assert '"bounds"' not in flow.dumps(document)
    set_bounds(document, [node.id], high=3.0)
    assert bounds_text(document.nodes[node.id]) == "at most 3"
    set_bounds(document, [node.id])
    assert "bounds" not in document.nodes[node.id].extra


@pytest.mark.parametrize("low, high", [(2, 1), (float("nan"), 1), (0, float("inf"))])
def test_what_bounds_nothing_is_refused(low, high):
    document = flow.load(example("spirals"))
    with pytest.raises(BadValue):
        set_bounds(document, [document.node_named("loss").id], low, high)


@pytest.mark.parametrize(
    "field", [7, [1], ["a", None], [3, 2], [None, None], [True, 1], {"low": 1}, [10**400, None]]
)
def test_what_a_file_should_not_have_bounds_nothing_and_is_kept(field):
    document = flow.load(example("spirals"))
    node = document.node_named("loss")
    record = replace(node, extra={"bounds": field})
    if field not in ([True, 1],):
        assert bounds_of(record) == (None, None)
    assert record.to_json()["bounds"] == field


@pytest.mark.parametrize(
    "text, found",
    [("", (None, None)), ("-1 to 1", (-1, 1)), ("-1..1", (-1, 1)), ("0, 1e3", (0, 1000)),
     ("at least 0", (0, None)), (">= -2", (-2, None)), ("≤ 5", (None, 5)), ("−3 to 2", (-3, 2))],
)  # fmt: skip
def test_how_people_type_them(text, found):
    assert read_bounds(text) == found


@pytest.mark.parametrize("text", ["5", "a to b", "at least", "1 to 2 to 3", "<"])
def test_what_people_do_not_mean_by_them(text):
    with pytest.raises(BadValue, match="no bounds"):
        read_bounds(text)


@pytest.mark.parametrize("inside", [False, True])
def test_a_training_of_a_document_has_them(inside):
    document = flow.load(example("spirals"))
    node = document.node_named("loss")
    set_bounds(document, [node.id], 0, 0.5)
    name = "loss"
    if inside:
        create(document, [node.id], "part")
        name = "part/loss"
    training = Task(document).training()
    assert [(b.tensor.name, b.low, b.high) for b in training.bounds] == [(name, 0, 0.5)]
    ran = Ran(training)
    assert isinstance(ran.error, OutOfBoundsError)
    assert (ran.error.step, ran.error.node) == (1, name) and ran.error.value > 0.5


def test_those_of_an_instance_are_of_what_it_gives():
    document = flow.load(example("spirals"))
    ids = [document.node_named(name).id for name in ("losses", "loss")]
    part = create(document, ids, "part")
    set_bounds(document, [part], high=0.5)
    (bounded,) = Task(document).training().bounds
    assert (bounded.tensor.name, bounded.high) == ("part/loss", 0.5)
    error = Ran(Task(document).training()).error
    assert isinstance(error, OutOfBoundsError) and error.node == "part/loss"


def test_those_of_a_layer_are_of_its_values():
    document = flow.load(example("mnist_layers"))
    layer = next(r for r in document.nodes.values() if r.op == "layers/dense")
    set_bounds(document, [layer.id], high=1e-3)
    error = Ran(Task(document).training()).error
    assert isinstance(error, OutOfBoundsError) and error.step == 1
    assert error.node == layer.name and error.index is not None
