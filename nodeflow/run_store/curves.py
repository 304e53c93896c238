"""Curves of a run: they are stored in pieces, and joined when they are read."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.train.schedule import Schedule

LOSS, EPOCH_LOSS = "training loss", "epoch loss"
"""The names of the curves with the loss of each step and each epoch.

Curves of metrics are named by their keys, which have no spaces.
"""


@dataclass(frozen=True)
class Curve:
    """A named series of values over a training; all arrays have one length.

    Attributes:
        name: ``training loss``, ``epoch loss``, or the key of a metric.
        step: int64, the number of the last step before each value, counted from 1.
        epoch: float64, elapsed epochs, with fractions.
        seconds: float64, elapsed seconds of training.
        values: float64; NaN and infinities are kept.
    """

    name: str
    step: np.ndarray
    epoch: np.ndarray
    seconds: np.ndarray
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)


def by_phase(losses: Curve, schedule: Schedule) -> dict[str, Curve]:
    """Return the loss of each step as a curve for each optimizer: ``training loss/OPTIMIZER``."""
    if not len(losses):
        return {}
    first = int(losses.step[0])
    known = schedule.phases(first - 1, int(losses.step[-1]) - first + 1)
    phases, found = known[losses.step - first], {}
    for optimizer in schedule.names:
        of_it = np.array([turn.name == optimizer for turn in schedule.turns])[phases]
        columns = (losses.step, losses.epoch, losses.seconds, losses.values)
        name = f"{LOSS}/{optimizer}"
        found[name] = Curve(name, *(column[of_it] for column in columns))
    return {name: curve for name, curve in found.items() if len(curve)}


@dataclass(frozen=True)
class Piece:
    """The losses of consecutive steps, stored together.

    Attributes:
        first: number of the first step.
        losses: float64.
        marks: float64 (n, 2): a step, and the seconds of training up to it.
    """

    first: int
    losses: np.ndarray
    marks: np.ndarray

    @property
    def last(self) -> int:
        return self.first + len(self.losses) - 1

    def data(self) -> bytes:
        """Return the losses as bytes: as float32 if that is exact, else as float64."""
        short = self.losses.astype("<f4")
        same = np.array_equal(short.astype("<f8"), self.losses, equal_nan=True)
        return (short if same else self.losses.astype("<f8")).tobytes()


def piece_of(first: int, count: int, data: bytes, marks: bytes) -> Piece:
    """Decode a stored piece of a loss curve.

    Args:
        first: the step of its first loss.
        count: the number of its losses.
        data: the losses as float32 or float64.
        marks: pairs of float64.

    Raises:
        ValueError: the bytes do not hold ``count`` losses.
    """
    if not (0 <= first < 1 << 62 and count > 0 and len(data) in (4 * count, 8 * count)):
        raise ValueError(f"{len(data)} bytes are not {count} losses from step {first}")
    kind = "<f4" if len(data) == 4 * count else "<f8"
    losses = np.frombuffer(data, kind).astype(np.float64)
    return Piece(first, losses, np.frombuffer(marks, "<f8").reshape(-1, 2))


def checksum(run: str, step: int, *parts: bytes) -> int:
    """Return a checksum of the bytes of stored arrays. It also depends on the run and the step or
    epoch, so that arrays are not mistaken for others.
    """
    found = zlib.crc32(f"{run} {step}".encode())
    for part in parts:
        found = zlib.crc32(part, found)
    return found


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Join adjacent pieces, which are ordered by first step."""
    found: list[list[Piece]] = []
    for piece in pieces:
        if found and piece.first == found[-1][-1].last + 1:
            found[-1].append(piece)
        else:
            found.append([piece])
    return [
        Piece(
            run[0].first,
            np.concatenate([p.losses for p in run]),
            np.concatenate([p.marks for p in run]),
        )
        for run in found
    ]


def loss_curve(pieces: Sequence[Piece], epochs: Curve, steps_per_epoch: int) -> Curve:
    """Return the loss of each step, with its epoch and its seconds."""
    if not pieces:
        nothing = np.zeros(0)
        return Curve(LOSS, np.zeros(0, np.int64), nothing, nothing, nothing)
    step = np.concatenate([np.arange(p.first, p.last + 1) for p in pieces])
    marks = np.concatenate([np.array([[pieces[0].first - 1, 0.0]]), *[p.marks for p in pieces]])
    seconds = np.interp(step, marks[:, 0], marks[:, 1])
    return Curve(
        LOSS,
        step,
        epochs_at(step, epochs, steps_per_epoch),
        seconds,
        np.concatenate([p.losses for p in pieces]),
    )


def epochs_at(step: np.ndarray, epochs: Curve, steps_per_epoch: int) -> np.ndarray:
    """Return the epochs elapsed at each step, from the steps per epoch or the ends of epochs."""
    if steps_per_epoch:
        return step / steps_per_epoch
    if not len(epochs):
        return np.zeros(len(step))
    ends = np.concatenate([[0], epochs.step]), np.concatenate([[0.0], epochs.epoch])
    return np.interp(step, *ends)


def array_bytes(array: np.ndarray) -> bytes:
    """Return an array as .npy bytes. Raise ValueError for an array of objects."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def array_of(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def named(curves: Iterable[Curve]) -> dict[str, Curve]:
    return {curve.name: curve for curve in curves}
