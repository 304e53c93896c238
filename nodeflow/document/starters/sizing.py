"""The size of a starter's network and of its training, by the number of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_BATCH, MOST_BATCH = 8, 128


@dataclass(frozen=True)
class Sizing:
    """Units of each hidden layer, and settings of the training."""

    hidden: tuple[int, ...]
    batch_size: int
    epochs: int
    learning_rate: float
    patience: int

    @property
    def settings(self) -> dict[str, int]:
        """The training settings."""
        return {"batch_size": self.batch_size, "epochs": self.epochs, "patience": self.patience}


def batch_size(rows: int) -> int:
    """Return the batch size for training with this number of rows: a power of two, about a tenth of
    the rows, so that an epoch has ten steps or more.

    >>> batch_size(120), batch_size(1000), batch_size(100_000)
    (8, 64, 128)
    """
    size = LEAST_BATCH
    while size * 2 <= min(rows / 10, MOST_BATCH):
        size *= 2
    return max(1, min(size, rows // 2))


def epochs(rows: int, steps: int, most: int = 200, least: int = 5) -> int:
    """Return the number of epochs that amounts to about ``steps`` training steps in total, between
    ``least`` and ``most``.
    """
    per_epoch = max(1, rows // batch_size(rows))
    return max(least, min(most, round(steps / per_epoch)))


def for_table(rows: int, inputs: int, steps: int = 3000) -> Sizing:
    """Choose hidden layers, batch size, epochs, learning rate and patience of a dense network by
    the size of its table. More rows allow more units.
    """
    if rows < 500:
        hidden = (16,)
    elif rows < 5000:
        hidden = (32, 32)
    else:
        hidden = (64, 64)
    if inputs > 32 and rows >= 500:
        hidden = tuple(units * 2 for units in hidden)
    count = epochs(rows, steps)
    rate = 0.01 if rows < 5000 else 0.003
    return Sizing(hidden, batch_size(rows), count, rate, max(5, count // 5))


def for_pictures(rows: int) -> Sizing:
    """Return the sizes and training settings of a small convolutional network for pictures.

    Args:
        rows: the number of pictures to train with.
    """
    hidden = (32,) if rows < 2000 else (64,)
    count = epochs(rows, 600, most=40, least=4)
    return Sizing(hidden, min(64, batch_size(rows)), count, 0.003, max(4, count // 4))
