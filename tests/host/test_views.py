"""Views computed in the engine process: compared with numpy on the same variables and rows."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.data.catalog import open_dataset
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.plot import PlotData
from nodeflow.host.views.kinds.predictions import PAGE, PredictionData
from nodeflow.host.views.kinds.regions import GRID, RegionData
from nodeflow.host.views.view_kind import ViewProblem, discover_kinds
from nodeflow.host.views.watched_views import VIEW_SHARE, WatchedViews
from nodeflow.resources import example
from nodeflow.train import events


def open_example(name: str) -> Document:
    return flow.loads(example(name).read_text(encoding="utf-8"))


def compute(document: Document, kind: str, name: str, **options):
    evaluator = Evaluator(document)
    spec = p.ViewSpec(kind, name, tuple(options.items()))
    return discover_kinds()[kind].compute(evaluator.view_source(), spec), evaluator


def spirals_logits(evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
    v = evaluator.variables()
    hidden = np.maximum(x @ v["W1"] + v["b1"], 0)
    hidden = np.maximum(hidden @ v["W2"] + v["b2"], 0)
    return hidden @ v["W3"] + v["b3"]


# ---- regions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["predicted", "logits"])
def test_regions_are_what_the_graph_answers_over_the_plane(name):
    data, evaluator = compute(open_example("spirals"), "regions", name)
    assert isinstance(data, RegionData) and data.classes is not None
    left, right, bottom, top = data.extent
    for row, column in ((0, 0), (7, 41), (59, 59), (30, 3)):
        x = left + (right - left) * (column + 0.5) / GRID
        y = bottom + (top - bottom) * (row + 0.5) / GRID
        answer = spirals_logits(evaluator, np.array([[x, y]], np.float32))[0]
        assert data.classes[row, column] == answer.argmax()
        if name == "logits":
            assert data.strength is not None
            sure = 1 / (1 + np.exp(-abs(answer[0] - answer[1])))
            assert data.strength[row, column] / 255 == pytest.approx(2 * sure - 1, abs=0.01)
    assert (data.strength is None) == (name == "predicted")


def test_regions_come_with_all_points_and_their_classes():
    data, _ = compute(open_example("spirals"), "regions", "predicted")
    dataset = open_dataset("spirals")
    train = dataset.split("train")
    points, labels = train["points"].rows(slice(0, 5)), train["labels"].rows(slice(0, 5))
    np.testing.assert_array_equal(data.points[:5], points)
    np.testing.assert_array_equal(data.groups[:5], labels.argmax(axis=1))
    assert not data.is_test[:5].any() and data.is_test.any()
    assert data.names == ("0", "1")
    left, right, bottom, top = data.extent
    assert (data.points[:, 0] > left).all() and (data.points[:, 0] < right).all()
    assert (data.points[:, 1] > bottom).all() and (data.points[:, 1] < top).all()


def test_a_hidden_layer_is_shown_unit_by_unit_as_values():
    data, evaluator = compute(open_example("spirals"), "regions", "hidden1")
    assert data.classes is None and data.values is not None
    v = evaluator.variables()
    left, right, bottom, top = data.extent
    x = left + (right - left) * 12.5 / GRID
    y = bottom + (top - bottom) * 50.5 / GRID
    expected = np.maximum(np.array([x, y], np.float32) @ v["W1"] + v["b1"], 0)
    np.testing.assert_allclose(data.values[:, 50, 12], expected[:16], rtol=1e-4, atol=1e-5)


def sigmoid_graph() -> Document:
    """score = x @ w, p = sigmoid(score), on the points of the spirals."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    data = add("dataset", "data", source="spirals", labels="class")
    x = add("placeholder", "x", shape=[None, 2])
    w = add("variable", "w", value=[[2.0], [-1.0]])
    score, p_ = add("matmul", "score"), add("sigmoid", "p")
    for wire in (
        (data, "points", x, "feed"),
        (x, "out", score, "x"),
        (w, "out", score, "y"),
        (score, "out", p_, "x"),
    ):
        commands.connect(document, *wire)
    return document


@pytest.mark.parametrize("name", ["p", "score"])
def test_one_probability_divides_the_plane_in_two(name):
    data, _ = compute(sigmoid_graph(), "regions", name)
    left, right, bottom, top = data.extent
    cells = (np.arange(GRID) + 0.5) / GRID
    x, y = np.meshgrid(left + (right - left) * cells, bottom + (top - bottom) * cells)
    score = 2 * x - y
    assert data.classes is not None and data.strength is not None
    clear = abs(score) > 1e-3
    np.testing.assert_array_equal(data.classes[clear], (score > 0)[clear])
    expected = abs(1 / (1 + np.exp(-score)) - 0.5) * 2
    np.testing.assert_allclose(data.strength / 255, expected, atol=0.01)


