"""Numpy files: what is guessed of them, and rows of large ones read when they are needed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from nodeflow.data.catalog import all_rows, dataset_columns, open_dataset
from nodeflow.data.errors import DataFormatError
from nodeflow.data.sources import npy_file
from nodeflow.data.survey import dataset_statistics, survey
from nodeflow.engine import mapped_rows
from nodeflow.graph.types import TensorType

RNG = np.random.default_rng(5)
PLAIN = {"shuffle": False, "splits": [1.0]}


def train(source: str, **options) -> dict[str, np.ndarray]:
    options = {**PLAIN, **options}
    dataset = open_dataset(source, **options)
    assert dataset.columns == dataset_columns(source, options)
    return {n: c.rows(slice(None)) for n, c in dataset.split("train").items()}


@pytest.fixture
def table(tmp_path):
    """Three features and a class in the last column."""
    array = np.column_stack([RNG.normal(size=(40, 3)), np.arange(40) % 4])
    np.save(tmp_path / "table.npy", array)
    return tmp_path / "table.npy", array


@pytest.mark.parametrize("bound", [0, 1 << 30], ids=["lazy", "in memory"])
def test_the_last_column_may_be_the_label(table, monkeypatch, bound):
    path, array = table
    monkeypatch.setattr(mapped_rows, "LARGE_BYTES", bound)
    npy_file._open.cache_clear()
    source, features = f"npy:{path}", array[:, :3].astype(np.float32)
    assert open_dataset(source).split("train")["features"].lazy == (bound == 0)
    np.testing.assert_array_equal(train(source)["features"], array.astype(np.float32))
    got = train(source, labels="one_hot")
    np.testing.assert_array_equal(got["features"], features)
    np.testing.assert_array_equal(got["labels"], np.eye(4)[np.arange(40) % 4])
    assert train(source, labels="class")["labels"].tolist() == (np.arange(40) % 4).tolist()
    number = train(source, labels="number")["labels"]
    np.testing.assert_array_equal(number, array[:, 3:].astype(np.float32))
    every = all_rows(source, labels="one_hot")
    assert list(every.columns) == ["features"]
    np.testing.assert_array_equal(every.split("all")["features"].rows([7, 2]), features[[7, 2]])
    column = pickle.loads(pickle.dumps(open_dataset(source, **PLAIN).split("train")["features"]))
    np.testing.assert_array_equal(column.rows([5]), array[[5]].astype(np.float32))
    npy_file._open.cache_clear()


def test_pictures_of_bytes_are_scaled(tmp_path):
    array = RNG.integers(0, 256, (6, 9, 8), dtype=np.uint8)
    np.save(tmp_path / "p.npy", array)
    got = train(f"npy:{tmp_path / 'p.npy'}")["images"]
    np.testing.assert_array_equal(got, array.astype(np.float32) * np.float32(1 / 255))
    assert open_dataset(f"npy:{tmp_path / 'p.npy'}").images == {"images": (9, 8)}


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.array(3.0), {}, "is a single value"),
        (np.array(["a"]), {}, "no array of numbers"),
        (np.zeros((0, 3)), {}, "has no rows"),
        (np.zeros(4), {"labels": "class"}, "two or more columns"),
        (
            np.array([[1, 0.0], [1, 1.5]]),
            {"labels": "class"},
            "row 1, last column: 1.5 is no class",
        ),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, array, options, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataFormatError, match=message):
        open_dataset(f"npy:{tmp_path / 'x.npy'}", **options)


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"no numpy")
    for look in (lambda p: open_dataset(f"npy:{p}"), survey):
        with pytest.raises(DataFormatError, match=r"x\.npy cannot be read"):
            look(tmp_path / "x.npy")


# ---- surveys ---------------------------------------------------------------------------------


def test_a_table_in_an_npy_file_is_surveyed(table):
    path, array = table
    found = survey(path)
    assert (found.kind, found.rows, found.guess.task) == ("arrays", 40, "classify")
    features, labels = found.columns
    assert features.kind == "array" and features.shape == (3,)
    assert features.mean == pytest.approx(array[:, :3].mean())
    assert labels.categories[0][1] == 10 and found.classes == ("0", "1", "2", "3")
    dataset = open_dataset(found.source, **found.guess.options)
    assert dataset.classes == {"labels": found.classes}


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "task", "types"),
    [
        (
            {"x": RNG.normal(size=(30, 4)), "y": np.arange(30) % 3},
            "classify",
            {"x": TensorType("float32", (None, 4)), "y": TensorType("float32", (None, 3))},
        ),
        (
            {"x": RNG.normal(size=(30, 4)), "y": RNG.normal(size=30)},
            "regress",
            {"x": TensorType("float32", (None, 4)), "y": TensorType("float32", (None, 1))},
        ),
        (
            {
                "x_train": RNG.integers(0, 255, (30, 9, 9), dtype=np.uint8),
                "y_train": np.arange(30) % 2,
                "x_test": RNG.integers(0, 255, (6, 9, 9), dtype=np.uint8),
                "y_test": np.arange(6) % 2,
                "names": np.array(["cat", "dog"]),
            },
            "pictures",
            {"x": TensorType("float32", (None, 9, 9)), "y": TensorType("float32", (None, 2))},
        ),
        (
            {"mean": np.zeros(3), "inputs": RNG.normal(size=(30, 4)), "target": np.arange(30) % 3},
            "classify",
            {
                "inputs": TensorType("float32", (None, 4)),
                "target": TensorType("float32", (None, 3)),
            },
        ),
    ],
)
def test_the_guess_for_an_archive_opens(tmp_path, arrays, task, types):
    found = survey(npz(tmp_path / "a.npz", **arrays))
    assert found.guess.task == task and found.rows == 30
    dataset = open_dataset(found.source, **found.guess.options)
    assert dataset.columns == types == dataset_columns(found.source, found.guess.options)
    assert dataset.classes == ({next(reversed(types)): found.classes} if found.classes else {})


def test_an_archive_without_rows_is_refused(tmp_path):
    with pytest.raises(DataFormatError, match="no array with rows of numbers"):
        survey(npz(tmp_path / "a.npz", name=np.array("x")))


def test_rows_of_an_archive_come_in_the_order_of_the_file(tmp_path):
    x = RNG.normal(size=(20, 2)).astype(np.float32)
    every = all_rows(f"npz:{npz(tmp_path / 'a.npz', x=x)}")
    np.testing.assert_array_equal(every.split("all")["x"].rows(slice(None)), x)


def test_statistics_of_classes_are_left_out(tmp_path):
    path = npz(tmp_path / "a.npz", x=RNG.normal(size=(30, 2)), y=np.arange(30) % 3)
    assert list(dataset_statistics(f"npz:{path}")) == ["x"]
