"""Sizes of gradients and updates, against finite differences of the loss written in numpy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.training_measures import KIND, compute
from nodeflow.host.views.view_kind import ViewProblem
from nodeflow.host.views.watched_views import WatchedViews
from tests.host.desk import Desk

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(6, 2))
W, B, V = RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(4,)), RANDOM.normal(size=(4, 2))
RATE = 0.05


def network(trains: bool = True) -> Document:
    """mean((tanh(x W + b) V - y)^2), and nodes that the loss does not depend on."""
    document = Document()
    wide = {"dtype": "float64"}

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    ids = {
        name: add("placeholder", name, shape=[None, None], sample=value.tolist(), **wide)
        for name, value in (("x", X), ("y", Y))
    }
    for name, value in (("W", W), ("b", B), ("V", V)):
        ids[name] = add("variable", name, value=value.tolist(), **wide)
    for name, op, *sources in (
        ("xW", "matmul", "x", "W"),
        ("sum", "add", "xW", "b"),
        ("h", "tanh", "sum"),
        ("out", "matmul", "h", "V"),
        ("error", "subtract", "out", "y"),
        ("squares", "square", "error"),
        ("loss", "reduce_mean", "squares"),
        ("aside", "negative", "h"),
        ("largest", "argmax", "out"),
    ):
        ids[name] = add(op, name)
        for source, port in zip(sources, "xy", strict=False):
            commands.connect(document, ids[source], "out", ids[name], port)
    if trains:
        train = add("gradient_descent", "train", learning_rate=RATE)
        commands.connect(document, ids["loss"], "out", train, "loss")
    return document


def forward(**given) -> dict[str, np.ndarray]:
    """The same in numpy; a value that is given stands for the node of that name."""
    values = {"x": X, "y": Y, "W": W, "b": B, "V": V} | given

    def put(name, make):
        values.setdefault(name, make(values))

    put("xW", lambda v: v["x"] @ v["W"])
    put("sum", lambda v: v["xW"] + v["b"])
    put("h", lambda v: np.tanh(v["sum"]))
    put("out", lambda v: v["h"] @ v["V"])
    put("error", lambda v: v["out"] - v["y"])
    put("squares", lambda v: v["error"] ** 2)
    put("loss", lambda v: v["squares"].mean())
    return values


def slope(name: str) -> np.ndarray:
    """The gradient of the loss with respect to a node's value, by central differences."""
    at = np.array(forward()[name], np.float64)
    found = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = at.copy()
            moved[index] += step
            ends.append(forward(**{name: moved})["loss"])
        found[index] = (ends[0] - ends[1]) / 2e-6
    return found


def measured(document: Document, of: str, evaluator: Evaluator | None = None):
    evaluator = evaluator or Evaluator(document)
    evaluator.settle()
    spec = p.ViewSpec("measures", "", (("of", of),))
    return compute(evaluator.view_source(), spec).values


def rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.square(array).mean()))


def test_gradients_of_all_that_leads_to_the_loss_are_those_of_finite_differences():
    found = measured(network(), "gradient")
    for name in ("x", "y", "W", "b", "V", "xW", "sum", "h", "out", "error", "squares"):
        assert found[name].value == pytest.approx(rms(slope(name)), rel=1e-6), name
    assert found["loss"].value == 1.0


def test_what_the_loss_does_not_depend_on_has_no_gradient_and_says_why():
    found = measured(network(), "gradient")
    assert found["aside"] == p.Measured("gradient", None, "the loss does not depend on it")
    assert found["largest"].value is None and "int64" in found["largest"].why


def test_behind_an_op_without_a_gradient_there_is_none_and_after_it_there_is():
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    matrix = add("variable", "matrix", value=[[4.0, 1.0], [2.0, 3.0]])
    double = add("negative", "double")
    hard = add("lu", "hard")
    extra = add("variable", "extra", value=1.0)
    total, loss = add("add", "total"), add("reduce_sum", "loss")
    train = add("gradient_descent", "train", variables=["extra"])
    for source, port, target, into in (
        (matrix, "out", double, "x"),
        (double, "out", hard, "x"),
        (hard, "lu", total, "x"),
        (extra, "out", total, "y"),
        (total, "out", loss, "x"),
        (loss, "out", train, "loss"),
    ):
        commands.connect(document, source, port, target, into)
    found = measured(document, "gradient")
    assert found["hard"].value == found["total"].value == 1.0
    for name in ("double", "matrix"):
        assert found[name].value is None and found[name].why.startswith("hard on the way"), name
    assert found["extra"].value == 4.0


def test_updates_are_those_of_a_step_relative_to_the_variable():
    found = measured(network(), "update")
    for name, value in (("W", W), ("b", B), ("V", V)):
        change = RATE * slope(name)
        ratio = np.linalg.norm(change) / np.linalg.norm(value)
        assert found[name].value == pytest.approx(ratio, rel=1e-6), name
    assert found["h"].value is None and "variables" in found["h"].why


