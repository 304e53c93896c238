"""Names that are shown for classes."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.data.catalog import all_rows, open_dataset, pinned_options
from nodeflow.errors import AttributeProblem
from tests import own_data

NAMES = {"1": "yes", "7": "never"}


@pytest.fixture
def table(tmp_path) -> str:
    rows = [[i * 0.5, i % 2] for i in range(40)]
    return f"csv:{own_data.write(tmp_path / 'coded.csv', ['a', 'label'], rows)}"


def test_a_table_shows_them_and_keeps_its_numbers(table):
    options = {"label_kind": "one_hot", "class_names": NAMES}
    dataset = open_dataset(table, **options)
    assert dataset.classes == {"labels": ("0", "yes")}
    labels = dataset.split("train")["labels"].rows(slice(0, None))
    plain = open_dataset(table, label_kind="one_hot").split("train")["labels"].rows(slice(0, None))
    np.testing.assert_array_equal(labels, plain)


def test_they_are_pinned_and_shown_for_rows_without_labels(table, tmp_path):
    pinned = pinned_options(table, {"label_kind": "one_hot", "class_names": NAMES})
    assert pinned["class_names"] == NAMES
    new = own_data.write(tmp_path / "new.csv", ["a"], [[1.0], [2.0]])
    assert all_rows(f"csv:{new}", **pinned).classes == {"labels": ("0", "yes")}


def test_arrays_show_them(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((30, 2)), y=np.arange(30) % 3)
    dataset = open_dataset(f"npz:{tmp_path / 'a.npz'}", class_names={"0": "cat", "2": "dog"})
    assert dataset.classes["y"] == ("cat", "1", "dog")


def test_anything_else_is_an_error(table):
    with pytest.raises(AttributeProblem, match="class_names must be an object"):
        open_dataset(table, class_names=["no", "yes"])
