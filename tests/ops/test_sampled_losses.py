"""Candidate samplers and the losses over drawn classes, against a second implementation."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.threefry_streams import Stream
from nodeflow.graph.registry import REGISTRY

CLASSES, DRAWN = 30, 6


def draws(sampler: str, unique: bool, count: int = 600) -> list[list[np.ndarray]]:
    op = REGISTRY.lookup(sampler)
    attrs = {"num_sampled": DRAWN, "unique": unique, "range_max": CLASSES, "num_true": CLASSES}
    bound = op.bind_attrs(attrs)
    every = np.arange(CLASSES)[None]
    return [list(op.reference(every, **bound, stream=Stream(3, "s", n))) for n in range(count)]


@pytest.mark.thorough
@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("sampler", ["log_uniform_candidate_sampler", "uniform_candidate_sampler"])
def test_classes_come_up_as_often_as_expected(sampler: str, unique: bool) -> None:
    found = draws(sampler, unique)
    counts = np.stack([np.bincount(d[0], minlength=CLASSES) for d in found])
    expected = np.mean([d[1][0] for d in found], axis=0)
    error = np.sqrt(expected / len(found))
    assert np.all(np.abs(counts.mean(0) - expected) < 5 * error + 0.01)
    for sampled, of_all, of_sampled in found[:20]:
        assert not unique or len(set(sampled)) == DRAWN
        np.testing.assert_array_equal(of_all[0][sampled], of_sampled)


def test_probabilities_are_those_of_tensorflow() -> None:
    op = REGISTRY.lookup("log_uniform_candidate_sampler")
    p = op.probability(np.arange(CLASSES, dtype=float), {"range_max": CLASSES})
    wanted = np.diff(np.log(np.arange(CLASSES + 1) + 1)) / np.log(CLASSES + 1)
    np.testing.assert_allclose(p, wanted, rtol=1e-12)
    assert p.sum() == pytest.approx(1)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("removes", [False, True])
def test_losses_are_those_of_their_papers(tier: str, removes: bool) -> None:
    rng = np.random.default_rng(2)
    w, b, x = (rng.standard_normal(s) for s in ((CLASSES, 4), (CLASSES,), (5, 4)))
    labels = np.array([[0, 1], [2, 0], [1, 3], [9, 0], [1, 1]])
    how = {"num_sampled": DRAWN, "num_classes": CLASSES, "num_true": 2, "seed": 11}
    with nf.Graph() as graph:
        nce = nf.nce_loss(w, b, labels, x, **how, remove_accidental_hits=removes)
        soft = nf.sampled_softmax_loss(w, b, labels, x, **how, remove_accidental_hits=removes)
    drawn = [n for n in graph.nodes if n.op.id == "log_uniform_candidate_sampler"]
    fetches = [nce, soft, *drawn[0].outputs, *drawn[1].outputs]
    with nf.Session(graph, tier=tier) as session:
        found = session.run(fetches)
    for place, kind in enumerate(("nce", "softmax")):
        sampled, of_true, of_sampled = found[2 + 3 * place : 5 + 3 * place]
        true = (w[labels] * x[:, None]).sum(-1) + b[labels] - np.log(of_true)
        others = x @ w[sampled].T + b[sampled] - np.log(of_sampled)
        if removes:
            others = np.where((labels[:, :, None] == sampled).any(1), -np.inf, others)
        scores = np.concatenate([true, others], axis=1)
        if kind == "nce":
            yes = np.logaddexp(0, -true) / 2 + np.logaddexp(0, true) / 2
            wanted = yes.sum(1) + np.logaddexp(0, others).sum(1)
        else:
            log_total = np.log(np.exp(scores).sum(1))
            wanted = log_total - true.mean(1)
        np.testing.assert_allclose(found[place], wanted, rtol=1e-5)
