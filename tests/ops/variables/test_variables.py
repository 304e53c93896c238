"""`Variable` and the methods of variables, collections."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import FeedError, GraphError
from nodeflow.ops.variables.collections import (
    GraphKeys,
    add_to_collection,
    add_to_collections,
    get_collection,
    get_collection_ref,
    local_variables,
)
from nodeflow.ops.variables.initializers import (
    constant_initializer,
    ones_initializer,
    random_uniform_initializer,
)
from nodeflow.ops.variables.scope import (
    Variable,
    get_local_variable,
    get_variable,
    get_variable_scope,
    variable_scope,
)


def test_assigning() -> None:
    with nf.Graph() as graph:
        v = Variable([1.0, 2.0], name="v")
        new = v.assign([3.0, 4.0])
        more, less = v.assign_add([1.0, 1.0]), v.assign_sub([2.0, 0.0])
        read = v.read_value()
        assert v.value() is v
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        assert session.run(new).tolist() == [3, 4]
        assert session.run(more).tolist() == [4, 5]
        assert session.run(less).tolist() == [2, 5]
        assert session.run(read).tolist() == [2, 5]
        v.load([7.0, 8.0], session)
        assert session.run(v).tolist() == [7, 8]
        session.run(v.initializer)
        assert session.run(v).tolist() == [1, 2]
        with pytest.raises(FeedError):
            v.load([1.0], session)
    assert v.initializer is v.initializer
    assert (read.name, v.initializer.name) == ("v/read", "v/Assign")


def test_only_variables_can_be_assigned() -> None:
    with nf.Graph() as graph:
        c = nf.constant(1.0, name="c")
        for use in (
            lambda: c.assign(2.0),
            lambda: c.assign_add(2.0),
            lambda: c.assign_sub(2.0),
            c.value,
            c.read_value,
            c.initialized_value,
            lambda: c.initializer,
            lambda: c.load(1.0, None),
        ):
            with pytest.raises(GraphError, match="is for variables") as caught:
                use()
            assert caught.value.node == "c"
        assert len(graph.nodes) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Variable(3.0),
        lambda: Variable(nf.random_normal([4, 3], seed=2)),
        lambda: get_variable("w", [4, 3]),
        lambda: get_variable("w", [4, 3], initializer=random_uniform_initializer(seed=3)),
        lambda: get_variable("w", [4, 3], initializer=ones_initializer()),
        lambda: get_variable("w", [4, 3], "int64", initializer=constant_initializer(7)),
    ],
)
def test_a_variable_can_begin_with_what_another_begins_with(make, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        v = make()
        other = Variable(v.initialized_value(), name="other")
    nf.save(graph, tmp_path / "g.flow")
    for g in (graph, nf.load(tmp_path / "g.flow")):
        with nf.Session(g, tier="reference", seed=5) as session:
            session.initialize()
            first, second = session.run([v.name, other.name])
    np.testing.assert_array_equal(first, second)


def test_variables_take_tensorflows_arguments() -> None:
    with nf.Graph():
        v = Variable(1, False, None, name="n", dtype="float64")
        assert (v.dtype, v.node.attrs["trainable"], v.name) == ("float64", False, "n")
        assert Variable(lambda: 2.0).name == "Variable"
        assert Variable(2.0).name == "Variable_1"
        with nf.name_scope("a"):
            assert Variable(2.0).name == "a/Variable"
        with pytest.raises(GraphError, match="needs an initial value"):
            Variable()


def test_collections_of_variables() -> None:
    keys = GraphKeys
    with nf.Graph() as graph:
        a = Variable(1.0, name="g/a")
        b = Variable(1.0, name="d/b", trainable=False)
        c = Variable(1.0, name="c", collections=[keys.LOCAL_VARIABLES, "mine"])
        with variable_scope("d"):
            d = get_local_variable("d", [1])
            assert [v.name for v in get_variable_scope().local_variables()] == ["d/d"]
        assert nf.global_variables() == [a, b]
        assert nf.global_variables("d/") == [b]
        assert nf.trainable_variables() == [a]
        assert nf.trainable_variables(scope="g") == get_collection(keys.TRAINABLE_VARIABLES, "g")
        assert local_variables() == [c, d]
        assert get_collection("mine") == [c]
        assert get_collection(keys.GLOBAL_VARIABLES) == [a, b]
    assert nf.global_variables(graph) == [a, b]


def test_collections_of_anything() -> None:
    with nf.Graph():
        x, y = nf.constant(1.0, name="a/x"), nf.constant(1.0, name="y")
        add_to_collection("things", x)
        add_to_collections(["things", "others", "others"], y)
        add_to_collection("things", 5)
        assert get_collection("things") == [x, y, 5]
        assert get_collection("things", "a/") == [x]
        assert get_collection("others") == [y]
        assert get_collection("none") == []
        get_collection("things").clear()
        get_collection_ref("things").pop()
        assert get_collection("things") == [x, y]
        with pytest.raises(GraphError, match="follows from"):
            get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)


def test_the_initializer_draws_the_numbers_of_the_session() -> None:
    with nf.Graph() as graph:
        drawn = get_variable("drawn", [3])
        of_op = Variable(nf.random_normal([3]), name="of_op")
    with nf.Session(graph, seed=4) as session:
        session.initialize()
        wanted = session.run([drawn, of_op])
        session.run([drawn.assign([1.0, 2.0, 3.0]), of_op.assign([1.0, 2.0, 3.0])])
        session.run([drawn.initializer, of_op.initializer])
        np.testing.assert_array_equal(session.run([drawn, of_op]), wanted)
