"""Building graphs: names, scopes, errors that leave nothing behind, looking things up."""

from __future__ import annotations

import operator
import threading

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import (
    SYNONYMS,
    DtypeError,
    GraphError,
    LiteralError,
    MissingInput,
    NameProblem,
    NodeflowError,
    ShapeError,
    UnknownName,
    UnknownOp,
)
from nodeflow.graph.graph import ancestors
from nodeflow.ops.variables.scope import Variable


def names(graph: nf.Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def test_names_are_unique() -> None:
    with nf.Graph() as graph:
        x = nf.constant(1.0, name="x")
        for _ in range(3):
            x + x
        nf.identity(x, name="add_1")
        nf.identity(x, name="x")
    assert names(graph) == ["x", "add", "add_1", "add_2", "add_1_1", "x_1"]


@pytest.mark.parametrize("bad", ["a b", "/", "//", "/a", "a//b", "a:0", "ä", "-a", ">a", "a/b c/"])
def test_malformed_names_are_refused(bad: str) -> None:
    with nf.Graph() as graph:
        with pytest.raises(NameProblem, match="not a valid name"):
            nf.constant(1.0, name=bad)
        with pytest.raises(NameProblem), graph.name_scope(bad):
            pass
    assert graph.nodes == []


@pytest.mark.parametrize("bad", [5, 2.5, ["a"], b"a"])
def test_what_is_no_text_is_no_name(bad: object) -> None:
    with nf.Graph() as graph:
        with pytest.raises(NameProblem, match="not a valid name"):
            nf.constant(1.0, name=bad)  # type: ignore[arg-type]
        with pytest.raises(NameProblem), nf.name_scope(bad):  # type: ignore[arg-type]
            pass
    assert graph.nodes == []


def test_names_of_tensorflow_become_lawful_and_are_found_by_either_spelling() -> None:
    """TensorFlow 1 allows `-`, `.` and digits in front; `--set NODE.ATTR` does not."""
    with nf.Graph() as graph:
        w = nf.variable(1.0, name="fc-1.weights")
        with nf.name_scope("layer-1") as scope:
            y = nf.identity(w, name="2nd")
        z = nf.identity(w, name="fc-1.weights")
    assert names(graph) == ["fc_1_weights", "layer_1/_2nd", "fc_1_weights_1"]
    assert scope == "layer_1/"
    assert graph.tensor("fc-1.weights:0") is graph.get_tensor_by_name("fc_1_weights") is w
    assert graph.node("layer-1/2nd") is y.node
    assert graph.tensor("fc-1.weights_1") is z
    with pytest.raises(UnknownName, match="no node 'fc-2'"):
        graph.node("fc-2")


def test_scopes_nest_and_close_after_errors() -> None:
    with nf.Graph() as graph:
        with pytest.raises(ZeroDivisionError), nf.name_scope("a"), nf.name_scope("b"):
            nf.constant(1.0)
            raise ZeroDivisionError
        nf.constant(1.0)
    assert names(graph) == ["a/b/constant", "constant"]


def test_a_scope_opened_again_is_a_new_one_unless_entered_by_what_it_gave() -> None:
    with nf.Graph() as graph:
        with nf.name_scope("a") as a:
            nf.identity(1.0, name="x")
        with nf.name_scope("a"):
            nf.identity(1.0, name="x")
            with nf.name_scope(a):
                nf.identity(1.0, name="y")
            with nf.name_scope("a/"):
                nf.identity(1.0, name="x")
            with nf.name_scope(None) as root:
                nf.identity(1.0, name="x")
            with nf.name_scope(""), nf.name_scope("b"):
                nf.identity(1.0, name="x")
        nf.identity(1.0, name="a")
        nf.identity(1.0, name=a)
        nf.identity(1.0, name=a)
        with nf.name_scope("x"):
            nf.identity(1.0, name="x")
    assert (a, root) == ("a/", "")
    made = [n for n in names(graph) if "constant" not in n]
    assert made == ["a/x", "a_1/x", "a/y", "a/x_1", "x", "b/x", "a_2", "a", "a_3", "x_1/x"]


def test_a_scope_may_take_its_name_and_graph_from_arguments() -> None:
    def double(x: nf.Tensor, name: str | None = None) -> nf.Tensor:
        with nf.name_scope(name, "double", [x]) as scope:
            return nf.multiply(x, 2.0, name=scope)

    with nf.Graph() as graph:
        x = nf.constant(1.0, name="c")
    assert [double(x).name, double(x).name, double(x, "twice").name] == [
        "double",
        "double_1",
        "twice",
    ]
    assert all(n.graph is graph for n in graph.nodes)


def test_a_failed_application_leaves_nothing_behind() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2, 3], name="x")
        with pytest.raises(ShapeError) as caught:
            nf.add(x, [1.0, 2.0], name="sum")
        assert caught.value.node == "sum"
        assert names(graph) == ["x"]
        nf.add(x, [1.0, 2.0, 3.0], name="sum")
        assert names(graph) == ["x", "constant", "sum"]


