"""What benchmarks say of their own cases."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None) or ""
        if Path(origin).parent == FOLDER:
            del sys.modules[name]


def test_a_model_costs_what_its_products_do(module):
    models, limits = module("model_workloads"), module("limits")
    (a, b), spent = models.factors("matmul_tall_float64"), limits.cost("matmul_tall_float64")
    assert spent.flops == 2 * a.shape[0] * a.shape[1] * b.shape[1]
    assert spent.bytes == a.nbytes + b.nbytes + 8 * a.shape[0] * b.shape[1]
    dense = models.DEEP_MLPS["deep_mlp_small"]
    weights = sum(w.size for name, w in dense.weights().items() if "bias" not in name)
    first = dense.weights()["0"].size  # its input needs no gradient
    assert dense.flops() == 2 * dense.rows * (3 * weights - first)


def test_the_slower_of_two_limits_counts(module):
    limits, copied = module("limits").Limits(), module("limits").COPIED
    assert limits.us("elem") is None, "nothing is measured"
    limits.copies, limits.flops = dict.fromkeys(copied, 10000.0), {"float32": 100e3}
    assert limits.us("elem") == 48e6 / 10e3
    limits.learn("matmul_1024_float32", 2 * 1024**3 / 200e3)
    assert limits.flops["float32"] == pytest.approx(200e3)
    assert limits.us("matmul_1024_float32") == pytest.approx(2 * 1024**3 / 200e3)


def test_every_case_but_chain_has_a_limit(module):
    engine, limits = module("engine"), module("limits")
    cases = [*engine.workloads.TRAINING, *engine.workloads.OTHERS, *engine.MODELS]
    assert [c for c in cases if limits.cost(c) is None] == ["chain"]
    assert len(set(cases)) == len(cases) > 100


def test_cases_are_chosen_by_beginnings(module):
    engine = module("engine")
    names = ["mnist", "mnist_10", "infer_mlp_1", "infer_cnn_1", "inferior"]
    assert engine.chosen(None, names) == names
    assert engine.chosen(["mnist"], names) == ["mnist"]
    assert engine.chosen(["infer"], names) == ["infer_mlp_1", "infer_cnn_1"]
    assert engine.chosen(["other"], names) == []


def test_a_ratio_is_of_the_rounds(module):
    turns = module("turns")

    def worker(*medians: float) -> object:
        made = object.__new__(turns.Worker)
        made.times = {"case": [[99.0], *([m] for m in medians)]}
        return made

    ours, slow, fast = worker(2, 20, 3), worker(9, 90, 9), worker(4, 10, 6)
    assert turns.ratio("case", ours, [slow, fast]) == 0.5
    assert np.isclose(turns.ratio("case", ours, [slow]), 2 / 9)


def test_a_pinned_process_compiles_nothing_wider(module):
    pinning = module("pinning")
    assert pinning.environment(None) == {}
    features = pinning.environment("avx2")["NUMBA_CPU_FEATURES"].split(",")
    assert not any(f.startswith(("+avx512", "+avx10", "+amx")) for f in features)


def test_who_cannot_be_pinned_gets_no_ratio(module):
    pinning = module("pinning")
    assert pinning.unpinned(None, products=True) == ()
    assert "jaxscan" in pinning.unpinned("avx2", products=True)
    assert pinning.unpinned("avx2", products=False) == ("onnxruntime",)
