"""Ops of the user's own: what a function becomes, its types, its values and gradients."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.to_graph.python_graphs.loaded_document import UnknownNodes
from nodeflow.errors import DtypeError, GradientError, RunError, UnknownOp, UserOpError
from nodeflow.graph.declaration import REQUIRED
from nodeflow.graph.types import TensorType
from nodeflow.ops.user import time_limit, user_op

F = nf.functions
TIERS = ("reference", "compiled")


@pytest.fixture(autouse=True)
def own_registry():
    """Ops declared in a test are gone after it."""
    before = set(nf.REGISTRY.ids())
    yield
    for op_id in set(nf.REGISTRY.ids()) - before:
        nf.REGISTRY.remove(op_id)


def run(fetches: Any, feeds: Any = None, tier: str = "reference") -> Any:
    graph = (fetches[0] if isinstance(fetches, list) else fetches).graph
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        return session.run(fetches, feeds or {})


def of(dtype: str, *shape: int | None) -> TensorType:
    return TensorType(dtype, shape)


def leaky_gradient(g, inputs, output, slope):
    return [F.where(inputs[0] > 0, g, g * slope)]


def declare_leaky(**options: Any) -> Any:
    @nf.op(**options)
    def leaky(x, slope: float = 0.1):
        """x, or a little of it.

        More about it.
        """
        return np.where(x > 0, x, slope * x)

    return leaky


# ---- what a function becomes ----------------------------------------------------------------


def test_a_function_becomes_an_op_with_ports_attributes_and_documentation() -> None:
    op = declare_leaky().op
    assert nf.REGISTRY.lookup("leaky") is op and op.own
    assert [p.name for p in op.inputs] == ["x"] and [p.name for p in op.outputs] == ["out"]
    assert (op.summary, op.category, op.title) == ("x, or a little of it.", "Own ops", "Leaky")
    assert [(a.name, a.kind, a.default) for a in op.attrs] == [("slope", "float", 0.1)]
    assert op.place.startswith("test_user_ops.py, line ")


def test_kinds_of_attributes_follow_annotations_and_defaults() -> None:
    @nf.op(id="kinds", choices={"how": ("up", "down")})
    def function(
        x,
        mask=None,
        *,
        rate=0.5,
        count=3,
        flag: bool = False,
        label: str = "a",
        mode: Literal["same", "valid"] = "same",
        how: str = "up",
        axes: tuple[int, ...] = (0, 1),
        limit: float | None = None,
        size: int,
    ):
        return x

    op = function.op
    assert [(p.name, p.optional) for p in op.inputs] == [("x", False), ("mask", True)]
    kinds = {a.name: a.kind for a in op.attrs}
    assert kinds == {
        "rate": "float", "count": "int", "flag": "bool", "label": "string", "mode": "choice",
        "how": "choice", "axes": "ints", "limit": "float", "size": "int",
    }  # fmt: skip
    assert op.attr("mode").choices == ("same", "valid") and op.attr("how").choices == ("up", "down")
    assert op.attr("size").default is REQUIRED and op.attr("limit").check(None) is None


def test_a_star_takes_as_many_tensors_as_are_wired() -> None:
    @nf.op
    def total(*terms):
        return sum(terms)

    with nf.Graph():
        out = total([nf.constant([1.0]), nf.constant([2.0]), nf.constant([4.0])])
    assert run(out).tolist() == [7.0]


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        (lambda x: x, {}, "is not an id"),
        (lambda x, **rest: x, {"id": "f"}, "neither a port nor an attribute"),
        (lambda x, how={}: x, {"id": "f"}, "'how' is dict"),
        (lambda name: name, {"id": "f"}, "which is the node's name"),
        (lambda x=None, *y: x, {"id": "f"}, "comes after 'x'"),
        (lambda x: x, {"id": "add"}, "nodeflow has an op of this name"),
        (lambda x: x, {"id": "dataset"}, "nodeflow has an op of this name"),
        (lambda x: x, {"id": "f", "infer": "same as y"}, "infer cannot be 'same as y'"),
        (lambda x: x, {"id": "f", "dtypes": ["complex256"]}, "complex256"),
        (lambda x: x, {"id": "f", "dtypes": {"y": ["int32"]}}, "no parameter 'y'"),
        (lambda x, k=1: x, {"id": "f", "choices": {"k": ("a", "b")}}, "must be one of a, b"),
        (np.exp, {"id": "f"}, "not a function written in Python"),
    ],
)  # fmt: skip
def test_what_makes_no_op_is_refused_with_a_reason(function, options, said) -> None:
    with pytest.raises(UserOpError, match=said):
        nf.op(**options)(function)
    assert "f" not in nf.REGISTRY


def test_declaring_it_again_replaces_it_for_new_nodes() -> None:
    first = declare_leaky()
    with nf.Graph():
        old = first(nf.constant([-1.0]))

        @nf.op(id="leaky")
        def second(x):
            return x * 3

        new = nf.leaky(nf.constant([-1.0]))
        np.testing.assert_allclose(run([old, new]), [[-0.1], [-3.0]], rtol=1e-6)
    nf.REGISTRY.remove("leaky")
    with pytest.raises(AttributeError), nf.Graph():
        nf.leaky(1.0)
    with pytest.raises(UnknownOp), nf.Graph() as graph:
        graph.apply("leaky", 1.0)


def test_called_with_arrays_it_is_still_the_function() -> None:
    leaky = declare_leaky()
    np.testing.assert_allclose(leaky(np.array([-2.0, 3.0]), slope=0.5), [-1.0, 3.0])


# ---- types ----------------------------------------------------------------------------------


def infer(function: Any, *types: TensorType, **options: Any) -> list[TensorType]:
    op = nf.op(id="probed", **options)(function).op
    return list(op.infer(*types))


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (None, 3), (None, None), (2, 10**9)])
def test_an_elementwise_function_has_its_inputs_shape(shape) -> None:
    (found,) = infer(lambda x: np.where(x > 0, x, 0.1 * x), of("float32", *shape))
    assert found == of("float32", *shape)


def test_types_are_found_by_running_on_small_arrays() -> None:
    x = of("float32", None, 784)
    assert infer(lambda x: x.T @ x, x) == [of("float32", 784, 784)]
    assert infer(lambda x: x.reshape(-1, 28, 28), x) == [of("float32", None, 28, 28)]
    assert infer(lambda x: x.reshape(len(x), -1), of("float32", None, 28, 28)) == [x]
    assert infer(lambda x: x.sum(0), x) == [of("float32", 784)]
    assert infer(lambda x: np.argmax(x, 1), x) == [of("int64", None)]
    assert infer(lambda x: (x > 0).all(), x) == [of("bool")]
    assert infer(lambda x: np.concatenate([x, x]), x) == [of("float32", None, 784)]
    assert infer(lambda x: x.reshape(-1), of("float32", 3000, 5000)) == [of("float32", 15_000_000)]
    assert infer(lambda x: np.linalg.inv(x), of("float64", 3, 3)) == [of("float64", 3, 3)]


def test_an_unknown_size_can_have_to_equal_a_known_one() -> None:
    (found,) = infer(lambda x, y: x + y, of("float32", None, 2), of("float32", 7, 2))
    assert found.dtype == "float32" and len(found.shape) == 2


def test_a_size_that_depends_on_values_is_unknown() -> None:
    assert infer(lambda x: x[x > 0.5], of("float32", 9)) == [of("float32", None)]


def test_several_outputs_and_rules_that_are_said() -> None:
    def both(x):
        return x.min(), x.argmax()

    x = of("float32", None, 3)
    assert infer(both, x, outputs=("low", "at")) == [of("float32"), of("int64")]
    assert infer(lambda x, y: x, x, of("int32"), infer="same as y") == [of("int32")]
    rule = lambda x, depth=2: ("float64", (*x.shape, depth))  # noqa: E731
    assert infer(lambda x, depth=2: x, x, infer=rule) == [of("float64", None, 3, 2)]
    pairs = lambda x: [("int64", ()), x]  # noqa: E731
    assert infer(both, x, outputs=("a", "b"), infer=pairs) == [of("int64"), x]
    with pytest.raises(UserOpError, match="returns 1 tensors, not 2"):
        infer(lambda x: x, x, outputs=("a", "b"))


def test_elementwise_rules_broadcast_and_keep_one_dtype() -> None:
    x, y = of("float32", None, 1), of("float32", 3)
    assert infer(lambda x, y: x * y, x, y, infer="elementwise") == [of("float32", None, 3)]
    with nf.Graph(), pytest.raises(DtypeError):
        nf.probed(nf.constant([1.0]), np.array([1.0]))
    with nf.Graph(), pytest.raises(DtypeError):
        nf.probed(nf.constant([1]), nf.constant([1]))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x.nothing, "has no attribute 'nothing'.*test_user_ops.py, line"),
        (lambda x: None, "returns NoneType, which is not a tensor"),
        (lambda x: "text", "not supported"),
        (lambda x: x.astype("S4"), "is not supported.*test_user_ops.py, line"),
        (lambda x: x if x.shape[0] % 2 else x.sum(), "depending on the sizes"),
        (lambda x: x.reshape(3, 3), "cannot reshape.*infer="),
    ],
)
def test_a_function_without_a_type_says_why_and_where(function, said) -> None:
    op = nf.op(id="probed")(function).op
    with pytest.raises(nf.NodeflowError, match=said) as caught:
        op.infer(of("float32", None))
    assert "Traceback" not in str(caught.value)


def test_a_loop_that_never_ends_is_ended(monkeypatch) -> None:
    monkeypatch.setattr(user_op, "PROBE_SECONDS", 0.05)

    def forever(x):
        while True:
            pass

    with pytest.raises(UserOpError, match="longer than 0"):
        infer(forever, of("float32", 2))
    for _ in range(1000):  # nothing arrives late
        pass


def test_what_a_limit_does_not_strike_goes_on() -> None:
    with time_limit.limited(60):
        assert sum(range(10)) == 45


def test_types_are_remembered() -> None:
    calls = []

    def counted(x):
        calls.append(x.shape)
        return x

    op = nf.op(id="probed")(counted).op
    op.infer(of("float32", 2))
    first = len(calls)
    op.infer(of("float32", 2))
    assert len(calls) == first > 0


# ---- running --------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("formula", [None, "where(x > 0, x, slope * x)"])
def test_both_tiers_compute_it_between_other_ops(tier, formula) -> None:
    leaky = declare_leaky(formula=formula, gradient=leaky_gradient)
    data = np.linspace(-3, 3, 24, dtype=np.float32).reshape(4, 6)
    with nf.Graph():
        x = nf.placeholder("float32", [None, 6], name="x")
        y = leaky(nf.tanh(x), 0.25)
        loss = nf.reduce_sum(nf.square(y))
        (slope,) = nf.gradients(loss, [x])
    t = np.tanh(data)
    wanted = np.where(t > 0, t, 0.25 * t)
    found = run([y, loss, slope], {x: data}, tier)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.sum(wanted**2), rtol=1e-5)
    local = 2 * wanted * np.where(t > 0, 1, 0.25) * (1 - t * t)
    np.testing.assert_allclose(found[2], local, rtol=1e-4, atol=1e-6)


def test_a_formula_is_inlined_into_a_kernel_and_a_function_is_not() -> None:
    for formula, called in ((None, 1), ("where(x > 0, x, slope * x)", 0)):
        leaky = declare_leaky(formula=formula)
        with nf.Graph() as graph:
            x = nf.placeholder("float32", [5], name="x")
            y = nf.exp(leaky(nf.square(x)))
        with nf.Session(graph, tier="compiled") as session:
            text = session.explain([y], {x: np.zeros(5, "float32")})
        assert ("where" in text) is (not called), text


def test_inputs_cannot_be_changed_and_results_are_not_shared() -> None:
    @nf.op(infer="same as x", dtypes=["float32"])
    def spoil(x):
        x += 1
        return x

    @nf.op
    def same(x):
        return x

    with nf.Graph():
        x = nf.variable([1.0, 2.0], name="x")
        kept, spoiled = same(x), spoil(x)
    with pytest.raises(RunError, match=r"spoil failed \(test_user_ops.py, line \d+\).*read-only"):
        run(spoiled)
    found = run(kept)
    assert found.flags.writeable and found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("tier", TIERS)
def test_what_a_later_one_reads_is_not_overwritten(tier) -> None:
    """Functions run in the graph's order, not by how far they are from the beginning: the memory
    of what one reads must not go to an earlier one's result, which has the same size."""
    doubled = nf.op(id="doubled", infer="same as x")(lambda x: x * 2)
    with nf.Graph():
        x = nf.placeholder("float64", [1000], name="x")
        deep = x
        for _ in range(4):
            deep = F.cumsum(deep * 0.01, axis=0)
        shallow = F.cumsum(x, axis=0)
        sums = [nf.reduce_sum(doubled(deep)), nf.reduce_sum(doubled(shallow))]
    data = np.random.default_rng(0).standard_normal(1000)
    expected = data
    for _ in range(4):
        expected = np.cumsum(expected * 0.01)
    expected = [2 * expected.sum(), 2 * np.cumsum(data).sum()]
    np.testing.assert_allclose(run(sums, {x: data}, tier), expected, rtol=1e-9)


