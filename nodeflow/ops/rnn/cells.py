"""Cells of recurrent networks, with TensorFlow 1's variables, gate orders and formulas.

A cell creates its variables at its first use, in the current variable scope, and shares them from
then on. It can compute one step (`cell(inputs, state)`) or describe a loop (`RNNCell.loop`). In a
loop, one product computes everything that depends on the inputs alone, for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.graph_building import zeros
from nodeflow.ops.variables.initializers import constant_initializer, zeros_initializer
from nodeflow.ops.variables.scope import variable_scope
from nodeflow.ops.variables.store import Reuse

Step = Callable[[Sequence[Tensor], Any], tuple[Any, Any]]
"""A function ``step(slices, state)`` that returns the output and the next state."""


class LSTMStateTuple(NamedTuple):
    """The state of a long short-term memory: memory ``c`` and output ``h``."""

    c: Any
    h: Any

    @property
    def dtype(self) -> str:
        """The dtype of both parts."""
        return self.c.dtype


class RNNCell:
    """The base of cells. A custom cell defines `state_size`, `output_size` and `call`.

    Args:
        name: variable scope of its variables; default: the name of the class, made unique.
        reuse: whether to use existing variables, as for `variable_scope`.
        dtype: dtype of its variables; None: the dtype of the inputs.
    """

    base_name = "rnn_cell"

    def __init__(
        self, _reuse: bool | Reuse | None = None, name: str | None = None, dtype: Any = None,
        reuse: bool | Reuse | None = None,
    ) -> None:  # fmt: skip
        self._reuse = _reuse if reuse is None else reuse
        self._name = name
        self._dtype = dtype
        self._made: dict[str, Tensor] = {}

    @property
    def state_size(self) -> Any:
        """The sizes of the state: a number, or nested as the state is."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """The size of the output."""
        raise NotImplementedError

    def weights(self, features: int, dtype: str) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Return the shape and the initializer of each variable of the cell, by name. For None, the
        variable scope's initializer is used.
        """
        return {}

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        """Compute one step of the recurrent cell. Return its output and the next state.

        Args:
            inputs: the features of the step, (rows, features).
            state: the state before the step.
        """
        raise NotImplementedError

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        """Return the output of one step, (rows, output_size), and the next state.

        Args:
            inputs: (rows, features).
            state: the result of `zero_state` or of the previous step.
            scope: variable scope of its variables, instead of its own name.
        """
        if isinstance(inputs, Tensor):
            self.build(inputs, scope)
        return self.call(inputs, state)

    def build(self, inputs: Tensor, scope: Any = None) -> dict[str, Tensor]:
        """Return the variables of the recurrent cell by name. Create them at the first call.

        Args:
            inputs: the inputs of a step, whose last axis has the features.
            scope: the variable scope of the variables, instead of the cell's own name.

        Raises:
            ShapeError: the number of features is unknown, or differs from the first call.
        """
        features = inputs.shape[-1] if inputs.shape else None
        if features is None:
            raise ShapeError(
                f"the number of features of {shape_text(inputs.shape)} is unknown",
                node=inputs.node.name,
                hint="The weights need it: give the size where the tensor is made.",
            )
        wanted = self.weights(features, inputs.dtype)
        if wanted and not self._made:
            name, default = scope or self._name, None if scope or self._name else self.base_name
            reuse = self._reuse if name else None
            with variable_scope(name, default, reuse=reuse) as opened:
                for key, (shape, initializer) in wanted.items():
                    dtype = self._dtype or inputs.dtype
                    self._made[key] = opened.get_variable(key, shape, dtype, initializer)
        for key, (shape, _) in wanted.items():
            if self._made[key].shape != shape:
                raise ShapeError(
                    f"{self._made[key].name} has shape {shape_text(self._made[key].shape)}, but "
                    f"{features} features need {shape_text(shape)}",
                    node=inputs.node.name,
                    hint="A cell has one set of weights: make a new cell for other inputs.",
                )
        return self._made

    @property
    def variables(self) -> list[Tensor]:
        """The variables of the cell; empty before its first use."""
        return list(self._made.values())

    weights_list = trainable_variables = trainable_weights = variables

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """Return the state before the first step: zeros, nested as `state_size`.

        Args:
            batch_size: number of rows, a number or a scalar tensor.
        """
        sizes = nest.flatten(self.state_size)
        made = [zeros([batch_size, size], dtype, "zeros") for size in sizes]  # type: ignore[list-item]
        return nest.pack(self.state_size, made)

    def loop(self, x: Tensor) -> tuple[list[Tensor], Step]:
        """Prepare a recurrent loop: return the sequences (time, rows, ...) that it iterates over,
        and the function that computes one step from their slices and the state.
        """
        self.build(x)
        return [x], lambda slices, state: self.call(slices[0], state)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name or self.base_name}>"


