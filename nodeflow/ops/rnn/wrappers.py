"""Cells around cells: stacked cells, dropout, residual connections, devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow import nest
from nodeflow.ops.distributions import dropout as ops_dropout
from nodeflow.ops.rnn.cells import RNNCell, Step
from nodeflow.ops.variables.scope import variable_scope


class MultiRNNCell(RNNCell):
    """Stacked cells: each reads the output of the previous cell.

    Variables: ``multi_rnn_cell/cell_0/...`` and so on.

    Args:
        cells: the cells, each a separate object.
        state_is_tuple: whether the state is a tuple of the cells' states; must be true.
    """

    base_name = "multi_rnn_cell"

    def __init__(
        self, cells: Sequence[RNNCell], state_is_tuple: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise GraphError("MultiRNNCell needs a list of cells", hint="MultiRNNCell([a, b]).")
        if not state_is_tuple:
            raise GraphError(
                "the state of MultiRNNCell is a tuple", hint="Leave state_is_tuple out."
            )
        self._cells = list(cells)
        self._scope: Any = None

    @property
    def state_size(self) -> Any:
        return tuple(cell.state_size for cell in self._cells)

    @property
    def output_size(self) -> Any:
        return self._cells[-1].output_size

    @property
    def variables(self) -> list[Tensor]:
        return [v for cell in self._cells for v in cell.variables]

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        states = []
        for place, (cell, old) in enumerate(zip(self._cells, state, strict=True)):
            with self._inside(place, scope):
                inputs, new = cell(inputs, old)
            states.append(new)
        return inputs, tuple(states)

    def _inside(self, place: int, scope: Any = None) -> Any:
        """Return the variable scope of one cell."""
        return _Inside(self, place, scope)

    def unrolled(self, run: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Unroll the stacked cells one after the other, each in a loop over all time steps. The
        outputs of a cell are the inputs of the next.

        Return the last cell's outputs and the last states of all cells.
        """
        states = []
        for place, (cell, old) in enumerate(zip(self._cells, state, strict=True)):
            with self._inside(place):
                x, last = run(cell, x, old)
            states.append(last)
        return x, tuple(states)


class _Inside:
    """A context manager that enters the variable scopes of one of several cells."""

    def __init__(self, owner: MultiRNNCell, place: int, scope: Any) -> None:
        self.owner, self.place, self.scope = owner, place, scope

    def __enter__(self) -> None:
        owner = self.owner
        if owner._scope is None:
            name = self.scope or owner._name
            outer = variable_scope(name, None if name else owner.base_name)
        else:
            outer = variable_scope(owner._scope, auxiliary_name_scope=False)
        self._outer = outer
        owner._scope = outer.__enter__()
        self._inner = variable_scope(f"cell_{self.place}")
        self._inner.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self._inner.__exit__(*exc)
        self._outer.__exit__(*exc)


class _Around(RNNCell):
    """The base class of cells that wrap another cell."""

    def __init__(self, cell: RNNCell) -> None:
        super().__init__()
        self._cell = cell

    @property
    def state_size(self) -> Any:
        return self._cell.state_size

    @property
    def output_size(self) -> Any:
        return self._cell.output_size

    @property
    def variables(self) -> list[Tensor]:
        return self._cell.variables

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        return self._cell.zero_state(batch_size, dtype)