@pytest.mark.parametrize("tier", TIERS)
def test_a_failure_while_running_names_node_file_and_line(tier) -> None:
    @nf.op(infer="same as x")
    def picky(x):
        if x.max() > 2:
            raise ValueError("too large for me")
        return x

    with nf.Graph():
        x = nf.placeholder("float32", [2], name="x")
        y = nf.exp(picky(nf.square(x), name="mine"))
    assert run(y, {x: np.zeros(2, "f")}, tier).tolist() == [1.0, 1.0]
    with pytest.raises(RunError, match=r"too large for me") as caught:
        run(y, {x: np.full(2, 3, "f")}, tier)
    assert caught.value.node == "mine" and "test_user_ops.py, line" in str(caught.value)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("result", [np.zeros(3, "f"), np.zeros(2, "i8"), np.zeros((1, 2), "f")])
def test_a_result_that_is_not_what_was_said_is_refused(result, tier) -> None:
    @nf.op(infer="same as x", dtypes=["int32"])
    def liar(x):
        return result.astype("f8") if result.dtype.kind == "f" else result.astype("c8")

    with nf.Graph():
        y = liar(nf.placeholder("int32", [2], name="x", sample=[1, 2]))
    with pytest.raises(RunError, match=r"returned .*, not .*, as infer='same as x' requires"):
        run(y, {y.graph.tensor("x"): np.array([1, 2], "int32")}, tier)


