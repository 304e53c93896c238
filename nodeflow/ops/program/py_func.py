"""``nf.py_func``: a Python function as a node, run by reference in every tier, never saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, RunError, a_type
from nodeflow.graph.declaration import Port
from nodeflow.graph.op import Op
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import TensorType, dtype_name, numpy_dtype
from nodeflow.ops import functions as F


class PyFunc(Op):
    """A Python function with the dtypes of its results; each function is a separate op."""

    id = "py_func"
    widens = False
    category = "Internal"
    hidden = True
    of_program = True
    doc = "The results of a Python function for the values of its inputs."
    inputs = (Port("inputs", "Arguments of the function.", variadic=True),)

    def __init__(self, function: Callable[..., Any], dtypes: Sequence[str], stateful: bool) -> None:
        self.function = function
        self.dtypes = tuple(dtypes)
        self.stateful = stateful
        self.outputs = tuple(Port(f"out_{i}" if i else "out") for i in range(len(self.dtypes)))

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return [TensorType(dtype, UNKNOWN) for dtype in self.dtypes]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> tuple[np.ndarray, ...]:
        found = self.function(*[array.copy() for array in arrays])
        results = list(found) if isinstance(found, (list, tuple)) else [found]
        if not self.dtypes:
            return ()
        if len(results) != len(self.dtypes):
            raise RunError(f"the function returned {len(results)} results, not {len(self.dtypes)}")
        return tuple(map(_checked, results, self.dtypes))


def _checked(value: Any, dtype: str) -> np.ndarray:
    array = np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic)) and array.dtype != numpy_dtype(dtype):
        raise RunError(
            f"the function returned {array.dtype}, but Tout is {dtype}",
            hint=f"Return value.astype({dtype!r}).",
        )
    return array.astype(numpy_dtype(dtype))


def py_func(
    func: Callable[..., Any],
    inp: Sequence[Any],
    Tout: Any,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Return the results of a Python function for the values of tensors in each run.

    The results have unknown shape and no gradients; use `reshape` or `set_shape` to set the shape.
    A graph with such a node runs only in this program: `nf.save` refuses it.

    Args:
        func: takes an array for each tensor; returns one array for each dtype of ``Tout``.
        inp: tensors.
        Tout: a dtype, or a list of dtypes, one for each result.
        stateful: whether to run each time; False is allowed for a function without side effects.

    Returns:
        A tensor, or a list of tensors if ``Tout`` is a list.

    Raises:
        GraphError: ``func`` is no function, or ``inp`` no list.
        DtypeError: ``Tout`` names no dtype.
    """
    if not callable(func):
        raise GraphError(f"func is {a_type(func)}, not a function", node=name, port="func")
    if not isinstance(inp, (list, tuple)):
        raise GraphError(f"inp is {a_type(inp)}, not a list", node=name, port="inp")
    many = isinstance(Tout, (list, tuple))
    dtypes = [dtype_name(dtype) for dtype in (Tout if many else [Tout])]
    graph = F.graph_of(list(inp))
    node = graph.add_node(PyFunc(func, dtypes, stateful), list(inp), name=name)
    return list(node.outputs) if many else node.outputs[0]
