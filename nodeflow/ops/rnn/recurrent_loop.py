"""The loop of a recurrent network as one node: a scan that keeps the values for its gradient.

A plain `scan` runs a second time for its gradient. This loop is meant for training, so its first
run already stacks the values that the gradient reads. The nodes it derives are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import DTYPES, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.control_flow.scan import NOTHING, remember
from nodeflow.ops.control_flow.scan_body import parse


@register
class RecurrentLoop(Composed):
    """A cell applied to each step of sequences."""

    id = "recurrent_loop"
    category = "Internal"
    hidden = True
    doc = (
        "Runs a cell for each step of sequences, carrying its state from step to step.\n\nInputs: "
        "the first states, then sequences, whose first axis is the step, then constants. The body "
        "takes the states, one slice of each sequence and the constants; it returns the next "
        "states and the results of this step. Outputs: the last states, and the stacked results. "
        "`reverse` goes from the last step to the first; results stay in the order of the "
        "sequences."
    )
    inputs = (Port("values", "States, sequences, constants.", DTYPES, variadic=True),)
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("body", "string", NOTHING, "Body of a step, as text."),
        Attr("carried", "int", 0, "Number of states.", minimum=0),
        Attr("sequences", "int", 0, "Number of inputs that are sequences.", minimum=0),
        Attr("reverse", "bool", False, "Go from the last step to the first."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return REGISTRY.lookup("scan").infer(*types, **attrs, history=False)  # type: ignore

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        count = attrs["carried"]
        changing = count + attrs["sequences"]
        types = [t.type for t in inputs]
        slices = [t.with_shape(t.shape[1:]) for t in types[count:changing]]
        seen = [*types[:count], *slices, *types[changing:]]
        body = attrs["body"]
        if any(t.is_float for t in self.infer(*types, **attrs)):
            body = remember(body, seen, changing)
        outs = F.scan(list(inputs), **{**attrs, "body": body}, history=True, name="steps")
        results = len(parse(attrs["body"])[2]) - count
        return [*outs[:count], *outs[2 * count : 2 * count + results]]

    def samples(self) -> Iterator[Sample]:
        for sample in REGISTRY.lookup("scan").samples():
            if not sample.attrs.get("history"):
                attrs = {k: v for k, v in sample.attrs.items() if k != "history"}
                yield Sample(sample.inputs, attrs, sample.smooth)
