"""MNIST: TensorFlow's split, compact storage, the order of places, and damage told apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.errors import DataFormatError, DataNotFound, UnknownSplit
from nodeflow.data.sources import mnist
from nodeflow.errors import AttributeProblem
from nodeflow.graph.types import TensorType
from tests.data.helpers import idx_bytes, small_mnist


@pytest.fixture
def no_mnist(tmp_path, monkeypatch):
    """A machine without the full set: an empty cache, no environment variable."""
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv(mnist.DATA_VARIABLE, raising=False)
    return tmp_path


def one_hot(digits: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[digits]


@pytest.mark.thorough
@pytest.mark.parametrize("packed", [True, False])
def test_the_split_is_tensorflows(no_mnist, packed):
    arrays = small_mnist(no_mnist / "files", packed=packed)
    dataset = open_dataset("mnist", data_dir=no_mnist / "files")
    images = arrays["train-images-idx3-ubyte"].reshape(-1, 784).astype(np.float32) / 255
    labels = one_hot(arrays["train-labels-idx1-ubyte"])
    whole = slice(None)
    train, validation = dataset.split("train"), dataset.split("validation")
    np.testing.assert_allclose(train["images"].rows(whole), images[5000:], rtol=1e-6)
    np.testing.assert_allclose(validation["images"].rows(whole), images[:5000], rtol=1e-6)
    np.testing.assert_array_equal(train["labels"].rows(whole), labels[5000:])
    np.testing.assert_array_equal(validation["labels"].rows(whole), labels[:5000])
    test = dataset.split("test")
    np.testing.assert_array_equal(
        test["labels"].rows(whole), one_hot(arrays["t10k-labels-idx1-ubyte"])
    )
    assert dataset.notice is None
    assert train["images"].array.dtype == np.uint8


@pytest.mark.thorough
def test_the_full_set_or_the_embedded_one(full_mnist, monkeypatch):
    """Known facts of MNIST itself, where the full set is; else of the images that come along."""
    if full_mnist is None:
        monkeypatch.delenv(mnist.DATA_VARIABLE, raising=False)
        monkeypatch.setattr(mnist, "cache_folder", lambda: Path("/nonexistent"))
    dataset = open_dataset("mnist", labels="class")
    sizes = {split: dataset.size(split) for split in dataset.splits}
    labels = dataset.split("test")["labels"].rows(slice(None))
    if full_mnist is None:
        assert sizes == {"train": 4000, "validation": 500, "test": 500}
        assert np.bincount(labels).tolist() == [50] * 10
        pytest.skip("the full set is not here: checked the embedded images instead")
    assert sizes == {"train": 55000, "validation": 5000, "test": 10000}
    # The published class counts of the test set, and its first labels.
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert dataset.split("validation")["labels"].rows(slice(0, 5)).tolist() == [5, 0, 4, 1, 9]
    images = np.concatenate(
        [dataset.split(name)["images"].rows(slice(None)) for name in ("train", "validation")]
    )
    assert images.shape == (60000, 784) and images.max() == 1.0
    assert images.mean(dtype=np.float64) == pytest.approx(0.1306604762738429, abs=1e-7)


def test_without_files_the_embedded_images_stand_in_and_say_so(no_mnist):
    dataset = open_dataset("mnist")
    assert {s: dataset.size(s) for s in dataset.splits} == {
        "train": 4000,
        "validation": 500,
        "test": 500,
    }
    assert "nodeflow data fetch mnist" in dataset.notice
    for split, each in (("train", 400), ("validation", 50), ("test", 50)):
        columns = dataset.split(split)
        labels = columns["labels"].rows(slice(None))
        assert labels.sum(axis=0).tolist() == [each] * 10
        images = columns["images"].rows(slice(None))
        assert images.min() == 0 and images.max() == 1
        # Digits are ink on an empty ground: the corners are empty, the middle is not.
        assert images[:, 0].max() == 0 and images.reshape(-1, 28, 28)[:, 14, 14].mean() > 0.2


def test_the_declared_columns_are_the_real_ones(no_mnist):
    for labels in ("one_hot", "class"):
        dataset = open_dataset("mnist", labels=labels)
        assert dataset.columns == dataset_columns("mnist", {"labels": labels})
    assert dataset.columns["labels"] == TensorType("int64", (None,))
    assert dataset.split("test")["labels"].rows([0]).dtype == np.int64


def test_unscaled_pixels_are_0_to_255(no_mnist):
    images = open_dataset("mnist", scale=False).split("test")["images"].rows(slice(None))
    assert images.dtype == np.float32 and images.max() == 255


def test_the_bundled_images_are_used_beside_the_full_set(no_mnist, monkeypatch):
    small_mnist(no_mnist / "full", test=40)
    monkeypatch.setenv(mnist.DATA_VARIABLE, str(no_mnist / "full"))
    bundled = open_dataset("mnist", bundled=True)
    assert (bundled.size("train"), bundled.size("test")) == (4000, 500)
    assert bundled.notice is None
    assert open_dataset("mnist").size("test") == 40


@pytest.mark.thorough
def test_places_are_asked_in_order(no_mnist, monkeypatch):
    first, second = no_mnist / "first", no_mnist / "second"
    small_mnist(first, test=30)
    small_mnist(second, test=40)
    small_mnist(no_mnist / "cache" / "mnist", test=50)
    assert open_dataset("mnist").size("test") == 50
    monkeypatch.setenv(mnist.DATA_VARIABLE, str(second))
    assert open_dataset("mnist").size("test") == 40
    assert open_dataset("mnist", data_dir=first).size("test") == 30
    assert [place.kind for place in mnist.places(first)] == [
        "--data-dir",
        "NODEFLOW_DATA_DIR",
        "cache",
        "embedded",
    ]


@pytest.mark.thorough
def test_files_in_a_folder_mnist_inside_are_found_too(no_mnist):
    small_mnist(no_mnist / "data" / "mnist", test=20)
    assert open_dataset("mnist", data_dir=no_mnist / "data").size("test") == 20


@pytest.mark.thorough
def test_files_missing_in_the_named_folder_are_an_error_that_names_them(no_mnist):
    small_mnist(no_mnist / "files")
    (no_mnist / "files" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataNotFound) as caught:
        open_dataset("mnist", data_dir=no_mnist / "files")
    assert str(no_mnist / "files") in str(caught.value)
    assert "t10k-labels-idx1-ubyte.gz" in str(caught.value)
    assert "train-images" not in str(caught.value)
    with pytest.raises(DataNotFound, match=r"train-images"):
        open_dataset("mnist", data_dir=no_mnist / "nothing here")


def test_an_incomplete_cache_is_passed_over_with_a_word_about_it(no_mnist):
    small_mnist(no_mnist / "cache" / "mnist")
    (no_mnist / "cache" / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    dataset = open_dataset("mnist")
    assert dataset.size("train") == 4000
    assert "not complete: missing train-images-idx3-ubyte" in dataset.notice


def test_an_environment_folder_without_mnist_is_mentioned(no_mnist, monkeypatch):
    monkeypatch.setenv(mnist.DATA_VARIABLE, str(no_mnist / "wrong"))
    assert f"{no_mnist / 'wrong'}, which does not hold MNIST" in open_dataset("mnist").notice


def damage_truncated(raw: bytes) -> bytes:
    return gzip.compress(raw[:-5])


def damage_gzip(raw: bytes) -> bytes:
    return gzip.compress(raw)[:-40]


def damage_magic(raw: bytes) -> bytes:
    return gzip.compress(b"\0\0\x0d\x03" + raw[4:])


def damage_empty(raw: bytes) -> bytes:
    return b""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "damage, message",
    [
        (damage_truncated, "announces"),
        (damage_gzip, "cannot be unpacked"),
        (damage_magic, "magic number is 0x00000d03, expected 0x00000803"),
        (damage_empty, "fewer than its header"),
    ],
)
def test_a_damaged_file_is_named(no_mnist, damage, message):
    arrays = small_mnist(no_mnist / "files")
    path = no_mnist / "files" / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(idx_bytes(arrays["train-images-idx3-ubyte"])))
    with pytest.raises(DataFormatError, match=message) as caught:
        open_dataset("mnist", data_dir=no_mnist / "files")
    assert str(path) in str(caught.value)


def test_labels_that_do_not_belong_to_the_images_are_refused(no_mnist):
    arrays = small_mnist(no_mnist / "files", packed=False)
    labels = no_mnist / "files" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx_bytes(arrays["train-labels-idx1-ubyte"][:-1]))
    with pytest.raises(DataFormatError, match=r"5200 images.*5199 labels"):
        open_dataset("mnist", data_dir=no_mnist / "files")
    wrong = arrays["train-labels-idx1-ubyte"].copy()
    wrong[17] = 10
    labels.write_bytes(idx_bytes(wrong))
    with pytest.raises(DataFormatError, match=r"label 10 in row 17"):
        open_dataset("mnist", data_dir=no_mnist / "files")


def test_a_set_too_small_for_the_split_is_refused(no_mnist):
    small_mnist(no_mnist / "files", train=5000)
    with pytest.raises(DataFormatError, match=r"at least 5001"):
        open_dataset("mnist", data_dir=no_mnist / "files")


@pytest.mark.thorough
def test_a_changed_file_is_read_again(no_mnist):
    small_mnist(no_mnist / "files", test=30)
    assert open_dataset("mnist", data_dir=no_mnist / "files").size("test") == 30
    small_mnist(no_mnist / "files", test=31)
    assert open_dataset("mnist", data_dir=no_mnist / "files").size("test") == 31


def test_unknown_options_and_splits_are_errors_with_suggestions(no_mnist):
    with pytest.raises(AttributeProblem, match=r"no option 'label'.*Did you mean labels"):
        open_dataset("mnist", label="class")
    with pytest.raises(AttributeProblem, match=r"one_hot, class"):
        open_dataset("mnist", labels="onehot")
    with pytest.raises(UnknownSplit, match=r"'dev'.*4000 train, 500 validation and 500 test"):
        open_dataset("mnist").split("dev")
