"""Attributes: canonical values, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nodeflow.errors import AttributeProblem, DtypeError, UnknownOp
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY, Registry


@pytest.mark.parametrize(
    ("kind", "given", "canonical"),
    [
        ("float", 3, 3.0), ("float", "Infinity", float("inf")), ("float", np.float32(0.5), 0.5),
        ("int", 3.0, 3), ("int", np.int64(3), 3), ("bool", np.bool_(True), True),
        ("string", "a", "a"), ("dtype", np.int32, "int32"), ("dtype", "bool", "bool"),
        ("shape", [None, 3], (None, 3)), ("shape", 4, (4,)), ("ints", [1, 2.0], (1, 2)),
        ("ints", 5, (5,)), ("axes", -1, -1), ("axes", [0, 1], (0, 1)),
        ("literal", (1, [2.5]), [1, [2.5]]), ("literal", np.float32(2), 2.0),
        ("initializer", {"op": "fill"}, {"op": "fill"}), ("names", ["a", "b"], ("a", "b")),
        ("number", 2**53 + 1, 2**53 + 1), ("number", np.int64(3), 3),
        ("number", "Infinity", math.inf),
        ("number", np.float32(0.5), 0.5), ("sizes", 8, 8), ("sizes", [8], (8,)),
        ("sizes", np.array([1, 2]), (1, 2)), ("json", {"any": [1]}, {"any": [1]}),
    ],
)  # fmt: skip
def test_canonical_values(kind: str, given: Any, canonical: Any) -> None:
    attr = Attr("a", kind)
    checked = attr.check(given)
    assert checked == canonical
    assert type(checked) is type(canonical)
    assert attr.check(checked) == checked


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("float", "x"), ("float", True), ("float", None), ("float", [1.0]), ("int", 1.5),
        ("int", True), ("int", "1"), ("int", float("inf")), ("int", float("nan")), ("bool", 1),
        ("string", 1), ("shape", "23"), ("shape", [1.5]), ("shape", 2.5), ("ints", [None]),
        ("axes", "0"), ("literal", {}), ("literal", [object()]), ("literal", "x"),
        ("number", "x"), ("number", True), ("sizes", 1.5), ("sizes", "8"), ("sizes", [None]),
        ("initializer", 3), ("names", "W"), ("names", [1]), ("names", 3),
    ],
)  # fmt: skip
def test_wrong_kinds_are_refused(kind: str, bad: Any) -> None:
    with pytest.raises(AttributeProblem, match="a must be") as caught:
        Attr("a", kind).check(bad)
    assert caught.value.port == "a"


def test_ranges_choices_and_none() -> None:
    attr = Attr("rate", "float", 0.5, minimum=0, maximum=1)
    assert attr.check(1) == 1.0
    for bad, text in ((-0.1, "at least 0"), (1.5, "at most 1"), ("NaN", "at least 0")):
        with pytest.raises(AttributeProblem, match=text):
            attr.check(bad)
    with pytest.raises(AttributeProblem, match="Did you mean same"):
        Attr("mode", "choice", choices=("same", "valid")).check("samee")
    with pytest.raises(AttributeProblem, match="float32, float64, not int32"):
        Attr("dtype", "dtype", choices=("float32", "float64")).check("int32")
    with pytest.raises(DtypeError, match="float8 is not supported"):
        Attr("dtype", "dtype").check("float8")
    assert Attr("seed", "int", 3, optional=True).check(None) is None
    assert Attr("axis", "axes", None).check(None) is None


class Example(Op):
    """For these tests."""

    id = "example_op"
    doc = "Adds things.\n\nMore."
    inputs = (Port("x"), Port("values", variadic=True))
    outputs = (Port("first"), Port("rest", variadic=True))
    attrs = (Attr("needed", "int"), Attr("scale", "float", 2.0))


def test_binding() -> None:
    op = Example()
    assert op.bind_attrs({"needed": 1}) == {"needed": 1, "scale": 2.0}
    with pytest.raises(AttributeProblem, match="needs the attribute 'needed'"):
        op.bind_attrs({})
    with pytest.raises(AttributeProblem, match="Did you mean scale"):
        op.bind_attrs({"needed": 1, "scal": 2})


def test_port_names_and_titles() -> None:
    op = Example()
    assert [op.input_name(i) for i in range(3)] == ["x", "values.0", "values.1"]
    assert [op.output_name(i) for i in range(3)] == ["first", "rest.0", "rest.1"]
    assert (op.title, op.summary) == ("Example op", "Adds things.")


def test_registry() -> None:
    registry = Registry()
    op = registry.register(Example())
    assert registry.lookup("example_op") is op
    assert "example_op" in registry
    assert (len(registry), registry.ids(), list(registry)) == (1, ["example_op"], [op])
    with pytest.raises(ValueError, match="registered twice"):
        registry.register(Example())
    with pytest.raises(UnknownOp, match="Did you mean example_op"):
        registry.lookup("exampl_op")
    assert "example_op" not in REGISTRY
