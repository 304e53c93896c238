"""Loops and branches written as Python functions, with TensorFlow 1's names and arguments.

A function runs once, while the graph is built. Its operations become the body of one node. It can
use tensors from outside. A variable that it makes is placed outside.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.types import dtype_name, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.control_flow.tensor_array import TensorArray
from nodeflow.ops.control_flow.trace import Traced, captured_by, waits_of
from nodeflow.ops.control_flow.while_loop import check_carried

Function = Callable[..., Any]


def cond(
    pred: Tensor,
    true_fn: Function | None = None,
    false_fn: Function | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Function | None = None,
    fn2: Function | None = None,
) -> Any:
    """Return the result of ``true_fn`` if ``pred`` is true, else the result of ``false_fn``.

    Only the chosen function runs. It may assign to variables if its result depends on the assign. A
    tensor that was made outside is computed in any case.

    Args:
        pred: one bool, known when it runs.
        true_fn: a function without arguments that returns tensors, nested in any way.
        false_fn: a function like ``true_fn``, with the same structure and dtypes.
        strict: return a list or tuple of one tensor as such, and not as the tensor.
        name: name of the node.
        fn1: old name of ``true_fn``.
        fn2: old name of ``false_fn``.

    Raises:
        GraphError: ``pred`` is not a bool tensor, or the functions return different structures.
    """
    true_fn = fn1 if true_fn is None else true_fn
    false_fn = fn2 if false_fn is None else false_fn
    if true_fn is None or false_fn is None:
        raise GraphError(
            "cond needs true_fn and false_fn", hint="Give two functions: cond(pred, f, g)."
        )
    graph = get_default_graph()
    pred = _condition(graph, pred)
    branches = [
        Traced(graph, function, (), (), lambda f, _: f(), what, may_assign=True)
        for function, what in ((true_fn, "true_fn"), (false_fn, "false_fn"))
    ]
    yes, no = branches
    nest.check_same(yes.result, no.result, "true_fn and false_fn return")
    for branch, other in ((yes, no), (no, yes)):
        branch.outputs = [
            _literal_as(branch, value, tensor, like)
            for value, tensor, like in zip(
                nest.flatten(branch.result), branch.outputs, other.outputs, strict=True
            )
        ]
    variables = dict.fromkeys([*yes.assigned, *no.assigned])
    for branch in branches:
        branch.outputs += [branch.value_for(variable) for variable in variables]
    captured = captured_by(yes, no)
    node = graph.add_node(
        "cond",
        [pred, *captured],
        {"true_body": yes.text(captured), "false_body": no.text(captured)},
        name=f"{name or 'cond'}_branch" if variables else name,
        control_inputs=waits_of(yes, no),
    )
    outputs = _after_assigns(graph, node, list(variables), name or "cond")
    packed = nest.pack(yes.result, outputs)
    single = isinstance(packed, (list, tuple)) and len(packed) == 1
    return packed[0] if single and not strict else packed


def _after_assigns(
    graph: Graph, node: Node, variables: Sequence[Tensor], name: str
) -> Sequence[Tensor]:
    """Split the outputs of a conditional node: assign the last ones to ``variables``, one each, and
    return the others, which depend on the assigns.
    """
    count = len(node.outputs) - len(variables)
    if not variables:
        return node.outputs
    assigns = [
        graph.apply("assign", variable, value, name=f"{name}_assign").node
        for variable, value in zip(variables, node.outputs[count:], strict=True)
    ]
    with graph.control_dependencies(assigns):
        return [graph.apply("identity", t, name=name) for t in node.outputs[:count]]


def case(
    pred_fn_pairs: Sequence[tuple[Tensor, Function]] | Mapping[Tensor, Function],
    default: Function | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """Return the result of the function whose condition is the first true one.

    Args:
        pred_fn_pairs: pairs of a bool tensor and a function without arguments; or a dict.
        default: the function that runs if no condition is true. Without it, the run fails then.
        exclusive: whether the run fails if more than one condition is true.
        strict: as in `cond`.
        name: name scope of the nodes.

    Raises:
        GraphError: there are no pairs, or the functions return different structures.
    """
    is_dict = isinstance(pred_fn_pairs, Mapping)
    pairs = list(pred_fn_pairs.items() if is_dict else pred_fn_pairs)
    if not pairs or not all(isinstance(p, (tuple, list)) and len(p) == 2 for p in pairs):
        raise GraphError(
            "case needs pairs of a condition and a function",
            hint="Write case([(pred, function), ...], default=function).",
        )
    graph = get_default_graph()
    preds = [_condition(graph, pred) for pred, _ in pairs]
    functions = [function for _, function in pairs]
    with graph.name_scope(name):
        if exclusive or default is None:
            preds[0] = graph.apply(
                "case_check", preds, exclusive=exclusive, total=default is None, name="check"
            )
        # without a true condition, the check fails before the last function runs
        if default is None:
            default = functions[-1]
            functions = functions[:-1] or functions
        return _first_true(preds, functions, default, strict)


def _first_true(
    preds: Sequence[Tensor], functions: Sequence[Function], default: Function, strict: bool
) -> Any:
    def rest() -> Any:
        return _first_true(preds[1:], functions[1:], default, strict)

    otherwise = rest if len(functions) > 1 else default
    return cond(preds[0], functions[0], otherwise, strict=strict)


def while_loop(
    cond: Function,
    body: Function,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: int | Tensor | None = None,
    return_same_structure: bool = False,
) -> Any:
    """Run ``body`` while ``cond`` is true, starting with ``loop_vars``; return the last values.

    Both functions take the loop variables and may use tensors from outside. Random ops in the loop
    draw different numbers in each iteration. Gradients flow to the first values and to tensors from
    outside; for them, the values at the start of each iteration are kept in memory.

    Args:
        cond: a function of the loop variables that returns one bool tensor.
        body: a function of the loop variables that returns their next values.
        loop_vars: first values: tensors or numbers in lists, tuples and dicts, nested in any way.
        shape_invariants: the same structure of shapes, for variables whose shape changes. None in
            a shape stands for an unknown size.
        parallel_iterations: accepted for TensorFlow 1's programs; has no effect.
        back_prop: whether gradients flow.
        swap_memory: has no effect.
        name: name of the node.
        maximum_iterations: the loop ends after this number of iterations.
        return_same_structure: return a list of one variable as a list and not as the tensor.

    Returns:
        The last values, in the structure of ``loop_vars``.

    Raises:
        GraphError: the functions do not fit the loop variables. The message names the variable,
            with its type before and after one iteration.
    """
    graph = get_default_graph()
    variables = _settled(graph, body, _sequence(loop_vars, "loop_vars"))
    first = [graph.as_tensor(v) for v in nest.flatten(variables)]
    if not first:
        raise GraphError("while_loop needs a loop variable", hint="Give loop_vars=[tensor, ...].")
    names = nest.names(variables, "loop_vars")
    invariants = _invariants(variables, shape_invariants)
    invariants = [
        own if own is not None else given
        for own, given in zip(_growing(variables), invariants, strict=True)
    ]
    types = [t.type if s is None else t.type.with_shape(s) for t, s in zip(first, invariants)]

    def call(function: Function, inputs: list[Tensor]) -> Any:
        return function(*nest.pack(variables, inputs))

    inner = _names(body, variables)
    test = Traced(graph, cond, types, inner, call, "cond")
    made = Traced(graph, body, types, inner, call, "body", [t.dtype for t in types])
    if len(made.outputs) != len(first):
        raise GraphError(
            f"body returns {len(made.outputs)} values for {len(first)} loop variables",
            hint="Return the next value of each loop variable.",
        )
    for label, old, new, shape in zip(names, types, made.types, invariants, strict=True):
        check_carried(label, old, new, shape)
    if maximum_iterations is not None and not isinstance(maximum_iterations, int):
        return _counted_loop(
            cond, body, variables, shape_invariants, back_prop, name, maximum_iterations
        )
    captured = captured_by(test, made)
    node = graph.add_node(
        "while_loop",
        [*first, *captured],
        {
            "cond": test.text(captured),
            "body": made.text(captured),
            "carried": len(first),
            "maximum_iterations": maximum_iterations,
            "invariants": None if all(s is None for s in invariants) else invariants,
        },
        name=name or "while",
        control_inputs=waits_of(test, made),
    )
    packed = nest.pack(variables, _outputs(node.outputs, back_prop))
    single = len(packed) == 1 and isinstance(packed, (list, tuple))
    return packed[0] if single and not return_same_structure else packed


def _settled(graph: Graph, body: Function, variables: Any) -> Any:
    """Prepare loop variables for tracing: give each `TensorArray` among them a tensor. If an
    array's element shape is unknown, trace the body once to learn it.
    """
    arrays = [a for a in nest.composites(variables) if isinstance(a, TensorArray)]
    if any(array.is_open and array.element_shape is None for array in arrays):
        leaves = [graph.as_tensor(v) for v in nest.flatten(variables)]

        def call(function: Function, inputs: list[Tensor]) -> Any:
            function(*nest.pack(variables, inputs))
            return inputs[:1]

        Traced(graph, body, [t.type for t in leaves], _leaf_names(leaves), call, "body")
    return nest.replaced(variables, lambda a: a.filled() if isinstance(a, TensorArray) else a)


def _leaf_names(leaves: Sequence[Tensor]) -> list[str]:
    return [f"value_{i}" for i in range(len(leaves))]


def _growing(variables: Any) -> list[Any]:
    """Return a list with an entry for each leaf of the loop variables: for a tensor array that
    grows in the loop its shape, otherwise None.
    """
    if isinstance(variables, Mapping):
        return [s for key in sorted(variables) for s in _growing(variables[key])]
    if isinstance(variables, (list, tuple)):
        return [s for part in variables for s in _growing(part)]
    return [variables.invariant] if isinstance(variables, TensorArray) else [None]


def _counted_loop(
    cond: Function,
    body: Function,
    variables: Any,
    invariants: Any,
    back_prop: bool,
    name: str | None,
    limit: Any,
) -> Any:
    """Build a while loop that ends after ``limit`` iterations at the latest, where ``limit`` may be
    a tensor. Return the final loop variables.
    """
    limit = get_default_graph().as_tensor(limit, "int32")
    found = while_loop(
        lambda count, values: F.logical_and(count < limit, cond(*values)),
        lambda count, values: (count + 1, _sequence(body(*values), "loop_vars")),
        (np.zeros((), limit.dtype), variables),
        None if invariants is None else ((), invariants),
        back_prop=back_prop,
        name=name,
    )[1]
    return found[0] if len(found) == 1 and isinstance(found, (list, tuple)) else found


def map_fn(
    fn: Function,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """Return the results of ``fn`` for each slice of ``elems`` along the first axis, stacked.

    Args:
        fn: a function of one argument, with the structure of ``elems``; returns tensors.
        elems: a tensor, or tensors of equal first size, nested in any way.
        dtype: dtypes of the results of ``fn``, in their structure, if they differ from ``elems``.
            They are inferred anyway; this is only checked.
        parallel_iterations: has no effect, like ``swap_memory`` and ``infer_shape``.
        back_prop: whether gradients flow.
        name: name of the node.

    Raises:
        GraphError: ``elems`` have no first axis, or ``fn`` does not return tensors of ``dtype``.
    """
    graph, sequences = _sequences(elems)
    wanted = [None if d is None else dtype_name(d) for d in nest.flatten(dtype)]
    types = [t.type.with_shape(t.shape[1:]) for t in sequences]
    inside = Traced(
        graph,
        fn,
        types,
        _names(fn, [elems]),
        lambda function, inputs: function(nest.pack(elems, inputs)),
        "fn",
        wanted,
    )
    if dtype is not None and wanted != [t.dtype for t in inside.outputs]:
        said = ", ".join(t.dtype for t in inside.outputs)
        raise DtypeError(f"fn returns {said}, but dtype is {', '.join(map(str, wanted))}")
    captured = captured_by(inside)
    node = graph.add_node(
        "scan",
        [*sequences, *captured],
        {"body": inside.text(captured), "carried": 0, "sequences": len(sequences)},
        name=name or "map",
        control_inputs=waits_of(inside),
    )
    return nest.pack(inside.result, _outputs(node.outputs, back_prop))


def scan(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """Accumulate ``fn`` over the slices of ``elems``; return the values after each slice, stacked.

    Args:
        fn: a function ``fn(accumulated, slice)`` that returns the next accumulated value.
        elems: a tensor, or tensors of equal first size, nested in any way.
        initializer: the first accumulated value. None takes the first slice in the order of the
            loop, which is then also the first result.
        parallel_iterations: has no effect, like ``swap_memory`` and ``infer_shape``.
        back_prop: whether gradients flow.
        reverse: from the last slice to the first; results keep the order of the slices.
        name: name of the node.

    Raises:
        GraphError: ``elems`` have no first axis, or ``fn`` changes the type of the accumulated
            value. The message gives the type before and after one iteration.
    """
    first, stacked, _ = _accumulate(fn, elems, initializer, reverse, name or "scan", stack=True)
    structure = elems if initializer is None else initializer
    if initializer is None:
        ends = [F.expand_dims(t, axis=0) for t in first]
        pairs = zip(ends, stacked, strict=True)
        stacked = [F.concat([b, a] if reverse else [a, b], axis=0) for a, b in pairs]
    return nest.pack(structure, _outputs(stacked, back_prop))


def foldl(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Return the result of accumulating ``fn`` over the slices of ``elems``, first to last.

    Arguments and errors are the same as for `scan`, whose last value this is.
    """
    _, _, last = _accumulate(fn, elems, initializer, False, name or "foldl")
    return nest.pack(elems if initializer is None else initializer, _outputs(last, back_prop))