def test_literals_take_the_dtype_of_their_group() -> None:
    with nf.Graph():
        x = nf.placeholder("uint8", [])
        assert (x + 255).node.inputs[1].dtype == "uint8"
        with pytest.raises(LiteralError) as caught:
            nf.add(x, 256, name="sum")
        assert (caught.value.node, caught.value.port) == ("sum", "y")
        assert (2.0 + nf.constant(np.float64(1))).dtype == "float64"
        assert nf.where([True, False], x, 1).dtype == "uint8"
        with pytest.raises(DtypeError, match="does not cast silently"):
            x + np.float32(1)


def test_inputs_that_are_no_tensors_are_refused() -> None:
    with nf.Graph() as graph:
        x = nf.constant(1.0)
        with pytest.raises(LiteralError, match="dict is not a tensor"):
            x + {}
        with pytest.raises(LiteralError, match="str is not a tensor"):
            x + "NaN"
        with pytest.raises(MissingInput, match="no input at 'y'"):
            graph.apply("add", x)
        with pytest.raises(GraphError, match="takes 2 inputs"):
            graph.apply("add", x, x, x)
        with pytest.raises(GraphError, match="has no output tensor"):
            graph.apply("add", x, nf.group(x))
        with nf.Graph(), pytest.raises(GraphError, match="another graph"):
            nf.constant(1.0) + x
    with pytest.raises(UnknownOp, match="Did you mean matmul"):
        graph.apply("matmull", x, x)


def test_tensors_do_not_pretend_to_be_values() -> None:
    with nf.Graph():
        x = nf.constant([1.0, 2.0])
        with pytest.raises(GraphError, match="no truth value"):
            bool(x)
        with pytest.raises(GraphError, match="iterated over"):
            list(x)
        assert x == x
        assert {x: 1}[x] == 1
        with pytest.raises(GraphError, match="cannot index with str"):
            x["a"]
        with pytest.raises(ShapeError, match="index 2 is outside axis 0 of size 2"):
            x[2]
        with pytest.raises(ShapeError, match="2 indices for a tensor of rank 1"):
            x[0, 0]


def test_operators_keep_their_order_with_arrays() -> None:
    with nf.Graph():
        x = nf.constant(np.array([1.0, 2.0]))
        out = np.array([3.0, 4.0]) - x
        assert isinstance(out, nf.Tensor)
        assert out.node.inputs[1] is x


def test_looking_up() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [4], name="x")
        parts = nf.split(x, 2, name="cut")
        step = nf.gradient_descent(nf.variable(1.0, name="w") * 2, name="train")
    assert graph.node("cut") is parts[0].node
    assert [graph.tensor(n) for n in ("cut", "cut:1", "cut:parts.1")] == [
        parts[0], parts[1], parts[1],
    ]  # fmt: skip
    assert "cut" in graph
    assert "cat" not in graph
    with pytest.raises(UnknownName, match="Did you mean cut"):
        graph.node("cutt")
    with pytest.raises(UnknownName, match=r"no output '2'.*parts\.0, parts\.1"):
        graph.tensor("cut:2")
    for index in ("²", "9" * 5000, "-1", "1e0", "--1"):
        with pytest.raises(UnknownName, match=f"no output '{index}'"):
            graph.tensor(f"cut:{index}")
    with pytest.raises(UnknownName, match="has no outputs"):
        graph.tensor("train")
    assert graph.placeholders == [x]
    assert [v.name for v in graph.trainable_variables] == ["w"]
    assert graph.get_collection("trainable_variables") == graph.trainable_variables
    graph.add_to_collection("losses", x)
    assert graph.get_collection("losses") == [x]
    assert graph.get_collection("nothing") == []
    assert step in graph.nodes


def test_nodes_are_in_topological_order_and_immutable() -> None:
    with nf.Graph() as graph:
        w = nf.variable([1.0, 2.0])
        nf.adam(nf.reduce_sum(nf.sin(w) * w))
        nf.gradients(nf.gradients(w * w * w, w), w)
    assert [n.index for n in graph.nodes] == list(range(len(graph.nodes)))
    for node in graph.nodes:
        sources = [t.node for t in (*node.inputs, *(a for a in node.alias if a is not None))]
        assert all(s.index < node.index for s in (*sources, *node.control_inputs))
        assert graph.node(node.name) is node
    with pytest.raises(TypeError):
        graph.nodes[0].attrs["value"] = 1  # type: ignore[index]