class _OfUnits(RNNCell):
    """The base class of cells whose output and state have one number per unit."""

    _units: int

    @property
    def state_size(self) -> Any:
        return self._units

    @property
    def output_size(self) -> int:
        return self._units


class _OneKernel(_OfUnits):
    """The base class of cells with one kernel (features + units, gates * units) for inputs and
    state.
    """

    def _split(self, x: Tensor) -> tuple[list[Tensor], Callable[[Tensor, Tensor], Tensor]]:
        made = self.build(x)
        projected, recurrent = hoisted(x, made["kernel"], made["bias"])
        return [projected], lambda p, h: p + F.matmul(h, recurrent)


def hoisted(x: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Multiply the inputs of all time steps by their part of a cell's kernel at once, and add the
    bias.

    Return the result, and the other part of the kernel, for the recurrent state.
    """
    features = x.shape[-1]
    time, rows = x.shape[0], x.shape[1]
    inputs, recurrent = kernel[:features], kernel[features:]
    if time is None and rows is None:
        return F.matmul(x, inputs) + bias, recurrent
    flat = F.matmul(F.reshape(x, shape=(-1, features)), inputs) + bias
    shape = (-1 if time is None else time, -1 if rows is None else rows, bias.shape[0])
    return F.reshape(flat, shape=shape, name="projected"), recurrent


def affine(inputs: Tensor, state: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Return [inputs, state] @ kernel + bias."""
    return F.matmul(F.concat([inputs, state], axis=1), kernel) + bias


def _function(activation: Any) -> Callable[[Tensor], Tensor]:
    if activation is None:
        return F.tanh
    if not isinstance(activation, str):
        return activation
    if activation not in REGISTRY:
        raise GraphError(f"there is no activation {activation!r}")
    return getattr(F, activation)


class BasicRNNCell(_OneKernel):
    """A simple cell: output = new_state = activation([inputs, state] @ kernel + bias).

    Variables: ``basic_rnn_cell/kernel`` (features + units, units) and ``bias``.
    """

    base_name = "basic_rnn_cell"

    def __init__(
        self, num_units: int, activation: Any = None, reuse: bool | Reuse | None = None,
        name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse, name, dtype)
        self._units, self._activation = num_units, _function(activation)

    def weights(self, features: int, dtype: str) -> dict[str, tuple[tuple[int, ...], Any]]:
        units = self._units
        return {
            "kernel": ((features + units, units), None),
            "bias": ((units,), zeros_initializer()),
        }

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        new = self._activation(affine(inputs, state, self._made["kernel"], self._made["bias"]))
        return new, new

    def loop(self, x: Tensor) -> tuple[list[Tensor], Step]:
        sequences, add = self._split(x)

        def step(slices: Sequence[Tensor], state: Any) -> tuple[Any, Any]:
            new = self._activation(add(slices[0], state))
            return new, new

        return sequences, step


class GRUCell(_OfUnits):
    """A gated recurrent unit (Cho and others, 2014).

    r, u = sigmoid([inputs, state] @ gates); new_state = u * state + (1 - u) * activation([inputs, r
    * state] @ candidate). Variables: ``gru_cell/gates/kernel`` (features + units, 2 * units) with r
    before u, whose bias begins at 1, and ``gru_cell/candidate/kernel`` (features + units, units).
    """

    base_name = "gru_cell"

    def __init__(
        self, num_units: int, activation: Any = None, reuse: bool | Reuse | None = None,
        kernel_initializer: Any = None, bias_initializer: Any = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse, name, dtype)
        self._units, self._activation = num_units, _function(activation)
        self._kernel, self._bias = kernel_initializer, bias_initializer

    def weights(self, features: int, dtype: str) -> dict[str, tuple[tuple[int, ...], Any]]:
        units = self._units
        ones = self._bias if self._bias is not None else constant_initializer(1.0)
        zero = self._bias if self._bias is not None else zeros_initializer()
        return {
            "gates/kernel": ((features + units, 2 * units), self._kernel),
            "gates/bias": ((2 * units,), ones),
            "candidate/kernel": ((features + units, units), self._kernel),
            "candidate/bias": ((units,), zero),
        }

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        made = self._made
        gates = affine(inputs, state, made["gates/kernel"], made["gates/bias"])

        def candidate(reset: Tensor) -> Tensor:
            return affine(inputs, reset, made["candidate/kernel"], made["candidate/bias"])

        return self._next(state, gates, candidate)

    def loop(self, x: Tensor) -> tuple[list[Tensor], Step]:
        made = self.build(x)
        gates, by_state = hoisted(x, made["gates/kernel"], made["gates/bias"])
        new, by_reset = hoisted(x, made["candidate/kernel"], made["candidate/bias"])

        def step(slices: Sequence[Tensor], state: Any) -> tuple[Any, Any]:
            return self._next(
                state,
                slices[0] + F.matmul(state, by_state),
                lambda reset: slices[1] + F.matmul(reset, by_reset),
            )

        return [gates, new], step

    def _next(
        self, state: Tensor, gates: Tensor, candidate: Callable[[Tensor], Tensor]
    ) -> tuple[Any, Any]:
        r, u = F.split(F.sigmoid(gates), parts=2, axis=1)
        c = self._activation(candidate(r * state))
        new = u * state + (1 - u) * c
        return new, new


class BasicLSTMCell(_OneKernel):
    """A long short-term memory (Hochreiter and Schmidhuber, 1997; Gers and others, 2000).

    i, j, f, o = [inputs, h] @ kernel + bias; new_c = c * sigmoid(f + forget_bias) + sigmoid(i) *
    activation(j); new_h = activation(new_c) * sigmoid(o). Variables: ``basic_lstm_cell/kernel``
    (features + units, 4 * units) and ``bias``, which begins at 0.

    Args:
        forget_bias: added to the forget gate.
        state_is_tuple: whether the state is `LSTMStateTuple(c, h)`; otherwise c and h,
            concatenated.
    """

    base_name = "basic_lstm_cell"

    def __init__(
        self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True,
        activation: Any = None, reuse: bool | Reuse | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(reuse, name, dtype)
        self._units, self._forget = num_units, forget_bias
        self._tuple, self._activation = state_is_tuple, _function(activation)

    @property
    def state_size(self) -> Any:
        return LSTMStateTuple(self._units, self._units) if self._tuple else 2 * self._units

    def weights(self, features: int, dtype: str) -> dict[str, tuple[tuple[int, ...], Any]]:
        wide = 4 * self._units
        return {
            "kernel": ((features + self.output_size, wide), None),
            "bias": ((wide,), zeros_initializer()),
        }

    def call(self, inputs: Tensor, state: Any) -> tuple[Any, Any]:
        c, h = self._parts(state)
        return self._next(c, affine(inputs, h, self._made["kernel"], self._made["bias"]))

    def loop(self, x: Tensor) -> tuple[list[Tensor], Step]:
        sequences, add = self._split(x)

        def step(slices: Sequence[Tensor], state: Any) -> tuple[Any, Any]:
            c, h = self._parts(state)
            return self._next(c, add(slices[0], h))

        return sequences, step

    def _parts(self, state: Any) -> tuple[Tensor, Tensor]:
        if not self._tuple:
            return state[:, : self._units], state[:, self._units :]
        if not isinstance(state, (tuple, list)) or len(state) != 2:
            raise GraphError(
                f"the state of {type(self).__name__} is (c, h), not {type(state).__name__}",
                hint="Use cell.zero_state(rows, dtype), or nn.rnn_cell.LSTMStateTuple(c, h).",
            )
        return state[0], state[1]

    def _next(self, c: Tensor, gates: Tensor) -> tuple[Any, Any]:
        i, j, f, o = F.split(gates, parts=4, axis=1)
        new_c = c * F.sigmoid(f + self._forget) + F.sigmoid(i) * self._activation(j)
        return self._packed(new_c, self._activation(new_c) * F.sigmoid(o))

    def _packed(self, c: Tensor, h: Tensor) -> tuple[Any, Any]:
        return h, LSTMStateTuple(c, h) if self._tuple else F.concat([c, h], axis=1)


class LSTMCell(BasicLSTMCell):
    """`BasicLSTMCell` with an initializer, peepholes, clipping and a projection.

    With peepholes the gates i and f also read c, and o reads new_c, by one weight per unit each
    (``w_i_diag``, ``w_f_diag``, ``w_o_diag``). With num_proj the output is h @
    ``projection/kernel``. Sak and others, 2014.

    Args:
        cell_clip: bound of the elements of new_c.
        initializer: initializer of kernels and peepholes; None: that of the variable scope.
        num_proj: size of the output.
        proj_clip: bound of the elements of the projected output.
    """

    base_name = "lstm_cell"

    def __init__(
        self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None,
        initializer: Any = None, num_proj: int | None = None, proj_clip: float | None = None,
        num_unit_shards: int | None = None, num_proj_shards: int | None = None,
        forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None,
        reuse: bool | Reuse | None = None, name: str | None = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(num_units, forget_bias, state_is_tuple, activation, reuse, name, dtype)
        self._peepholes, self._clip, self._initializer = use_peepholes, cell_clip, initializer
        self._projected, self._proj_clip = num_proj, proj_clip

    @property
    def state_size(self) -> Any:
        sizes = LSTMStateTuple(self._units, self.output_size)
        return sizes if self._tuple else sum(sizes)

    @property
    def output_size(self) -> int:
        return self._projected or self._units

    def weights(self, features: int, dtype: str) -> dict[str, tuple[tuple[int, ...], Any]]:
        found = super().weights(features, dtype)
        found["kernel"] = found["kernel"][0], self._initializer
        if self._peepholes:
            for gate in "fio":
                found[f"w_{gate}_diag"] = (self._units,), self._initializer
        if self._projected:
            found["projection/kernel"] = (self._units, self._projected), self._initializer
        return found

    def _next(self, c: Tensor, gates: Tensor) -> tuple[Any, Any]:
        i, j, f, o = F.split(gates, parts=4, axis=1)
        f = f + self._forget
        if self._peepholes:
            i, f = i + self._made["w_i_diag"] * c, f + self._made["w_f_diag"] * c
        new_c = F.sigmoid(f) * c + F.sigmoid(i) * self._activation(j)
        if self._clip is not None:
            new_c = F.clip_by_value(new_c, min=-self._clip, max=self._clip)
        if self._peepholes:
            o = o + self._made["w_o_diag"] * new_c
        h = F.sigmoid(o) * self._activation(new_c)
        if self._projected:
            h = F.matmul(h, self._made["projection/kernel"])
            if self._proj_clip is not None:
                h = F.clip_by_value(h, min=-self._proj_clip, max=self._proj_clip)
        return self._packed(new_c, h)
