"""A first look at a file: types, distributions and what fits; statistics of the training split."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nodeflow.data.catalog import all_rows, dataset_columns, open_dataset, pinned_options
from nodeflow.data.errors import DataNotFound, UnknownSource
from nodeflow.data.survey import dataset_statistics, survey
from nodeflow.errors import DataError

FLOWERS = """length,width,species
5.1,3.5,setosa
7.0,3.2,versicolor
6.3,,virginica
4.9,3.0,setosa
"""


def test_a_table_of_classes(tmp_path):
    (tmp_path / "flowers.csv").write_text(FLOWERS)
    found = survey(tmp_path / "flowers.csv")
    assert (found.kind, found.rows, found.title) == ("table", 4, "flowers.csv")
    assert found.source == f"csv:{tmp_path / 'flowers.csv'}"
    length, width, species = found.columns
    values = np.array([5.1, 7.0, 6.3, 4.9])
    assert (length.name, length.kind, length.missing, length.distinct) == ("length", "number", 0, 4)
    assert (length.minimum, length.maximum) == (4.9, 7.0)
    assert length.mean == pytest.approx(values.mean())
    assert length.deviation == pytest.approx(values.std())
    counts, edges = np.histogram(values, bins=len(length.counts))
    assert length.counts == tuple(counts) and length.edges == pytest.approx(edges)
    assert width.missing == 1
    assert species.kind == "category"
    assert dict(species.categories) == {"setosa": 2, "versicolor": 1, "virginica": 1}
    assert found.head[2] == ("6.3", "", "virginica")
    assert found.classes == ("setosa", "versicolor", "virginica")
    assert found.guess.task == "classify"
    assert found.guess.options["features"] == ["length", "width"]
    assert found.guess.options["labels"] == ["species"]


def test_what_is_no_data_file_is_refused(tmp_path):
    with pytest.raises(DataNotFound, match="no file"):
        survey(tmp_path / "gone.csv")
    (tmp_path / "letter.odt").write_text("x")
    with pytest.raises(UnknownSource, match=r"letter\.odt is not a data file.*\.csv"):
        survey(tmp_path / "letter.odt")


def test_statistics_are_those_of_the_training_split(tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack(
        [rng.normal(5, 3, 50), rng.normal(2e5, 8e4, 50), rng.integers(0, 2, 50), np.full(50, 7.0)]
    )
    text = "a,b,flag,same,y\n" + "\n".join(",".join(map(str, [*row, row[1] * 2])) for row in rows)
    (tmp_path / "data.csv").write_text(text)
    options = {"splits": [0.6, 0.2, 0.2], "seed": 3}
    found = dataset_statistics("csv:data.csv", options, tmp_path)
    train = open_dataset("csv:data.csv", base_dir=tmp_path, **options).split("train")
    features = train["features"].rows(slice(None)).astype(np.float64)
    mean, deviation = found["features"]
    np.testing.assert_allclose(mean[:2], features.mean(axis=0)[:2], rtol=1e-6)
    np.testing.assert_allclose(deviation[:2], features.std(axis=0)[:2], rtol=1e-6)
    assert (mean[2], deviation[2]) == (0, 1), "flags stay 0 and 1"
    assert deviation[3] == 1, "a constant feature"
    labels = train["labels"].rows(slice(None)).astype(np.float64)
    np.testing.assert_allclose(found["labels"][0], labels.mean(axis=0), rtol=1e-6)


def test_classes_have_no_statistics(tmp_path):
    (tmp_path / "flowers.csv").write_text(FLOWERS.replace("6.3,,", "6.3,3.3,"))
    assert list(dataset_statistics("csv:flowers.csv", None, tmp_path)) == ["features"]


def test_categories_of_some_rows_are_not_taken_for_all(tmp_path):
    (tmp_path / "data.csv").write_text("city,kind\n" + "Rome,a\nBern,b\n" * 5 + "Oslo,c\n")
    assert set(survey(tmp_path / "data.csv").guess.options["categories"]) == {"city", "kind"}
    some = survey(tmp_path / "data.csv", limit_rows=10)
    assert some.rows == 10 and "categories" not in some.guess.options
    assert open_dataset(some.source, **some.guess.options).classes["labels"] == ("a", "b", "c")


WORDS = [
    "1", "2.5", "-3", "1,5", "1.234,5", "", "NA", "?", "yes", "no", "2020-01-02", "03/04/2021",
    "12.05.2020", "red", "x y", '"q, z"', '"a""b"', "#c", "$5", "7%", "inf", "1e400", "é", "'", '"',
    "1 000", "99999999999999999999", "0", "date", "label",
]  # fmt: skip


@pytest.mark.thorough
@settings(max_examples=150)
@example([["12.05.2020", "03/04/2021"]], ",", "utf-8")  # a label's dates are read another way
@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=1, max_size=30),
    st.sampled_from([",", ";", "\t", " ", "|"]),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_whatever_a_file_holds_it_opens_or_says_why_not(tmp_path_factory, rows, mark, encoding):
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    path.write_bytes("\n".join(mark.join(row) for row in rows).encode(encoding))
    try:
        found = survey(path)
        options = dict(found.guess.options)
        dataset = open_dataset(found.source, **options)
    except DataError as error:
        assert "data.csv" in str(error)
        return
    assert dataset.columns == dataset_columns(found.source, options)
    pinned = pinned_options(found.source, options)
    again = open_dataset(found.source, **pinned)
    assert again.columns == dataset.columns and again.classes == dataset.classes
    for split, columns in dataset.splits.items():
        for name, column in columns.items():
            same = again.split(split)[name].rows(slice(None))
            np.testing.assert_array_equal(column.rows(slice(None)), same)
    every = all_rows(found.source, **pinned)
    assert every.size("all") >= sum(map(dataset.size, dataset.splits))


@pytest.mark.thorough
@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read_or_refused(tmp_path_factory, raw):
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    path.write_bytes(raw)
    with contextlib.suppress(DataError):
        survey(path)


def test_one_column_of_numbers_is_a_series(tmp_path):
    values = np.sin(np.arange(100) / 5).round(4)
    (tmp_path / "wave.csv").write_text("\n".join(["height", *map(str, values)]))
    found = survey(tmp_path / "wave.csv")
    assert found.guess.task == "series" and found.guess.options["window"] == 10
    dataset = open_dataset(found.source, **found.guess.options)
    rows = dataset.split("train")
    np.testing.assert_array_equal(
        rows["features"].rows([3])[0, :, 0], values[3:13].astype(np.float32)
    )
    assert rows["labels"].rows([3])[0, 0] == np.float32(values[13])


def test_large_numbers_close_together_have_a_distribution(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n" + "99999999999999999999,1\n" * 3)
    column = survey(tmp_path / "data.csv").columns[0]
    assert column.counts == (3,) and len(column.edges) == 2


def test_a_preview_shows_numbers_of_wide_rows_and_the_size_of_pictures(tmp_path):
    wide = np.arange(64, dtype=np.float32).reshape(2, 32) / 4
    np.savez(tmp_path / "x.npz", wide=wide, pictures=np.zeros((2, 9, 8), np.uint8))
    found = survey(tmp_path / "x.npz")
    head = dict(zip((c.name for c in found.columns), found.head[0], strict=True))
    assert head["wide"] == "0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, …"
    assert head["pictures"] == "9 × 8"