def test_a_layer_has_the_update_of_all_its_variables_and_an_optimizer_has_none():
    document = network(trains=False)
    ids = {r.name: r.id for r in document.nodes.values()}
    attrs = {"units": 5}
    layer = commands.add_node(document, "layers/dense", (0, 0), name="layer", attrs=attrs)
    mean = commands.add_node(document, "reduce_mean", (0, 0), name="mean")
    train = commands.add_node(document, "adam", (0, 0), name="train")
    for source, target, port in (
        (ids["h"], layer, "x"),
        (layer, mean, "x"),
        (mean, train, "loss"),
    ):
        commands.connect(document, source, "out", target, port)
    evaluator = Evaluator(document)
    before = evaluator.variables()
    found = measured(document, "update", evaluator)
    kernel, bias = before["layer/kernel"], before["layer/bias"]
    # the first step of Adam moves each element that has a gradient by the learning rate
    rate = 0.001
    change = rate * np.sqrt(kernel.size + bias.size)
    size = np.sqrt(np.square(kernel).sum() + np.square(bias).sum())
    assert found["layer"].value == pytest.approx(change / size, rel=1e-3)
    assert "train" not in found


def test_without_a_loss_there_is_no_gradient():
    with pytest.raises(ViewProblem, match="optimizer"):
        measured(network(trains=False), "gradient")


def test_gradients_are_of_the_rows_that_are_shown():
    evaluator = Evaluator(network())
    whole = measured(network(), "gradient", evaluator)["y"].value
    rows = {"x": "sketch pad", "y": "sketch pad"}
    evaluator.override(p.Override({"x": X[:1], "y": Y[:1] + 3}, rows))
    one = measured(network(), "gradient", evaluator)["y"].value
    error = forward()["out"][:1] - (Y[:1] + 3)
    assert one == pytest.approx(rms(2 * error / error.size)) != whole


def test_looking_changes_no_variable_and_no_node():
    evaluator = Evaluator(network())
    before, count = evaluator.variables(), len(evaluator.task.graph.nodes)
    for of in ("gradient", "update"):
        measured(network(), of, evaluator)
    after = evaluator.variables()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert len(evaluator.task.graph.nodes) == count


def test_gradients_are_those_of_the_rows_that_are_chosen(tmp_path):
    """The gradient of the mean of squares x w is 2 x w / n."""
    x = np.random.default_rng(4).normal(size=(30, 1)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x_train=-x, x_test=x)
    document = Document()
    document.path = tmp_path / "a.flow"
    add = partial(commands.add_node, document)
    data = add("dataset", (0, 0), "data", {"source": "npz:rows.npz"})
    fed = add("placeholder", (0, 0), "x", {"shape": [None, 1]})
    w = add("variable", (0, 0), "w", {"value": [[3.0]]})
    product, squared = add("matmul", (0, 0), "product"), add("square", (0, 0), "squared")
    loss, train = add("reduce_mean", (0, 0), "loss"), add("gradient_descent", (0, 0), "train")
    for source, out, target, port in (
        (data, "x", fed, "feed"), (fed, "out", product, "x"), (w, "out", product, "y"),
        (product, "out", squared, "x"), (squared, "out", loss, "x"), (loss, "out", train, "loss"),
    ):  # fmt: skip
        commands.connect(document, source, out, target, port)
    commands.set_training(document, batch_size=10)
    desk, now = Desk(document), [0.0]
    views = desk.engine._views
    views._clock = lambda: now[0]
    desk.do(p.WatchViews((p.ViewSpec("measures", ""),), 0))
    for first in (0, 20):
        now[0] += 10 * KIND.rest
        desk.do(p.ShowData(first=first))
        desk.do(p.Evaluate(document.revision, 1))
        while views.is_stale:
            views.show_next()
        shown = desk.messages[-1]
        rows = x[first : first + 10] * 3
        expected = np.sqrt(np.mean((2 * rows / 10) ** 2))
        assert isinstance(shown, p.ViewValue) and not shown.error
        assert shown.data.values["product"].value == pytest.approx(expected, rel=1e-5)


def test_they_are_computed_at_most_twice_a_second_and_again_for_other_rows():
    evaluator, sent, now = Evaluator(network()), [], [10.0]
    evaluator.settle()
    views = WatchedViews(sent.append, evaluator.view_source, lambda: now[0], lambda: now[0])
    views.watch(p.WatchViews((p.ViewSpec("measures", ""), p.ViewSpec("plot", "b")), 1))
    while views.is_stale:
        views.show_next()
    assert [value.spec.kind for value in sent] == ["measures", "plot"] and not views.waits
    for number in range(8):  # eight edits in a second
        now[0] += 0.125
        views.refresh(number)
        while views.is_stale:
            views.show_next()
    kinds = [value.spec.kind for value in sent]
    assert (kinds.count("measures"), kinds.count("plot")) == (1 + 2, 1 + 8)
    now[0] += KIND.rest
    views.refresh(7, "other rows")
    assert views.waits
    while views.is_stale:
        views.show_next()
    kinds = [value.spec.kind for value in sent]
    assert (kinds.count("measures"), kinds.count("plot")) == (1 + 2 + 1, 1 + 8)
