"""MNIST in the form of TensorFlow 1's tutorials: ``input_data.read_data_sets``.

The converter replaces ``tensorflow.examples.tutorials.mnist`` with this module. Nothing is
downloaded: the files are searched like for every other use of MNIST (see the page of data sources).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nodeflow.data.catalog import open_dataset
from nodeflow.errors import DataError

__all__ = ["DataSet", "read_data_sets"]


class DataSet:
    """Images and labels in batches.

    Attributes:
        images: float32 from 0 to 1, (rows, 784), or (rows, 28, 28, 1) without ``reshape``.
        labels: class numbers (rows,), or one-hot rows, (rows, 10).
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, seed: int | None) -> None:
        self.images, self.labels = images, labels
        self._random = np.random.RandomState(seed)
        self._order = np.arange(len(images))
        self._at = 0
        self._epochs = 0

    @property
    def num_examples(self) -> int:
        """The number of images."""
        return len(self.images)

    @property
    def epochs_completed(self) -> int:
        """The number of finished passes over all images."""
        return self._epochs

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the next images and labels. After the last one, begin again in another order.

        A batch at the end of an epoch is completed from the next one.

        Raises:
            DataError: the batch is larger than the number of images.
        """
        if not 0 < batch_size <= len(self.images):
            raise DataError(f"a batch of {batch_size} from {len(self.images)} images")
        if self._at == 0 and self._epochs == 0 and shuffle:
            self._random.shuffle(self._order)
        rows = self._order[self._at : self._at + batch_size].copy()
        missing = batch_size - len(rows)
        self._at += batch_size
        if self._at > len(self.images):
            self._epochs += 1
            if shuffle:
                self._random.shuffle(self._order)
            rows = np.concatenate([rows, self._order[:missing]])
            self._at = missing
        return self.images[rows], self.labels[rows]


class Datasets(NamedTuple):
    """The three parts that `read_data_sets` returns."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Any = None,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = "float32",
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = "",
) -> Datasets:
    """Return MNIST in three parts, with TensorFlow 1's arguments.

    Args:
        train_dir, fake_data, source_url: accepted for TensorFlow 1; nothing is downloaded.
        one_hot: whether labels are one-hot rows instead of class numbers.
        dtype: float32 from 0 to 1, or uint8 from 0 to 255.
        reshape: whether images are rows of 784 numbers.
        validation_size: the number of training images to use for validation; at most a twelfth if
            MNIST is missing and the bundled images are read.
        seed: the seed of the order of batches.

    Raises:
        DataError: the dtype is neither float32 nor uint8.
    """
    kind = np.dtype(dtype).name if not isinstance(dtype, str) else str(dtype)
    if kind not in ("float32", "uint8"):
        raise DataError(f"images are float32 or uint8, not {kind}")
    data = open_dataset("mnist")

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        columns = data.split(name)
        images, labels = (columns[key].rows(slice(None)) for key in ("images", "labels"))
        images = images.reshape((-1, 784) if reshape else (-1, 28, 28, 1))
        if kind == "uint8":
            images = np.rint(images * 255).astype("uint8")
        return images, labels if one_hot else labels.argmax(1).astype("uint8")

    parts = zip(part("validation"), part("train"), strict=True)
    images, labels = (np.concatenate(pair) for pair in parts)
    rest = part("test")
    cut = validation_size if len(images) == 60000 else min(validation_size, len(images) // 12)
    return Datasets(
        DataSet(images[cut:], labels[cut:], seed),
        DataSet(images[:cut], labels[:cut], seed),
        DataSet(*rest, seed),
    )
