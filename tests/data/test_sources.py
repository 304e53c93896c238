"""The declaration of sources, the spirals, and what holds for every source alike."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from nodeflow.data.catalog import (
    SOURCES,
    dataset_columns,
    known_options,
    open_dataset,
    parse_source,
    source_at,
    source_options,
)
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.errors import UnknownSource
from nodeflow.errors import AttributeProblem
from tests.data import own_data
from tests.data.helpers import threefry

EVERY = [
    "mnist",
    "spirals",
    "csv:resource:data/linear.csv",
    "npy:SHAPES.npy",
    "npz:resource:mnist/mnist5k.npz",
    "pictures:SHAPES",
    "text:resource:data/sentences.txt",
    "tokens:resource:data/sentences.txt",
]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = own_data.pictures(tmp_path_factory.mktemp("shapes"))[0]
    np.save(f"{folder}.npy", np.arange(60, dtype=np.uint8).reshape(30, 2))
    return folder


@pytest.fixture(params=EVERY)
def source(request, shapes) -> str:
    return request.param.replace("SHAPES", str(shapes))


def whole(dataset: DataSplits, split: str, column: str) -> np.ndarray:
    return dataset.split(split)[column].rows(slice(None))


def test_every_source_is_exercised_here():
    assert {parse_source(source)[0].id for source in EVERY} == set(SOURCES)


def test_sources_are_listed_with_files_last():
    assert [source.form for source in SOURCES.values()] == [
        "mnist",
        "spirals",
        "csv:PATH",
        "npy:PATH",
        "npz:PATH",
        "pictures:PATH",
        "text:PATH",
        "tokens:PATH",
    ]


def test_cheap_types_are_the_types_of_the_rows(source):
    dataset = open_dataset(source)
    assert dataset_columns(source) == dataset.columns
    assert list(dataset.splits) == ["train", "validation", "test"]
    for columns in dataset.splits.values():
        assert len({len(column) for column in columns.values()}) == 1
        for name, column in columns.items():
            rows = column.rows(slice(0, 3))
            declared = dataset.columns[name]
            assert str(rows.dtype) == declared.dtype
            assert rows.shape == (3, *declared.shape[1:])
    assert dataset.source == source and dataset.name and dataset.location


def test_every_option_has_a_good_default_and_a_text(source):
    for option in source_options(source):
        assert option.doc.endswith(".") and not option.required
        checked = option.check(option.default)
        assert option.check(checked) == checked
        assert dataset_columns(source, {option.name: checked}) == dataset_columns(source)


@pytest.mark.parametrize(
    "source, message",
    [
        ("mnits", "'mnits'.*Did you mean mnist"),
        ("csv", "'csv' is not a data source.*csv:PATH"),
        ("csv:", "Write csv:PATH"),
        ("mnist:here", "Write mnist"),
        ("my data.csv", "Did you mean csv:my data.csv"),
        ("", "Use one of mnist, spirals, csv:PATH, npy:PATH"),
    ],
)
def test_unknown_sources_get_a_suggestion(source, message):
    with pytest.raises(UnknownSource, match=message):
        open_dataset(source)
    with pytest.raises(UnknownSource):
        dataset_columns(source)


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.csv", "x", "csv"),
        ("a.TSV", "x", "csv"),
        ("iris.data", "5.1,3.5,setosa", "csv"),
        ("numbers.txt", "1.0 2.0\n3.0 4.5\n", "csv"),
        ("named.txt", "a\tb\n1\t2\n3\t4\n", "csv"),
        ("story.txt", "Once upon a time, there was.\nIt was, in 1850, cold.\n", "tokens"),
        ("words.txt", "one, two\nthree, four\n", "tokens"),
        ("gone.txt", None, "tokens"),
        ("a.npy", "", "npy"),
        ("a.npz", "", "npz"),
        ("a.png", "", "pictures"),
    ],
)
def test_files_are_known_by_their_endings(tmp_path, name, content, source):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    assert source_at(str(path)) == f"{source}:{path}"
    assert source_at(str(tmp_path)) == f"pictures:{tmp_path}"


@pytest.mark.parametrize(
    ("name", "hint"), [("a.xlsx", "Save it as CSV"), ("a.odt", r"Data files are \.csv, \.tsv")]
)
def test_other_files_are_refused_with_a_hint(tmp_path, name, hint):
    with pytest.raises(UnknownSource, match=hint):
        source_at(str(tmp_path / name))


def test_a_path_may_hold_colons():
    assert parse_source("csv:C:\\data\\x.csv")[1] == "C:\\data\\x.csv"


def test_options_of_a_replaced_source_can_be_kept_where_they_exist():
    attrs = {"labels": "class", "scale": True, "turns": 2.0}
    assert known_options("spirals", attrs) == {"labels": "class", "turns": 2.0}
    with pytest.raises(AttributeProblem, match=r"spirals has no option 'scale'"):
        open_dataset("spirals", **attrs)


def test_the_public_signature_stays():
    assert list(inspect.signature(open_dataset).parameters) == [
        "source",
        "data_dir",
        "base_dir",
        "options",
    ]


# ---- spirals ---------------------------------------------------------------------------------


def test_noiseless_spirals_lie_on_their_curve():
    dataset = open_dataset("spirals", n=400, noise=0.0, turns=1.5, splits=[1], labels="class")
    points, classes = whole(dataset, "train", "points"), whole(dataset, "train", "labels")
    radius = np.hypot(points[:, 0], points[:, 1])
    angle = np.arctan2(points[:, 1], points[:, 0])
    expected = 2 * np.pi * 1.5 * radius / 2 + np.pi * classes
    difference = (angle - expected + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(difference, 0, atol=2e-3 + 1e-4 / radius.min())
    assert radius.max() <= 2 and radius.max() > 1.9
    assert np.bincount(classes).tolist() == [200, 200]


def test_noise_has_the_deviation_that_is_asked_for():
    options = {"n": 20_000, "splits": [1], "shuffle": False}
    clean = whole(open_dataset("spirals", noise=0.0, **options), "train", "points")
    noisy = whole(open_dataset("spirals", noise=0.3, **options), "train", "points")
    noise = noisy - clean
    np.testing.assert_allclose(noise.std(axis=0), 0.3, rtol=0.03)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.01)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.03
    # A normal distribution: 68.3 % within one deviation, 95.4 % within two.
    assert np.mean(np.abs(noise) < 0.3) == pytest.approx(0.683, abs=0.01)
    assert np.mean(np.abs(noise) < 0.6) == pytest.approx(0.954, abs=0.01)


def test_seeds_repeat_and_differ():
    first = whole(open_dataset("spirals", seed=4), "train", "points")
    np.testing.assert_array_equal(first, whole(open_dataset("spirals", seed=4), "train", "points"))
    assert not np.array_equal(first, whole(open_dataset("spirals", seed=5), "train", "points"))


def test_no_straight_line_separates_the_spirals_but_neighbours_do():
    dataset = open_dataset("spirals", n=2000)
    train, test = whole(dataset, "train", "points"), whole(dataset, "test", "points")
    labels = whole(dataset, "train", "labels").argmax(axis=1)
    truth = whole(dataset, "test", "labels").argmax(axis=1)
    ones = np.ones((len(train), 1), np.float32)
    line, *_ = np.linalg.lstsq(np.hstack([train, ones]), labels * 2 - 1, rcond=None)
    assert np.mean((np.hstack([test, ones[: len(test)]]) @ line > 0) == truth) < 0.8
    nearest = ((test[:, None] - train[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(labels[nearest] == truth) > 0.97


def test_points_are_the_same_on_every_platform():
    """Recomputed from Threefry in plain integers; the curve itself is Python's own maths."""
    dataset = open_dataset("spirals", n=6, noise=0.0, splits=[1], shuffle=False, seed=9)
    expected = []
    for row in range(6):
        along = (threefry((9, 0x53504952), (row, 0))[0] + 0.5) / 2**32
        angle = 2 * math.pi * along + math.pi * (row % 2)
        expected.append([2 * along * math.cos(angle), 2 * along * math.sin(angle)])
    np.testing.assert_allclose(whole(dataset, "train", "points"), expected, rtol=1e-6)
