"""Arrays of any shape load unchanged, and no starter is chosen that cannot use them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.data.survey import survey
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.starters import look_at, make
from nodeflow.document.starters.choices import Choices
from nodeflow.document.starters.guessing import starters_for
from nodeflow.document.to_graph.task import Task

RANDOM = np.random.default_rng(4)


def choices_of(path: Path) -> Choices:
    found = survey(path)
    return Choices.guessed(found, starters_for(found))


def made(path: Path) -> Document:
    """Return the graph of only the data."""
    choices = choices_of(path)
    choices.choose_task("data")
    assert not choices.misfit("data")
    document = make("data", look_at(choices.survey.source, choices.options()))
    assert not [p for p in Analysis(document).all_problems() if p.severity == "error"]
    return document


def columns_of(document: Document) -> dict[str, np.ndarray]:
    """Return the columns of all splits together, as stored rows in any order."""
    (record,) = (r for r in document.nodes.values() if r.op == "dataset")
    splits = Task(document).dataset(record.id).splits
    names = next(iter(splits.values()))
    return {n: np.concatenate([s[n].rows(slice(0, None)) for s in splits.values()]) for n in names}


ODD = {
    "a": RANDOM.normal(size=(50, 3, 4, 5)),
    "b": RANDOM.integers(0, 2**40, (50, 2)),
    "c": RANDOM.integers(0, 9, 50),
    "d": RANDOM.integers(0, 2, (50, 3)).astype(bool),
    "pictures": RANDOM.integers(0, 256, (50, 16, 16)).astype("u1"),
}


def test_arrays_of_an_npz_keep_dtype_shape_and_numbers(tmp_path):
    np.savez(tmp_path / "odd.npz", **ODD)
    document = made(tmp_path / "odd.npz")
    placeholders = [r for r in document.nodes.values() if r.op == "placeholder"]
    assert len(placeholders) == len(ODD) and not document.training
    found = columns_of(document)
    for name, array in ODD.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(np.sort(found[name], axis=0), np.sort(array, axis=0))
    again = flow.loads(flow.dumps(document))
    assert flow.dumps(again) == flow.dumps(document)


@pytest.mark.parametrize(
    "array",
    [ODD["a"], ODD["c"], ODD["pictures"], RANDOM.normal(size=70), RANDOM.normal(size=(60, 3)),
     np.asfortranarray(RANDOM.normal(size=(60, 3)))],
    ids=["deep", "integers", "pictures", "line", "table", "fortran"],
)  # fmt: skip
def test_the_array_of_an_npy_is_unchanged(tmp_path, array):
    np.save(tmp_path / "one.npy", array)
    (found,) = columns_of(made(tmp_path / "one.npy")).values()
    assert found.dtype == array.dtype and found.shape == array.shape
    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(array, axis=0))


def test_a_large_array_is_unchanged_too(tmp_path, monkeypatch):
    from nodeflow.engine import mapped_rows

    monkeypatch.setattr(mapped_rows, "LARGE_BYTES", 100)
    for order in "CF":
        array = np.array(RANDOM.normal(size=(60, 3)), order=order)
        np.save(tmp_path / f"{order}.npy", array)
        (found,) = columns_of(made(tmp_path / f"{order}.npy")).values()
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(array, axis=0))


@pytest.mark.parametrize(
    "arrays",
    [
        {"vectors": ODD["a"][:, 0, 0]},
        {"pictures": ODD["pictures"]},
        {"x": ODD["a"], "y": RANDOM.normal(size=50)},
        {"x": ODD["d"], "names": np.array(["n"] * 50)},
    ],
    ids=["vectors", "pictures", "deep", "bools"],
)
def test_what_no_starter_can_use_is_left_open(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    choices = choices_of(tmp_path / "x.npz")
    assert choices.task == "data"
    assert [t for t in ("classify", "regress", "pictures", "series") if not choices.misfit(t)] == []


def test_pictures_without_labels_are_not_classified(tmp_path):
    np.save(tmp_path / "pictures.npy", ODD["pictures"])
    assert choices_of(tmp_path / "pictures.npy").task == "data"


def test_arrays_that_cannot_be_columns_are_left_out_and_named(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones((50, 2)), w=np.ones(7), t=np.array(3), s=np.array(["a"]))
    found = survey(tmp_path / "x.npz")
    assert found.notice == (
        "Left out: w (7 rows in place of 50), t (a single value), s (no numbers)."
    )
    assert set(columns_of(made(tmp_path / "x.npz"))) == {"a"}


def test_a_test_split_without_labels_is_left_out(tmp_path):
    rows = RANDOM.normal(size=(60, 4))
    labels = np.arange(60) % 3
    np.savez(tmp_path / "x.npz", x_train=rows, y_train=labels, x_test=rows[:9])
    choices = choices_of(tmp_path / "x.npz")
    assert choices.task == "classify"
    assert choices.survey.notice == "Left out: x_test (its split lacks a column)."
    document = make("classify", look_at(choices.survey.source, choices.options()))
    assert {m["split"] for m in document.training["metrics"]} == {"train"}


def test_a_table_with_one_column_cannot_predict_it(tmp_path):
    numbers = RANDOM.permutation(40)
    (tmp_path / "one.csv").write_text("a\n" + "\n".join(map(str, numbers)))
    choices = choices_of(tmp_path / "one.csv")
    assert choices.task == "series" and choices.misfit("regress") == "Choose at least one input."
    choices.choose_task("data")
    document = make("data", look_at(choices.survey.source, choices.options()))
    (found,) = columns_of(document).values()
    np.testing.assert_array_equal(np.sort(found.ravel()), np.arange(40))


def test_free_text_is_named_before_anything_is_read(tmp_path):
    (tmp_path / "n.csv").write_text("name,city\n" + "\n".join(f"n{i},c{i}" for i in range(30)))
    choices = choices_of(tmp_path / "n.csv")
    assert choices.misfit("data") == "name is free text. Leave it out."