class DropoutWrapper(_Around):
    """A cell with dropout of its inputs, outputs and state, in every run.

    Args:
        input_keep_prob: share of the inputs to keep, a number or a scalar tensor.
        output_keep_prob: share of the outputs to keep.
        state_keep_prob: share of the state to keep for the next step; of an LSTM's state only h.
        variational_recurrent: whether all steps of a run drop the same elements.
        seed: own seed of the random numbers.
    """

    def __init__(
        self, cell: RNNCell, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0, variational_recurrent: bool = False, input_size: Any = None,
        dtype: Any = None, seed: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(cell)
        self._keep = input_keep_prob, output_keep_prob, state_keep_prob
        self._same, self._seed = variational_recurrent, seed

    def _dropped(self, x: Tensor, keep: Any, salt: int, time: bool = False) -> Tensor:
        if isinstance(keep, (int, float)) and keep == 1:
            return x
        seed = None if self._seed is None else self._seed * 31 + salt
        noise = (1, None, None) if self._same and time else None
        return ops_dropout.dropout(x, keep_prob=keep, noise_shape=noise, seed=seed)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        if self._same:
            raise GraphError(
                "variational_recurrent has one mask for all steps, so it needs all steps",
                hint="Use nn.dynamic_rnn.",
            )
        out, new = self._cell(self._dropped(inputs, self._keep[0], 1), state, scope)
        kept = [
            t if c else self._dropped(t, self._keep[2], 3 + i)
            for i, (t, c) in enumerate(_with_memory(new))
        ]
        return self._dropped(out, self._keep[1], 2), nest.pack(new, kept)

    def unrolled(self, run: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Unroll the wrapped cell with dropout: apply it to the inputs and outputs of all steps at
        once, and to the states inside the loop.

        Return the outputs and the last state.
        """
        x = self._dropped(x, self._keep[0], 1, time=True)
        keeps_state = isinstance(self._keep[2], (int, float)) and self._keep[2] == 1
        cell = self._cell if keeps_state else _StateDropout(self)
        outputs, last = run(cell, x, state)
        return self._dropped(outputs, self._keep[1], 2, time=True), last


def _with_memory(state: Any) -> list[tuple[Any, bool]]:
    """Return the tensors of a recurrent state as a flat list. Each comes with a bool that tells
    whether it is the memory cell ``c`` of an LSTM.
    """
    if isinstance(state, tuple) and hasattr(state, "_fields"):
        return [(leaf, name == "c") for name, leaf in zip(state._fields, state, strict=True)]  # type: ignore[attr-defined]
    if isinstance(state, (list, tuple)):
        return [pair for part in state for pair in _with_memory(part)]
    return [(state, False)]


class _StateDropout(_Around):
    """A cell whose state is multiplied by masks drawn for all steps."""

    def __init__(self, wrapper: DropoutWrapper) -> None:
        super().__init__(wrapper._cell)
        self._wrapper = wrapper

    def loop(self, x: Tensor) -> tuple[list[Tensor], Step]:
        sequences, inner = self._cell.loop(x)
        sizes = _with_memory(self._cell.state_size)
        ones = F.ones_like(x[:, :, :1])
        masks = [
            self._wrapper._dropped(
                F.tile(ones, multiples=(1, 1, size)), self._wrapper._keep[2], 3 + i, time=True
            )
            for i, (size, memory) in enumerate(sizes)
            if not memory
        ]

        def step(slices: Sequence[Tensor], state: Any) -> tuple[Any, Any]:
            out, new = inner(slices[: len(sequences)], state)
            rest = iter(slices[len(sequences) :])
            kept = [t if memory else t * next(rest) for t, memory in _with_memory(new)]
            return out, nest.pack(new, kept)

        return [*sequences, *masks], step


class ResidualWrapper(_Around):
    """A cell whose inputs are added to its outputs, or combined with them by a function."""

    def __init__(self, cell: RNNCell, residual_fn: Any = None) -> None:
        super().__init__(cell)
        self._join = residual_fn or F.add

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        out, new = self._cell(inputs, state, scope)
        return self._join(inputs, out), new

    def unrolled(self, run: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Add the residual connections after the loop."""
        outputs, last = run(self._cell, x, state)
        return self._join(x, outputs), last


class DeviceWrapper(_Around):
    """A cell on a device; accepted for TensorFlow 1, and equal to the inner cell."""

    def __init__(self, cell: RNNCell, device: Any) -> None:
        super().__init__(cell)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        return self._cell(inputs, state, scope)

    def unrolled(self, run: Any, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the inner cell."""
        return run(self._cell, x, state)
