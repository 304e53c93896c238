"""Exported code of a network that is called twice with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import code_of, export_code
from tests.document.test_shared_weights import on_data
from tests.integrations.code.test_code import loaded


def test_numpy_predicts_with_one_set_of_weights(tmp_path: Path) -> None:
    doc = on_data()
    export_code(Task(doc), "net", "numpy", tmp_path)
    module = loaded(tmp_path, "net")
    params = module.initial()
    assert sorted(params) == ["net_a_bias", "net_a_kernel", "net_out_bias", "net_out_kernel"]
    x = np.random.default_rng(1).normal(size=(5, 2)).astype("f4")
    graph = build(doc).graph
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        for name, value in params.items():
            session.variables[name.replace("_", "/")] = value
        truth = session.run("loss", {"x": x})
    (found,) = module.predict(params, x).values()
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", ["pytorch", "jax", "tensorflow1"])
def test_code_makes_each_weight_once(target: str) -> None:
    text = code_of(Task(on_data()), "net", target).text
    assert "net_1_a_kernel" not in text and "net_1/a/kernel" not in text
    assert "net_b_kernel" not in text and "net/b/kernel" not in text