def test_an_impure_op_is_not_shared_or_folded() -> None:
    calls = []

    @nf.op(pure=False, infer="same as x")
    def clock(x):
        calls.append(1)
        return x + len(calls)

    with nf.Graph() as graph:
        x = nf.constant(0.0)
        outs = [clock(x), clock(x)]
    with nf.Session(graph, tier="compiled") as session:
        first, second = session.run(outs), session.run(outs)
    assert len({float(v) for v in [*first, *second]}) == 4


# ---- formulas -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("x *", "cannot be read"),
        ("x ** 3", "uses Pow"),
        ("x if x > 0 else 0", "uses x if"),
        ("0 < x < 1", "uses 0 < x < 1"),
        ("numpy(x)", "calls 'numpy'"),
        ("x.real * 3", "uses x.real"),
        ("3 * y", "names 'y'"),
        ("2 * x", r"gives .* where the function gives"),
    ],
)
def test_a_formula_that_kernels_cannot_use_is_refused(formula, said) -> None:
    with pytest.raises(UserOpError, match=said):
        nf.op(id="f", formula=formula)(lambda x: 3 * x)


def test_formulas_are_compared_with_functions_of_every_kind() -> None:
    def wide(x, y, k: float = 2.0):
        inside = np.clip(x, -1, 1) * np.exp(-np.abs(y)) + np.floor(x / k)
        return np.where((x > 0) & ~(y > x), inside, np.power(np.abs(x), k) - y)

    formula = (
        "where(x > 0 and not y > x, minimum(maximum(x, -1), 1) * exp(-abs_(y)) + floor(x / k), "
        "pow(abs_(x), k) - y)"
    )
    wide_op = nf.op(formula=formula)(wide)
    x = np.linspace(-2, 2, 9, dtype="float64").reshape(9, 1)
    y = np.linspace(-1, 2, 7, dtype="float64")
    with nf.Graph():
        out = wide_op(nf.constant(x), nf.constant(y))
    for tier in TIERS:
        np.testing.assert_allclose(run(out, tier=tier), wide(x, y), rtol=1e-12)


