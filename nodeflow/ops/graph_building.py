"""Functions of the Python API that are more than one op: literals, scopes, gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.gradients import gradients as derive
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.types import default_dtype, dtype_name, literal, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.inputs import full_shape


def constant(
    value: Any,
    dtype: Any = None,
    shape: Sequence[int] | int | None = None,
    name: str | None = None,
    verify_shape: bool = False,
) -> Tensor:
    """Add a constant.

    Args:
        value: number, nested lists of numbers, or numpy array.
        dtype: its dtype; None keeps an array's dtype, and makes int32, float32 or bool of literals.
        shape: its sizes; missing elements at the end repeat the last one of ``value``, as in
            TensorFlow 1.
        verify_shape: whether the value itself must have that shape.

    Raises:
        LiteralError: the value is not exact in the dtype.
        ShapeError: the shape has fewer elements than the value, or must be equal and differs.
    """
    value, dtype = value_and_dtype(value, dtype)
    if shape is not None:
        value = _spread(literal(value, dtype), shape, verify_shape)
    return get_default_graph().apply("constant", value=value, dtype=dtype, name=name)


def _spread(array: np.ndarray, shape: Sequence[int] | int, verify: bool) -> np.ndarray:
    """Reshape an array to a shape that may have more elements. Repeat the last element to fill it.

    Raises:
        ShapeError: the shape has fewer elements, or ``verify`` is set and the shapes differ.
    """
    sizes = full_shape((shape,) if isinstance(shape, int) else tuple(shape))
    missing = math.prod(sizes) - array.size
    if missing < 0 or (verify and array.shape != sizes) or (missing and not array.size):
        raise ShapeError(
            f"a value of shape {shape_text(array.shape)} does not fill {shape_text(sizes)}",
            hint="Give a shape with as many elements, or with more.",
        )
    last = array.reshape(-1)[-1:]
    return np.concatenate([array.reshape(-1), np.repeat(last, missing)]).reshape(sizes)


def fill(
    shape: Any = None,
    value: Any = 0.0,
    name: str | None = None,
    *,
    dims: Any = None,
    dtype: Any = None,
) -> Tensor:
    """Return a tensor filled with one value.

    Args:
        shape: sizes: numbers, or a tensor of sizes; TensorFlow 1 calls them ``dims``.
        value: a number, or a tensor with one element.
        dtype: dtype of a number; None: int32, float32 or bool.

    Raises:
        GraphError: no sizes are given, or the value is no single number.
    """
    shape = dims if shape is None else shape
    if shape is None:
        raise GraphError("fill needs a shape", hint="Write nf.fill([2, 3], 1.0).")
    if isinstance(value, Tensor):
        if dtype is not None and dtype_name(dtype) != value.dtype:
            value = F.cast(value, dtype=dtype_name(dtype))
        return F.fill(shape, value, name=name)
    value, dtype = value_and_dtype(value, dtype)
    return F.fill(shape=shape, value=value, dtype=dtype, name=name)


def placeholder(
    dtype: Any = "float32",
    shape: Sequence[int | None] | int | None = None,
    name: str | None = None,
    *,
    sample: Any = None,
) -> Tensor:
    """Add a placeholder: a value that is fed when the graph runs.

    Args:
        dtype: its dtype, by any name of numpy or TensorFlow 1.
        shape: its sizes, None for a size known only in a run; None alone means any shape.
        sample: value used if nothing is fed.

    Raises:
        GraphError: the sample does not fit.
    """
    graph = get_default_graph()
    return graph.apply("placeholder", dtype=dtype, shape=shape, sample=sample, name=name)


def variable(
    initial: Any,
    dtype: Any = None,
    trainable: bool = True,
    name: str | None = None,
    shape: Sequence[int] | None = None,
    seed: int | None = None,
) -> Tensor:
    """Add a variable: a value that is kept between runs.

    Args:
        initial: number, nested lists, numpy array, an initializer such as ``"glorot_uniform"`` or
            ``{"op": "random_normal", "stddev": 0.03}`` (which needs ``shape``), or a tensor, such
            as ``nf.random_normal([784, 300], stddev=0.03)``.
        dtype: its dtype; None: as for ``constant``, or the tensor's.
        trainable: whether optimizers change it.
        shape: sizes to broadcast the value to.
        seed: own seed of an initializer.

    Raises:
        GraphError: value, dtype and shape do not fit together.
    """
    rest = {"trainable": trainable, "shape": shape, "seed": seed, "name": name}
    if isinstance(initial, Tensor):
        own = dtype_name(dtype) if dtype is not None else initial.dtype
        return initial.graph.apply("variable", initial, dtype=own, **rest)
    graph = get_default_graph()
    if isinstance(initial, (Mapping, str)):
        own = dtype_name(dtype or "float32")
        return graph.apply("variable", initializer=initial, dtype=own, **rest)
    value, dtype = value_and_dtype(initial, dtype)
    return graph.apply("variable", value=value, dtype=dtype, **rest)


def value_and_dtype(value: Any, dtype: Any) -> tuple[Any, str]:
    """Return a value as an array or literal, together with the dtype of the constant made from it.
    A given ``dtype`` takes precedence over the value's own.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return array, dtype_name(array.dtype if dtype is None else dtype)
    return value, default_dtype(value) if dtype is None else dtype_name(dtype)


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Return a tensor of zeros (false for bool).

    Args:
        shape: sizes: numbers, or a tensor of sizes.
    """
    return _full(shape, 0, dtype, name or "zeros")


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Tensor:
    """Return a tensor of ones (true for bool).

    Args:
        shape: sizes: numbers, or a tensor of sizes.
    """
    return _full(shape, 1, dtype, name or "ones")


def _full(shape: Any, value: int, dtype: Any, name: str) -> Tensor:
    dtype = dtype_name(dtype)
    number = bool(value) if dtype == "bool" else value
    return F.fill(shape=shape, value=number, dtype=dtype, name=name)


def clip_by_value(x: Any, min: Any = 0.0, max: Any = 1.0, name: str | None = None) -> Tensor:
    """Limit x to the range from min to max, which broadcast to x.

    Args:
        x: numbers; NaN stays NaN.
        min: lower bound: a number, an array, a tensor of the dtype of x, or None.
        max: upper bound, given like ``min``.

    Raises:
        AttributeProblem: min is above max, or a bound is not exact in the dtype of x.
    """
    if not any(isinstance(bound, (Tensor, np.ndarray)) for bound in (min, max)):
        return F.clip_by_value(x, min=min, max=max, name=name)
    if max is None:
        return F.maximum(x, min, name=name)
    return F.minimum(x, max, name=name) if min is None else F.clip(x, min, max, name=name)


def gradients(
    ys: Tensor | Sequence[Tensor],
    xs: Tensor | Sequence[Tensor],
    grad_ys: Tensor | Sequence[Tensor | None] | None = None,
    name: str | None = None,
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Tensor | Sequence[Tensor] | None = None,
    unconnected_gradients: str = "none",
) -> list[Tensor | None]:
    """Return the gradients of the sum of ``ys`` with respect to each of ``xs``.

    Args:
        ys: float tensors of any shape; several are added up.
        xs: float tensors; each result has the shape and dtype of its x.
        grad_ys: incoming gradient of each y; None: ones.
        colocate_gradients_with_ops, gate_gradients, aggregation_method: accepted for TensorFlow 1;
            they change nothing here.
        stop_gradients: tensors that count as constants.
        unconnected_gradients: "none", or "zero" for zeros if no y depends on an x.

    Returns:
        One tensor per x, or None if no y depends on it.

    Raises:
        GradientError: a y or x is not float, or an op on the way has no gradient.
    """
    if unconnected_gradients not in ("none", "zero"):
        raise GraphError(
            f"unconnected_gradients must be none or zero, not {unconnected_gradients!r}"
        )
    ys = [ys] if isinstance(ys, Tensor) else list(ys)
    xs = [xs] if isinstance(xs, Tensor) else list(xs)
    weights = [grad_ys] if isinstance(grad_ys, Tensor) else list(grad_ys or [None] * len(ys))
    if not ys or not xs or len(weights) != len(ys):
        raise GraphError(f"gradients of {len(ys)} ys, {len(xs)} xs and {len(weights)} grad_ys")
    terms = [
        y if weight is None else y * F.stop_gradient(weight)
        for y, weight in zip(ys, weights, strict=True)
    ]
    if len(terms) > 1:
        terms = [F.reduce_sum(term) for term in terms]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    if stop_gradients is not None:
        stops = [stop_gradients] if isinstance(stop_gradients, Tensor) else list(stop_gradients)
        with total.graph.name_scope(name or "gradients"):
            found = derive(total, xs, stop_at=stops)
    else:
        node = total.graph.add_node("gradients", [total, *xs], name=name)
        pairs = zip(node.alias, node.outputs, strict=True)
        found = [None if target is None else out for target, out in pairs]
    if unconnected_gradients == "none":
        return found
    return [F.zeros_like(x) if g is None else g for g, x in zip(found, xs, strict=True)]


def group(*inputs: Node | Tensor | Sequence[Any] | None, name: str | None = None) -> Node:
    """Add a node that runs all given nodes and tensors.

    Args:
        inputs: nodes and tensors, or nested lists of them; None is left out.

    Raises:
        GraphError: an input is neither a node nor a tensor.
    """
    items = list(_flat(inputs))
    for item in items:
        if not isinstance(item, (Node, Tensor)):
            raise GraphError(
                f"group takes nodes and tensors, and {item!r} is neither", node=name, port="inputs"
            )
    tensors = [item for item in items if isinstance(item, Tensor)]
    nodes = [item for item in items if isinstance(item, Node)]
    graph = items[0].graph if items else get_default_graph()
    return graph.add_node("group", tensors, name=name, control_inputs=nodes)


def _flat(items: Any) -> Iterator[Any]:
    """Yield the items of nested lists and tuples, without None."""
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from _flat(item)
        elif item is not None:
            yield item


def name_scope(
    name: str | None, default_name: str | None = None, values: Any = None
) -> AbstractContextManager[str]:
    """Name nodes made inside ``name/...``, in the default graph or in the graph of ``values``.

    A scope that is opened again gets a new name, ``name_1``. The result of ``with ... as scope``,
    or a name that ends in ``/``, enters the same scope again.

    Args:
        name: the scope; None: ``default_name``. Without a name, or with an empty one, nodes made
            inside are at the root.
        default_name: for functions whose caller may leave ``name`` None.
        values: tensors of the graph, if it is not the default graph.

    Raises:
        NameProblem: the name is malformed.
    """
    given = [values] if isinstance(values, Tensor) else list(values or ())
    return F.graph_of(given).name_scope(default_name if name is None else name)


def device(device_name_or_function: str | None) -> AbstractContextManager[None]:
    """Set the device of nodes that are made inside, in the default graph: ``/cpu:0``, ``/gpu:1``.

    The engine computes on the CPU and says so once. Files keep the device.

    Raises:
        GraphError: it is no name of a device.
    """
    return get_default_graph().device(device_name_or_function)


def control_dependencies(
    control_inputs: Sequence[Node | Tensor | str] | Node | Tensor | None,
) -> AbstractContextManager[None]:
    """Return a context manager. Nodes made inside it run after the given nodes; None removes all
    such dependencies.

    Raises:
        GraphError: an input is no node, tensor or name of the default graph.
    """
    return get_default_graph().control_dependencies(control_inputs)
