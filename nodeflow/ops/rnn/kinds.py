"""Recurrent layers: cells for one step, and layers that run a cell over sequences.

Each kind is declared once (`Kind`) and has a cell and a layer. A layer projects all its inputs by
one product before the loop. The loop has only the recurrent product, and the gradient of its matrix
is one product as well (see ``scan``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, Dim, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.composed import Composed
from nodeflow.ops.control_flow.scan import remember
from nodeflow.ops.control_flow.scan_body import make_body
from nodeflow.ops.samples import ROUNDED, values

Step = Callable[..., Sequence[Tensor]]
"""A function ``step(h[, c], projected, recurrent)`` that returns the next h[, c]."""

ACTIVATION = Attr("activation", "choice", "tanh", "Activation function.", choices=("tanh", "relu"))


def plain_step(activation: str) -> Step:
    """Return the function of a simple recurrent step, h' = activation(p + h R)."""

    def step(h: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
        return (getattr(F, activation)(p + F.matmul(h, recurrent)),)

    return step


def gru_step(h: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
    """Return h' of a GRU: z, r = sigmoid(p + h R); n = tanh(p + r * (h R)); h' = (1 - z) * n + z
    * h.
    """
    update, reset, new = F.split(p, parts=3, axis=1)
    h_update, h_reset, h_new = F.split(F.matmul(h, recurrent), parts=3, axis=1)
    z = F.sigmoid(update + h_update)
    n = F.tanh(new + F.sigmoid(reset + h_reset) * h_new)
    return (n + z * (h - n),)


def lstm_step(h: Tensor, c: Tensor, p: Tensor, recurrent: Tensor) -> Sequence[Tensor]:
    """Return h', c' of an LSTM: i, f, g, o = p + h R; c' = s(f) c + s(i) tanh(g); h' = s(o)
    tanh(c').
    """
    i, f, g, o = F.split(p + F.matmul(h, recurrent), parts=4, axis=1)
    cell = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(cell), cell


@dataclass(frozen=True)
class Kind:
    """The formulas of one kind of recurrent layer.

    Attributes:
        gates: number of sums that a step needs, side by side in the kernels.
        states: names of the carried states, the output first.
        step: returns the function of one step with projected inputs, from the op's attributes.
        name: name of such a layer in the documentation, where ``formula`` follows it.
    """

    id: str
    gates: int
    states: tuple[str, ...]
    step: Callable[[Mapping[str, Any]], Step]
    name: str
    formula: str
    keywords: tuple[str, ...]
    attrs: tuple[Attr, ...] = ()


KINDS = (
    Kind(
        "rnn", 1, ("h",), lambda attrs: plain_step(attrs["activation"]),
        "simple recurrent layer",
        "h' = activation(x @ kernel + h @ recurrent_kernel + bias). Elman, 1990.",
        ("elman",), (ACTIVATION,),
    ),
    Kind(
        "gru", 3, ("h",), lambda attrs: gru_step,
        "gated recurrent unit",
        "z = sigmoid(x Wz + h Uz + bz); r = sigmoid(x Wr + h Ur + br); n = tanh(x Wn + r * (h Un) "
        "+ bn); h' = (1 - z) * n + z * h. The kernels hold z, r and n side by side. Cho and "
        "others, 2014, with the reset after the product, as in cuDNN.",
        ("gated",),
    ),
    Kind(
        "lstm", 4, ("h", "c"), lambda attrs: lstm_step,
        "long short-term memory",
        "i, f, g, o = x @ kernel + h @ recurrent_kernel + bias, side by side; c' = sigmoid(f) * c "
        "+ sigmoid(i) * tanh(g); h' = sigmoid(o) * tanh(c'). Hochreiter and Schmidhuber, 1997, "
        "with the forget gate of Gers and others, 2000. Initialize the bias of f with 1.",
        ("memory",),
    ),
)  # fmt: skip


class Recurrent(Composed):
    """The base class of cells and layers of one kind, with the shapes of weights and states."""

    category = "Neural network"

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.gates = kind.gates
        self.states = kind.states

    def samples(self) -> Iterator[Sample]:
        """Yield test samples of the recurrent layer: each kind of call with default attributes, and
        then with each other choice of each attribute.
        """
        for sample in self.calls():
            yield sample
            for attr in self.kind.attrs:
                for choice in attr.choices[1:]:
                    yield Sample(sample.inputs, {**sample.attrs, attr.name: choice}, sample.smooth)

    def calls(self) -> Iterator[Sample]:
        """Yield samples with the defaults of the kind's attributes."""
        raise NotImplementedError(self.id)

    def step(self, attrs: Mapping[str, Any]) -> Step:
        """Return the function of one step with projected inputs."""
        return self.kind.step(attrs)

    def units(self, kernel: TensorType, recurrent: TensorType, bias: TensorType) -> int:
        """Return the number of units.

        Raises:
            ShapeError: the weights do not fit together, or the number is unknown.
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
                    f"{port} has shape {shape_text(type_.shape)}, but for {units} units it must be "
                    f"{shape_text(shape)}",
                    port=port,
                )
        return units

    @property
    def _times(self) -> str:
        return f"{self.gates} * " if self.gates > 1 else ""

    def check_features(self, x: TensorType, kernel: TensorType, rank: int) -> None:
        """Raise ShapeError unless x has the features that the kernel takes."""
        axes = "(rows, features)" if rank == 2 else "(rows, time, features)"
        if x.rank != rank:
            raise ShapeError(f"x must be {axes}, not {shape_text(x.shape)}", port="x")
        if not compatible(x.shape[-1:], kernel.shape[:1]):
            raise ShapeError(
                f"x has {x.shape[-1]} features, but the kernel {shape_text(kernel.shape)} takes "
                f"{kernel.shape[0]}",
                port="x",
            )

    def check_state(self, port: str, state: TensorType, rows: Dim, units: int) -> None:
        """Raise ShapeError unless a state is (rows, units)."""
        if not compatible(state.shape, (rows, units)):
            raise ShapeError(
                f"{port} has shape {shape_text(state.shape)}, not {shape_text((rows, units))}",
                port=port,
            )


WEIGHTS = (
    Port("kernel", "Weights of the inputs: (features, gates * units).", FLOATS, "T"),
    Port("recurrent_kernel", "Weights of the previous state: (units, gates * units).", FLOATS, "T"),
    Port("bias", "(gates * units,).", FLOATS, "T"),
)
OLD = {
    "h": Port("h", "State after the previous step: (rows, units).", FLOATS, "T"),
    "c": Port("c", "Cell state after the previous step: (rows, units).", FLOATS, "T"),
}
NEW = {"h": Port("h", "New state."), "c": Port("c", "New cell state.")}


# ---- cells ------------------------------------------------------------------------------------


class Cell(Recurrent):
    """One step of a recurrent layer."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.id = f"{kind.id}_cell"
        self.doc = f"One step of a {kind.name}.\n\n{kind.formula}"
        self.keywords = ("recurrent", "step", "sequence", *kind.keywords)
        self.attrs = kind.attrs
        x = Port("x", "Inputs of this step: (rows, features).", FLOATS, "T")
        self.inputs = (x, *(OLD[s] for s in kind.states), *WEIGHTS)
        self.outputs = tuple(NEW[s] for s in kind.states)

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

    def calls(self) -> Iterator[Sample]:
        def call(rows: int, features: int, units: int, dtype: str = "float64") -> Sample:
            states = [values((rows, units), dtype, start=3 + i) for i in range(len(self.states))]
            x = values((rows, features), dtype)
            arrays = (x, *states, *weights(features, units, self.gates, dtype))
            return Sample(arrays, smooth=dtype == "float64")

        for dtype in ROUNDED:
            yield call(4, 3, 2, dtype)
        yield call(1, 3, 2)
        yield call(0, 3, 2)
        yield call(2, 0, 2)
        yield call(1, 1, 1)


def weights(features: int, units: int, gates: int, dtype: str) -> tuple[Any, Any, Any]:
    """Return example values for the kernel, the recurrent kernel and the bias of a recurrent layer,
    for its test samples.
    """
    wide = gates * units
    return (
        values((features, wide), dtype, -1, 1, start=11),
        values((units, wide), dtype, -1, 1, start=23),
        values((wide,), dtype, -1, 1, start=31),
    )


# ---- layers -----------------------------------------------------------------------------------

X = Port("x", "Sequences: (rows, time, features).", FLOATS, "T")
OUTPUTS = Port("outputs", "The state after every step: (rows, time, units).")
FIRST = {
    "h": Port("initial_h", "State before the first step; 0 if not connected.", FLOATS, "T",
              optional=True),
    "c": Port("initial_c", "Cell state before it; 0 if not connected.", FLOATS, "T", optional=True),
}  # fmt: skip
LAST = {"h": Port("h", "The last state."), "c": Port("c", "The last cell state.")}
REVERSE = Attr("reverse", "bool", False, "Go from the last step to the first.")
LAYER = (
    "x (rows, time, features) gives the states after all steps, (rows, time, units), and the last "
    "state, (rows, units). Gradients go through all steps."
)


class Layer(Recurrent):
    """A recurrent layer over sequences."""

    layered = True

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.id = kind.id
        self.doc = f"A {kind.name} over sequences.\n\n{LAYER} {kind.formula}"
        self.keywords = ("recurrent", "sequence", "time series", *kind.keywords)
        self.attrs = (*kind.attrs, REVERSE)
        self.inputs = (X, *WEIGHTS, *(FIRST[s] for s in kind.states))
        self.outputs = (OUTPUTS, *(LAST[s] for s in kind.states))

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
            like = states[0] if states else F.reduce_sum(projected, axis=0)[:, :units]
            states.append(F.zeros_like(like))
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

    def calls(self) -> Iterator[Sample]:
        def call(
            rows: int, time: int, sizes: tuple[int, int], given: int = 0, dtype: str = "float64",
            **attrs: Any,
        ) -> Sample:  # fmt: skip
            features, units = sizes
            states = [values((rows, units), dtype, start=3 + i) for i in range(given)]
            x = values((rows, time, features), dtype)
            arrays = (x, *weights(features, units, self.gates, dtype), *states)
            return Sample(arrays, attrs, smooth=dtype == "float64")

        for dtype in ROUNDED:
            yield call(4, 5, (3, 2), dtype=dtype)
        yield call(2, 3, (1, 2), given=len(self.states))
        yield call(1, 2, (2, 1), reverse=True)
        yield call(0, 3, (1, 2))
        yield call(2, 0, (1, 2))
        yield call(2, 3, (0, 2))
        yield call(1, 1, (1, 1))


def project(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Multiply the inputs of all time steps by a kernel at once, and add a bias.

    Args:
        x: inputs, (rows, time, features).

    Returns:
        The products (time, rows, gates * units), for the gates of a recurrent cell.
    """
    rows, time, features = x.shape
    by_time = F.transpose(x, perm=(1, 0, 2))
    if not features or (rows is None and time is None):
        return F.matmul(by_time, kernel) + bias
    flat = F.matmul(F.reshape(by_time, shape=(-1, features)), kernel) + bias
    shape = (-1 if time is None else time, -1 if rows is None else rows, bias.shape[0])
    return F.reshape(flat, shape=shape, name="projected")


for _kind in KINDS:
    REGISTRY.register(Cell(_kind))
    REGISTRY.register(Layer(_kind))
