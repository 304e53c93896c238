"""``nodeflow new``: from a data file to predictions without a window."""

from __future__ import annotations

import csv
import shutil

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from tests import own_data


@pytest.mark.thorough
def test_from_a_table_to_saved_predictions(nodeflow, tmp_path):
    own_data.flowers(tmp_path / "iris.csv")
    result = nodeflow("new", "iris.csv", "--json")
    assert result.code == 0, result.err
    assert result.json["starter"] == "classify" and result.json["rows"] == 120
    document = flow.load(tmp_path / "iris.flow")
    assert document.node_named("iris").attrs["source"] == "csv:iris.csv", "beside the file"
    train = nodeflow(
        *("train", "iris.flow", "--tier", "reference", "--epochs", "40"),
        *("--save-weights", "iris.safetensors", "--json"),
    )
    assert train.code == 0, train.err
    last = [line for line in train.lines if "metrics" in line][-1]
    assert last["metrics"]["validation/accuracy"] >= 0.9
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    own_data.write(tmp_path / "new.csv", names, [[5.0, 3.4, 1.5, 0.2], [6.8, 3.0, 5.8, 2.1]])
    commands.set_weights(document, "iris.safetensors")
    flow.save(document, tmp_path / "iris.flow")
    answers = ("--fetch", "prediction", "-o", "out.csv", "--tier", "reference")
    result = nodeflow("run", "iris.flow", "--dataset", "new.csv", *answers)
    assert result.code == 0, result.err
    with (tmp_path / "out.csv").open() as stream:
        found = [row["prediction"] for row in csv.DictReader(stream)]
    assert found == ["setosa", "virginica"]


def test_the_folder_can_move(nodeflow, tmp_path):
    (tmp_path / "here").mkdir()
    own_data.houses(tmp_path / "here" / "houses.csv", 60)
    assert nodeflow("new", "here/houses.csv", "-o", "here/houses.flow").code == 0
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert nodeflow("check", "there/houses.flow").code == 0


def test_label_and_starter_can_be_chosen(nodeflow, tmp_path):
    own_data.houses(tmp_path / "houses.csv", 60)
    result = nodeflow("new", "houses.csv", "--label", "rooms", "--starter", "regress", "--json")
    assert result.code == 0, result.err
    attrs = flow.load(tmp_path / "houses.flow").node_named("houses").attrs
    assert attrs["labels"] == ["rooms"] and "price" in attrs["features"]


def test_what_cannot_be_is_said(nodeflow, tmp_path):
    own_data.houses(tmp_path / "houses.csv", 60)
    for arguments, text in (
        (("--starter", "classify"), "price is a number with"),
        (("--label", "pric"), "Did you mean price?"),
        (("--starter", "pictures"), "no pictures in a table"),
    ):
        result = nodeflow("new", "houses.csv", *arguments)
        assert result.code == 1 and text in result.err, result.err
    assert nodeflow("new", "houses.csv").code == 0
    result = nodeflow("new", "houses.csv")
    assert result.code == 1 and "houses.flow exists" in result.err
    assert nodeflow("new", "houses.csv", "--force").code == 0


def test_a_text_gets_a_network_that_continues_it(tmp_path, nodeflow):
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 60)
    made = nodeflow("new", "book.txt")
    assert made.code == 0 and made.out.startswith("book.flow: continue a text, ")
    shown = nodeflow("data", "show", "book.txt")
    assert "1920 characters" in shown.out and "Fits: continue a text." in shown.out
    written = nodeflow("generate", "book.flow", "--prompt", "It ", "--length", "12")
    assert written.code == 0 and written.out.startswith("It ") and len(written.out) == 3 + 12 + 1
    assert "nothing was trained" in written.err
