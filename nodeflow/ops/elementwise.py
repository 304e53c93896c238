"""The class of elementwise ops, mostly declared in ``math`` and ``activations``.

``expression`` is the scalar formula that the compiled tier inlines into fused loops. It may use the
ports, the attributes, and the functions below, from ``nodeflow.engine.devicelib.math_functions``.
Literals and attributes take the dtype of the op's inputs, and the result is cast to the dtype of
the output. Division of floats by zero gives infinities and NaN, as in numpy.

======================================= ======================================================
name                                    meaning
======================================= ======================================================
exp log log1p expm1 sin cos tan tanh    as in the C library, on floats
asin acos atan atan2 sinh cosh asinh    as in the C library, on floats
acosh atanh log2 log10 exp2 cbrt hypot
sqrt rsqrt erf erfc                     ``rsqrt(x)`` is ``1 / sqrt(x)``, ``erfc`` 1 - erf
gelu gelu_slope                         x times the normal probability below x; its derivative
sigmoid softplus                        stable: no overflow for large ``|x|``; NaN stays NaN
abs_ sign                               every number; integers wrap; ``sign(NaN)`` is NaN
floor ceil round_half_even              floats to floats
pow(x, y)                               floats: C's pow. Integers: wraps; y < 0 is a RunError
floor_divide(x, y) modulo(x, y)         Python's sign. Integer y == 0 is a RunError; floats as
                                        numpy's ``floor_divide`` and ``mod``
minimum maximum                         NaN if either is NaN
clip(x, low, high)                      ``minimum(maximum(x, low), high)``, NaN stays NaN
bit_and bit_or bit_xor bit_not          of integers
left_shift right_shift                  of integers; by < 0 or >= the bit width: 0 or -1
sign_bit                                whether the sign bit is set, also for -0
where(c, a, b)                          a if c else b (both are evaluated)
cast(x)                                 x as the output's dtype: float to integer saturates and
                                        NaN gives 0, integers wrap, to bool is ``x != 0``
======================================= ======================================================

Further operators: ``+ - * / == != < <= > >=``, ``and``, ``or``, ``not`` (on bools).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import (
    EVERYDAY,
    FLOATS,
    NUMBERS,
    TensorType,
    broadcast_shapes,
    numpy_dtype,
)
from nodeflow.ops.lowering import Elementwise as ElementwiseLowering
from nodeflow.ops.samples import special, values

Domain = Mapping[str, tuple[float, float]]

_SHAPES: dict[int, tuple[tuple[tuple[int, ...], ...], ...]] = {
    1: (((2, 3),), ((),), ((0, 3),), ((1, 1),)),
    2: (
        ((2, 3), (2, 3)),
        ((2, 1), (3,)),
        ((), (3,)),
        ((2, 3), ()),
        ((1,), (2, 0)),
        ((1, 1), (1, 1)),
    ),
    3: (((2, 3), (2, 3), (2, 3)), ((2, 1), (3,), ()), ((3,), (2, 1), (2, 3)), ((1,), (0,), ())),
}


class Elementwise(Op):
    """An op that computes each element of its output from the same element of its inputs.

    Args:
        op_id: stable id.
        doc: documentation; its first line is the summary.
        reference: numpy function of the inputs, with the attributes as keywords.
        expression: scalar formula for the compiled tier; None: the op always runs by reference.
        names: names of the in-ports, which all have one dtype.
        dtypes: dtypes that the in-ports accept.
        ports: the in-ports, if they differ.
        result: dtype of the output; None: the dtype of the last input.
        gradient: ``gradient(g, *inputs, out, **attrs)`` returns one tensor or None per input, of
            the output's shape.
        domain: range per port where the op is defined and smooth, for samples; default -2 to 2.
        everyday: whether the palette shows it without a search.
    """

    def __init__(
        self,
        op_id: str,
        doc: str,
        reference: Callable[..., Any],
        expression: str | None,
        *,
        names: str = "x",
        dtypes: tuple[str, ...] = NUMBERS,
        ports: tuple[Port, ...] = (),
        result: str | None = None,
        gradient: Callable[..., Sequence[Tensor | None]] | None = None,
        attrs: tuple[Attr, ...] = (),
        category: str = "Math",
        keywords: tuple[str, ...] = (),
        domain: Domain | None = None,
        everyday: bool = True,
    ) -> None:
        self.id = op_id
        self.everyday = everyday
        self.doc = doc
        self.category = category
        self.keywords = keywords
        self.inputs = ports or tuple(Port(n, dtypes=dtypes, group="T") for n in names.split())
        self._names = tuple(p.name for p in self.inputs)
        self.attrs = attrs
        self.broadcasts = len(self.inputs) > 1
        self.differentiable = gradient is not None
        self.expression = expression
        self.domain = domain or {}
        self._reference = reference
        self._result = result
        self._gradient = gradient
        self._lowering = ElementwiseLowering(expression, self._names) if expression else None

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = broadcast_shapes(*(t.shape for t in types))
        return TensorType(self._result or types[-1].dtype, shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        dtype = numpy_dtype(self._result) if self._result else arrays[-1].dtype
        with np.errstate(all="ignore"):
            return np.asarray(self._reference(*arrays, **attrs)).astype(dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        assert self._gradient is not None
        return self._gradient(grads[0], *node.inputs, node.outputs[0], **node.attrs)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        if self.expression is None or not attrs:
            return self._lowering
        return ElementwiseLowering(self.expression, self._names, attrs)

    def samples(self) -> Iterator[Sample]:
        attrs = {a.name: a.default for a in self.attrs}
        for dtype in self.inputs[-1].dtypes:
            every = _SHAPES[len(self.inputs)]
            for shapes in every if dtype in EVERYDAY else every[:2]:
                yield Sample(self._arrays(shapes, dtype), attrs, smooth=dtype == "float64")
            if dtype in FLOATS:
                yield Sample(self._special_arrays(dtype), attrs)

    def _arrays(self, shapes: Sequence[tuple[int, ...]], dtype: str) -> tuple[np.ndarray, ...]:
        arrays = []
        for place, (port, shape) in enumerate(zip(self.inputs, shapes, strict=True)):
            low, high = self.domain.get(port.name, (-2.0, 2.0))
            own = dtype if dtype in port.dtypes else port.dtypes[0]
            arrays.append(values(shape, own, low, high, start=1 + 7 * place))
        return tuple(arrays)

    def _special_arrays(self, dtype: str) -> tuple[np.ndarray, ...]:
        """Return every pair of special values, by broadcasting."""
        arrays = []
        for place, port in enumerate(self.inputs):
            own = dtype if dtype in port.dtypes else port.dtypes[0]
            column = special(dtype) if own == dtype else np.array([True, False] * 3)
            arrays.append(column.reshape((-1,) + (1,) * (len(self.inputs) - 1 - place)))
        return tuple(arrays)


def define(*args: Any, **kwargs: Any) -> Elementwise:
    """Declare and register an elementwise op."""
    op = Elementwise(*args, **kwargs)
    REGISTRY.register(op)
    return op
