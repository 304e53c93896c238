"""Steps on a share of each batch's rows; all processes together make those of one.

The program is the one of a single process, for the whole batch: each value is said to be spread
along its rows, or to be the same everywhere, as the analysis of rows found it, and the compiler
puts an all-reduce where a join stands, forward and backward. So counts, random numbers and
statistics are those of the whole batch by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nodeflow.engine.columns import Column
from nodeflow.engine.rows import RowFlow, analyse
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.errors import jax_package
from nodeflow.integrations.jax.parallel.errors import MixedRows, UnevenBatch
from nodeflow.integrations.jax.parallel.peers import ROWS, Peers, watched
from nodeflow.integrations.jax.parallel.program import SharedProgram
from nodeflow.integrations.jax.rows import Columns, decoded
from nodeflow.integrations.jax.steps import JaxSteps

PIECE_BYTES, MOST_STEPS = 1 << 23, 64
"""Of the rows that are sent at a time, and the steps that they are good for."""
NOTHING = np.zeros(0, np.int64)


class SharedSteps(JaxSteps):
    """Runs steps together with the other processes; each reads its rows only.

    Raises:
        UnevenBatch: the rows cannot be shared evenly.
        MixedRows: a node mixes rows; names the first one.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        columns: Mapping[Tensor, Column],
        batch_size: int,
        context: RunContext,
        given: Mapping[int, np.ndarray],
        peers: Peers,
    ) -> None:
        check_even(batch_size, peers)
        self.peers = peers
        self.flow = shared_flow(schedule, types, columns, peers)
        self._epoch_first = 0
        super().__init__(schedule, types, columns, batch_size, context, given)

    # ---- what differs from one process ----------------------------------------------------------

    def _source(self) -> ShareOfRows:
        return ShareOfRows(self.columns, self.batch_size, self.peers)

    def _batch(self, stored: Sequence[Any], order: Any, at: Any) -> dict[int, Any]:
        from jax import lax

        pairs = zip(self.columns.items(), stored, strict=True)
        return {
            slot: decoded(column, lax.dynamic_index_in_dim(rows, at, 0, False))
            for (slot, column), rows in pairs
        }

    def _program(self) -> SharedProgram:
        return SharedProgram(self.schedule, self.types, self.flow, self.peers)

    def _compiled(self, piece: Callable[..., Any]) -> Any:
        # The variables keep their memory: where a process is lost, they are those from before.
        return jax_package().jit(piece, out_shardings=self.peers.spread())

    def _watched(self) -> AbstractContextManager[None]:
        return watched()

    def _given_to_all(self, array: Any) -> Any:
        """Return an array of this process as one that all devices have."""
        jax = jax_package()
        copies = [jax.device_put(array, device) for device in jax.local_devices()]
        return jax.make_array_from_single_device_arrays(array.shape, self.peers.spread(), copies)

    def _kept(self, array: Any) -> Any:
        """Return the copy on this process's own device."""
        return array.addressable_data(0)


class ShareOfRows:
    """The rows of this process in some steps, sent as parts of the batches of all."""

    def __init__(self, columns: Columns, batch_size: int, peers: Peers) -> None:
        self._columns, self._batch_size, self._peers = columns, batch_size, peers
        self._share = batch_size // peers.number
        row = sum(column.array[:1].nbytes for column in columns.values())
        self._steps = max(1, min(MOST_STEPS, PIECE_BYTES // max(1, row * self._share)))

    def piece(
        self, order: np.ndarray, at: int, count: int
    ) -> tuple[tuple[Any, ...], Any, int, int]:
        """Return the same as `rows.Rows.piece`. The rows are already in their order."""
        count = min(count, self._steps)
        first = np.arange(at, at + count) * self._batch_size + self._peers.index * self._share
        which = order[(first[:, None] + np.arange(self._share)).ravel()]
        return tuple(self._sent(c.stored(which)) for c in self._columns.values()), NOTHING, 0, count

    def _sent(self, rows: np.ndarray) -> Any:
        rest = rows.shape[1:]
        block = np.zeros((self._steps * self._share, *rest), rows.dtype)
        block[: len(rows)] = rows
        return jax_package().make_array_from_process_local_data(
            self._peers.spread(None, ROWS),
            block.reshape(self._steps, self._share, *rest),
            (self._steps, self._batch_size, *rest),
        )


def check_even(batch_size: int, peers: Peers) -> None:
    """Raise UnevenBatch if processes, or their devices, would get different numbers of rows."""
    for number, what in ((peers.number, "processes"), (peers.devices, "devices")):
        if batch_size % number:
            fitting = batch_size - batch_size % number or number
            raise UnevenBatch(
                f"{number} {what} cannot share the {batch_size} rows of a batch evenly",
                hint=f"Choose a batch size that {number} divides, such as {fitting}.",
            )


def shared_flow(
    schedule: Schedule,
    types: Sequence[TensorType],
    columns: Mapping[Tensor, Column],
    peers: Peers,
) -> RowFlow:
    """Return the path of the rows through a step whose batch is shared.

    Raises:
        MixedRows: a node mixes them; names the first one.
    """
    batches = {schedule.feeds[t]: 0 for t in columns if t in schedule.feeds}
    if not batches:
        raise MixedRows(
            f"the step takes no batch whose rows {peers.number} processes could share",
            hint="Train with one process.",
        )
    flow = analyse(schedule, types, batches)
    if flow.mixing:
        first = flow.mixing[0]
        raise MixedRows(
            f"{peers.number} processes share the rows of a batch, and it {first.reason}",
            node=first.node.name,
            hint="Train with one process, or let it treat each row alone.",
        )
    return flow
