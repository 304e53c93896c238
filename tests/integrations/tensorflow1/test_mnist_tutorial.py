"""MNIST as TensorFlow 1's tutorials read it."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.errors import DataError
from nodeflow.integrations.tensorflow1.mnist_tutorial import DataSet, read_data_sets


def test_batches_go_through_all_images_in_each_epoch() -> None:
    images = np.arange(10, dtype="float32").reshape(10, 1)
    data = DataSet(images, np.arange(10), seed=0)
    seen = [data.next_batch(4) for _ in range(5)]
    assert all(image[0] == label for batch in seen for image, label in zip(*batch, strict=True))
    labels = np.concatenate([labels for _, labels in seen])
    assert sorted(labels[:10]) == sorted(labels[10:]) == list(range(10))
    assert list(labels[:10]) != list(labels[10:])
    assert data.epochs_completed == 1
    with pytest.raises(DataError, match="a batch of 11"):
        data.next_batch(11)


def test_without_shuffling_the_order_is_that_of_the_file() -> None:
    data = DataSet(np.zeros((6, 1)), np.arange(6), seed=None)
    assert list(data.next_batch(4, shuffle=False)[1]) == [0, 1, 2, 3]
    assert list(data.next_batch(4, shuffle=False)[1]) == [4, 5, 0, 1]


@pytest.mark.thorough
def test_three_parts_and_both_kinds_of_labels() -> None:
    data, numbers = read_data_sets("anywhere", one_hot=True), read_data_sets(reshape=False)
    count = data.train.num_examples + data.validation.num_examples
    assert data.train.images.shape == (data.train.num_examples, 784)
    assert numbers.test.images.shape[1:] == (28, 28, 1)
    assert data.validation.num_examples == min(5000, count // 12)
    np.testing.assert_array_equal(data.test.labels.argmax(1), numbers.test.labels)
    assert data.train.images.min() >= 0 and data.train.images.max() <= 1
    with pytest.raises(DataError, match="float32 or uint8"):
        read_data_sets(dtype="int32")
