"""t-SNE, offered by its integration: what it draws, and what is said where it is not there."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from nodeflow.document.edit.set_flags import set_view
from nodeflow.document.io import flow
from nodeflow.drawing.views import projection
from nodeflow.host import protocol as p
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.views.kinds.projection import PCA, compute, methods
from nodeflow.host.views.view_kind import ViewProblem
from nodeflow.host.views.views_on_nodes import spec_of
from nodeflow.resources import example


def evaluator() -> Evaluator:
    return Evaluator(flow.loads(example("spirals").read_text(encoding="utf-8")))


def points(engine: Evaluator, step: int | None = None, method: str = "tsne"):
    source = engine.view_source()
    source.step = step
    return compute(source, p.ViewSpec("projection", "hidden2", (("method", method),)))


def test_it_says_how_to_get_scikit_learn_where_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ViewProblem) as refused:
        points(evaluator())
    text = refused.value.text("window")
    assert "t-SNE needs scikit-learn" in text and "pip install 'scikit-learn>=1.5'" in text


@pytest.mark.thorough
def test_it_keeps_neighbours_together_and_waits_for_the_end_of_a_training():
    engine = evaluator()
    data = points(engine)
    assert data.method == "tsne" and data.explained == () and data.points.shape[1] == 2
    assert projection.axes_words(data).startswith("t-SNE of ")
    away = np.linalg.norm(data.points[:, None] - data.points[None], axis=2)
    places = away.argsort(axis=1).argsort(axis=1)  # 0 is the row itself
    nearest = places[np.arange(len(places)), data.near[:, 0]]
    assert np.mean(nearest <= 10) > 0.9, "the nearest row in all dimensions is near in the picture"
    again = points(engine)
    assert np.array_equal(data.points, again.points)
    with pytest.raises(ViewProblem, match="too long"):
        points(engine, step=3)


def test_without_it_pca_is_the_only_method_and_no_choice(without):
    data = points(evaluator(), method=PCA)
    assert [choice.option for choice in projection.choices(data)] == ["split", "method", "metric"]
    without("tsne")
    assert methods() == {PCA: "PCA"}
    assert [choice.option for choice in projection.choices(data)] == ["split", "metric"]


def test_a_file_with_a_view_by_it_opens_says_that_it_is_missing_and_keeps_it(without):
    document = flow.loads(example("spirals").read_text(encoding="utf-8"))
    set_view(document, document.node_named("hidden2").id, {"kind": "projection", "method": "tsne"})
    text = flow.dumps(document)
    without("tsne")
    again = flow.loads(text)
    assert flow.dumps(again) == text
    spec = spec_of(again, again.node_named("hidden2"))
    with pytest.raises(ViewProblem) as refused:
        compute(Evaluator(again).view_source(), spec)
    assert refused.value.text("window").startswith("there is no way to place points 'tsne' here.")
