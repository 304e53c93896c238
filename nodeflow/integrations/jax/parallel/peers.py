"""The processes of one training, and their communication apart from training steps.

The first process is the meeting point. All communication is by all-reduce, so that a cluster
needs to support only this kind.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nodeflow.errors import SurfaceText
from nodeflow.integrations.jax.errors import jax_package
from nodeflow.integrations.jax.parallel.errors import PeerLost, ProcessesProblem
from nodeflow.integrations.jax.settings import settings

CONNECT_SECONDS = 60
"""Seconds that the processes wait for each other at the beginning."""
HEARTBEAT_SECONDS = 30
"""Seconds without a sign of life after which a process counts as lost."""
SEE_WHY = SurfaceText(
    "See why it ended, and go on from the last checkpoint.",
    cli="See why it ended, and go on from the last checkpoint with --resume.",
    window="See why it ended, and go on from the last checkpoint.",
)
ROWS = "rows"
"""The axis of the mesh of devices among which rows are divided."""


@dataclass(frozen=True)
class Place:
    """The place of a process in a training, before it is connected.

    Attributes:
        address: ``host:port`` where the first process listens.
        number: the number of processes.
        index: the index of this process, from 0.
    """

    address: str
    number: int
    index: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.number:
            raise ProcessesProblem(
                f"there is no process {self.index} of {self.number}",
                hint="Count the processes from 0.",
            )
        if ":" not in self.address:
            raise ProcessesProblem(
                f"expected an address like host:port, not {self.address!r}",
                hint="Give the host of the first process and a free port of it.",
            )


@dataclass(frozen=True)
class Peers:
    """The connected processes of this training. All of them must make the same calls in the same
    order.

    Attributes:
        number: the number of processes.
        index: the index of this process, from 0.
    """

    number: int
    index: int
    _functions: dict[str, Callable[..., Any]] = field(default_factory=dict, repr=False)

    @cached_property
    def mesh(self) -> Any:
        """The mesh of all devices of all processes, along one axis."""
        jax = jax_package()
        return jax.sharding.Mesh(np.array(jax.devices()), (ROWS,))

    @property
    def devices(self) -> int:
        """The number of devices that share the rows, over all processes."""
        return self.mesh.devices.size

    def spread(self, *axes: str | None) -> Any:
        """Return the sharding of an array whose axes named `ROWS` are divided among the devices.

        Without axes, every device has the whole array.
        """
        sharding = jax_package().sharding
        return sharding.NamedSharding(self.mesh, sharding.PartitionSpec(*axes))

    def least(self, numbers: Sequence[int]) -> list[int]:
        """Return each number's minimum over all processes."""
        return [int(n) for n in self._reduced("min", np.array(numbers, np.int64))]

    def sums(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of an array over all processes.

        The arrays have the same shape and dtype.
        """
        return self._reduced("sum", array)

    def gather(self, data: bytes) -> list[bytes]:
        """Exchange bytes among all processes. Return the bytes of each process, in the order of the
        processes.
        """
        longest = -self.least([-len(data)])[0]
        lengths = np.zeros(self.number, np.int64)
        whole = np.zeros((self.number, longest), np.uint8)
        lengths[self.index] = len(data)
        whole[self.index, : len(data)] = np.frombuffer(data, np.uint8)
        lengths, whole = self.sums(lengths), self.sums(whole)
        return [whole[i, : lengths[i]].tobytes() for i in range(self.number)]

    def _reduced(self, kind: str, array: np.ndarray) -> np.ndarray:
        jax = jax_package()
        with settings(), watched():
            mine = len(jax.local_devices())
            if kind == "sum":  # one device of each process counts
                parts = np.zeros((mine, *array.shape), array.dtype)
                parts[0] = array
            else:
                parts = np.broadcast_to(array, (mine, *array.shape))
            spread = self.spread(ROWS)
            whole = jax.make_array_from_process_local_data(spread, np.ascontiguousarray(parts))
            function = self._functions.get(kind)
            if function is None:
                reduce = jax.numpy.sum if kind == "sum" else jax.numpy.min
                function = self._functions[kind] = jax.jit(
                    lambda x: reduce(x, axis=0, **({"dtype": x.dtype} if kind == "sum" else {})),
                    out_shardings=self.spread(),
                )
            return np.asarray(function(whole))


def connect(place: Place) -> Peers:
    """Connect this process to the other processes that train together, through JAX. Return the
    connection.

    Raises:
        ProcessesProblem: some processes do not connect in time, or the system does not support it.
    """
    if sys.platform == "win32":
        raise ProcessesProblem(
            "several processes train together on Linux and macOS only",
            hint="Train with one process here.",
        )
    jax = jax_package()
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            place.address,
            place.number,
            place.index,
            initialization_timeout=CONNECT_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        raise ProcessesProblem(
            f"process {place.index} of {place.number} does not reach the others at "
            f"{place.address} within {CONNECT_SECONDS} seconds: {first_line(error)}",
            hint="Start all processes with the same address, that of the first one.",
        ) from error
    peers = Peers(place.number, place.index)
    with _unheard():
        peers.least([0])  # the first message connects them
    return peers


@contextmanager
def _unheard() -> Iterator[None]:
    """Hide standard output, because the library gloo prints there how many processes it has
    connected.
    """
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError, AttributeError):  # there is none
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def disconnect() -> None:
    """Wait until all processes are done, and disconnect."""
    jax_package().distributed.shutdown()


@contextmanager
def watched() -> Iterator[None]:
    """Raise `PeerLost` if JAX reports inside the context that another process is gone.

    Raises:
        PeerLost: a process does not answer.
    """
    jax = jax_package()
    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if any(word in str(error) for word in LOST):
            raise PeerLost(
                f"another process of this training does not answer any more ({first_line(error)})",
                hint=SEE_WHY,
            ) from error
        raise


LOST = ("Gloo", "UNAVAILABLE", "DEADLINE_EXCEEDED", "heartbeat")
"""Words in JAX's errors that mean that a process is gone."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error message from JAX, without its status code and source
    location.
    """
    line = str(error).strip().partition("\n")[0]
    return re.sub(r"^[A-Z_]+: |\[\S+\.cc:\d+\] ", "", line)[:200]