def test_regions_say_why_there_are_none():
    for name, words in (("loss", "depends on y"), ("W1", "no placeholder of two columns")):
        with pytest.raises(ViewProblem, match=words):
            compute(open_example("spirals"), "regions", name)


# ---- plots --------------------------------------------------------------------------------------


def by_title(data: PlotData) -> dict:
    """Series by title, data with their split: ``y (train)``."""
    return {f"{s.title} ({s.split})" if s.split else s.title: s for s in data.series}


def test_a_prediction_of_one_input_is_a_curve_over_the_data():
    document = open_example("linear_regression")
    commands.set_attr(document, document.node_named("slope").id, "value", 3.0)
    commands.set_attr(document, document.node_named("offset").id, "value", -0.5)
    data, _ = compute(document, "plot", "prediction")
    found = by_title(data)
    line = found["prediction"]
    assert (line.style, line.role, data.axes) == ("line", "value", ("x", "prediction"))
    assert (np.diff(line.x) > 0).all()
    np.testing.assert_allclose(line.y, 3 * line.x - 0.5, rtol=1e-5, atol=1e-5)
    rows = open_dataset("csv:resource:data/linear.csv").split("train")
    points = found["y (train)"]
    assert (points.style, points.role) == ("scatter", "train")
    np.testing.assert_array_equal(points.x, rows["features"].rows(slice(None))[:, 0])
    np.testing.assert_array_equal(points.y, rows["labels"].rows(slice(None))[:, 0])
    assert found["y (test)"].role == "test"


def test_what_stands_on_the_x_axis_can_be_chosen():
    document = open_example("linear_regression")
    data, _ = compute(document, "plot", "prediction", x="y")
    assert data.diagonal and data.x == "y" and data.style == "scatter"
    assert {option for option, _ in data.choices} == {"x", "y", "#"}
    data, _ = compute(document, "plot", "prediction", x="#", style="bars")
    (series,) = data.series
    assert series.style == "bars"
    np.testing.assert_array_equal(np.diff(series.x), 1)
    data, _ = compute(document, "plot", "prediction", x="gone")
    assert data.x == "x"


def test_two_nodes_are_plotted_against_each_other():
    document = open_example("linear_regression")
    commands.set_attr(document, document.node_named("slope").id, "value", 2.0)
    data, _ = compute(document, "plot", "prediction", x="scaled")
    values = [s for s in data.series if s.role == "value"]
    assert data.axes == ("scaled", "prediction")
    for series in values:
        np.testing.assert_allclose(series.y, series.x)


def test_variables_stand_over_their_index():
    data, evaluator = compute(open_example("spirals"), "plot", "b1")
    (bars,) = data.series
    assert bars.style == "bars"
    np.testing.assert_array_equal(bars.y, evaluator.variables()["b1"])
    data, evaluator = compute(open_example("regression"), "plot", "W2")
    np.testing.assert_allclose(data.series[0].y, evaluator.variables()["W2"][:, 0])


def test_points_of_two_columns_are_coloured_by_class():
    data, _ = compute(open_example("spirals"), "plot", "x")
    train = by_title(data)["x[1] (train)"]
    rows = open_dataset("spirals").split("train")
    np.testing.assert_array_equal(train.y, rows["points"].rows(slice(0, 400))[:, 1])
    np.testing.assert_array_equal(train.groups, rows["labels"].rows(slice(0, 400)).argmax(axis=1))


def test_a_number_has_no_plot_before_a_training():
    with pytest.raises(ViewProblem, match="single number"):
        compute(open_example("linear_regression"), "plot", "slope")


@pytest.mark.thorough
def test_a_number_is_plotted_over_the_steps_of_a_training(talk):
    document = open_example("linear_regression")
    spec = p.ViewSpec("plot", "slope")
    talk.sync(document)
    talk.send(p.WatchViews((spec,), 7))
    for resume in (False, True):
        talk.send(p.Train(8, resume))
        shown: list[p.ViewValue] = []
        while not isinstance(message := talk.wait_for((events.Done, p.ViewValue)), events.Done):
            shown.append(message)
        (line,) = shown[-1].data.series
        assert (np.diff(line.x) > 0).all() and line.x[-1] == shown[-1].step
        assert line.y[-1] == pytest.approx(2, abs=0.1)
        if not resume:
            assert line.x[-1] == message.steps
            first = line.x[0]
    assert line.x[0] == first, "it goes on where the training goes on"


