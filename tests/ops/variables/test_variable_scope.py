"""`variable_scope` and `get_variable`: the rules of TensorFlow 1's guide to variable scopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DtypeError, GraphError, NameProblem, ShapeError
from nodeflow.ops.variables.collections import GraphKeys, get_collection
from nodeflow.ops.variables.initializers import constant_initializer, ones_initializer
from nodeflow.ops.variables.regularizers import l2_regularizer
from nodeflow.ops.variables.scope import (
    AUTO_REUSE,
    Variable,
    get_variable,
    get_variable_scope,
    variable_scope,
)


@pytest.fixture(autouse=True)
def graph() -> Iterator[nf.Graph]:
    with nf.Graph() as graph:
        yield graph


def value(tensor: nf.Tensor) -> np.ndarray:
    with nf.Session(tensor.graph, tier="reference") as session:
        session.initialize()
        return session.run(tensor)


def test_variables_are_named_by_variable_scopes_and_ops_by_name_scopes() -> None:
    with variable_scope("foo"), nf.name_scope("bar"):
        v = get_variable("v", [1])
        x = nf.add(1.0, v, name="x")
    assert v.name == "foo/v"
    assert x.name == "foo/bar/x"


def test_a_scope_entered_again_opens_a_new_name_scope_for_the_same_variables() -> None:
    with variable_scope("foo") as scope:
        v = get_variable("v", [1])
        first = nf.add(v, 1.0, name="x")
    with variable_scope("foo", reuse=True):
        assert get_variable("v", [1]) is v
        second = nf.add(v, 1.0, name="x")
    with variable_scope(scope, reuse=True):
        assert get_variable("v") is v
        third = nf.add(v, 1.0, name="x")
    assert [t.name for t in (first, second, third)] == ["foo/x", "foo_1/x", "foo_2/x"]


def test_the_original_name_scope_can_be_entered_again() -> None:
    with variable_scope("foo") as scope:
        pass
    with variable_scope(scope, auxiliary_name_scope=False):
        with nf.name_scope(scope.original_name_scope):
            assert nf.constant(1.0, name="c").name == "foo/c"
        assert nf.constant(1.0, name="c").name == "c"


def test_making_a_variable_twice_says_how_to_share_it() -> None:
    get_variable("v", [1])
    with pytest.raises(GraphError, match="exists already") as caught:
        get_variable("v", [1])
    assert "reuse=AUTO_REUSE" in (caught.value.hint or "")


def test_sharing_a_variable_that_is_missing_says_how_to_make_it() -> None:
    Variable(1.0, name="v")  # not one of get_variable's
    with (
        variable_scope("a", reuse=True),
        pytest.raises(GraphError, match="does not exist") as caught,
    ):
        get_variable("v", [1])
    assert "AUTO_REUSE" in (caught.value.hint or "")


def test_auto_reuse_makes_and_finds() -> None:
    made = []
    for _ in range(2):
        with variable_scope("a", reuse=AUTO_REUSE):
            made.append(get_variable("v", [2]))
    assert made[0] is made[1]


def test_reuse_is_inherited_and_cannot_be_switched_off_inside() -> None:
    with variable_scope("root") as root:
        assert root.reuse is False
        with variable_scope("foo"):
            assert not get_variable_scope().reuse
        with variable_scope("foo", reuse=True):
            assert get_variable_scope().reuse is True
            with variable_scope("bar", reuse=False):
                assert get_variable_scope().reuse is True
        assert not get_variable_scope().reuse


def test_reuse_variables_holds_for_the_rest_of_the_scope() -> None:
    with variable_scope("foo") as scope:
        v = get_variable("v", [1])
        scope.reuse_variables()
        assert get_variable("v", [1]) is v
    with pytest.raises(GraphError):
        get_variable_scope().get_variable("foo/v", [1])


def test_a_scope_jumped_to_keeps_its_place_and_its_settings() -> None:
    with variable_scope("foo", initializer=constant_initializer(0.4)) as foo:
        pass
    with variable_scope("bar"), variable_scope("baz"), variable_scope(foo) as again:
        assert again.name == "foo"
        v = get_variable("v", [1])
        c = nf.constant(1.0, name="c")
    assert (v.name, c.name) == ("foo/v", "bar/baz/foo/c")
    np.testing.assert_allclose(value(v), [0.4], rtol=1e-6)


def test_initializers_are_inherited_and_overridden() -> None:
    with variable_scope("foo", initializer=constant_initializer(0.4)):
        assert value(get_variable("v", [1])) == np.float32(0.4)
        w = get_variable("w", [1], initializer=constant_initializer(0.3))
        assert value(w) == np.float32(0.3)
        with variable_scope("bar"):
            assert value(get_variable("v", [1])) == np.float32(0.4)
        with variable_scope("baz", initializer=constant_initializer(0.2)):
            assert value(get_variable("v", [1])) == np.float32(0.2)


def test_regularizers_are_inherited_and_their_losses_collected() -> None:
    with variable_scope("foo", regularizer=l2_regularizer(0.5)):
        v = get_variable("v", initializer=[1.0, 2.0])
        get_variable("w", initializer=[3.0], regularizer=lambda _: None)
    with variable_scope("foo", reuse=True):
        assert get_variable("v") is v
    (loss,) = get_collection(GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name == "foo/v/Regularizer/l2_regularizer"
    assert value(loss) == 0.5 * (1 + 4) / 2


def test_default_names_are_made_unique() -> None:
    names = []
    for _ in range(2):
        with variable_scope(None, default_name="foo") as scope:
            names.append(scope.name)
    with variable_scope("outer"), variable_scope(None, default_name="foo") as scope:
        names.append(scope.name)
    # The outer scope is entered anew, so scopes inside count from the start.
    with variable_scope("outer"), variable_scope(None, default_name="foo") as scope:
        names.append(scope.name)
    assert names == ["foo", "foo_1", "outer/foo", "outer/foo"]


def test_what_no_scope_can_be_is_refused() -> None:
    with pytest.raises(GraphError, match="needs a name"), variable_scope(None):
        pass
    with pytest.raises(GraphError, match="reuse needs"):
        variable_scope(None, default_name="a", reuse=True).__enter__()
    with pytest.raises(NameProblem), variable_scope(3):  # type: ignore[arg-type]
        pass
    with pytest.raises(GraphError, match="reuse must be"), variable_scope("a", reuse=2):  # type: ignore[arg-type]
        pass


def test_shared_variables_keep_shape_and_dtype() -> None:
    get_variable("v", [2, 3])
    with variable_scope(get_variable_scope(), reuse=True):
        with pytest.raises(ShapeError, match=r"has shape \(2, 3\), not \(3,\)"):
            get_variable("v", [3])
        with pytest.raises(DtypeError, match="is float32, not float64"):
            get_variable("v", [2, 3], "float64")


def test_shapes_and_values() -> None:
    with pytest.raises(ShapeError, match="must be known"):
        get_variable("a")
    with pytest.raises(ShapeError, match="must be known"):
        get_variable("a", [None, 2])
    with pytest.raises(ShapeError, match="takes no shape"):
        get_variable("a", [2], initializer=[1.0, 2.0])
    assert get_variable("ints", [2], "int32").dtype == "int32"
    assert value(get_variable("flag", [2], "bool")).tolist() == [False, False]
    assert value(get_variable("n", initializer=3)).tolist() == 3
    assert get_variable("cls", [2], initializer=ones_initializer).shape == (2,)
    drawn = get_variable("f", [2], initializer=lambda shape, dtype: nf.ones(shape, dtype))
    assert value(drawn).tolist() == [1, 1]
    own = get_variable("t", initializer=nf.random_normal([3, 2], seed=1))
    assert own.shape == (3, 2)
    with variable_scope("wide", dtype="float64"):
        assert get_variable("v", [1]).dtype == "float64"


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