# ---- gradients ------------------------------------------------------------------------------


def test_gradients_of_broadcast_inputs_are_summed() -> None:
    @nf.op(
        formula="x * y * y", gradient=lambda g, xs, out: [g * xs[1] * xs[1], 2 * g * out / xs[1]]
    )
    def cubic(x, y):
        return x * y * y

    with nf.Graph():
        x, y = nf.constant(np.ones((3, 2)) * 2), nf.constant(np.array([3.0, 5.0]))
        dx, dy = nf.gradients(nf.reduce_sum(cubic(x, y)), [x, y])
    found = run([dx, dy])
    np.testing.assert_allclose(found[0], np.tile([9.0, 25.0], (3, 1)))
    np.testing.assert_allclose(found[1], [3 * 2 * 2 * 3.0, 3 * 2 * 2 * 5.0])


def test_the_gradient_of_several_outputs_has_one_for_each() -> None:
    @nf.op(
        outputs=("twice", "thrice"),
        gradient=lambda g, inputs, outputs: g[0] * 2 + g[1] * 3,
    )
    def multiples(x):
        return 2 * x, 3 * x

    with nf.Graph():
        x = nf.constant([1.0, 2.0])
        twice, thrice = multiples(x)
        (both,) = nf.gradients(nf.reduce_sum(twice) + nf.reduce_sum(thrice), [x])
        (one,) = nf.gradients(nf.reduce_sum(thrice), [x])
    assert run([both, one])[0].tolist() == [5.0, 5.0]
    assert run(one).tolist() == [3.0, 3.0]