# ---- watching -----------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(*specs: p.ViewSpec, seconds: float = 0.0):
    """Watched views that take so long each, their clock and what they sent."""
    evaluator, clock = Evaluator(open_example("linear_regression")), Clock()
    sent: list[p.ViewValue] = []

    def source():
        clock.now += seconds
        return evaluator.view_source()

    views = WatchedViews(sent.append, source, clock, clock)
    views.watch(p.WatchViews(specs, 1))
    return views, clock, sent


PLOT = p.ViewSpec("plot", "prediction")


def test_a_view_is_shown_ten_times_per_second_of_training():
    views, clock, sent = watched(PLOT)
    for step in range(100):  # 4 seconds in chunks of 40 ms
        views.show_due(step)
        clock.now += 0.04
    assert 39 <= len(sent) <= 41
    assert sent[-1].rate == pytest.approx(10, rel=0.1)


@pytest.mark.thorough
@pytest.mark.parametrize("count", [1, 3])
def test_slow_views_take_a_share_of_a_training_together(count):
    specs = [p.ViewSpec("plot", "prediction", (("style", s),)) for s in ("line", "scatter", "bars")]
    views, clock, sent = watched(*specs[:count], seconds=0.02)
    began, worked = clock.now, 0.0
    while worked < 40:
        views.show_due(1)
        clock.now += 0.04
        worked += 0.04
    spent = clock.now - began - worked
    assert spent == pytest.approx(0.02 * len(sent))
    assert spent / worked < 1.1 * VIEW_SHARE


def test_views_are_computed_again_only_when_something_changed():
    views, _, sent = watched(PLOT)
    views.show_next()
    assert not views.is_stale and len(sent) == 1
    views.refresh("a")
    assert views.is_stale
    views.show_next()
    views.refresh("a")
    assert not views.is_stale and len(sent) == 2


def test_a_view_that_cannot_be_drawn_says_why_and_hurts_no_other():
    views, _, sent = watched(p.ViewSpec("plot", "nothing"), p.ViewSpec("hologram", "x"), PLOT)
    while views.is_stale:
        views.show_next()
    first, second, third = sent
    assert "There is no node 'nothing'" in first.error and first.data is None
    assert "hologram" in second.error
    assert not third.error and third.data.series


@pytest.mark.thorough
def test_a_view_never_changes_a_training(talk):
    """The same losses with and without a view, and the view follows the training."""
    document = open_example("linear_regression")
    losses = []
    for specs in ((), (PLOT, p.ViewSpec("plot", "slope"))):
        talk.sync(document)
        talk.send(p.WatchViews(specs, 7))
        talk.send(p.Train(8))
        course: list[float] = []
        shown: list[p.ViewValue] = []
        while True:
            message = talk.wait_for((events.Steps, events.Done, p.ViewValue))
            if isinstance(message, events.Done):
                break
            if isinstance(message, p.ViewValue):
                shown.append(message)
            else:
                course += message.losses.tolist()
        losses.append(course)
    assert losses[0] == losses[1]
    last = [m for m in shown if m.spec == PLOT][-1]
    assert last.step == message.steps and last.request == 7
    line = by_title(last.data)["prediction"]
    slope = (line.y[-1] - line.y[0]) / (line.x[-1] - line.x[0])
    assert slope == pytest.approx(2, abs=0.1)


@pytest.mark.thorough
def test_a_view_follows_edits(talk):
    document = open_example("linear_regression")
    talk.sync(document)
    talk.send(p.WatchViews((PLOT,), 3))
    assert by_title(talk.wait_for(p.ViewValue).data)["prediction"].y.max() == 0
    document.subscribe(lambda c: talk.send(p.SyncChange(c.text, c.revision)))
    commands.set_attr(document, document.node_named("offset").id, "value", 4.0)
    talk.send(p.Evaluate(document.revision, 4))
    line = by_title(talk.wait_for(p.ViewValue).data)["prediction"]
    np.testing.assert_allclose(line.y, 4.0)


@pytest.mark.thorough
def test_of_waiting_requests_only_the_last_is_answered(talk):
    talk.sync(open_example("linear_regression"))
    for number in range(10, 20):
        talk.send(p.WatchViews((p.ViewSpec("plot", "prediction", (("x", "#"),)),) * 3, number))
    talk.send(p.WatchViews((PLOT,), 20))
    talk.send(p.Evaluate(0, 21))
    seen = []
    while not seen or seen[-1].request != 20:
        seen.append(talk.wait_for(p.ViewValue))
    assert seen[-1].spec == PLOT


