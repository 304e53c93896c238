"""Distributions over steps: compared with numpy on the same variables, rows and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.histogram_over_steps import (
    BINS,
    MOST_SAMPLES,
    PARTS,
    Course,
    DistributionData,
    Sample,
    compute,
    shares,
)
from nodeflow.host.views.training_tensors import gradient_of, next_value_of
from nodeflow.host.views.view_kind import ViewProblem
from nodeflow.host.views.watched_views import WatchedViews
from nodeflow.resources import example

BATCH = 100


@pytest.fixture
def spirals():
    return Evaluator(flow.loads(example("spirals").read_text(encoding="utf-8")))


def view(evaluator, name, of="value", step=None, courses=None) -> DistributionData:
    source = evaluator.view_source()
    source.step = step
    if courses is not None:
        source.courses = courses
    return compute(source, p.ViewSpec("distribution", name, (("of", of),)))


def backward(evaluator) -> dict[str, np.ndarray]:
    """Activations and gradients of spirals.flow on its first training rows, by hand in float64."""
    task = evaluator.view_source().task
    bindings = task.bindings([task.graph.tensor("loss").node])
    rows = min(BATCH, task.settings.batch_size)
    named = {t.node.name: b.dataset.split("train")[b.column].rows(slice(0, rows))
             for t, b in bindings.items()}  # fmt: skip
    x, y = named["x"].astype(np.float64), named["y"].astype(np.float64)
    v = {name: value.astype(np.float64) for name, value in evaluator.variables().items()}
    h1 = np.maximum(x @ v["W1"] + v["b1"], 0)
    h2 = np.maximum(h1 @ v["W2"] + v["b2"], 0)
    logits = h2 @ v["W3"] + v["b3"]
    p_ = np.exp(logits - logits.max(axis=1, keepdims=True))
    p_ /= p_.sum(axis=1, keepdims=True)
    g = (p_ - y) / len(x)
    g2 = (g @ v["W3"].T) * (h2 > 0)
    g1 = (g2 @ v["W2"].T) * (h1 > 0)
    return {"hidden1": h1, "hidden2": h2, "logits grad": g, "hidden2 grad": g @ v["W3"].T,
            "hidden1 grad": g2 @ v["W2"].T, "W3 grad": h2.T @ g, "b3 grad": g.sum(axis=0),
            "W1 grad": x.T @ g1, "W2 grad": h1.T @ g2}  # fmt: skip


@pytest.mark.parametrize("name", ["hidden1", "hidden2"])
def test_activations_are_those_of_the_first_training_rows(spirals, name):
    expected = backward(spirals)[name]
    data = view(spirals, name)
    assert data.rows == len(expected) and data.elements == expected.size
    np.testing.assert_allclose(data.middle[0], np.quantile(expected, [0.1, 0.5, 0.9]), atol=1e-5)
    assert data.choices == ("value", "gradient")


@pytest.mark.parametrize("name", ["W1", "W2", "W3", "b3", "logits", "hidden1", "hidden2"])
def test_gradients_are_those_of_the_loss(spirals, name):
    expected = backward(spirals)[f"{name} grad"]
    source = spirals.view_source()
    tensor = source.tensor(name)
    gradient = gradient_of(source, tensor)
    bindings = source.bindings([gradient])
    rows = min(BATCH, source.task.settings.batch_size)
    feeds = {t: b.dataset.split("train")[b.column].rows(slice(0, rows))
             for t, b in bindings.items()}  # fmt: skip
    np.testing.assert_allclose(source.run([gradient], feeds)[0], expected, rtol=1e-3, atol=1e-6)
    data = view(spirals, name, "gradient")
    np.testing.assert_allclose(
        data.middle[0], np.quantile(expected, [0.1, 0.5, 0.9]), rtol=1e-3, atol=1e-6
    )


def test_the_first_step_of_adam_changes_each_weight_as_its_formula_says(spirals):
    rate = spirals.view_source().task.graph.node("train").attrs["learning_rate"]
    data = view(spirals, "W3", "update")
    assert data.is_log and data.choices == ("value", "gradient", "update")
    weights = spirals.variables()["W3"].astype(np.float64)
    gradient = backward(spirals)["W3 grad"]
    change = rate * gradient / (np.abs(gradient) + 1e-7 / np.sqrt(1 - 0.999))
    moved = change != 0
    expected = np.log10(np.abs(change[moved] / weights[moved]))
    np.testing.assert_allclose(data.middle[0], np.quantile(expected, [0.1, 0.5, 0.9]), atol=0.01)
    assert data.ratio[0] == pytest.approx(
        np.linalg.norm(change) / np.linalg.norm(weights), rel=0.01
    )
    assert data.not_finite[0] == pytest.approx(1 - moved.mean())


@pytest.mark.thorough
def test_all_that_learns_in_the_examples_has_gradient_and_update():
    for name in ("mnist", "lstm", "mnist_cnn", "regression"):
        source = Evaluator(flow.loads(example(name).read_text("utf-8"))).view_source()
        for node in source.task.graph.nodes:
            if node.op.id == "variable" and node.derived_from is None:
                tensor = node.outputs[0]
                gradient, new = gradient_of(source, tensor), next_value_of(source, tensor)
                assert gradient is not None and gradient.shape == tensor.shape, node.name
                assert new is not None and new.shape == tensor.shape, node.name


def test_what_training_does_not_compute_is_said(spirals):
    with pytest.raises(ViewProblem, match="no gradient"):
        view(spirals, "x", "gradient")
    with pytest.raises(ViewProblem, match="no update"):
        view(spirals, "logits", "update")


@pytest.mark.parametrize("kind", ["normal", "zeros", "integers", "single"])
def test_shares_are_those_of_a_histogram(kind):
    random = np.random.default_rng(5)
    values = {
        "normal": random.normal(size=40_000),
        "zeros": np.where(random.random(40_000) < 0.7, 0.0, random.uniform(0, 4, 40_000)),
        "integers": random.integers(0, 5, 40_000).astype(float),
        "single": np.full(40_000, 3.0),
    }[kind]
    low, high = values.min() - 0.5, values.max() + 0.5
    edges = np.linspace(low, high, 9)
    expected = np.histogram(values, edges)[0] / len(values)
    found = shares(np.quantile(values, PARTS), edges)
    assert found.sum() == pytest.approx(1, abs=1e-6)
    gap = np.diff(PARTS).max()  # between two quantiles the elements are spread evenly
    np.testing.assert_allclose(found, expected, atol=2 * gap)


@pytest.mark.thorough
def test_a_training_keeps_few_samples_over_all_its_steps(spirals):
    courses = {}
    for step in range(1, 3 * MOST_SAMPLES):
        data = view(spirals, "b3", step=step, courses=courses)
    assert MOST_SAMPLES / 2 < len(data.steps) <= MOST_SAMPLES
    assert data.steps[0] == 1 and data.steps[-1] > 3 * MOST_SAMPLES - 6
    assert np.all(np.diff(data.steps) > 0) and data.density.shape == (len(data.steps), BINS)
    again = view(spirals, "b3", courses=courses)
    np.testing.assert_array_equal(again.steps, data.steps), "what was seen stays after the end"


def test_a_step_of_before_that_is_looked_at_keeps_what_came_after():
    course, sample = Course(), Sample(np.zeros(len(PARTS)), 0.0, 1, 0.0)
    for step in (1, 50, 90, 40, 50, 95):
        course.add(step, sample)
    assert course.steps == [1, 40, 50, 90, 95]


def test_a_training_that_goes_on_from_before_forgets_what_came_after():
    course, sample = Course(), Sample(np.zeros(len(PARTS)), 0.0, 1, 0.0)
    for step in (1, 50, 90):
        course.add(step, sample)
    views = WatchedViews(print, lambda: None)  # type: ignore[arg-type]
    views._courses["mine"] = course
    views.begin(afresh=False)
    for step in (40, 60):
        course.add(step, sample)
    assert course.steps == [1, 40, 60]
    views.begin(afresh=True)
    assert not views._courses
