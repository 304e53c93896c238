"""CSV: the chosen columns, header and delimiter found, and errors that name line and column."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeflow.data.catalog import dataset_columns, open_dataset
from nodeflow.data.errors import DataFormatError, DataNotFound
from nodeflow.data.tables.table import read_table
from nodeflow.errors import AttributeProblem, NodeflowError
from nodeflow.graph.types import TensorType

IRIS = """length,width,species
5.1,3.5,setosa
7.0,3.2,versicolor
6.3,3.3,virginica
4.9,3.0,setosa
"""
PLAIN = {"shuffle": False, "splits": [1.0]}
ERROR = {"missing": "error"}


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes, name: str = "data.csv") -> str:
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(raw)
        return f"csv:{tmp_path / name}"

    return write


def train(source: str, **options) -> dict[str, np.ndarray]:
    """All rows in the stored order; the cheap types must be the real ones."""
    options = {**PLAIN, **options}
    dataset = open_dataset(source, **options)
    assert dataset.columns == dataset_columns(source, options)
    columns = dataset.split("train")
    return {name: column.rows(slice(None)) for name, column in columns.items()}


def test_by_default_the_last_column_is_the_label_and_the_rest_are_features(write):
    got = train(write("x,y,z\n1,2,3\n4,5,6\n"))
    assert got["features"].tolist() == [[1, 2], [4, 5]]
    assert got["labels"].tolist() == [[3], [6]]
    assert got["features"].dtype == got["labels"].dtype == np.float32


def test_text_labels_become_one_hot_classes_in_alphabetical_order(write):
    source = write(IRIS)
    got = train(source)
    assert got["labels"].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert open_dataset(source).classes == {"labels": ("setosa", "versicolor", "virginica")}
    np.testing.assert_array_equal(
        got["features"], np.float32([[5.1, 3.5], [7.0, 3.2], [6.3, 3.3], [4.9, 3.0]])
    )


def test_class_numbers_are_int64(write):
    assert train(write(IRIS), label_kind="class")["labels"].tolist() == [0, 1, 2, 0]
    assert dataset_columns(write(IRIS), {"label_kind": "class"})["labels"] == TensorType(
        "int64", (None,)
    )


def test_numeric_classes_are_ordered_by_value(write):
    source = write("x,k\n1,10\n2,9\n3,10\n4,-1\n")
    assert train(source, label_kind="class")["labels"].tolist() == [2, 1, 2, 0]
    assert open_dataset(source, label_kind="class").classes["labels"] == ("-1", "9", "10")


def test_columns_are_chosen_by_name_and_number_and_text(write):
    source = write("a,b,c,d\n1,2,3,4\n5,6,7,8\n")
    got = train(source, features=["c", 0], labels=["b", "d"])
    assert got["features"].tolist() == [[3, 1], [7, 5]]
    assert got["labels"].tolist() == [[2, 4], [6, 8]]
    assert train(source, features="d, a", labels="-2")["features"].tolist() == [[4, 1], [8, 5]]
    assert list(train(source, label_kind="none")) == ["features"]
    assert train(source, label_kind="none")["features"].shape == (2, 4)


def test_a_column_named_by_a_digit_wins_over_its_position(write):
    got = train(write("1,0\n7,8\n"), header="yes", features=["0"], labels=["1"])
    assert (got["features"].tolist(), got["labels"].tolist()) == ([[8]], [[7]])


@pytest.mark.parametrize(
    "text, header, rows",
    [
        ("1,2\n3,4\n", "auto", 2),
        ("x,y\n3,4\n", "auto", 1),
        ("5.1,setosa\n4.9,setosa\n", "auto", 2),
        ("1,2\n3,4\n", "yes", 1),
        ("\ufeffx,y\r\n3,4\r\n\r\n , \r\n5,6", "auto", 2),
    ],
)
def test_the_header_is_found(write, text, header, rows):
    assert len(train(write(text), header=header)["features"]) == rows


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
def test_the_delimiter_is_found(write, mark):
    text = f"x{mark}y\n1{mark}2\n3{mark}4\n"
    assert train(write(text))["labels"].tolist() == [[2], [4]]


def test_a_delimiter_can_be_set(write):
    got = train(write("1;2,5\n3;4,5\n"), delimiter="comma", label_kind="number", features=["1"])
    assert got["features"].tolist() == [[5], [5]]


def test_quoted_cells_keep_their_commas(write):
    got = train(write('x,"a, b"\n1,"2"\n'))
    assert got["labels"].tolist() == [[2]]


@pytest.mark.thorough
@settings(max_examples=30)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=width, max_size=width),
            min_size=1,
            max_size=12,
        )
    )
)
def test_written_numbers_are_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    got = train(f"csv:{path}", label_kind="none", delimiter="comma")["features"]
    np.testing.assert_array_equal(got, np.array(rows, np.float32))


def test_standardizing_uses_the_train_rows_only(write):
    rows = np.random.default_rng(0).normal(5, 3, (40, 3))
    rows[:, 1] = 2.5
    text = "\n".join(",".join(map(str, row)) for row in rows)
    dataset = open_dataset(
        write(text), standardize=True, shuffle=False, splits=[0.5, 0.25, 0.25], labels=["2"]
    )
    features = dataset.split("train")["features"].rows(slice(None))
    np.testing.assert_allclose(features.mean(axis=0), [0, 0], atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), [1, 0], atol=1e-6)
    expected = (rows[30:, 0] - rows[:20, 0].mean()) / rows[:20, 0].std()
    test = dataset.split("test")["features"].rows(slice(None))
    np.testing.assert_allclose(test[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_splits_use_every_row_once_and_keep_rows_together(write):
    text = "\n".join(f"{i},{i * 2}" for i in range(103))
    dataset = open_dataset(write(text), splits=[0.7, 0.2, 0.1], seed=5)
    assert [dataset.size(split) for split in ("train", "validation", "test")] == [72, 21, 10]
    parts = [columns["features"].rows(slice(None))[:, 0] for columns in dataset.splits.values()]
    together = np.concatenate(parts)
    assert sorted(together) == list(range(103)) and together.tolist() != sorted(together)
    for columns in dataset.splits.values():
        whole = slice(None)
        np.testing.assert_array_equal(
            columns["labels"].rows(whole), columns["features"].rows(whole) * 2
        )
    again = open_dataset(write(text), splits=[0.7, 0.2, 0.1], seed=6)
    assert again.split("test")["features"].rows([0]) != dataset.split("test")["features"].rows([0])


def test_shares_below_one_leave_rows_out(write):
    text = "\n".join(f"{i},{i}" for i in range(10))
    dataset = open_dataset(write(text), splits=[0.5, 0, 0.2], shuffle=False)
    assert list(dataset.splits) == ["train", "test"]
    assert dataset.split("test")["features"].rows(slice(None)).tolist() == [[5], [6]]


@pytest.mark.parametrize(
    "text, options, message",
    [
        ("x,y\n1,2\n3,four\n", {}, r"data\.csv, line 3, column 'y': 'four' is not a number"),
        ("x,y\n1,2\n,4\n", ERROR, "line 3, column 'x': the value is missing"),
        ("x,y\n1,2\n\n\nnan,4\n", ERROR, "line 5, column 'x': the value is missing"),
        ("x,y\n1,2\ninf,4\n", {}, "line 3, column 'x': 'inf' is not a finite"),
        ("x,y\n1e39,2\n", {}, "line 2, column 'x': '1e39' is not a finite float32"),
        ("x,y\n1,2\n3\n", {}, "line 3: 1 values, but there are 2 columns"),
        ("x,y\n1,a\n3,\n", ERROR, "line 3, column 'y': the value is missing"),
        ("1,2\n3,x\n", {}, "line 2, column '1': 'x' is not a number"),
        ("", {}, "is empty"),
        ("x,y\n", {}, "header but no rows"),
        ("x,y\n1,2\n", {"labels": ["z"]}, "no column 'z'.*It has x, y"),
        ("width,y\n1,2\n", {"labels": ["wdth"]}, "Did you mean width"),
        ("x,y\n1,2\n", {"labels": [2]}, "no column '2'"),
        ("x,y\n1,2\n", {"labels": ["x", "y"]}, "every column is a label"),
        ("x,y,z\n1,2,3\n", {"labels": ["y", "z"], "label_kind": "class"}, "one label column"),
        ('x,y\n1,"2\n', {}, "not a valid CSV file"),
        (b"x,y\n1,\x00\n", {}, "not text: it holds zero bytes"),
    ],
)
def test_errors_say_where_and_what(write, text, options, message):
    source = write(text)
    with pytest.raises(DataFormatError, match=message) as caught:
        open_dataset(source, **options)
    assert source.removeprefix("csv:") in str(caught.value)


@pytest.mark.parametrize(
    "options, port",
    [
        ({"splits": [0.9, 0.2]}, "splits"),
        ({"splits": [-0.1, 1]}, "splits"),
        ({"splits": "most"}, "splits"),
        ({"splits": [0, 0, 0]}, "splits"),
        ({"features": [1.5]}, "features"),
        ({"features": [True]}, "features"),
        ({"header": "maybe"}, "header"),
        ({"sed": 1}, "sed"),
    ],
)
def test_malformed_options_name_the_option(write, options, port):
    with pytest.raises(AttributeProblem) as caught:
        open_dataset(write("1,2\n"), **options)
    assert caught.value.port == port


def test_a_missing_file_names_the_places(tmp_path):
    with pytest.raises(DataNotFound, match=r"no file gone\.csv in .*sub or "):
        open_dataset("csv:gone.csv", base_dir=tmp_path / "sub")
    with pytest.raises(DataNotFound, match=r"no file gone\.csv"):
        dataset_columns(f"csv:{tmp_path / 'gone.csv'}")


def test_relative_paths_start_at_the_documents_folder(tmp_path, write):
    write("x,y\n1,2\n", "here.csv")
    got = open_dataset("csv:here.csv", base_dir=tmp_path, **PLAIN)
    assert got.split("train")["features"].rows([0]).tolist() == [[1]]
    assert got.location == str(tmp_path / "here.csv")


def test_bundled_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("csv:resource:data/regression.csv", "csv:data/regression.csv"):
        dataset = open_dataset(source)
        assert dataset.columns == {
            "features": TensorType("float32", (None, 1)),
            "labels": TensorType("float32", (None, 1)),
        }
        assert sum(map(dataset.size, dataset.splits)) == 200
    with pytest.raises(NodeflowError, match=r"regresion\.csv.*Did you mean"):
        open_dataset("csv:resource:data/regresion.csv")


def test_a_changed_file_is_read_again(write):
    assert train(write("x,y\n1,2\n"))["features"].tolist() == [[1]]
    assert train(write("x,y\n1.5,2\n"))["features"].tolist() == [[1.5]]


def test_static_types_read_only_the_first_rows(write):
    """A complaint far down in a large file must not wait for, or block, the wiring."""
    source = write("x,y\n" + "1,2\n" * 1000 + "1,oops\n")
    assert dataset_columns(source)["labels"] == TensorType("float32", (None, 1))
    with pytest.raises(DataFormatError, match=r"line 1002"):
        open_dataset(source)


def test_lines_are_counted_in_the_file(tmp_path):
    path = tmp_path / "lines.csv"
    path.write_text('a,b\n\n1,"x\ny"\n2,z\n')
    table = read_table(path)
    assert table.lines.tolist() == [4, 5] and table.rows == (("1", "x\ny"), ("2", "z"))