def test_a_prediction_over_the_row_number_has_the_data_beneath():
    document = open_example("linear_regression")
    commands.set_attr(document, document.node_named("slope").id, "value", 2.0)
    data, _ = compute(document, "plot", "prediction", x="#", style="line")
    dataset = open_dataset("csv:resource:data/linear.csv")
    found = by_title(data)
    assert found["prediction"].style == "line" and not data.diagonal
    count = dataset.size("train")
    before = found["y (train)"]
    np.testing.assert_array_equal(before.x, np.arange(count - 60, count))
    rows = dataset.split("train")["labels"].rows(slice(count - 60, count))
    np.testing.assert_array_equal(before.y, rows[:, 0])
    later = found["y (test)"]
    rows = dataset.split("test")["labels"].rows(slice(None))
    np.testing.assert_array_equal(later.y, rows[:, 0])
    assert later.x[0] > found["y (train)"].x[-1]


# ---- predictions --------------------------------------------------------------------------------


def mnist_probabilities(evaluator: Evaluator, x: np.ndarray) -> np.ndarray:
    v = evaluator.variables()
    hidden = np.maximum(x @ v["W1"] + v["b1"], 0)
    scores = (hidden @ v["W2"] + v["b2"]).astype(np.float64)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.thorough
def test_predictions_are_those_of_the_graph_most_wrong_first():
    data, evaluator = compute(open_example("mnist"), "predictions", "")
    assert isinstance(data, PredictionData)
    assert data.tensor == "probabilities" and data.names == tuple("0123456789")
    columns = open_dataset("mnist").split("test")
    images, labels = columns["images"].rows(slice(None)), columns["labels"].array
    shares = mnist_probabilities(evaluator, images)
    assert data.seen == data.total == len(labels)
    assert data.right == int((shares.argmax(axis=1) == labels).sum())
    expected = np.zeros((10, 10), np.int64)
    np.add.at(expected, (labels, shares.argmax(axis=1)), 1)
    np.testing.assert_array_equal(data.matrix, expected)
    worst = np.argsort(shares[np.arange(len(labels)), labels])[:PAGE]
    assert set(data.rows[:12].tolist()) <= set(worst.tolist())
    np.testing.assert_allclose(data.shares, shares[data.rows], atol=1e-5)
    np.testing.assert_array_equal(data.truth, labels[data.rows])
    assert data.pictures is not None and data.pictures.shape == (PAGE, 28, 28)
    bright = images[data.rows[0]].reshape(28, 28)
    np.testing.assert_allclose(data.pictures[0] / 255, bright / images[data.rows].max(), atol=0.01)


@pytest.mark.thorough
def test_a_cell_of_the_matrix_filters_the_samples_and_pages_do_not_overlap():
    first, _ = compute(open_example("mnist"), "predictions", "", order="rows", split="train")
    assert first.matrix is not None
    true, answer = divmod(int(first.matrix.argmax()), 10)
    cell = {"filter": f"{true},{answer}", "order": "rows", "split": "train"}
    pages = [compute(open_example("mnist"), "predictions", "", page=p, **cell)[0] for p in (0, 1)]
    for page in pages:
        assert page.matching == first.matrix[true, answer] > PAGE
        assert (page.truth == true).all() and (page.answer == answer).all()
    rows = np.concatenate([page.rows for page in pages])
    assert (np.diff(rows) > 0).all()
    wrong, _ = compute(open_example("mnist"), "predictions", "", filter="wrong")
    assert wrong.matching == wrong.seen - wrong.right
    beyond, _ = compute(open_example("mnist"), "predictions", "", page=10**6)
    assert len(beyond.rows) > 0


def test_another_node_can_be_chosen():
    data, _ = compute(open_example("mnist"), "predictions", "predicted")
    assert data.tensor == "predicted" and "logits" in data.candidates
    assert set(np.unique(data.shares)) <= {0.0, 1.0}


def test_numbers_are_shown_with_their_errors():
    data, evaluator = compute(open_example("linear_regression"), "predictions", "")
    v = evaluator.variables()
    dataset = open_dataset("csv:resource:data/linear.csv")
    columns = dataset.split(data.split)
    features, labels = (columns[name].rows(slice(None)) for name in ("features", "labels"))
    answers = (features * v["slope"] + v["offset"]).reshape(-1)
    errors = np.abs(answers - labels.reshape(-1))
    assert data.matrix is None and data.names == ()
    assert data.error == pytest.approx(errors.mean(), rel=1e-5)
    np.testing.assert_array_equal(data.rows, np.argsort(-errors, kind="stable")[:PAGE])
    np.testing.assert_allclose(data.answer, answers[data.rows], rtol=1e-5)