def foldr(
    fn: Function,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Return the result of accumulating ``fn`` over the slices of ``elems``, last to first.

    Arguments and errors are the same as for `scan`. The result is the value after the first slice,
    which is used last.
    """
    _, _, last = _accumulate(fn, elems, initializer, True, name or "foldr")
    return nest.pack(elems if initializer is None else initializer, _outputs(last, back_prop))


def _accumulate(
    fn: Function, elems: Any, initializer: Any, reverse: bool, name: str, stack: bool = False
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Build a scan that accumulates over the slices of ``elems``. Return three lists of tensors:
    the initial values, the values after each slice (empty unless ``stack``), and the final values.
    """
    graph, sequences = _sequences(elems)
    if initializer is None:
        first = [t[-1] if reverse else t[0] for t in sequences]
        sequences = [t[:-1] if reverse else t[1:] for t in sequences]
        structure = elems
    else:
        first, structure = [graph.as_tensor(v) for v in nest.flatten(initializer)], initializer
    types = [t.type for t in first]
    slices = [t.type.with_shape(t.shape[1:]) for t in sequences]
    count = len(first)
    inside = Traced(
        graph,
        fn,
        [*types, *slices],
        _names(fn, [structure, elems]),
        lambda f, given: f(nest.pack(structure, given[:count]), nest.pack(elems, given[count:])),
        "fn",
        [t.dtype for t in types],
    )
    nest.check_same(structure, inside.result, "initializer and fn have")
    labels = nest.names(structure, "initializer")
    for label, old, new in zip(labels, types, inside.types, strict=True):
        check_carried(label, old, new)
    captured = captured_by(inside)
    if stack:
        inside.outputs = [*inside.outputs, *inside.outputs]
    outs = graph.add_node(
        "scan",
        [*first, *sequences, *captured],
        {
            "body": inside.text(captured),
            "carried": count,
            "sequences": len(sequences),
            "reverse": reverse,
        },
        name=name,
        control_inputs=waits_of(inside),
    ).outputs
    return first, list(outs[count:]), list(outs[:count])


# ---- shared helpers -----------------------------------------------------------------------------


def _condition(graph: Graph, pred: Any) -> Tensor:
    if isinstance(pred, bool):
        raise GraphError(
            f"pred is Python's {pred}, not a tensor",
            hint="== and != between tensors compare identity: use nf.equal or nf.not_equal. "
            "For a constant condition use Python's if.",
        )
    pred = graph.as_tensor(pred)
    if pred.dtype != "bool":
        raise DtypeError(
            f"pred must be one bool, not {pred.type}",
            hint="Compare it: pred > 0, or nf.not_equal(pred, 0).",
        )
    if pred.type.has_rank and pred.shape:
        raise ShapeError(
            f"pred must be one bool, not {pred.type}",
            hint="Use nf.where to choose by element, or nf.reduce_all for one bool.",
        )
    return pred


def _literal_as(branch: Traced, value: Any, tensor: Tensor, like: Tensor) -> Tensor:
    """Return a literal that a branch returns, converted to the dtype that the other branch
    returns.
    """
    if isinstance(value, (Tensor, Node, np.ndarray, np.generic)) or tensor.dtype == like.dtype:
        return tensor
    with branch.graph:
        return branch.graph.as_tensor(value, like.dtype)


def _sequence(structure: Any, what: str) -> Any:
    """Return loop variables as a list, tuple or dict."""
    if structure is None:
        raise GraphError(f"{what} is None", hint="Give a list of tensors.")
    return structure if isinstance(structure, (list, tuple)) else [structure]


def _invariants(variables: Any, shapes: Any) -> list[tuple[int | None, ...] | None]:
    """Return a shape, or None, for each loop variable."""
    if shapes is None:
        return [None] * len(nest.flatten(variables))
    found: list[tuple[int | None, ...] | None] = []

    def walk(part: Any, shape: Any) -> None:
        if shape is None:
            found.extend([None] * len(nest.flatten(part)))
        elif isinstance(part, Mapping):
            for key in sorted(part):
                walk(part[key], shape[key])
        elif isinstance(part, (list, tuple)):
            if len(part) != len(shape):
                raise GraphError(
                    f"shape_invariants has {len(shape)} shapes for {len(part)} loop variables",
                    hint="Give one for each, in the structure of loop_vars.",
                )
            for inner, one in zip(part, shape, strict=True):
                walk(inner, one)
        else:
            found.append(tuple(shape))

    walk(variables, _sequence(shapes, "shape_invariants"))
    return found


def _sequences(elems: Any) -> tuple[Graph, list[Tensor]]:
    graph = get_default_graph()
    tensors = [graph.as_tensor(v) for v in nest.flatten(elems)]
    if not tensors:
        raise GraphError("elems is empty", hint="Give a tensor with at least one axis.")
    length: tuple[int | None, ...] = (None,)
    for label, tensor in zip(nest.names(elems, "elems"), tensors, strict=True):
        if not tensor.shape:
            raise ShapeError(f"{label} is {tensor.type}, which has no slices", port="elems")
        try:
            length = unify_shapes(length, tensor.shape[:1])
        except ShapeError:
            raise ShapeError(
                f"{label} has {tensor.shape[0]} slices, and others have {length[0]}", port="elems"
            ) from None
    return graph, tensors


def _outputs(tensors: Sequence[Tensor], back_prop: bool) -> list[Tensor]:
    return list(tensors) if back_prop else [F.stop_gradient(t) for t in tensors]


def _names(function: Function, structure: Sequence[Any]) -> list[str]:
    """Return names for the inputs of a body: the names of its function's parameters if possible."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = []
    own = [p.name.strip("_") for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    found = []
    for index, part in enumerate(structure):
        name = own[index] if index < len(own) and own[index].isidentifier() else f"x_{index}"
        count = len(nest.flatten(part))
        nested = isinstance(part, (list, tuple, Mapping))
        found += [f"{name}_{i}" for i in range(count)] if nested else [name]
    return found


__all__ = ["case", "cond", "foldl", "foldr", "map_fn", "scan", "while_loop"]
