"""Branches that assign to variables: only the branch that is chosen does, as in TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.ops.variables.scatter import scatter_update
from nodeflow.ops.variables.scope import Variable
from tests.backends import SESSIONS

Case = Callable[[nf.Tensor, nf.Tensor, nf.Tensor], Any]


def in_order(p: nf.Tensor, v: nf.Tensor, w: nf.Tensor) -> Any:
    def chain() -> nf.Tensor:
        with nf.control_dependencies([nf.assign(v, 10.0)]):
            raised = nf.assign_add(v, 1.0)
        with nf.control_dependencies([raised]):
            return v * 2

    return nf.cond(p, chain, lambda: v * 3)


def nested(p: nf.Tensor, v: nf.Tensor, w: nf.Tensor) -> Any:
    def inner() -> nf.Tensor:
        return nf.cond(v > 0, lambda: nf.assign(v, -1.0), lambda: nf.assign(v, 1.0))

    return nf.cond(p, inner, lambda: nf.identity(v))


def not_returned(p: nf.Tensor, v: nf.Tensor, w: nf.Tensor) -> Any:
    return nf.cond(p, lambda: (nf.assign(v, 9.0), v * 2)[1], lambda: v)


def grouped(p: nf.Tensor, v: nf.Tensor, w: nf.Tensor) -> Any:
    return nf.cond(p, lambda: nf.group(v.assign(7.0), w.assign_add([1.0, 1.0])), nf.no_op)


CASES: dict[str, tuple[Case, tuple[Any, ...], tuple[Any, ...]]] = {
    "assign": (lambda p, v, w: nf.cond(p, lambda: nf.assign(v, 5.0), lambda: v),
               (5, 5, [1, 2]), (1, 1, [1, 2])),
    "both": (lambda p, v, w: nf.cond(p, lambda: v.assign_add(1.0), lambda: v.assign_sub(1.0)),
             (2, 2, [1, 2]), (0, 0, [1, 2])),
    "rows": (lambda p, v, w: nf.cond(p, lambda: scatter_update(w, [0], [9.0]), lambda: w),
             ([9, 2], 1, [9, 2]), ([1, 2], 1, [1, 2])),
    "group": (grouped, (True, 7, [2, 3]), (False, 1, [1, 2])),
    "in order": (in_order, (22, 11, [1, 2]), (3, 1, [1, 2])),
    "nested": (nested, (-1, -1, [1, 2]), (1, 1, [1, 2])),
    "not returned": (not_returned, (2, 1, [1, 2]), (1, 1, [1, 2])),
    "case": (lambda p, v, w: nf.case([(p, lambda: nf.assign(v, 3.0)),
                                      (v > 0, lambda: nf.assign(v, 4.0))], lambda: v),
             (3, 3, [1, 2]), (4, 4, [1, 2])),
}  # fmt: skip
"""What is run, then the result and both variables after it: where the condition is true, and where
it is not. TensorFlow 2.21.0 (``tf.compat.v1``) gives the same."""


def graph_of(case: Case) -> tuple[nf.Graph, Any]:
    with nf.Graph() as graph:
        p = nf.placeholder("bool", (), name="p")
        v, w = Variable(1.0, name="v"), Variable([1.0, 2.0], name="w")
        return graph, case(p, v, w)


@pytest.mark.sample(7)
@pytest.mark.parametrize("session", SESSIONS, ids=lambda s: "-".join(s.values()))
@pytest.mark.parametrize("key", CASES)
def test_the_chosen_branch_assigns(key: str, session: Any) -> None:
    case, *expected = CASES[key]
    graph, result = graph_of(case)
    for chosen, (value, v, w) in zip((True, False), expected, strict=True):
        with nf.Session(graph, **session) as running:
            running.initialize()
            np.testing.assert_allclose(running.run(result, {"p": chosen}), value)
            np.testing.assert_allclose(running.run("v"), v)
            np.testing.assert_allclose(running.run("w"), w)


@pytest.mark.thorough
def test_its_name_is_that_of_the_result_and_it_survives_its_file(tmp_path) -> None:
    with nf.Graph() as graph:
        p, v = nf.placeholder("bool", (), name="p"), Variable(1.0, name="v")
        nf.cond(p, lambda: nf.assign_add(v, 1.0), lambda: v, name="step")
    nf.save(graph, tmp_path / "step.flow")
    for made in (graph, nf.load(tmp_path / "step.flow")):
        with nf.Session(made) as session:
            session.initialize()
            counted = [float(session.run("step", {"p": p})) for p in (True, False, True)]
            assert counted == [2.0, 2.0, 3.0]
            assert session.run("v") == 3.0


def test_other_nodes_of_the_run_see_the_value_from_before() -> None:
    graph, result = graph_of(CASES["both"][0])
    with graph:
        after = result + 0.0
        with nf.control_dependencies([result]):
            then = graph.tensor("v") * 1.0
    with nf.Session(graph) as session:
        session.initialize()
        assert session.run([result, "v", after, then], {"p": True}) == [2.0, 1.0, 2.0, 2.0]


def test_what_a_branch_cannot_assign_is_said() -> None:
    with nf.Graph():
        p, v = nf.placeholder("bool", ()), Variable(1.0, name="v")

        def twice() -> nf.Tensor:
            return nf.assign(v, 1.0) + nf.assign(v, 2.0)

        for branch, kind, words in (
            (twice, GraphError, "assigns to v twice, and nothing orders the two"),
            (lambda: nf.assign(v, [1.0, 2.0]), ShapeError, r"the variable has shape \(\)"),
            (lambda: nf.assign(v, nf.constant(1)), DtypeError, "'value' is int32"),
            (lambda: nf.assign(v * 2, 1.0), GraphError, "needs a variable"),
            (lambda: nf.group(nf.functions.print(v)), GraphError, "which has no value"),
        ):
            with pytest.raises(kind, match=words):
                nf.cond(p, branch, lambda: v)


def test_a_loop_still_assigns_nothing() -> None:
    with nf.Graph():
        v = Variable(1.0, name="v")
        with pytest.raises(GraphError, match="a loop cannot assign to a variable"):
            nf.while_loop(lambda i: i < 3, lambda i: nf.assign(v, i), [0.0])