@pytest.mark.parametrize("name", ["p", "score"])
def test_one_number_answers_for_two_classes(name):
    """A probability as it is, and a score as the probability that a sigmoid makes of it."""
    data, _ = compute(sigmoid_graph(), "predictions", name, order="rows", split="train")
    assert data.tensor == name
    points = open_dataset("spirals").split("train")["points"].rows(slice(0, PAGE))
    chance = 1 / (1 + np.exp(-(2.0 * points[:, 0] - points[:, 1])))
    np.testing.assert_allclose(data.shares, np.stack([1 - chance, chance], 1), rtol=1e-4)
    np.testing.assert_array_equal(data.answer, chance > 0.5)


def test_without_labels_it_says_what_is_missing():
    with pytest.raises(ViewProblem, match="labels"):
        compute(open_example("autoencoder"), "predictions", "")


def test_axes_are_called_as_the_data_call_their_features(tmp_path):
    rows = "\n".join(f"{i % 7},{i % 5},{i % 7 + 2 * (i % 5)}" for i in range(40))
    (tmp_path / "houses.csv").write_text(f"area,rooms,price\n{rows}\n")
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    data = add("dataset", "houses", source="csv:houses.csv")
    x, y = add("placeholder", "x", shape=[None, 2]), add("placeholder", "y", shape=[None, 1])
    w, price = add("variable", "w", value=[[1.0], [2.0]]), add("matmul", "price")
    loss = add("mean_squared_error", "loss")
    for wire in (
        (data, "features", x, "feed"),
        (data, "labels", y, "feed"),
        (x, "out", price, "x"),
        (w, "out", price, "y"),
        (y, "out", loss, "labels"),
        (price, "out", loss, "predictions"),
    ):
        commands.connect(document, *wire)
    evaluator = Evaluator(document, base_dir=tmp_path)
    source = evaluator.view_source()
    spec = p.ViewSpec("plot", "price")
    found = discover_kinds()["plot"].compute(source, spec)
    assert (found.x, found.diagonal) == ("y", True), "several inputs: against the labels"
    for series in found.series:
        np.testing.assert_allclose(series.x, series.y, rtol=1e-5)
    titles = dict(found.choices)
    assert (titles["x[0]"], titles["x[1]"]) == ("area", "rooms")
    over = p.ViewSpec("plot", "price", (("x", "x[1]"),))
    assert discover_kinds()["plot"].compute(source, over).axes == ("rooms", "price")
    regions = discover_kinds()["regions"].compute(source, p.ViewSpec("regions", "price"))
    assert regions.axes == ("area", "rooms") and regions.values is not None


def test_the_regions_of_a_layer_are_its_probabilities():
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    data = add("dataset", "data", source="spirals")
    x = add("placeholder", "x", shape=[None, 2])
    answer = add("layers/dense", "answer", units=3, activation="softmax")
    commands.connect(document, data, "points", x, "feed")
    commands.connect(document, x, "out", answer, "x")
    found, evaluator = compute(document, "regions", "answer")
    values = evaluator.variables()
    left, right, bottom, top = found.extent
    cells = (np.arange(GRID) + 0.5) / GRID
    across, up = np.meshgrid(left + (right - left) * cells, bottom + (top - bottom) * cells)
    points = np.stack([across.ravel(), up.ravel()], axis=1)
    scores = np.exp(points @ values["answer/kernel"] + values["answer/bias"])
    shares = (scores / scores.sum(axis=1, keepdims=True)).reshape(GRID, GRID, 3)
    best = np.sort(shares, axis=2)
    clear = best[..., 2] - best[..., 1] > 1e-4
    np.testing.assert_array_equal(found.classes[clear], shares.argmax(axis=2)[clear])
    np.testing.assert_allclose(found.strength / 255, (best[..., 2] - 1 / 3) * 1.5, atol=0.01)
    assert found.names == ("0", "1", "2"), "more classes than the data name"


@pytest.mark.thorough
def test_a_view_is_answered_while_a_training_is_paused(talk):
    document = open_example("linear_regression")
    commands.set_training(document, epochs=1_000_000)
    talk.sync(document)
    talk.send(p.Train(1))
    talk.wait_for(events.Steps)
    talk.send(p.Pause())
    while talk.wait_for(p.State).state != "paused":
        pass
    talk.send(p.WatchViews((PLOT,), 5))
    first = talk.wait_for(p.ViewValue)
    assert first.request == 5 and first.step is not None and first.data.series
    talk.send(p.WatchViews((p.ViewSpec("plot", "scaled"),), 6))
    assert talk.wait_for(p.ViewValue).step == first.step, "nothing goes on meanwhile"
    talk.send(p.Stop())
    talk.wait_for(events.Done)
