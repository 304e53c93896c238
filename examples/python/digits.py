"""Handwritten digits for the programs here: MNIST where it is found, else the bundled 5 000."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nodeflow.data.catalog import open_dataset


class Split(NamedTuple):
    """Images of shape (rows, 784), float32 from 0 to 1, and labels: one-hot (rows, 10) float32."""

    images: np.ndarray
    labels: np.ndarray

    def batch(self, size: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """``size`` rows in the order of a seeded shuffle, another one in each epoch."""
        per_epoch = len(self.images) // size
        epoch, place = divmod(step, per_epoch)
        order = np.random.RandomState(epoch).permutation(len(self.images))
        rows = order[place * size : (place + 1) * size]
        return self.images[rows], self.labels[rows]


def load() -> tuple[Split, Split]:
    """The rows to train on, and those to test with."""
    data = open_dataset("mnist")

    def split(name: str) -> Split:
        columns = data.split(name)
        images, labels = (columns[key].rows(slice(None)) for key in ("images", "labels"))
        return Split(images.reshape(-1, 784), labels)

    return split("train"), split("test")
