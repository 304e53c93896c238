"""Ops whose code in numpy, JAX and PyTorch differs only in the name of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.integrations.code.dialect import (
    Call,
    Expression,
    Unwritten,
    Write,
    literal,
    one_unknown,
    tuple_text,
)
from nodeflow.integrations.code.shared_ops.size_expressions import size_texts
from nodeflow.ops.composed import resolve
from nodeflow.ops.training_mode import is_flag

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "power": "**", "equal": "==", "not_equal": "!=",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
}  # fmt: skip
SAME = (
    *"abs exp log log1p expm1 sqrt square sin cos tan sinh cosh tanh floor ceil sign round".split(),
    *"maximum minimum logical_and logical_or logical_not logical_xor".split(),
    *"ones_like zeros_like".split(),
)
"""Ops that have the same name and arguments in all three libraries."""
MORE = "exp2 log2 log10 hypot".split()
"""Further ops of `SAME` that TensorFlow lacks."""
ARCS = "sin cos tan sinh cosh tanh".split()


def divided(call: Call) -> str | None:
    """Return the code of a division of floats. Return None for integers, because their division
    differs between the libraries.
    """
    return f"{call.args[0]} / {call.args[1]}" if call.dtype.startswith("float") else None


def chosen(module: str) -> Expression:
    """Return a function that writes the code of a `where` op: a Python conditional expression if
    the condition is the training flag, otherwise an elementwise selection.
    """

    def write(call: Call) -> str:
        condition, yes, no = call.args
        if is_flag(resolve(call.node.inputs[0])):
            return f"{yes} if {condition} else {no}"
        return f"{module}.where({condition}, {yes}, {no})"

    return write


def no_nan(module: str) -> Expression:
    """Return a function that writes the code of a division that is 0 if the divisor is 0."""

    def write(call: Call) -> str:
        x, y = call.args
        divisor = f"{module}.where({y} == 0, 1, {y})"
        return f"{module}.where({y} == 0, 0, {x} / {divisor})"

    return write


def indexed(call: Call) -> str | None:
    """Write the code of a slice in Python syntax."""
    if any(call.known(name) is None for name in ("begin", "end")):
        return None  # only a run knows them
    begins, ends = call.known("begin"), call.known("end")
    if len(call.args) > 1 and (None in begins or None in ends):
        return None
    strides = call.known("strides") or (1,) * len(begins)
    parts = [_part(*part) for part in zip(begins, ends, strides, strict=True)]
    inner = ", ".join(parts) or "..."
    return f"{call.args[0]}[{inner}]" if all(s > 0 for s in strides) else None


def _part(begin: int | None, end: int | None, stride: int) -> str:
    first = "" if begin in (None, 0) else str(begin)
    last = "" if end is None else str(end)
    return f"{first}:{last}" + (f":{stride}" if stride != 1 else "")


def sliced(call: Call) -> str | None:
    """Return the code of a `slice` op with constant first indices and sizes. Return None if they
    are known only at run time.
    """
    begins, sizes = call.known("begin"), call.known("size")
    if begins is None or sizes is None or None in begins or None in sizes:
        return None
    parts = []
    for begin, size in zip(begins, sizes, strict=True):
        parts.append(_part(begin, None if size == -1 else begin + size, 1))
    return f"{call.args[0]}[{', '.join(parts) or '...'}]"


def indexed_part(call: Call, computed: str) -> str | None:
    """Return the code of a `slice` op. The indices at which its part begins, one per axis, may be
    known only at run time.

    Args:
        computed: a template of the code for that case, with places for the inputs and ``{sizes}``.
    """
    plain = sliced(call)
    sizes = call.sizes("size")
    if plain is not None or sizes is None or -1 in sizes:
        return plain
    return computed.format(*call.args, sizes=tuple_text(sizes))


def sizes_text(call: Call, wired: str, name: str = "shape") -> str:
    """Return the shape argument of an op that creates a tensor.

    It consists of numbers and sizes of other tensors. Otherwise it is the tensor that is wired
    for the shape.

    Args:
        wired: a template for the expression of that tensor.

    Raises:
        Unwritten: the attribute leaves a size open.
    """
    sizes = call.sizes(name)
    if sizes is not None:
        return tuple_text(sizes)
    wire = [port.name for port in call.node.op.inputs].index(name)
    if wire >= len(call.args):
        raise Unwritten(name)  # the size means "as many as there are"
    texts = size_texts(call.node.inputs[wire], call.size)
    return wired.format(call.args[wire]) if texts is None else tuple_text(texts)


def reshaped(call: Call, wired: str) -> str:
    """Return the arguments of a reshape, with -1 for a size that is known only at run time.

    Args:
        wired: a template for the expression of the tensor that is wired for the shape.
    """
    if len(call.args) == 1:
        return ", ".join(map(str, call.attrs["shape"])) or "()"
    sizes = one_unknown(call.known("shape"))
    if sizes is not None:
        return ", ".join(map(str, sizes)) or "()"
    texts = size_texts(call.node.inputs[1], call.size)
    return wired.format(call.args[1]) if texts is None else ", ".join(texts)


def moved(drawn: str, attrs: Mapping[str, Any]) -> str:
    """Return the expression of a standard random draw, scaled by the mean and deviation in the
    attributes.
    """
    mean, deviation = attrs.get("mean", 0.0), attrs.get("stddev", 1.0)
    scaled = drawn if deviation == 1 else f"{deviation} * {drawn}"
    return scaled if mean == 0 else f"{mean} + {scaled}"


def alike(module: str) -> dict[str, Expression]:
    """Return functions that write the code of ops, by op id, for ops that numpy, JAX and PyTorch
    express alike.
    """
    arc = "a" if module == "torch" else "arc"
    return {
        **{op: f"{{0}} {sign} {{1}}" for op, sign in INFIX.items()},
        **{op: _call(module, op) for op in (*SAME, *(MORE if module != "tf" else ()))},
        **{f"a{op}": f"{module}.{arc}{op}({{0}})" for op in ARCS},
        "atan2": f"{module}.{arc}tan2({{0}}, {{1}})",
        "divide": divided,
        "divide_no_nan": no_nan(module),
        "floor_divide": "{0} // {1}",
        "modulo": "{0} % {1}",
        "where": chosen(module),
        "is_finite": f"{module}.isfinite({{0}})",
        "is_nan": f"{module}.isnan({{0}})",
        "is_inf": f"{module}.isinf({{0}})",
        "squared_difference": f"{module}.square({{0}} - {{1}})",
        "prelu": f"{module}.where({{0}} > 0, {{0}}, {{1}} * {{0}})",
        "einsum": lambda c: f"{module}.einsum({', '.join([quoted(c.attrs['equation']), *c.args])})",
        "broadcast_like": f"{module}.broadcast_to({{0}}, {{1}}.shape)",
        "reshape_like": "{0}.reshape({1}.shape)",
        "negative": "-{0}",
        "reciprocal": "1.0 / {0}",
        "identity": "{0}",
        "strided_slice": indexed,
        "slice": sliced,
    }


def quoted(text: str) -> str:
    """Return a text in double quotes, without escaping anything."""
    return f'"{text}"'


def ends_of(parts: Sequence[int]) -> list[int]:
    """Return the end index of each part of a split axis except the last, given the sizes of the
    parts.
    """
    return [sum(parts[: n + 1]) for n in range(len(parts) - 1)]


def limited(module: str, function: str) -> dict[str, Write]:
    """Return the functions that write the code of activations that are linear between two limits.

    Args:
        function: the library's function that clips a tensor to two numbers.
    """

    def within(low: str, high: str, line: str = "{0}") -> Write:
        template = f"{module}.{function}({line}, {low}, {high})"
        return lambda c: template.format(*c.args, **c.attrs)

    return {
        "hard_sigmoid": within("0.0", "1.0", "{alpha} * {0} + {beta}"),
        "hard_tanh": within("{min}", "{max}"),
        "hard_swish": lambda c: f"{c.args[0]} * {module}.{function}({c.args[0]} + 3, 0.0, 6.0) / 6",
    }


def silu(function: str | None, sigmoid: str) -> Expression:
    """Return a function that writes the code of x * sigmoid(beta * x).

    Args:
        function: the library's function for beta 1, if it has one.
        sigmoid: the library's sigmoid function.
    """

    def write(call: Call) -> str:
        (x,), beta = call.args, call.attrs["beta"]
        if beta == 1:
            return f"{x} * {sigmoid}({x})" if function is None else f"{function}({x})"
        return f"{x} * {sigmoid}({beta} * {x})"

    return write


def bounds(call: Call) -> tuple[str, str]:
    """Return the two limits of `clip_by_value` as Python code."""
    return literal(call.attrs["min"]), literal(call.attrs["max"])


def _call(module: str, op: str) -> Expression:
    return lambda call: f"{module}.{op}({', '.join(call.args)})"
