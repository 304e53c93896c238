"""`variable_scope` and `get_variable`: the rules of TensorFlow 1's guide to variable scopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, NameProblem, ShapeError


@pytest.fixture(autouse=True)
def graph() -> Iterator[nf.Graph]:
    with nf.Graph() as graph:
        yield graph


def value(tensor: nf.Tensor) -> np.ndarray:
    with nf.Session(tensor.graph, tier="reference") as session:
        session.initialize()
        return session.run(tensor)


def test_variables_are_named_by_variable_scopes_and_ops_by_name_scopes() -> None:
    with nf.variable_scope("foo"), nf.name_scope("bar"):
        v = nf.get_variable("v", [1])
        x = nf.add(1.0, v, name="x")
    assert v.name == "foo/v"
    assert x.name == "foo/bar/x"


def test_a_scope_entered_again_opens_a_new_name_scope_for_the_same_variables() -> None:
    with nf.variable_scope("foo") as scope:
        v = nf.get_variable("v", [1])
        first = nf.add(v, 1.0, name="x")
    with nf.variable_scope("foo", reuse=True):
        assert nf.get_variable("v", [1]) is v
        second = nf.add(v, 1.0, name="x")
    with nf.variable_scope(scope, reuse=True):
        assert nf.get_variable("v") is v
        third = nf.add(v, 1.0, name="x")
    assert [t.name for t in (first, second, third)] == ["foo/x", "foo_1/x", "foo_2/x"]


def test_the_original_name_scope_can_be_entered_again() -> None:
    with nf.variable_scope("foo") as scope:
        pass
    with nf.variable_scope(scope, auxiliary_name_scope=False):
        with nf.name_scope(scope.original_name_scope):
            assert nf.constant(1.0, name="c").name == "foo/c"
        assert nf.constant(1.0, name="c").name == "c"


def test_making_a_variable_twice_says_how_to_share_it() -> None:
    nf.get_variable("v", [1])
    with pytest.raises(GraphError, match="exists already") as caught:
        nf.get_variable("v", [1])
    assert "reuse=nf.AUTO_REUSE" in (caught.value.hint or "")


def test_sharing_a_variable_that_is_missing_says_how_to_make_it() -> None:
    nf.Variable(1.0, name="v")  # not one of get_variable's
    with (
        nf.variable_scope("a", reuse=True),
        pytest.raises(GraphError, match="does not exist") as caught,
    ):
        nf.get_variable("v", [1])
    assert "AUTO_REUSE" in (caught.value.hint or "")


def test_auto_reuse_makes_and_finds() -> None:
    made = []
    for _ in range(2):
        with nf.variable_scope("a", reuse=nf.AUTO_REUSE):
            made.append(nf.get_variable("v", [2]))
    assert made[0] is made[1]


def test_reuse_is_inherited_and_cannot_be_switched_off_inside() -> None:
    with nf.variable_scope("root") as root:
        assert root.reuse is False
        with nf.variable_scope("foo"):
            assert not nf.get_variable_scope().reuse
        with nf.variable_scope("foo", reuse=True):
            assert nf.get_variable_scope().reuse is True
            with nf.variable_scope("bar", reuse=False):
                assert nf.get_variable_scope().reuse is True
        assert not nf.get_variable_scope().reuse


def test_reuse_variables_holds_for_the_rest_of_the_scope() -> None:
    with nf.variable_scope("foo") as scope:
        v = nf.get_variable("v", [1])
        scope.reuse_variables()
        assert nf.get_variable("v", [1]) is v
    with pytest.raises(GraphError):
        nf.get_variable_scope().get_variable("foo/v", [1])


def test_a_scope_jumped_to_keeps_its_place_and_its_settings() -> None:
    with nf.variable_scope("foo", initializer=nf.constant_initializer(0.4)) as foo:
        pass
    with nf.variable_scope("bar"), nf.variable_scope("baz"), nf.variable_scope(foo) as again:
        assert again.name == "foo"
        v = nf.get_variable("v", [1])
        c = nf.constant(1.0, name="c")
    assert (v.name, c.name) == ("foo/v", "bar/baz/foo/c")
    np.testing.assert_allclose(value(v), [0.4], rtol=1e-6)


def test_initializers_are_inherited_and_overridden() -> None:
    with nf.variable_scope("foo", initializer=nf.constant_initializer(0.4)):
        assert value(nf.get_variable("v", [1])) == np.float32(0.4)
        w = nf.get_variable("w", [1], initializer=nf.constant_initializer(0.3))
        assert value(w) == np.float32(0.3)
        with nf.variable_scope("bar"):
            assert value(nf.get_variable("v", [1])) == np.float32(0.4)
        with nf.variable_scope("baz", initializer=nf.constant_initializer(0.2)):
            assert value(nf.get_variable("v", [1])) == np.float32(0.2)


def test_regularizers_are_inherited_and_their_losses_collected() -> None:
    with nf.variable_scope("foo", regularizer=nf.layers.l2_regularizer(0.5)):
        v = nf.get_variable("v", initializer=[1.0, 2.0])
        nf.get_variable("w", initializer=[3.0], regularizer=lambda _: None)
    with nf.variable_scope("foo", reuse=True):
        assert nf.get_variable("v") is v
    (loss,) = nf.get_collection(nf.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name == "foo/v/Regularizer/l2_regularizer"
    assert value(loss) == 0.5 * (1 + 4) / 2


def test_default_names_are_made_unique() -> None:
    names = []
    for _ in range(2):
        with nf.variable_scope(None, default_name="foo") as scope:
            names.append(scope.name)
    with nf.variable_scope("outer"), nf.variable_scope(None, default_name="foo") as scope:
        names.append(scope.name)
    # The outer scope is entered anew, so scopes inside count from the start.
    with nf.variable_scope("outer"), nf.variable_scope(None, default_name="foo") as scope:
        names.append(scope.name)
    assert names == ["foo", "foo_1", "outer/foo", "outer/foo"]


def test_what_no_scope_can_be_is_refused() -> None:
    with pytest.raises(GraphError, match="needs a name"), nf.variable_scope(None):
        pass
    with pytest.raises(GraphError, match="reuse needs"):
        nf.variable_scope(None, default_name="a", reuse=True).__enter__()
    with pytest.raises(NameProblem), nf.variable_scope(3):  # type: ignore[arg-type]
        pass
    with pytest.raises(GraphError, match="reuse must be"), nf.variable_scope("a", reuse=2):  # type: ignore[arg-type]
        pass


def test_shared_variables_keep_shape_and_dtype() -> None:
    nf.get_variable("v", [2, 3])
    with nf.variable_scope(nf.get_variable_scope(), reuse=True):
        with pytest.raises(ShapeError, match=r"has shape \(2, 3\), not \(3,\)"):
            nf.get_variable("v", [3])
        with pytest.raises(DtypeError, match="is float32, not float64"):
            nf.get_variable("v", [2, 3], "float64")


def test_shapes_and_values() -> None:
    with pytest.raises(ShapeError, match="must be known"):
        nf.get_variable("a")
    with pytest.raises(ShapeError, match="must be known"):
        nf.get_variable("a", [None, 2])
    with pytest.raises(ShapeError, match="takes no shape"):
        nf.get_variable("a", [2], initializer=[1.0, 2.0])
    assert nf.get_variable("ints", [2], "int32").dtype == "int32"
    assert value(nf.get_variable("flag", [2], "bool")).tolist() == [False, False]
    assert value(nf.get_variable("n", initializer=3)).tolist() == 3
    assert nf.get_variable("cls", [2], initializer=nf.ones_initializer).shape == (2,)
    drawn = nf.get_variable("f", [2], initializer=lambda shape, dtype: nf.ones(shape, dtype))
    assert value(drawn).tolist() == [1, 1]
    own = nf.get_variable("t", initializer=nf.random_normal([3, 2], seed=1))
    assert own.shape == (3, 2)
    with nf.variable_scope("wide", dtype="float64"):
        assert nf.get_variable("v", [1]).dtype == "float64"


def test_name_scopes_that_exist_are_new_ones_unless_entered_by_their_string() -> None:
    with nf.name_scope("a") as scope:
        assert scope == "a/"
        assert nf.constant(1, name="x").name == "a/x"
    with nf.name_scope("a"):
        assert nf.constant(1, name="x").name == "a_1/x"
    with nf.name_scope(scope), nf.name_scope("b"):
        assert nf.constant(1, name="x").name == "a/b/x"
    with nf.name_scope("a"), nf.name_scope(None):
        assert nf.constant(1, name="x").name == "x"
    with nf.name_scope(None, "f", [1]):
        assert nf.constant(1, name="x").name == "f/x"
    for bad in (5, "a b", "/"):
        with pytest.raises(NameProblem), nf.name_scope(bad):  # type: ignore[arg-type]
            pass
