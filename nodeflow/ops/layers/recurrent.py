"""Recurrent layers: a cell over sequences, with its own kernels and bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.layers.dense import UNITS, USE_BIAS
from nodeflow.ops.layers.layer import (
    TRAINABLE,
    VERSION,
    ZEROS,
    Layer,
    Weights,
    initializer_attr,
    known_size,
)
from nodeflow.ops.rnn.kinds import ACTIVATION, FIRST, KINDS, LAST, REVERSE, Kind
from nodeflow.ops.samples import ROUNDED, values

BIAS_INITIALIZER = initializer_attr("bias_initializer", ZEROS, "Initial bias.")
UNIT_FORGET_BIAS = Attr(
    "unit_forget_bias", "bool", True, "Begin the bias of the forget gate at 1, the rest at 0; "
    "otherwise all at 0.", advanced=True
)  # fmt: skip


class RecurrentLayer(Layer):
    """A recurrent layer of one kind."""

    can_share = True
    shown_attrs = ("units",)

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.id = f"layers/{kind.id}"
        wide = "units" if kind.gates == 1 else f"{kind.gates} * units"
        self.keywords = ("recurrent", "layer", "sequence", "time series", *kind.keywords)
        self.doc = (
            f"A {kind.name} over sequences, with its own weights.\n\nx (rows, time, features) "
            "gives the state after the last step, (rows, units), or after every step, "
            f"(rows, time, units). The variables are NAME/kernel (features, {wide}), "
            f"NAME/recurrent_kernel (units, {wide}) and NAME/bias ({wide},). {kind.formula}"
        )
        self.inputs = (
            Port("x", "Sequences: (rows, time, features).", FLOATS, "T"),
            *(FIRST[state] for state in kind.states),
        )
        self.outputs = (
            Port("out", "The state after the last step, or after every step."),
            *(LAST[state] for state in kind.states),
        )
        forget = UNIT_FORGET_BIAS if kind.id == "lstm" else BIAS_INITIALIZER
        orthogonal = {"op": "orthogonal"}
        self.attrs = (
            UNITS,
            *((ACTIVATION,) if kind.id == "rnn" else ()),
            Attr("return_sequences", "bool", False, "Return the states after all steps."),
            REVERSE,
            USE_BIAS,
            initializer_attr("kernel_initializer", {"op": "glorot_uniform"}, "Initial kernel."),
            initializer_attr("recurrent_initializer", orthogonal, "Initial recurrent kernel."),
            forget,
            TRAINABLE,
            VERSION,
        )

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        x, units = types[0], attrs["units"]
        if x.rank != 3:
            raise ShapeError(
                f"{self.short_id} needs sequences (rows, time, features), not shape "
                f"{shape_text(x.shape)}",
                port="x",
                hint="Insert expand_dims: one feature per step." if x.rank == 2 else None,
            )
        wide = units * self.kind.gates
        found: Weights = {
            "kernel": ((known_size(x, -1, "features"), wide), attrs["kernel_initializer"]),
            "recurrent_kernel": ((units, wide), attrs["recurrent_initializer"]),
        }
        if attrs["use_bias"]:
            forget = attrs.get("unit_forget_bias")
            begin = {"op": "unit_forget_bias"} if forget else attrs.get("bias_initializer", ZEROS)
            found["bias"] = ((wide,), begin)
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> list[TensorType]:
        self.check_weights(*types, **attrs)
        x, units = types[0], attrs["units"]
        rows = x.shape[0]
        for port, state in zip(self.inputs[1:], types[1:], strict=False):
            if not compatible(state.shape, (rows, units)):
                raise ShapeError(
                    f"{port.name} has shape {shape_text(state.shape)}, not "
                    f"{shape_text((rows, units))}",
                    port=port.name,
                )
            rows = state.shape[0] if rows is None else rows
        last = x.with_shape((rows, units))
        every = x.with_shape((rows, x.shape[1], units))
        return [every if attrs["return_sequences"] else last, *(last for _ in self.kind.states)]

    def compose(self, *inputs: Tensor, **attrs: Any) -> list[Tensor]:
        x, *states = inputs
        made = self.make_weights(x, **attrs)
        wide = attrs["units"] * self.kind.gates
        bias = made.get("bias")
        if bias is None:
            bias = x.graph.apply("fill", shape=(wide,), value=0.0, dtype=x.dtype, name="no_bias")
        more = {"activation": attrs["activation"]} if "activation" in attrs else {}
        outputs, *last = x.graph.apply(
            REGISTRY.lookup(self.kind.id),
            *(x, made["kernel"], made["recurrent_kernel"], bias, *states),
            reverse=attrs["reverse"],
            name="sequence",
            **more,
        )
        out = outputs if attrs["return_sequences"] else last[0]
        return [F.identity(out, name="out"), *(F.identity(s, name="last") for s in last)]

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        names = ("kernel", "recurrent_kernel")
        return (*names, "bias") if attrs["use_bias"] else names

    def samples(self) -> Iterator[Sample]:
        def call(
            rows: int, time: int, features: int, units: int, given: int = 0,
            dtype: str = "float64", smooth: bool = True, **attrs: Any,
        ) -> Sample:  # fmt: skip
            states = [values((rows, units), dtype, start=3 + i) for i in range(given)]
            x = values((rows, time, features), dtype)
            return Sample((x, *states), {"units": units, **attrs}, smooth and dtype == "float64")

        for dtype in ROUNDED:
            yield call(4, 5, 3, 2, dtype=dtype)
        yield call(2, 3, 1, 2, given=len(self.kind.states), return_sequences=True)
        yield call(2, 3, 4, 1, reverse=True, use_bias=False, trainable=False)
        if self.kind.id == "lstm":
            yield call(3, 2, 4, 2, unit_forget_bias=False)
        if self.kind.id == "rnn":
            yield call(3, 2, 4, 2, activation="relu", smooth=False)
        yield call(0, 3, 1, 2, smooth=False)
        yield call(1, 1, 1, 1)


for _kind in KINDS:
    REGISTRY.register(RecurrentLayer(_kind))
