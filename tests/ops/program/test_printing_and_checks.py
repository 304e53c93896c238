"""Print, Assert and their like: effects in both tiers, in order, with readable texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, NodeflowError, RunError, ShapeError
from nodeflow.ops.program import assertion, output
from nodeflow.ops.program.assertion import Assert, assert_near
from nodeflow.ops.program.basics import tuple as fetched_together
from nodeflow.ops.program.printing import Print
from nodeflow.ops.program.static_checks import (
    assert_integer,
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_scalar,
    assert_type,
    is_numeric_tensor,
)

pytestmark = pytest.mark.parametrize("tier", ["reference", "compiled"])


def run(fetches: Any, tier: str, feeds: Any = None, times: int = 1) -> Any:
    first = fetches[0] if isinstance(fetches, list) else fetches
    with nf.Session(first.graph, tier=tier) as session:  # type: ignore[arg-type]
        session.initialize()
        return [session.run(fetches, feeds) for _ in range(times)][-1]


def test_print_passes_its_input_on_and_writes_to_the_error_output(tier, capfd) -> None:
    with nf.Graph():
        x = nf.constant(np.arange(6.0).reshape(2, 3), name="x")
        loss = nf.constant(0.5)
        shown = Print(x, [x, loss], message="values: ")
        texts = Print(shown, ["loss", loss, "of", x], summarize=-1)
        short = Print(texts, [x], summarize=2)
    np.testing.assert_array_equal(run(short, tier), np.arange(6.0).reshape(2, 3))
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err.splitlines() == [
        "values: [0. 1. 2....] 0.5", "loss 0.5 of [[0. 1. 2.]", " [3. 4. 5.]]", "[0. 1....]",
    ]  # fmt: skip


def test_print_stops_after_the_first_times(tier, capfd) -> None:
    with nf.Graph():
        x = Print(nf.constant(1.0), [nf.constant(2)], "now ", first_n=2)
    run(x, tier, times=4)
    assert capfd.readouterr().err == "now 2\nnow 2\n"
    run(x, tier, times=3)
    assert capfd.readouterr().err == "now 2\nnow 2\n", "each session counts for itself"


def test_the_gradient_goes_through_a_print_to_its_input_only(tier, capfd) -> None:
    with nf.Graph():
        w, other = nf.variable(3.0, name="w"), nf.variable(4.0, name="other")
        y = nf.square(Print(w, [other]))
        grads = nf.gradients(y, [w, other])
    assert grads[1] is None and run(grads[0], tier) == 6.0


def test_a_host_may_take_the_texts_elsewhere(tier, capfd) -> None:
    seen: list[str] = []
    before = output.write
    output.redirect(seen.append)
    try:
        with nf.Graph():
            run(Print(nf.constant(1.0), ["a", 2.0]), tier)
    finally:
        output.redirect(before)
    assert seen == ["a 2."] and capfd.readouterr().err == ""


@pytest.mark.parametrize("data", [3, "text", None, nf.Graph()])
def test_data_that_is_no_list_is_refused(tier, data) -> None:
    with nf.Graph():
        with pytest.raises(GraphError, match=r"data is .*, not a list"):
            Print(nf.constant(1.0), data)
        with pytest.raises(GraphError, match=r"data is .*, not a list"):
            Assert(nf.constant(True), data)


def test_an_assertion_ends_the_run_where_it_is_depended_on(tier) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None], name="x")
        w = nf.variable(0.0, name="w")
        check = Assert(nf.reduce_all(x > 0.0), ["x must be positive:", x], name="check")
        with nf.control_dependencies([check]):
            step = nf.assign(w, w + nf.reduce_sum(x))
    with nf.Session(w.graph, tier=tier) as session:
        session.initialize()
        assert session.run([check, step], {x: [1, 2]}) == [True, 3.0]
        with pytest.raises(
            RunError, match=r"check:condition: assertion failed: x must be positive: \[ 1. -2.\]"
        ):
            session.run(step, {x: [1, -2]})
        assert session.variables["w"] == 3.0, "a run that fails stores nothing"
        assert session.run(w + 1.0, {x: [-1]}) == 4.0, "nothing depends on the check here"


def test_an_assertion_of_a_python_bool_is_decided_in_the_run(tier) -> None:
    with nf.Graph():
        good, bad = Assert(True, []), Assert(False, ["never"])
    assert run(good, tier)
    with pytest.raises(RunError, match="assertion failed: never"):
        run(bad, tier)


COMPARISONS = {
    "equal": np.equal, "none_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "greater": np.greater, "greater_equal": np.greater_equal,
}  # fmt: skip


@pytest.mark.parametrize("kind", COMPARISONS)
@pytest.mark.parametrize("y", [[1, 1], [2, 1], [2, 2], [0, 0], [1, 2]])
def test_comparisons_hold_where_numpy_says_so(tier, kind: str, y: list[int]) -> None:
    with nf.Graph():
        node = getattr(assertion, f"assert_{kind}")(nf.constant([1, 1]), y, message="note")
    assert node.name == f"assert_{kind}"
    if COMPARISONS[kind]([1, 1], y).all():
        assert np.all(run(node, tier))
    else:
        with pytest.raises(RunError, match=r"assertion failed: note: x .* y: x = \[1 1\], y = "):
            run(node, tier)


SIGNS = {
    "positive": lambda x: x > 0, "negative": lambda x: x < 0,
    "non_negative": lambda x: x >= 0, "non_positive": lambda x: x <= 0,
}  # fmt: skip


@pytest.mark.parametrize("kind", SIGNS)
@pytest.mark.parametrize("value", [-1.5, 0.0, 2.0])
def test_signs_hold_where_numpy_says_so(tier, kind: str, value: float) -> None:
    with nf.Graph():
        node = getattr(assertion, f"assert_{kind}")(nf.constant([value]))
    if SIGNS[kind](value):
        assert np.all(run(node, tier))
    else:
        with pytest.raises(RunError, match=f"assert_{kind}:condition: assertion failed"):
            run(node, tier)


@pytest.mark.parametrize(("y", "holds"), [(1.0, True), (1.0000005, True), (1.00001, False)])
def test_nearness_has_the_tolerance_of_the_dtype(tier, y: float, holds: bool) -> None:
    with nf.Graph():
        near, wide = assert_near(1.0, y), assert_near(nf.constant(1.0), y, atol=0.1)
    assert run(wide, tier)
    if holds:
        assert run(near, tier)
    else:
        with pytest.raises(RunError, match="not near"):
            run(near, tier)


def test_ranks_and_dtypes_are_checked_while_building(tier) -> None:
    with nf.Graph():
        x = nf.placeholder("int32", [None, 3], name="x")
        nodes = [
            assert_rank(x, 2), assert_rank_at_least(x, 1), assert_rank_in(x, (0, 2)),
            assert_integer(x), assert_type(x, nf.constant(1).dtype),
        ]  # fmt: skip
        assert run(nodes, tier) == [None] * 5
        assert assert_scalar(3.0).shape == ()
        assert is_numeric_tensor(x) and not is_numeric_tensor(3)
        for bad, error in (
            (lambda: assert_rank(x, 1, message="images"), ShapeError),
            (lambda: assert_rank_at_least(x, 3), ShapeError),
            (lambda: assert_rank_in(x, (0, 1)), ShapeError),
            (lambda: assert_scalar(x), ShapeError),
            (lambda: assert_type(x, "float32"), DtypeError),
            (lambda: assert_integer(1.5), DtypeError),
        ):
            with pytest.raises(error, match="it must have"):
                bad()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_check_numerics_counts_what_is_wrong(tier, bad: float) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None], name="x")
        y = nf.check_numerics(x, "layer 3") * 2.0
    assert run(y, tier, {x: [1, 2]}).tolist() == [2.0, 4.0]
    with pytest.raises(RunError, match=r"check_numerics:x: layer 3: 2 (NaN|infinite) of 3 values"):
        run(y, tier, {x: [bad, 1, bad]})


def test_a_tuple_waits_for_all_its_tensors(tier) -> None:
    with nf.Graph():
        w = nf.variable(1.0, name="w")
        step = nf.assign(w, 5.0)
        first, none, second = fetched_together([nf.constant(2.0), None, step])
        (after,) = fetched_together([nf.constant(1.0)], control_inputs=[step])
        for bad in (3, "ab", [], [None], [3]):
            with pytest.raises(GraphError):
                fetched_together(bad)  # type: ignore[arg-type]
    assert none is None
    for tensor in (first, after):
        with nf.Session(w.graph, tier=tier) as session:
            session.initialize()
            session.run(tensor)
            assert session.variables["w"] == 5.0
    assert run([first, second], tier) == [2.0, 5.0]


def test_values_become_tensors(tier) -> None:
    with nf.Graph():
        x = nf.constant([1.0, 2.0])
        assert nf.convert_to_tensor(x) is x is nf.convert_to_tensor(x, "float32")
        assert nf.convert_to_tensor(3).dtype == "int32"
        assert nf.convert_to_tensor(np.arange(2), "float64").type == nf.TensorType("float64", (2,))
        assert nf.convert_to_tensor(1, preferred_dtype="float64").dtype == "float64"
        assert nf.convert_to_tensor(1.5, preferred_dtype="int32").dtype == "float32"
        with pytest.raises(DtypeError, match=r"is float32, not int32.*nf.cast"):
            nf.convert_to_tensor(x, "int32")
        for bad in ({}, "a", object()):
            with pytest.raises(NodeflowError):
                nf.convert_to_tensor(bad)


def test_ranks_that_only_a_run_knows_are_checked_then(tier: Any) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32")
        checks = [
            assert_rank(x, 2, message="x"),
            assert_rank_in(x, (1, 2)),
            assert_rank_at_least(x, 1),
        ]
        scalar = assert_scalar(x)
    with nf.Session(graph, tier=tier) as session:
        session.run(checks, {x: np.zeros((2, 3))})
        assert session.run(scalar, {x: 3.0}) == 3
        for check, fed in ((checks[0], np.zeros(3)), (checks[1], 1.0), (checks[2], 1.0)):
            with pytest.raises(nf.errors.RunError, match=r"must have rank .*, and has rank"):
                session.run(check, {x: fed})
        with pytest.raises(nf.errors.RunError, match="rank 0"):
            session.run(scalar, {x: [1.0]})
