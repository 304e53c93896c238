"""Rows as points: compared with the singular value decomposition and with all distances."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.data.catalog import open_dataset
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.projection import (
    COSINE,
    EUCLIDEAN,
    MOST_ROWS,
    NEIGHBOURS,
    compute,
    nearest,
    principal,
)
from nodeflow.host.views.view_kind import ViewProblem
from nodeflow.resources import example


def evaluator(name: str) -> Evaluator:
    return Evaluator(flow.loads(example(name).read_text(encoding="utf-8")))


def points(engine: Evaluator, name: str = "", step: int | None = None, **options):
    source = engine.view_source()
    source.step = step
    return compute(source, p.ViewSpec("projection", name, tuple(options.items())))


@pytest.mark.parametrize("shape", [(200, 5), (40, 90), (30, 30), (6, 2), (3, 8)])
def test_components_are_those_of_the_singular_values(shape):
    rows = np.random.default_rng(1).normal(size=shape) * np.linspace(3, 0.5, shape[1]) + 5
    found, shares = principal(rows)
    centred = rows - rows.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    most = min(3, *shape)
    expected = left[:, :most] * sizes[:most]
    assert found.shape == (shape[0], most)
    for index in range(most):
        if sizes[index] < 1e-9 * sizes[0]:
            continue
        sign = np.sign(found[:, index] @ expected[:, index])
        np.testing.assert_allclose(found[:, index], sign * expected[:, index], atol=1e-8)
    np.testing.assert_allclose(shares, sizes[:most] ** 2 / np.sum(sizes**2), atol=1e-12)


def test_the_picture_does_not_flip_when_rows_change_a_little():
    random = np.random.default_rng(2)
    rows = random.normal(size=(300, 20)) * np.linspace(4, 1, 20)
    before, _ = principal(rows)
    after, _ = principal(rows + 1e-4 * random.normal(size=rows.shape))
    assert np.abs(after[:, 0] - before[:, 0]).max() < 0.05


def test_equal_rows_are_one_point():
    found, shares = principal(np.ones((5, 4)))
    assert not found.any() and not shares.any()


@pytest.mark.parametrize("metric", [EUCLIDEAN, COSINE])
@pytest.mark.parametrize("count", [4, 60])
def test_the_nearest_rows_are_those_of_all_distances(metric, count):
    rows = np.random.default_rng(3).normal(size=(count, 7))
    near, distances = nearest(rows, metric)
    for index in range(count):
        if metric == COSINE:
            sizes = np.linalg.norm(rows, axis=1) * np.linalg.norm(rows[index])
            away = 1 - rows @ rows[index] / sizes
        else:
            away = np.linalg.norm(rows - rows[index], axis=1)
        away[index] = np.inf
        order = np.argsort(away)[: min(NEIGHBOURS, count - 1)]
        np.testing.assert_array_equal(near[index], order)
        np.testing.assert_allclose(distances[index], away[order], rtol=1e-5, atol=1e-6)


def test_points_are_the_rows_of_a_layer_with_their_classes():
    engine = evaluator("spirals")
    data = points(engine, "hidden2")
    source = engine.view_source()
    bindings = source.bindings([source.tensor("hidden2")])
    (binding,) = bindings.values()
    x = binding.dataset.split("test")["x" if "x" in binding.dataset.columns else binding.column]
    x = x.rows(slice(0, len(data.points))).astype(np.float64)
    v = engine.variables()
    hidden = np.maximum(x @ v["W1"] + v["b1"], 0)
    hidden = np.maximum(hidden @ v["W2"] + v["b2"], 0)
    expected, shares = principal(hidden)
    assert data.dims == hidden.shape[1] and data.split == "test"
    np.testing.assert_allclose(data.points, expected, atol=1e-3)
    np.testing.assert_allclose(data.explained, shares, atol=1e-3)
    assert set(data.labels) == {"0", "1"} and data.pictures is None and len(data.texts) == len(x)
    assert [data.names[g] for g in data.groups] == list(data.labels)
    train = points(engine, "hidden2", split="train")
    assert train.split == "train" and len(train.points) <= MOST_ROWS
    for shown in (data, train):
        rows = binding.dataset.split(shown.split)["labels"].rows(slice(0, len(shown.points)))
        assert [int(label) for label in shown.labels] == rows.argmax(axis=1).tolist()


@pytest.mark.thorough
def test_digits_come_with_their_pictures_and_the_last_hidden_layer_first():
    data = points(evaluator("mnist"))
    assert data.tensor == "hidden" and "probabilities" in data.candidates
    assert data.pictures is not None and data.pictures.shape == (len(data.points), 28, 28)
    rows = min(MOST_ROWS, len(open_dataset("mnist").split("test")["images"]))
    assert len(data.points) == rows and data.near.shape == (rows, NEIGHBOURS)


def test_a_matrix_is_shown_by_its_own_rows():
    engine = evaluator("mnist")
    data = points(engine, "W2")
    assert data.split == "" and data.splits == () and data.labels == ()
    expected, _ = principal(engine.variables()["W2"].astype(np.float64))
    np.testing.assert_allclose(data.points, expected, atol=1e-4)


def test_what_has_no_rows_is_refused():
    engine = evaluator("mnist")
    with pytest.raises(ViewProblem, match="no rows"):
        points(engine, "b1")


def test_a_method_that_is_not_here_is_refused():
    with pytest.raises(ViewProblem, match="no way to place points 'umap' here") as refused:
        points(evaluator("spirals"), "hidden2", method="umap")
    assert "pca" in refused.value.text("window")
