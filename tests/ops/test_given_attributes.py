"""Attributes that tensors give: declared once, and true of what each op computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import WiredAttribute
from nodeflow.graph.declaration import Attr
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops import functions as F
from nodeflow.ops.variables.scope import Variable

OPS = [op for op in REGISTRY if not op.own and op.givers]
OTHER = {
    "float": 0.625,
    "number": 0.625,
    "literal": 7,
    "int": 13,
    "ints": (5, 5),
    "shape": (5, 5),
}
"""Another value of each kind of attribute."""


def other(attr: Attr, value: Any) -> Any:
    """A value that differs, and that the attribute accepts."""
    if attr.kind == "dtype":
        return next(dtype for dtype in ("int64", "float64") if dtype != value)
    return attr.check(OTHER[attr.kind])


def test_the_declaration_names_the_attribute_that_a_port_overrides() -> None:
    """Documentation and declaration say the same of every port."""
    for op in REGISTRY:
        ports = {port for ports in op.givers.values() for port in ports}
        assert ports == {p.name for p in op.inputs if p.name in ports or "verride" in p.doc}, op.id
    assert REGISTRY.lookup("adam").givers["learning_rate"] == ("schedule",)
    assert set(REGISTRY.lookup("variable").givers) == {"value", "initializer", "seed"}
    assert len(OPS) > 40


@pytest.mark.parametrize(
    "op", [op for op in OPS if not op.macro and not op.random], ids=lambda op: op.id
)
def test_a_given_attribute_changes_nothing(op: Op) -> None:
    """numpy's reference returns the same arrays whatever the overridden attribute holds."""
    checked = 0
    for call in op.samples():
        given = {p.name for p, _ in zip(op.inputs, call.inputs, strict=False)}
        plain = {a.name: call.attrs.get(a.name, a.default) for a in op.attrs}
        for name, ports in op.givers.items():
            attr = op.attr(name)
            if not given.intersection(ports) or attr.kind not in (*OTHER, "dtype"):
                continue
            changed = {**plain, name: other(attr, plain[name])}
            before, after = (op.reference(*call.inputs, **a) for a in (plain, changed))
            np.testing.assert_array_equal(before, after)
            assert before.dtype == after.dtype
            checked += 1
    assert checked


def test_a_call_with_a_tensor_and_the_number_that_it_overrides_is_refused() -> None:
    with nf.Graph().as_default():
        rate, weights = nf.constant(0.1), Variable([1.0, 2.0])
        loss = nf.reduce_sum(weights)
        with pytest.raises(
            WiredAttribute, match=r"learning_rate=3\.0, which the tensor at schedule"
        ):
            F.adam(loss, schedule=rate, learning_rate=3.0)
        with pytest.raises(WiredAttribute, match="the tensor at initial"):
            F.variable(initial=nf.constant([1.0]), value=3.0)
        with pytest.raises(WiredAttribute, match="dtype='float32', which the tensor at value"):
            F.fill([2], nf.constant(3), dtype="float32")
        assert F.fill([2], nf.constant(3), dtype="int32").dtype == "int32"  # says the same
