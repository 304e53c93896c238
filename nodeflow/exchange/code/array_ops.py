"""Ops that numpy, JAX and PyTorch write alike, but for the name of the library."""

from __future__ import annotations

from nodeflow.exchange.code.dialect import Call, Expression

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "power": "**", "equal": "==", "not_equal": "!=",
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
}  # fmt: skip
SAME = (
    *"abs exp log log1p expm1 sqrt square sin cos tan sinh cosh tanh floor ceil sign".split(),
    *"maximum minimum logical_and logical_or logical_not logical_xor where".split(),
    *"ones_like zeros_like".split(),
)
"""Ops whose functions have the same name and arguments in all three."""


def divided(call: Call) -> str | None:
    """Division of floats; that of whole numbers has another meaning in each library."""
    return f"{call.args[0]} / {call.args[1]}" if call.dtype.startswith("float") else None


def indexed(call: Call) -> str | None:
    """A slice, in the syntax of Python."""
    attrs = call.attrs
    if len(call.args) > 1:
        return None  # begin and end are computed
    strides = attrs.get("strides") or (1,) * len(attrs["begin"])
    parts = [
        _part(begin, end, stride)
        for begin, end, stride in zip(attrs["begin"], attrs["end"], strides, strict=True)
    ]
    inner = ", ".join(parts) or "..."
    return f"{call.args[0]}[{inner}]" if all(s > 0 for s in strides) else None


def _part(begin: int | None, end: int | None, stride: int) -> str:
    first = "" if begin in (None, 0) else str(begin)
    last = "" if end is None else str(end)
    return f"{first}:{last}" + (f":{stride}" if stride != 1 else "")


def sliced(call: Call) -> str | None:
    """`slice` by first indices and sizes."""
    if len(call.args) > 1:
        return None
    parts = []
    for begin, size in zip(call.attrs["begin"], call.attrs["size"], strict=True):
        parts.append(_part(begin, None if size == -1 else begin + size, 1))
    return f"{call.args[0]}[{', '.join(parts) or '...'}]"


def alike(module: str) -> dict[str, Expression]:
    """The table of what is written alike."""
    return {
        **{op: f"{{0}} {sign} {{1}}" for op, sign in INFIX.items()},
        **{op: _call(module, op) for op in SAME},
        "divide": divided,
        "negative": "-{0}",
        "reciprocal": "1.0 / {0}",
        "identity": "{0}",
        "strided_slice": indexed,
        "slice": sliced,
    }


def _call(module: str, op: str) -> Expression:
    return lambda call: f"{module}.{op}({', '.join(call.args)})"
