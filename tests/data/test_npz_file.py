"""Npz: every array a column, splits by name or by share, nothing pickled ever loaded."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.data.array_files import Archive
from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.errors import DataFormatError, DataNotFound
from nodeflow.data.sources import npz_file
from nodeflow.graph.types import TensorType

RNG = np.random.default_rng(2)


@pytest.fixture
def write(tmp_path):
    def write(**arrays) -> str:
        np.savez_compressed(tmp_path / "data.npz", **arrays)
        return f"npz:{tmp_path / 'data.npz'}"

    return write


def opened(source: str, **options):
    dataset = open_dataset(source, **options)
    assert dataset.columns == dataset_columns(source, options)
    return dataset


def test_arrays_named_after_splits_are_these_splits(write):
    pictures = RNG.integers(0, 256, (9, 12, 10), dtype=np.uint8)
    digits = np.array([0, 3, 1, 2, 0, 3, 1, 1, 2], np.uint8)
    source = write(x_train=pictures[:5], y_train=digits[:5], x_test=pictures[5:], y_test=digits[5:])
    dataset = opened(source)
    assert list(dataset.splits) == ["train", "test"]
    assert dataset.columns == {
        "x": TensorType("float32", (None, 12, 10)),
        "y": TensorType("float32", (None, 4)),
    }
    test = dataset.split("test")
    np.testing.assert_allclose(test["x"].rows(slice(None)), pictures[5:] / np.float32(255))
    np.testing.assert_array_equal(test["y"].rows(slice(None)), np.eye(4)[digits[5:]])
    assert dataset.images == {"x": (12, 10)}
    assert dataset.split("train")["x"].array.dtype == np.uint8


def test_one_hot_width_counts_the_classes_of_every_split(write):
    dataset = opened(write(train_y=np.array([0, 1]), val_y=np.array([5]), test_y=np.array([2])))
    assert dataset.columns["y"] == TensorType("float32", (None, 6))
    assert list(dataset.splits) == ["train", "validation", "test"]


def test_other_arrays_are_split_by_shares(write):
    x = RNG.normal(size=(20, 3))
    dataset = opened(write(x=x, t=x[:, 0] * 2), splits=[0.5, 0.25, 0.25])
    assert {split: dataset.size(split) for split in dataset.splits} == {
        "train": 10,
        "validation": 5,
        "test": 5,
    }
    for columns in dataset.splits.values():
        features, targets = columns["x"].rows(slice(None)), columns["t"].rows(slice(None))
        assert features.dtype == targets.dtype == np.float32
        np.testing.assert_array_equal(targets, features[:, 0] * 2)


@pytest.mark.parametrize(
    "array, options, expected",
    [
        (np.zeros((4, 2), np.float64), {"floats": "stored"}, TensorType("float64", (None, 2))),
        (np.zeros((4, 2), np.float16), {}, TensorType("float32", (None, 2))),
        (np.zeros((4, 2), ">f4"), {}, TensorType("float32", (None, 2))),
        (np.zeros((4, 2), np.uint8), {"scale": False}, TensorType("uint8", (None, 2))),
        (np.zeros((4, 2), np.int16), {}, TensorType("int32", (None, 2))),
        (np.zeros((4, 2), np.uint32), {}, TensorType("int64", (None, 2))),
        (np.zeros(4, np.int32), {"labels": "class"}, TensorType("int64", (None,))),
        (np.zeros(4, np.int32), {"labels": "stored"}, TensorType("int32", (None,))),
        (np.zeros(4, bool), {}, TensorType("bool", (None,))),
    ],
)
def test_dtypes_follow_the_options(write, array, options, expected):
    assert opened(write(a=array), **options).columns == {"a": expected}


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">u4"])
def test_numbers_of_another_byte_order_are_the_same(write, dtype):
    stored = np.array([[0, 1], [2, 300]], dtype)
    splits = opened(write(x_train=stored, x_test=stored)).splits
    for columns in splits.values():
        assert columns["x"].rows(slice(None)).tolist() == [[0, 1], [2, 300]]


def test_some_arrays_can_be_chosen(write):
    source = write(x=np.zeros((4, 2)), notes=np.zeros(7), y=np.zeros(4))
    assert list(opened(source, arrays=["y", "x"]).columns) == ["y", "x"]
    with pytest.raises(DataFormatError, match=r"x has 4, notes has 7.*option arrays"):
        open_dataset(source)
    with pytest.raises(DataFormatError, match=r"no array 'note'.*Did you mean notes"):
        open_dataset(source, arrays="note")


class Bomb:
    """Unpickling it would raise; nothing may ever unpickle it."""

    def __reduce__(self):
        return eval, ("1/0",)


def test_pickled_objects_are_refused_unopened(write):
    with pytest.raises(DataFormatError, match=r"cannot be read as .npz"):
        open_dataset(write(x=np.array([Bomb()], dtype=object)))


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"x": np.zeros(3, np.complex64)}, "'x' is complex64"),
        ({"x": np.float32(3)}, "'x' is a single value"),
        ({"x": np.array(["a"])}, "'x' is str"),
        ({"y": np.array([0, 9999])}, "not look like class numbers.*labels to class"),
        ({"y": np.array([-1, 2])}, "from -1 to 2"),
        ({"x_train": np.zeros((2, 1)), "y_test": np.zeros((2, 1))}, "'train' has no array for 'y'"),
        ({"x_train": np.zeros((2, 1)), "y_train": np.zeros((3, 1))}, "x_train has 2, y_train has"),
        ({"x": np.zeros((0, 2))}, "has no rows"),
        ({}, "has no arrays"),
    ],
)
def test_arrays_that_cannot_be_columns_are_named(write, arrays, message):
    with pytest.raises(DataFormatError, match=message):
        open_dataset(write(**arrays))


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_damaged_files_are_told(write, tmp_path, cut):
    source = write(x=RNG.normal(size=(50, 4)))
    path = tmp_path / "data.npz"
    path.write_bytes(path.read_bytes()[:cut])
    for call in (open_dataset, dataset_columns):
        with pytest.raises(DataFormatError, match=r"data\.npz"):
            call(source)


def test_a_single_array_file_is_not_an_archive(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(DataFormatError, match=r"not an .npz archive"):
        open_dataset(f"npz:{tmp_path / 'one.npy'}")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataNotFound, match=r"no file gone.npz"):
        open_dataset("npz:gone.npz", base_dir=tmp_path)


def test_static_types_read_no_pictures(write, monkeypatch):
    source = write(x=np.zeros((6, 9, 9), np.uint8), y=np.array([0, 1, 2, 0, 1, 2]))
    read = []
    original = Archive.read

    def recording(self, keys):
        read.extend(keys)
        return original(self, keys)

    monkeypatch.setattr(Archive, "read", recording)
    assert npz_file.MOST_CLASSES > 3
    assert dataset_columns(source)["x"] == TensorType("float32", (None, 9, 9))
    assert read == ["y"]