def test_training_through_an_op_without_a_gradient_says_so() -> None:
    leaky = declare_leaky()
    with nf.Graph():
        w = nf.variable(1.0, name="w")
        with pytest.raises(GradientError, match=r"leaky has no gradient.*test_user_ops.py, line"):
            nf.gradients(leaky(w * 2), [w])


@pytest.mark.parametrize(
    ("gradient", "said"),
    [
        (lambda g, inputs, out: [g, g], "returns 2 tensors for 1 inputs"),
        (lambda g, inputs, out: [np.ones(2)], "returns ndarray instead of a tensor"),
        (lambda g, inputs, out: [F.reduce_sum(g)], "is float32 .* for an input that is"),
        (lambda g, inputs, out: [g.undefined], r"failed \(test_user_ops.py, line \d+\)"),
        (lambda g, inputs, out: [F.matmul(g, g)], r"test_user_ops.py, line \d+"),
    ],
)
def test_a_wrong_gradient_says_what_is_wrong(gradient, said) -> None:
    leaky = nf.op(id="leaky", gradient=gradient)(lambda x: x * 2)
    with nf.Graph():
        w = nf.variable([1.0, 2.0], name="w")
        with pytest.raises(GradientError, match=said):
            nf.gradients(nf.reduce_sum(leaky(w)), [w])


def test_a_graph_with_an_own_op_is_saved_by_id_and_loaded(tmp_path) -> None:
    leaky = declare_leaky()
    with nf.Graph() as graph:
        leaky(nf.constant([-1.0, 2.0], name="x"), slope=0.5, name="y")
    nf.save(graph, tmp_path / "g.flow")
    text = (tmp_path / "g.flow").read_text()
    assert '"op": "leaky"' in text and "lambda" not in text and "def " not in text
    loaded = nf.load(tmp_path / "g.flow")
    assert run(loaded.tensor("y")).tolist() == [-0.5, 2.0]
    nf.REGISTRY.remove("leaky")
    with pytest.warns(UnknownNodes, match="leaky"):
        without = nf.load(tmp_path / "g.flow")
    assert "y" not in without
    nf.save(without, tmp_path / "again.flow")
    assert (tmp_path / "again.flow").read_text() == text
