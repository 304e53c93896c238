"""Recurrent layers: cells for one step, and layers that run a cell over sequences.

A layer projects all its inputs by one product before the loop; the loop itself has only the
recurrent product, whose matrix gets its gradient by one product too (see ``scan``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Attr, Port, Sample
from nodeflow.graph.types import FLOATS, Dim, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.body import make_body
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values
from nodeflow.ops.scan import remember

Step = Callable[..., Sequence[Tensor]]
"""``step(h[, c], projected, recurrent)`` gives the next h[, c]."""

ACTIVATION = Attr(
    "activation", "choice", "tanh", "What is applied to the sum.", choices=("tanh", "relu")
)


def plain_step(activation: str) -> Step:
    """h' = activation(p + h R)."""

    def step(h: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
        return (getattr(F, activation)(p + F.matmul(h, recurrent)),)

    return step


def gru_step(h: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
    """z, r = sigmoid(p + h R); n = tanh(p + r * (h R)); h' = (1 - z) * n + z * h."""
    update, reset, new = F.split(p, parts=(3,), axis=1)
    h_update, h_reset, h_new = F.split(F.matmul(h, recurrent), parts=(3,), axis=1)
    z = F.sigmoid(update + h_update)
    n = F.tanh(new + F.sigmoid(reset + h_reset) * h_new)
    return (n + z * (h - n),)


def lstm_step(h: Tensor, c: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
    """i, f, g, o = p + h R; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c')."""
    sums = zip(*(F.split(t, parts=(4,), axis=1) for t in (p, F.matmul(h, recurrent))), strict=True)
    i, f, g, o = (from_x + from_h for from_x, from_h in sums)
    cell = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(cell), cell


class Recurrent(Composed):
    """Base of cells and layers: the shapes of weights and states."""

    category = "Neural network"
    gates = 1
    states = ("h",)

    def step(self, attrs: Any) -> Step:
        """What one step does with projected inputs."""
        raise NotImplementedError(self.id)

    def units(self, kernel: TensorType, recurrent: TensorType, bias: TensorType) -> int:
        """The number of units.

        Raises:
            ShapeError: the weights do not fit together, or it is unknown.
        """
        if recurrent.rank != 2 or (units := recurrent.shape[0]) is None:
            raise ShapeError(
                f"recurrent_kernel must be (units, {self._times}units), known sizes, not "
                f"{shape_text(recurrent.shape)}",
                port="recurrent_kernel",
            )
        wide = units * self.gates
        for port, type_, shape in (
            ("recurrent_kernel", recurrent, (units, wide)),
            ("kernel", kernel, (None, wide)),
            ("bias", bias, (wide,)),
        ):
            if not compatible(type_.shape, shape):
                raise ShapeError(
                    f"{port} has shape {shape_text(type_.shape)}, and for {units} units it must be "
                    f"{shape_text(shape)}",
                    port=port,
                )
        return units

    @property
    def _times(self) -> str:
        return f"{self.gates} * " if self.gates > 1 else ""

    def check_features(self, x: TensorType, kernel: TensorType, rank: int) -> None:
        """Raises ShapeError unless x has the features that the kernel takes."""
        axes = "(rows, features)" if rank == 2 else "(rows, time, features)"
        if x.rank != rank:
            raise ShapeError(f"x must be {axes}, not {shape_text(x.shape)}", port="x")
        if not compatible(x.shape[-1:], kernel.shape[:1]):
            raise ShapeError(
                f"x has {x.shape[-1]} features, and the kernel {shape_text(kernel.shape)} takes "
                f"{kernel.shape[0]}",
                port="x",
            )

    def check_state(self, port: str, state: TensorType, rows: Dim, units: int) -> None:
        """Raises ShapeError unless a state is (rows, units)."""
        if not compatible(state.shape, (rows, units)):
            raise ShapeError(
                f"{port} has shape {shape_text(state.shape)}, not {shape_text((rows, units))}",
                port=port,
            )


WEIGHTS = (
    Port("kernel", "Weights of the inputs: (features, gates * units).", FLOATS, "T"),
    Port("recurrent_kernel", "Weights of the last step: (units, gates * units).", FLOATS, "T"),
    Port("bias", "(gates * units,).", FLOATS, "T"),
)
H = Port("h", "State after the last step: (rows, units).", FLOATS, "T")
C = Port("c", "Cell state after the last step: (rows, units).", FLOATS, "T")


# ---- cells ------------------------------------------------------------------------------------


class Cell(Recurrent):
    """Base: one step."""

    inputs = (Port("x", "Inputs of this step: (rows, features).", FLOATS, "T"), H, *WEIGHTS)
    outputs = (Port("h", "New state."),)

    def infer(self, *types: TensorType, **attrs: Any) -> Any:
        x, *states = types[:-3]
        units = self.units(*types[-3:])
        self.check_features(x, types[-3], 2)
        rows = x.shape[0]
        for port, state in zip(self.states, states, strict=True):
            self.check_state(port, state, rows, units)
            rows = state.shape[0] if rows is None else rows
        out = x.with_shape((rows, units))
        return out if len(self.states) == 1 else (out, out)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x, *states = inputs[:-3]
        kernel, recurrent, bias = inputs[-3:]
        projected = F.matmul(x, kernel) + bias
        return self.step(attrs)(*states, projected, recurrent)

    def samples(self) -> Iterator[Sample]:
        def call(rows: int, features: int, units: int, dtype: str = "float64") -> Sample:
            states = [values((rows, units), dtype, start=3 + i) for i in range(len(self.states))]
            x = values((rows, features), dtype)
            arrays = (x, *states, *weights(features, units, self.gates, dtype))
            return Sample(arrays, smooth=dtype == "float64")

        yield call(4, 3, 2, "float32")
        yield call(1, 3, 2)
        yield call(0, 3, 2)
        yield call(1, 1, 1)


def weights(features: int, units: int, gates: int, dtype: str) -> tuple[Any, Any, Any]:
    """Kernels and bias for samples."""
    wide = gates * units
    return (
        values((features, wide), dtype, -1, 1, start=11),
        values((units, wide), dtype, -1, 1, start=23),
        values((wide,), dtype, -1, 1, start=31),
    )


@register
class RNNCell(Cell):
    """One step of the simplest recurrent layer."""

    id = "rnn_cell"
    keywords = ("recurrent", "elman", "step", "sequence")
    doc = (
        "One step of a simple recurrent layer: activation(x @ kernel + h @ recurrent_kernel + "
        "bias).\n\nElman, 1990."
    )
    attrs = (ACTIVATION,)

    def step(self, attrs: Any) -> Step:
        return plain_step(attrs["activation"])

    def samples(self) -> Iterator[Sample]:
        for sample in super().samples():
            yield sample
            yield Sample(sample.inputs, {"activation": "relu"}, sample.smooth)


GRU_DOC = (
    "z = sigmoid(x Wz + h Uz + bz); r = sigmoid(x Wr + h Ur + br); n = tanh(x Wn + r * (h Un) + "
    "bn); h' = (1 - z) * n + z * h. The kernels hold z, r and n side by side. Cho and others, "
    "2014, with the reset after the product, as cuDNN has it."
)
LSTM_DOC = (
    "i, f, g, o = x @ kernel + h @ recurrent_kernel + bias, side by side; c' = sigmoid(f) * c + "
    "sigmoid(i) * tanh(g); h' = sigmoid(o) * tanh(c'). Hochreiter and Schmidhuber, 1997, with the "
    "forget gate of Gers and others, 2000; let the bias of f begin at 1."
)


@register
class GRUCell(Cell):
    """One step of a gated recurrent layer."""

    id = "gru_cell"
    gates = 3
    keywords = ("recurrent", "gated", "step", "sequence")
    doc = f"One step of a gated recurrent unit.\n\n{GRU_DOC}"

    def step(self, attrs: Any) -> Step:
        return gru_step


@register
class LSTMCell(Cell):
    """One step of a long short-term memory."""

    id = "lstm_cell"
    gates = 4
    states = ("h", "c")
    keywords = ("recurrent", "memory", "step", "sequence")
    doc = f"One step of a long short-term memory.\n\n{LSTM_DOC}"
    inputs = (Port("x", "Inputs of this step: (rows, features).", FLOATS, "T"), H, C, *WEIGHTS)
    outputs = (Port("h", "New state."), Port("c", "New cell state."))

    def step(self, attrs: Any) -> Step:
        return lstm_step


# ---- layers -----------------------------------------------------------------------------------

X = Port("x", "Sequences: (rows, time, features).", FLOATS, "T")
OUTPUTS = Port("outputs", "The state after every step: (rows, time, units).")
FIRST_H = Port("initial_h", "State before the first step; 0 without a wire.", FLOATS, "T",
               optional=True)  # fmt: skip
FIRST_C = Port("initial_c", "Cell state before it; 0 without a wire.", FLOATS, "T", optional=True)
REVERSE = Attr("reverse", "bool", False, "From the last step to the first.")
LAYER = (
    "\n\nx (rows, time, features) gives the states after all steps, (rows, time, units), and the "
    "last, (rows, units). Exact gradients through all steps. "
)


class Layer(Recurrent):
    """Base: a cell over sequences."""

    inputs = (X, *WEIGHTS, FIRST_H)
    outputs = (OUTPUTS, Port("h", "The last state."))
    attrs = (REVERSE,)

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        units = self.units(*types[1:4])
        self.check_features(x, types[1], 3)
        rows = x.shape[0]
        for port, state in zip(self.states, types[4:], strict=False):
            self.check_state(f"initial_{port}", state, rows, units)
            rows = state.shape[0] if rows is None else rows
        last = x.with_shape((rows, units))
        return [x.with_shape((rows, x.shape[1], units)), *(last for _ in self.states)]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x, kernel, recurrent, bias, *given = inputs
        units = recurrent.shape[0]
        projected = project(x, kernel, bias)
        states = [*given]
        while len(states) < len(self.states):
            states.append(F.zeros_like(projected[0, :, :units] if not states else states[0]))
        types = [s.type for s in states]
        count = len(states)
        slice_ = projected.type.with_shape(projected.shape[1:])
        step = self.step(attrs)

        def body(*values: Tensor) -> Sequence[Tensor]:
            new = step(*values)
            return (*new, new[0])

        inner = [*types, slice_, recurrent.type]
        text = remember(make_body(body, inner)[0], inner, count + 1)
        outs = F.scan(
            [*states, projected, recurrent],
            body=text, carried=count, sequences=1, reverse=attrs["reverse"], history=True,
            name="steps",
        )  # fmt: skip
        return (F.transpose(outs[2 * count], perm=(1, 0, 2), name="outputs"), *outs[:count])

    def samples(self) -> Iterator[Sample]:
        def call(
            rows: int, time: int, sizes: tuple[int, int], given: int = 0, dtype: str = "float64",
            **attrs: Any,
        ) -> Sample:  # fmt: skip
            features, units = sizes
            states = [values((rows, units), dtype, start=3 + i) for i in range(given)]
            x = values((rows, time, features), dtype)
            arrays = (x, *weights(features, units, self.gates, dtype), *states)
            return Sample(arrays, attrs, smooth=dtype == "float64")

        yield call(4, 5, (3, 2), dtype="float32")
        yield call(2, 3, (1, 2), given=len(self.states))
        yield call(1, 2, (2, 1), reverse=True)
        yield call(0, 3, (1, 2))
        yield call(1, 1, (1, 1))


def project(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """x @ kernel + bias of all steps by one product: (time, rows, gates * units)."""
    rows, time, features = x.shape
    by_time = F.transpose(x, perm=(1, 0, 2))
    if features is None or (rows is None and time is None):
        return F.matmul(by_time, kernel) + bias
    flat = F.matmul(F.reshape(by_time, shape=(-1, features)), kernel) + bias
    shape = (-1 if time is None else time, -1 if rows is None else rows, bias.shape[0])
    return F.reshape(flat, shape=shape, name="projected")


@register
class RNN(Layer):
    """The simplest recurrent layer."""

    id = "rnn"
    keywords = ("recurrent", "elman", "sequence", "time series")
    doc = (
        "A simple recurrent layer: h' = activation(x @ kernel + h @ recurrent_kernel + bias)."
        f"{LAYER}Elman, 1990."
    )
    attrs = (ACTIVATION, REVERSE)

    def step(self, attrs: Any) -> Step:
        return plain_step(attrs["activation"])

    def samples(self) -> Iterator[Sample]:
        for sample in super().samples():
            yield sample
            if not sample.attrs:
                yield Sample(sample.inputs, {"activation": "relu"}, sample.smooth)


@register
class GRU(Layer):
    """A gated recurrent layer."""

    id = "gru"
    gates = 3
    keywords = ("recurrent", "gated", "sequence", "time series")
    doc = f"A layer of gated recurrent units.{LAYER}{GRU_DOC}"

    def step(self, attrs: Any) -> Step:
        return gru_step


@register
class LSTM(Layer):
    """A layer with a memory."""

    id = "lstm"
    gates = 4
    states = ("h", "c")
    keywords = ("recurrent", "memory", "sequence", "time series")
    doc = f"A layer of long short-term memory.{LAYER}{LSTM_DOC}"
    inputs = (X, *WEIGHTS, FIRST_H, FIRST_C)
    outputs = (OUTPUTS, Port("h", "The last state."), Port("c", "The last cell state."))

    def step(self, attrs: Any) -> Step:
        return lstm_step