def test_ancestors() -> None:
    with nf.Graph():
        a, b = nf.constant(1.0), nf.constant(2.0)
        with nf.control_dependencies([b]):
            c = nf.identity(a)
    assert ancestors([c.node]) == {a.node, b.node, c.node}


@pytest.mark.thorough
def test_deep_graphs_need_no_recursion() -> None:
    with nf.Graph():
        x = out = nf.variable(1.0)
        for _ in range(3000):
            out = out * 1.0
        assert len(ancestors([out.node])) == 6001
        (grad,) = nf.gradients(out, x)
        assert grad is not None


def test_the_default_graph_is_per_thread() -> None:
    seen = []
    with nf.Graph() as graph:
        assert nf.get_default_graph() is graph
        thread = threading.Thread(target=lambda: seen.append(nf.get_default_graph()))
        thread.start()
        thread.join()
    assert seen[0] is not graph
    assert nf.get_default_graph() is seen[0]
    nf.reset_default_graph()
    assert nf.get_default_graph() is not seen[0]


def test_errors_say_where_and_what_to_do() -> None:
    error = NodeflowError("it is wrong.", node="a", port="x", hint="Do this.")
    assert str(error) == "a:x: it is wrong. Do this."
    assert str(NodeflowError("it is wrong", node="a")) == "a: it is wrong"
    assert NodeflowError("x").at("n", "p").where == "n:p"
    assert error.at("other", "port").where == "a:x"


@pytest.mark.parametrize("value", [2, 2.0, True, 1j, np.float32(2), np.zeros(3), [1, 2], (1, 2)])
def test_comparing_a_tensor_with_a_value_names_the_op_that_does(value: object) -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None], name="x")
        with pytest.raises(GraphError, match=r"x == .*Use nf\.equal\(x, "):
            x == value  # noqa: B015
        with pytest.raises(GraphError, match=r"x != .*Use nf\.not_equal\(x, "):
            x != value  # noqa: B015
        with pytest.raises(GraphError, match=r"nf\.equal"):
            value == x  # noqa: B015


def test_equality_of_tensors_is_identity() -> None:
    with nf.Graph():
        x, y = nf.placeholder("float32", [], name="x"), nf.placeholder("float32", [], name="y")
        same, different = operator.eq, operator.ne
        assert same(x, x) is True and different(x, x) is False
        assert same(x, y) is False and different(x, y) is True
        for other in (None, "x", object()):
            assert same(x, other) is False and different(x, other) is True
        assert {x: 1, y: 2}[x] == 1 and [x, y].index(y) == 1 and x in (y, x)


@pytest.mark.parametrize("condition", [True, False])
def test_a_bare_bool_as_a_condition_is_refused(condition: bool) -> None:
    """``nf.where(x == y, a, b)`` passes Python's False: two tensors are compared by identity."""
    with nf.Graph():
        x = nf.placeholder("float32", [None], name="x")
        with pytest.raises(GraphError, match=rf"condition is Python's {condition}.*nf\.equal") as e:
            nf.where(condition, x, 0.0)
        assert e.value.port == "condition"
        assert nf.where(nf.constant(condition), x, 0.0).shape == (None,)
        assert nf.where([True, False], [1.0, 2.0], 0.0).shape == (2,)


@pytest.mark.parametrize(
    ("x", "y", "hint"),
    [
        ("int64", "float64", "Cast to float64 before 'x'"),
        ("float64", "int64", "Cast to float64 before 'y'"),
        ("float32", "float64", "Cast to float64 before 'x'"),
        ("float64", "float32", "Cast to float64 before 'y'"),
        ("float32", "int32", "Cast to float32 before 'y'"),
        ("int32", "int64", "Cast to int64 before 'x'"),
    ],
)
def test_different_dtypes_hint_at_the_cast_that_loses_least(x, y, hint):
    with nf.Graph(), pytest.raises(DtypeError, match=hint):
        nf.add(nf.placeholder(x, []), nf.placeholder(y, []))


