"""`tf.contrib.rnn`: cells that wrap another cell and look symbols up, or project inputs or
outputs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces import nn
from nodeflow.ops.rnn.cells import RNNCell
from nodeflow.ops.rnn.wrappers import DeviceWrapper, MultiRNNCell
from nodeflow.ops.variables.initializers import random_uniform_initializer, zeros_initializer
from nodeflow.ops.variables.scope import (
    AUTO_REUSE,
    get_variable,
    get_variable_scope,
    variable_scope,
)

__all__ = ["EmbeddingWrapper", "InputProjectionWrapper", "OutputProjectionWrapper", "fresh"]

Run = Callable[[RNNCell, Tensor, Any], tuple[Tensor, Any]]


class _Wrapper(DeviceWrapper):
    """A cell that wraps another cell, in a variable scope of its own.

    Args:
        cell: the wrapped cell.
    """

    def __init__(self, cell: RNNCell, reuse: Any = None) -> None:
        super().__init__(cell, None)
        self._reuse = reuse

    def _opened(self, scope: Any = None) -> Any:
        """Open the variable scope of the wrapped cell, and reuse its existing variables."""
        return variable_scope(scope or self.base_name, reuse=self._reuse or AUTO_REUSE)

    def _before(self, inputs: Tensor) -> Tensor:
        return inputs

    def _after(self, outputs: Tensor) -> Tensor:
        return outputs

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        with self._opened(scope):
            outputs, new = self._cell(self._before(inputs), state)
            return self._after(outputs), new

    def unrolled(self, run: Run, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run the wrapped cell over all steps of a sequence. Return the outputs and the final
        state.

        The wrapper's own computations before and after the cell run once for all steps, and not
        inside the loop.
        """
        with self._opened():
            outputs, last = run(self._cell, self._before(x), state)
            return self._after(outputs), last


class EmbeddingWrapper(_Wrapper):
    """A cell whose inputs are the rows of a table, looked up by symbol numbers (batch,).

    Args:
        embedding_classes: number of symbols.
        embedding_size: elements of a row.
        initializer: of the table; None: the scope's, or uniform with a variance of 1.
    """

    base_name = "embedding_wrapper"

    def __init__(
        self,
        cell: RNNCell,
        embedding_classes: int,
        embedding_size: int,
        initializer: Any = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(cell, reuse)
        self._shape = [embedding_classes, embedding_size]
        self._initializer = initializer

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        is_float = str(dtype).startswith(("float", "bfloat"))
        return self._cell.zero_state(batch_size, dtype if is_float else "float32")

    def _before(self, inputs: Tensor) -> Tensor:
        initializer = self._initializer or get_variable_scope().initializer
        if initializer is None:
            initializer = random_uniform_initializer(-math.sqrt(3), math.sqrt(3))
        table = get_variable("embedding", self._shape, initializer=initializer)
        return nn.embedding_lookup(table, inputs)


class OutputProjectionWrapper(_Wrapper):
    """A cell whose outputs go through a dense layer.

    Args:
        output_size: units of the new outputs.
        activation: a function of them.
    """

    base_name = "output_projection_wrapper"

    def __init__(
        self, cell: RNNCell, output_size: int, activation: Any = None, reuse: Any = None
    ) -> None:
        super().__init__(cell, reuse)
        self._units, self._activation = output_size, activation

    @property
    def output_size(self) -> int:
        return self._units

    def _after(self, outputs: Tensor) -> Tensor:
        made = _dense(outputs, self._units)
        return self._activation(made) if self._activation else made


class InputProjectionWrapper(_Wrapper):
    """A cell whose inputs go through a dense layer.

    Args:
        num_proj: units of the new inputs.
        activation: a function of them.
    """

    base_name = "input_projection_wrapper"

    def __init__(
        self,
        cell: RNNCell,
        num_proj: int,
        activation: Any = None,
        input_size: Any = None,
        reuse: Any = None,
    ) -> None:
        super().__init__(cell, reuse)
        self._units, self._activation = num_proj, activation

    def _before(self, inputs: Tensor) -> Tensor:
        made = _dense(inputs, self._units)
        return self._activation(made) if self._activation else made


def _dense(x: Tensor, units: int) -> Tensor:
    """Multiply the last axis by a matrix and add biases."""
    kernel = get_variable("kernel", [int(x.shape[-1] or 0), units])
    return F.matmul(x, kernel) + get_variable("bias", [units], initializer=zeros_initializer())


def fresh(cell: RNNCell) -> RNNCell:
    """Return a copy of a cell that makes its own variables."""
    made = copy.copy(cell)
    made._made = {}
    if isinstance(made, MultiRNNCell):
        made._cells, made._scope = [fresh(each) for each in made._cells], None
    if isinstance(getattr(made, "_cell", None), RNNCell):
        made._cell = fresh(made._cell)  # type: ignore[attr-defined]
    return made
