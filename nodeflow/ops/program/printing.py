"""Print: pass a tensor on and write it, or others, each time it is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import DTYPES, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.program import output
from nodeflow.ops.program.texts import texts_and_tensors
from nodeflow.ops.samples import values


@register
class PrintOp(Op):
    """A node that passes a tensor on and writes it."""

    id = "print"
    widens = False
    category = "Utility"
    keywords = ("debug", "show", "log", "message")
    doc = (
        "x itself; writes a message and tensors in each run.\n\nThe message and the data (x, if "
        "data is not connected) go to standard error, in the window to the log. Each `{}` in the "
        "message is replaced by the next tensor. Large tensors are shortened."
    )
    stateful = True
    differentiable = True
    counted = True
    inputs = (
        Port("x", "Tensor to pass on.", DTYPES),
        Port("data", "Tensors to show instead of x.", DTYPES, variadic=True),
    )
    attrs = (
        Attr("message", "string", "", "Text to write before the values."),
        Attr("first_n", "int", None, "Write only this many times; none: always.", optional=True),
        output.SUMMARIZE,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]

    def reference(
        self, *arrays: np.ndarray, message: str, first_n: int | None, summarize: int | None,
        execution: int = 0,
    ) -> np.ndarray:  # fmt: skip
        if first_n is None or first_n < 0 or execution < first_n:
            output.write(output.filled(message, arrays[1:] or arrays, summarize))
        return arrays[0].copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return [*grads, *[None] * (len(node.inputs) - 1)]

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"message": "x is"}, dtype == "float64")
        data = (values((4,), "int32"), values((), "float32"))
        yield Sample((values((3,)), *data), {"message": "{} of {}", "summarize": 2, "first_n": 1})


def Print(
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return ``input_``, and write the data to standard error in each run.

    Args:
        input_: the tensor to pass on.
        data: tensors, and texts between them; if it has no tensor, ``input_`` is written.
        message: text in front.
        first_n: write only this many times; None: always.
        summarize: how many numbers of each tensor to show; None: 3, -1: all.

    Raises:
        GraphError: the data are no list of tensors and texts.
    """
    text, tensors = texts_and_tensors("data", data)
    graph = F.graph_of([input_, *tensors])
    attrs = {"first_n": first_n, "summarize": 3 if summarize is None else summarize}
    return graph.apply(
        "print", input_, *tensors, message=(message or "") + text, name=name, **attrs
    )
