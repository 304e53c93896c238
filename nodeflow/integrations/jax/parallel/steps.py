"""Training steps by several processes, each of which reads only its share of every batch's rows.

The program is the same as for a single process and the whole batch. Each value is declared as
divided along its rows or as equal everywhere, according to the analysis of rows. The compiler
inserts an all-reduce where rows are joined, forward and backward. Counts, random numbers and
statistics therefore refer to the whole batch.
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
"""Limits of the rows that are sent at a time: number of bytes, and number of steps."""
NOTHING = np.zeros(0, np.int64)


class SharedSteps(JaxSteps):
    """Training steps made together with other processes. Each process reads only its own rows.

    Raises:
        UnevenBatch: the rows of a batch cannot be shared evenly.
        MixedRows: a node combines different rows. The error names the first such node.
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
        # The variables are not donated, so that they keep their previous values if another process
        # is lost.
        return jax_package().jit(piece, out_shardings=self.peers.spread())

    def _watched(self) -> AbstractContextManager[None]:
        return watched()

    def _given_to_all(self, array: Any) -> Any:
        """Return a local array as a global JAX array that is replicated on every device of all
        processes.
        """
        jax = jax_package()
        copies = [jax.device_put(array, device) for device in jax.local_devices()]
        return jax.make_array_from_single_device_arrays(array.shape, self.peers.spread(), copies)

    def _kept(self, array: Any) -> Any:
        """Return this process's copy of a global array that every device has in full."""
        return array.addressable_data(0)


class ShareOfRows:
    """The source of this process's rows, when several processes share the rows of each batch.

    Each process reads an equal, contiguous part of every batch, for a few steps at a time, and
    sends it to its devices. The parts of all processes form global arrays of whole batches.
    """

    def __init__(self, columns: Columns, batch_size: int, peers: Peers) -> None:
        self._columns, self._batch_size, self._peers = columns, batch_size, peers
        self._share = batch_size // peers.number
        row = sum(column.array[:1].nbytes for column in columns.values())
        self._steps = max(1, min(MOST_STEPS, PIECE_BYTES // max(1, row * self._share)))

    def piece(
        self, order: np.ndarray, at: int, count: int
    ) -> tuple[tuple[Any, ...], Any, int, int]:
        """Return this process's share of the stored rows for up to ``count`` training steps, from
        step ``at`` of an epoch.

        Return the columns, an empty order, the first step's number 0, and the number of steps. The
        order is empty because the rows are already in the order of the steps.
        """
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
    """Analyse how a training step treats the rows of its batches, for processes that share the
    batches.

    Raises:
        MixedRows: the step takes no batch, or a node combines different rows. The error names the
            first such node.
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
