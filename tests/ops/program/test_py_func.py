"""A Python function as a node: it runs in both tiers, between what is compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GradientError, GraphError, NodeflowError, RunError

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])


@TIERS
def test_its_results_have_the_shapes_that_they_turn_out_to_have(tier: Any) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        kept, count = nf.py_func(
            lambda v: (v[v > 0], np.int64(v.size)), [x * 2.0], [nf.float32, "int64"]
        )
        total = nf.reduce_sum(nf.reshape(kept, [-1]) * 3.0)
        one = nf.py_func(np.sort, [x], nf.float32, stateful=False, name="sorted")
    assert (one.name, one.dtype, count.dtype) == ("sorted", "float32", "int64")
    with nf.Session(graph, tier=tier) as session:
        got = session.run([kept, count, total, one], {x: [3, 1, -2]})
        assert [np.asarray(g).tolist() for g in got] == [[6.0, 2.0], 3, 24.0, [-2.0, 1.0, 3.0]]
        assert session.run(total, {x: [-1]}) == 0.0


@TIERS
def test_the_function_cannot_change_what_it_gets_and_its_errors_name_the_node(tier: Any) -> None:
    def spoil(v: np.ndarray) -> np.ndarray:
        v[:] = 0
        return v

    with nf.Graph() as graph:
        x = nf.constant([1.0, 2.0])
        zero = nf.py_func(spoil, [x], "float32")
        wrong = nf.py_func(lambda v: v.astype("float64"), [x], "float32", name="wrong")
        few = nf.py_func(lambda v: [v], [x], ["float32", "float32"], name="few")
        broken = nf.py_func(lambda v: 1 / 0, [x], "float32", name="broken")
    with nf.Session(graph, tier=tier) as session:
        assert [v.tolist() for v in session.run([zero, x])] == [[0.0, 0.0], [1.0, 2.0]]
        for tensors, said in (
            (wrong, "wrong: the function returned float64, but Tout is float32"),
            (few, "few: the function returned 1 results, not 2"),
            (broken, "broken: .*division by zero"),
        ):
            with pytest.raises(RunError, match=said):
                session.run(tensors)


def test_it_has_no_gradient_and_no_place_in_a_file(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        w = nf.variable([1.0, 2.0])
        y = nf.py_func(np.sin, [w], "float32", name="sine")
        with pytest.raises(GradientError, match="py_func has no gradient"):
            nf.gradients(y, w)
        with pytest.raises(NodeflowError, match="sine: it runs a Python function, which"):
            nf.save(graph, tmp_path / "x.flow")
        for bad in (3, None, "f"):
            with pytest.raises(GraphError, match="not a function"):
                nf.py_func(bad, [w], "float32")  # type: ignore[arg-type]
        with pytest.raises(GraphError, match="not a list"):
            nf.py_func(np.sin, w, "float32")  # type: ignore[arg-type]
        with pytest.raises(DtypeError):
            nf.py_func(np.sin, [w], "text")