@pytest.mark.parametrize("first", [False, True])
def test_an_array_of_another_dtype_is_to_be_converted(first):
    with nf.Graph():
        x, array = nf.placeholder("float32", [2]), np.zeros(2)
        with pytest.raises(DtypeError, match="an array of float64 where float32 is needed") as e:
            nf.add(array, x) if first else nf.add(x, array)
        assert e.value.port == ("x" if first else "y")
        assert e.value.hint == "Give array.astype('float32')."
        assert nf.add(x, array.astype("float32")).dtype == "float32"


def test_what_is_stored_in_a_variable_is_cast_and_never_the_variable():
    with nf.Graph():
        stored = Variable([1.0])
        with pytest.raises(DtypeError, match="Cast to float32 before 'value'"):
            nf.assign(stored, nf.placeholder("float64", [1]))


def test_every_synonym_leads_to_a_name_that_exists():
    attributes = {attr.name for op in nf.REGISTRY for attr in op.attrs}
    for foreign, ours in SYNONYMS.items():
        assert ours in nf.REGISTRY or ours in attributes, ours
        assert foreign not in nf.REGISTRY, foreign


def test_control_dependencies_take_names_and_none_and_refuse_the_rest() -> None:
    with nf.Graph() as graph:
        v = nf.variable(1.0, name="v")
        step = nf.assign(v, 2.0, name="inc")
        with nf.control_dependencies(["inc"]):
            after = nf.identity(v)
            with nf.control_dependencies(None):
                free = nf.identity(v)
        with nf.control_dependencies(step.op):
            single = nf.identity(v)
        assert after.op.control_inputs == single.op.control_inputs == (step.node,)
        assert free.op.control_inputs == ()
        with (
            pytest.raises(UnknownName, match="no node 'nothing'"),
            graph.control_dependencies(["nothing"]),
        ):
            pass
        with (
            pytest.raises(GraphError, match="int is neither a tensor nor a node"),
            nf.control_dependencies([1]),
        ):  # type: ignore[list-item]
            pass
        with pytest.raises(GraphError, match="float is not a list"), nf.control_dependencies(2.0):  # type: ignore[arg-type]
            pass
    with (
        nf.Graph() as other,
        pytest.raises(GraphError, match="another graph"),
        other.control_dependencies([step]),
    ):
        pass


def test_a_node_inside_two_control_dependencies_waits_for_both() -> None:
    with nf.Graph():
        one, two = nf.constant(1.0, name="one"), nf.constant(2.0, name="two")
        with nf.control_dependencies([one]):
            with nf.control_dependencies([two]):
                both = nf.constant(3.0)
            outer = nf.constant(4.0)
        free = nf.constant(5.0)
    assert set(both.node.control_inputs) == {one.node, two.node}
    assert outer.node.control_inputs == (one.node,) and free.node.control_inputs == ()


def test_elements_of_a_graph_by_name_or_object() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2], name="x")
        both = nf.group([x, [x * 2.0, None]], (x,), name="both")
    assert graph.as_graph_element("x") is x.op
    assert graph.as_graph_element("x:0") is graph.as_graph_element("x", allow_operation=False) is x
    assert graph.get_operation_by_name("both") is both is graph.as_graph_element(both)
    assert graph.get_operations() == graph.nodes
    assert (x.op.type, x.value_index, x.op.get_attr("dtype")) == ("placeholder", 0, "float32")
    assert x.op.values() == (x,)
    assert {n.name for n in x.consumers()} == {"multiply", "both"}
    with pytest.raises(GraphError, match="both is a node, which is not allowed here"):
        graph.as_graph_element(both, allow_operation=False)
    with pytest.raises(GraphError, match="int is neither"):
        graph.as_graph_element(3)
    with pytest.raises(nf.errors.AttributeProblem, match="no attribute 'T'"):
        x.op.get_attr("T")


def test_a_finalized_graph_does_not_grow() -> None:
    with nf.Graph() as graph:
        x = nf.constant(1.0)
        graph.finalize()
        with pytest.raises(GraphError, match="finalized"):
            x + x
    assert graph.finalized and len(graph.nodes) == 1


def test_a_graph_is_the_default_only_inside() -> None:
    outer, inner = nf.Graph(), nf.Graph()
    with outer.as_default() as given, inner:
        assert given is outer and nf.get_default_graph() is inner
        with outer:
            assert nf.get_default_graph() is outer
        assert nf.get_default_graph() is inner
    assert nf.get_default_graph() not in (outer, inner)


@pytest.mark.parametrize("bad", [1, "x", 2.0, object()])
def test_a_group_of_anything_else_is_refused(bad: object) -> None:
    with nf.Graph(), pytest.raises(GraphError, match="group takes nodes and tensors"):
        nf.group([nf.constant(1.0), bad])  # type: ignore[list-item]
